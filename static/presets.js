/**
 * The pictures that make sense with a cube's variables. No DOM.
 *
 * @typedef {import('./api.js').Cube} Cube
 * @typedef {import('./api.js').Range} Range
 *
 * @typedef {object} Preset
 * @property {string} id
 * @property {string} label
 * @property {string} hint
 * @property {string[]|null} bands null: chosen by hand, or a formula
 * @property {string|null} expression null: no formula, or one that is written by hand
 */

/** Variables with the number of observations under each cell, not a measurement. */
export const COUNT = 'count';

/** Id of the preset whose formula is written by hand. */
export const FORMULA = 'formula';

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
 * @param {Cube} cube
 * @param {keyof typeof ROLES} key
 * @returns {string|undefined} the variable that has this role
 */
const role = ({ variables }, key) => ROLES[key].find((wanted) => variables.some(({ name }) => name === wanted));

/**
 * @param {keyof typeof ROLES} one
 * @param {keyof typeof ROLES} other
 */
const difference = (one, other) => (/** @type {Cube} */ cube) => {
  const [a, b] = [role(cube, one), role(cube, other)];
  return a && b ? `(${a}-${b})/(${a}+${b})` : null;
};

/**
 * Normalised differences, each with the stretch and the colours that it is known by.
 * @type {{id: string, label: string, hint: string, formula: (cube: Cube) => string|null, rescale: Range, colormap: string}[]}
 */
export const INDICES = [
  { id: 'ndvi', label: 'NDVI', hint: 'How green the plants are', formula: difference('nir', 'red'), rescale: [-0.2, 0.9], colormap: 'rdylgn' },
  { id: 'ndwi', label: 'NDWI', hint: 'Open water', formula: difference('green', 'nir'), rescale: [-0.8, 0.8], colormap: 'brbg' },
];

/**
 * @param {Cube} cube
 * @param {string} expression
 * @returns {string} the name that a formula is known by, else the formula
 */
export const nameOf = (cube, expression) => INDICES.find(({ formula }) => formula(cube) === expression)?.label ?? expression;

/**
 * @param {Cube} cube
 * @returns {Preset[]}
 */
export function bandPresets(cube) {
  const names = cube.variables.map(({ name }) => name);
  const measured = names.filter((name) => name !== COUNT);
  /** @type {[string, string, string, (string|undefined)[]][]} */
  const candidates = [
    ['true', 'True colour', 'As the eye sees it', [role(cube, 'red'), role(cube, 'green'), role(cube, 'blue')]],
    ['false', 'False colour', 'Plants in red', [role(cube, 'nir'), role(cube, 'red'), role(cube, 'green')]],
    ['swir', 'Short-wave', 'Bare soil, burns and moisture', [role(cube, 'swir2') ?? role(cube, 'swir'), role(cube, 'nir'), role(cube, 'red')]],
  ];
  /** @type {Preset[]} */
  const presets = candidates
    .filter(([, , , bands]) => bands.every(Boolean))
    .map(([id, label, hint, bands]) => ({ id, label, hint, bands: /** @type {string[]} */ (bands), expression: null }));
  // The server computes with cubes of its own alone.
  const computes = cube.chunk !== undefined;
  for (const { id, label, hint, formula } of INDICES) {
    const expression = computes && formula(cube);
    if (expression) presets.push({ id, label, hint, bands: null, expression });
  }
  const byHand = (/** @type {string} */ id, /** @type {string} */ label, /** @type {string} */ hint, /** @type {string[]|null} */ bands = null) =>
    presets.push({ id, label, hint, bands, expression: null });
  if (measured.length >= 3) byHand('rgb', 'Three bands', 'Any three bands');
  if (measured.length) byHand('single', 'One band', 'One band with a colour ramp');
  if (names.includes(COUNT)) byHand(COUNT, 'Observations', 'Clear views behind each cell', [COUNT]);
  if (computes && measured.length) byHand(FORMULA, 'Formula', 'Any arithmetic of the bands');
  return presets;
}

/**
 * @param {Preset[]} presets
 * @param {{bands: string[], expression: string|null}} picture
 * @returns {string} id of the preset that shows this
 */
export function presetOf(presets, { bands, expression }) {
  if (expression) return presets.find((preset) => preset.expression === expression)?.id ?? FORMULA;
  const exact = presets.find((preset) => preset.bands?.join() === bands.join());
  return exact?.id ?? (bands.length === 3 ? 'rgb' : 'single');
}
