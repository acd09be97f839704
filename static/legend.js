/** What the colours on the map mean: the ramp of a single value, and the states of the chunks. */
import { byId } from './dom.js';
import { COUNT, nameOf } from './presets.js';
import { rampGradient } from './ramps.js';

/** @typedef {import('./api.js').Cube} Cube */
/** @typedef {import('./view.js').View} View */

/** Intervals between the ticks of the colour bar, at least. */
const INTERVALS = 3;

/** The states of a chunk, in words. */
export const STATE_WORDS = {
  absent: 'not built yet',
  ocean: 'sea',
  no_scenes: 'no scene was found',
  all_masked: 'never clear',
  done: 'built',
  outdated: 'outdated',
  failed: 'failed',
};

/**
 * @param {Cube} cube
 * @param {View} view
 */
export function renderRampLegend(cube, view) {
  const box = byId('legend-ramp');
  const [[low, high]] = view.rescale;
  const image = rampGradient(view.colormap, 0, 1);
  box.hidden = view.colormap === null || image === 'none';
  showBox();
  if (box.hidden) return;
  const [band] = view.bands;
  const units = cube.variables.find(({ name }) => name === band)?.units;
  const title = view.expression ? nameOf(cube, view.expression) : band === COUNT ? 'observations' : band;
  byId('legend-title').textContent = units ? `${title} (${units})` : title;
  byId('legend-bar').style.backgroundImage = image;
  byId('legend-ticks').replaceChildren(...ticks(low, high).map((value) => {
    const tick = document.createElement('li');
    tick.textContent = value.toLocaleString('en', { maximumFractionDigits: 6 }).replace('-', '−');
    tick.style.setProperty('--at', `${((value - low) / (high - low)) * 100}%`);
    return tick;
  }));
}

/**
 * @param {Map<string, string>|null} palette the colour of each state that there is; null: no overlay
 */
export function renderChunkLegend(palette) {
  const box = byId('legend-chunks');
  box.hidden = palette === null;
  box.replaceChildren(...[...palette ?? []].map(([state, colour]) => {
    const item = document.createElement('li');
    item.textContent = STATE_WORDS[/** @type {keyof typeof STATE_WORDS} */ (state)] ?? state;
    item.style.setProperty('--ink', colour);
    return item;
  }));
  showBox();
}

function showBox() {
  byId('legend').hidden = byId('legend-ramp').hidden && byId('legend-chunks').hidden;
}

/**
 * @param {number} low
 * @param {number} high
 * @returns {number[]} round numbers between the two
 */
export function ticks(low, high) {
  const rough = (high - low) / INTERVALS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([5, 2, 1].find((factor) => factor * power <= rough) ?? 1) * power;
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length: Math.max(0, count) }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}
