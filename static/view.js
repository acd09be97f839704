/**
 * What the map shows, as written in the URL's hash and as resolved against a cube. No DOM.
 *
 * @typedef {import('./api.js').Cube} Cube
 * @typedef {import('./api.js').Range} Range
 *
 * @typedef {object} Wish what the hash asks for; null is "whatever the cube says"
 * @property {string|null} cube
 * @property {string|null} time
 * @property {string[]|null} bands
 * @property {string|null} expression a formula of bands, drawn in place of them
 * @property {string|null} colormap
 * @property {Range[]|null} rescale
 * @property {{zoom: number, lat: number, lon: number}|null} map
 * @property {string|null} compare time step on the right of the divider
 * @property {number|null} divider share of the map's width
 * @property {number|null} opacity of the cube's picture, 0 to 1
 * @property {boolean} chunks whether the states of the chunks lie on the picture
 * @property {boolean} ground whether the base map is below it
 *
 * @typedef {object} View what is shown
 * @property {string|null} time none where the cube has no time steps
 * @property {string[]} bands one (drawn with a colormap) or three (red, green, blue), or none beside an expression
 * @property {string|null} expression
 * @property {string|null} colormap
 * @property {Range[]} rescale one for all bands or one per band
 * @property {string|null} compare null: no divider
 * @property {number} divider
 * @property {number} opacity
 * @property {boolean} chunks
 * @property {boolean} ground
 */
import { COUNT, INDICES } from './presets.js';
import { defaultRescale } from './scale.js';

/**
 * @param {string} hash
 * @returns {Wish}
 */
export function parseHash(hash) {
  const fields = new URLSearchParams(hash.replace(/^#/, ''));
  const bands = fields.get('bands')?.split(',').filter(Boolean) ?? [];
  const [zoom, lat, lon] = (fields.get('map') ?? '').split('/').map(Number);
  return {
    cube: fields.get('cube'),
    time: fields.get('time'),
    bands: bands.length === 1 || bands.length === 3 ? bands : null,
    expression: fields.get('expression')?.trim() || null,
    colormap: fields.get('colormap'),
    rescale: parseRescale(fields.get('rescale')),
    map: [zoom, lat, lon].every(Number.isFinite) ? { zoom, lat, lon } : null,
    compare: fields.get('compare'),
    divider: parseShare(fields.get('divider')),
    opacity: parseShare(fields.get('opacity')),
    chunks: fields.get('chunks') === 'on',
    ground: fields.get('ground') === 'on',
  };
}

/**
 * @param {string|null} text
 * @returns {number|null} 0 to 1
 */
function parseShare(text) {
  const share = Number(text);
  return text && share >= 0 && share <= 1 ? share : null;
}

/**
 * @param {string|null} text for example "0,3000" or "0,3000;0,2500;0,2000"
 * @returns {Range[]|null}
 */
function parseRescale(text) {
  if (!text) return null;
  const ranges = text.split(';').map((pair) => pair.split(',').map(Number));
  const valid = ranges.every(([low, high, ...rest]) => rest.length === 0 && low < high);
  return valid ? /** @type {Range[]} */ (ranges) : null;
}

/**
 * @param {Wish} wish
 * @returns {string} the hash, with its leading #
 */
export function formatHash(wish) {
  const fields = {
    cube: wish.cube,
    time: wish.time,
    bands: wish.bands?.join(','),
    expression: wish.expression,
    colormap: wish.colormap,
    rescale: wish.rescale?.map((range) => range.join(',')).join(';'),
    map: wish.map && `${wish.map.zoom}/${wish.map.lat.toFixed(5)}/${wish.map.lon.toFixed(5)}`,
    compare: wish.compare,
    divider: wish.compare && wish.divider !== null ? String(wish.divider) : null,
    opacity: wish.opacity !== null && wish.opacity < 1 ? String(wish.opacity) : null,
    chunks: wish.chunks ? 'on' : null,
    ground: wish.ground ? 'on' : null,
  };
  const parts = Object.entries(fields)
    .filter(([, value]) => value)
    // Commas, colons, semicolons and slashes are legal in a fragment and keep the link readable.
    .map(([key, value]) => `${key}=${encodeURIComponent(String(value)).replace(/%(2C|2F|3A|3B)/g, decodeURIComponent)}`);
  return `#${parts.join('&')}`;
}

/**
 * Fits a wish to what the cube has; whatever it does not have becomes the cube's own style.
 * @param {Cube} cube
 * @param {Wish} wish
 * @returns {View}
 */
export function resolveView(cube, wish) {
  const known = new Set(cube.variables.map(({ name }) => name));
  const expression = cube.chunk === undefined ? null : wish.expression;
  const wished = wish.bands?.every((name) => known.has(name)) ? wish.bands : defaultBands(cube);
  const bands = expression ? [] : wished;
  const time = wish.time && cube.times.includes(wish.time) ? wish.time : defaultTime(cube);
  const fits = wish.rescale && (wish.rescale.length === 1 || wish.rescale.length === bands.length);
  return {
    time,
    bands,
    expression,
    colormap: bands.length === 3 ? null : chooseColormap(cube, { bands, expression }, wish.colormap),
    rescale: fits && wish.rescale ? wish.rescale : defaultRescale(cube, { bands, expression }),
    compare: time && wish.compare && cube.times.includes(wish.compare) ? wish.compare : null,
    divider: wish.divider ?? 0.5,
    opacity: wish.opacity ?? 1,
    chunks: wish.chunks,
    ground: wish.ground,
  };
}

/**
 * @param {Cube} cube
 * @returns {string[]}
 */
function defaultBands(cube) {
  const { variables } = cube.style;
  return variables.length === 1 || variables.length === 3 ? variables : [cube.variables[0].name];
}

/**
 * @param {Cube} cube
 * @returns {string|null} the step with the most chunks, the latest among equals
 */
function defaultTime(cube) {
  if (cube.times.length === 0) return null;
  const done = (/** @type {string} */ time) => cube.coverage?.[time]?.done ?? 0;
  return cube.times.reduce((best, time) => (done(time) >= done(best) ? time : best), cube.times[0]);
}

/**
 * @param {Cube} cube
 * @param {{bands: string[], expression: string|null}} picture
 * @param {string|null} wanted
 * @returns {string|null}
 */
function chooseColormap(cube, { bands, expression }, wanted) {
  const index = INDICES.find(({ formula }) => formula(cube) === expression);
  const styled = !expression && cube.style.variables.length === 1 ? cube.style.colormap_name : null;
  const usual = expression || bands[0] === COUNT ? 'viridis' : 'gray';
  const order = [wanted, expression ? index?.colormap : styled, usual];
  return order.find((name) => name && cube.colormaps.includes(name)) ?? cube.colormaps[0] ?? null;
}
