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
 * @property {string|null} colormap
 * @property {Range[]|null} rescale
 * @property {{zoom: number, lat: number, lon: number}|null} map
 * @property {string|null} compare time step on the right of the divider
 * @property {number|null} divider share of the map's width
 * @property {number|null} opacity of the cube's picture, 0 to 1
 *
 * @typedef {object} View what is shown
 * @property {string|null} time none where the cube has no time steps
 * @property {string[]} bands one (drawn with a colormap) or three (red, green, blue)
 * @property {string|null} colormap
 * @property {Range[]} rescale one for all bands or one per band
 * @property {string|null} compare null: no divider
 * @property {number} divider
 * @property {number} opacity
 */

/** Variables with the number of observations under each cell, not a measurement. */
export const COUNT = 'count';

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
    colormap: fields.get('colormap'),
    rescale: parseRescale(fields.get('rescale')),
    map: [zoom, lat, lon].every(Number.isFinite) ? { zoom, lat, lon } : null,
    compare: fields.get('compare'),
    divider: parseShare(fields.get('divider')),
    opacity: parseShare(fields.get('opacity')),
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
    colormap: wish.colormap,
    rescale: wish.rescale?.map((range) => range.join(',')).join(';'),
    map: wish.map && `${wish.map.zoom}/${wish.map.lat.toFixed(5)}/${wish.map.lon.toFixed(5)}`,
    compare: wish.compare,
    divider: wish.compare && wish.divider !== null ? String(wish.divider) : null,
    opacity: wish.opacity !== null && wish.opacity < 1 ? String(wish.opacity) : null,
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
  const bands = wish.bands?.every((name) => known.has(name)) ? wish.bands : defaultBands(cube);
  const time = wish.time && cube.times.includes(wish.time) ? wish.time : defaultTime(cube);
  const fits = wish.rescale && (wish.rescale.length === 1 || wish.rescale.length === bands.length);
  return {
    time,
    bands,
    colormap: bands.length === 1 ? chooseColormap(cube, bands[0], wish.colormap) : null,
    rescale: fits && wish.rescale ? wish.rescale : defaultRescale(cube, bands),
    compare: time && wish.compare && cube.times.includes(wish.compare) ? wish.compare : null,
    divider: wish.divider ?? 0.5,
    opacity: wish.opacity ?? 1,
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
 * @param {string} band
 * @param {string|null} wanted
 * @returns {string|null}
 */
function chooseColormap(cube, band, wanted) {
  const styled = cube.style.variables.length === 1 ? cube.style.colormap_name : null;
  const order = [wanted, styled, band === COUNT ? 'viridis' : 'gray'];
  return order.find((name) => name && cube.colormaps.includes(name)) ?? cube.colormaps[0] ?? null;
}

/**
 * The cube's own stretch for a choice of bands.
 * @param {Cube} cube
 * @param {string[]} bands
 * @returns {Range[]}
 */
export function defaultRescale(cube, bands) {
  const { variables, rescale } = cube.style;
  if (bands.join() === variables.join() && rescale?.length) return rescale;
  if (bands.includes(COUNT)) return [[0, 10]];
  if (rescale?.length && !variables.includes(COUNT)) {
    // Other bands of the same sensor: the span that holds the styled bands.
    return [[Math.min(...rescale.map(([low]) => low)), Math.max(...rescale.map(([, high]) => high))]];
  }
  const type = cube.variables.find(({ name }) => name === bands[0])?.data_type ?? '';
  if (type === 'uint8') return [[0, 255]];
  return type.startsWith('float') ? [[0, 1]] : [[0, 3000]];
}

/**
 * @param {Cube} cube
 * @param {string[]} bands
 * @returns {{max: number, min: number, step: number}} the ends and the step of the stretch's sliders
 */
export function stretchScale(cube, bands) {
  const [low, high] = spanOf(defaultRescale(cube, bands));
  const reach = (high - low) * 3.5;
  const exponent = Math.floor(Math.log10(high - low)) - 2;
  const counts = bands.every((name) => !cube.variables.find((v) => v.name === name)?.data_type.startsWith('float'));
  const step = counts ? Math.max(1, 10 ** exponent) : 10 ** exponent;
  return { min: low < 0 ? low * 2 : 0, max: tidy(low + reach, step), step };
}

/**
 * @param {Cube} cube
 * @param {string[]} bands
 * @returns {{label: string, rescale: Range[]}[]} stretches to offer beside the cube's own
 */
export function stretchPresets(cube, bands) {
  const [low, high] = spanOf(defaultRescale(cube, bands));
  const { step } = stretchScale(cube, bands);
  const upTo = (/** @type {number} */ factor) => tidy(low + (high - low) * factor, step);
  const names = bands.includes(COUNT) ? ['Few', 'Many'] : ['Dark ground', 'Snow and cloud'];
  return [
    { label: names[0], rescale: [[low, upTo(0.5)]] },
    { label: names[1], rescale: [[low, upTo(3)]] },
  ];
}

/**
 * @param {Range[]} ranges
 * @returns {Range} the span that holds all of them
 */
export function spanOf(ranges) {
  return [Math.min(...ranges.map(([low]) => low)), Math.max(...ranges.map(([, high]) => high))];
}

/**
 * @param {number} value
 * @param {number} step
 * @returns {number} the value on the step's grid, without binary dust
 */
export function tidy(value, step) {
  return Number((Math.round(value / step) * step).toPrecision(12));
}

/** Known band roles, by common name (STAC `eo`) and by Sentinel-2 and Landsat asset names. */
const ROLES = {
  red: ['red', 'B04'],
  green: ['green', 'B03'],
  blue: ['blue', 'B02'],
  nir: ['nir', 'nir08', 'B08', 'B8A'],
  swir: ['swir16', 'B11'],
  swir2: ['swir22', 'B12'],
};

/**
 * The band combinations that make sense with the cube's variables.
 * @param {Cube} cube
 * @returns {{id: string, label: string, hint: string, bands: string[]|null}[]} `bands` null: chosen by hand
 */
export function bandPresets(cube) {
  const names = cube.variables.map(({ name }) => name);
  const measured = names.filter((name) => name !== COUNT);
  const role = (/** @type {keyof typeof ROLES} */ key) => ROLES[key].find((name) => names.includes(name));
  /** @type {[string, string, string, (string|undefined)[]][]} */
  const candidates = [
    ['true', 'True colour', 'As the eye sees it', [role('red'), role('green'), role('blue')]],
    ['false', 'False colour', 'Plants in red', [role('nir'), role('red'), role('green')]],
    ['swir', 'Short-wave', 'Bare soil, burns and moisture', [role('swir2') ?? role('swir'), role('nir'), role('red')]],
  ];
  const presets = candidates
    .filter(([, , , bands]) => bands.every(Boolean))
    .map(([id, label, hint, bands]) => ({ id, label, hint, bands: /** @type {string[]|null} */ (bands) }));
  if (measured.length >= 3) presets.push({ id: 'rgb', label: 'Three bands', hint: 'Any three bands', bands: null });
  if (measured.length) presets.push({ id: 'single', label: 'One band', hint: 'One band with a colour ramp', bands: null });
  if (names.includes(COUNT)) {
    presets.push({ id: COUNT, label: 'Observations', hint: 'Clear views behind each cell', bands: [COUNT] });
  }
  return presets;
}

/**
 * @param {ReturnType<typeof bandPresets>} presets
 * @param {string[]} bands
 * @returns {string} id of the preset that shows these bands
 */
export function presetOf(presets, bands) {
  const exact = presets.find((preset) => preset.bands?.join() === bands.join());
  return exact?.id ?? (bands.length === 3 ? 'rgb' : 'single');
}
