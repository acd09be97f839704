/**
 * Which values are drawn darkest and brightest: what the cube's style says of it, and what is offered. No DOM.
 *
 * @typedef {import('./api.js').Cube} Cube
 * @typedef {import('./api.js').Range} Range
 * @typedef {{bands: string[], expression: string|null}} Picture
 */
import { COUNT, INDICES } from './presets.js';

/**
 * The cube's own stretch for a picture.
 * @param {Cube} cube
 * @param {Picture} picture
 * @returns {Range[]}
 */
export function defaultRescale(cube, { bands, expression }) {
  if (expression) return [INDICES.find(({ formula }) => formula(cube) === expression)?.rescale ?? [-1, 1]];
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
 * @param {Picture} picture
 * @returns {{max: number, min: number, step: number}} the ends and the step of the stretch's sliders
 */
export function stretchScale(cube, picture) {
  const [low, high] = spanOf(defaultRescale(cube, picture));
  if (picture.expression) return { min: Math.min(-1, low), max: Math.max(1, high), step: 0.01 };
  const reach = (high - low) * 3.5;
  const exponent = Math.floor(Math.log10(high - low)) - 2;
  const counts = picture.bands.every((name) => !cube.variables.find((v) => v.name === name)?.data_type.startsWith('float'));
  const step = counts ? Math.max(1, 10 ** exponent) : 10 ** exponent;
  return { min: low < 0 ? low * 2 : 0, max: tidy(low + reach, step), step };
}

/**
 * @param {Cube} cube
 * @param {Picture} picture
 * @returns {{label: string, rescale: Range[]}[]} stretches to offer beside the cube's own
 */
export function stretchPresets(cube, picture) {
  if (picture.expression) return [{ label: '−1 to 1', rescale: [[-1, 1]] }];
  const { bands } = picture;
  const [low, high] = spanOf(defaultRescale(cube, picture));
  const { step } = stretchScale(cube, picture);
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
