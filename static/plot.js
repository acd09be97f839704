/**
 * Time series as lines. A cursor, moved by the mouse or the arrow keys, reads the values of a time step;
 * a click or Enter shows that step on the map.
 */
import { stepLabel } from './steps.js';

/** @typedef {import('./values.js').Series} Series */

const SVG = 'http://www.w3.org/2000/svg';

/** The plot in its own units; the sides leave room for dots at the ends. */
const WIDTH = 280;
const HEIGHT = 96;
const SIDE = 6;

/** Lines beyond these many would look like others. */
export const COLOURS = 6;

/**
 * @param {string} name
 * @param {Record<string, string|number>} attributes
 */
function element(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}

export class SeriesPlot {
  /** @type {Series|null} */
  #series = null;
  /** @type {string|null} */
  #period = null;
  #at = 0;

  /**
   * @param {SVGSVGElement} svg
   * @param {object} hooks
   * @param {(values: (number|null)[], label: string) => void} hooks.onRead the cursor is at a time step
   * @param {(time: string) => void} hooks.onTime a time step was chosen
   */
  constructor(svg, hooks) {
    this.svg = svg;
    this.hooks = hooks;
    svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
    svg.addEventListener('pointermove', (event) => this.#point(event));
    svg.addEventListener('click', (event) => {
      this.#point(event);
      this.#choose();
    });
    svg.addEventListener('keydown', (event) => {
      const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, Home: -Infinity, End: Infinity };
      const step = steps[/** @type {keyof typeof steps} */ (event.key)];
      if (event.key === 'Enter') this.#choose();
      else if (step !== undefined) this.#move(this.#at + step);
      else return;
      event.preventDefault();
    });
  }

  /**
   * @param {Series} series the bands that are drawn
   * @param {string|null} time where the cursor is
   * @param {string|null} period
   */
  show(series, time, period) {
    this.#series = series;
    this.#period = period;
    const values = series.values.flat().filter((value) => value !== null);
    const [low, high] = [Math.min(0, ...values), Math.max(...values, 1e-9)];
    const y = (/** @type {number} */ value) => HEIGHT - SIDE - ((value - low) / (high - low)) * (HEIGHT - 2 * SIDE);
    const lines = series.band_names.slice(0, COLOURS).flatMap((_, band) => {
      const heights = series.values.map((row) => (row[band] === null ? null : y(/** @type {number} */ (row[band]))));
      return this.#line(heights, band);
    });
    this.svg.replaceChildren(
      element('path', { d: `M0,${y(0)}H${WIDTH}`, class: 'zero' }),
      element('path', { class: 'cursor' }),
      ...lines,
    );
    this.svg.setAttribute('aria-valuemin', '0');
    this.svg.setAttribute('aria-valuemax', String(series.times.length - 1));
    this.#move(Math.max(0, time === null ? 0 : series.times.indexOf(time)));
  }

  /**
   * @param {(number|null)[]} heights one a time step; null leaves a gap
   * @param {number} band
   */
  #line(heights, band) {
    let isDown = false;
    const parts = heights.map((height, i) => {
      if (height === null) {
        isDown = false;
        return '';
      }
      const part = `${isDown ? 'L' : 'M'}${this.#x(i).toFixed(1)},${height.toFixed(1)}`;
      isDown = true;
      return part;
    });
    // A value between two gaps would be a line without length.
    const isAlone = (/** @type {number} */ i) => heights[i] !== null && (heights[i - 1] ?? null) === null && (heights[i + 1] ?? null) === null;
    const few = heights.length <= 24;
    const dots = heights.flatMap((height, i) => (height !== null && (few || isAlone(i))
      ? [element('circle', { cx: this.#x(i), cy: height, r: 2.4, class: `dot band-${band}` })]
      : []));
    return [element('path', { d: parts.join(''), class: `line band-${band}` }), ...dots];
  }

  /**
   * @param {number} index
   * @returns {number} where a time step is, by its date
   */
  #x(index) {
    const { times } = /** @type {Series} */ (this.#series);
    const [first, here, last] = [times[0], times[index], times[times.length - 1]].map((time) => Date.parse(time));
    const share = Number.isFinite(here) && last > first ? (here - first) / (last - first) : index / Math.max(1, times.length - 1);
    return SIDE + share * (WIDTH - 2 * SIDE);
  }

  /** @param {MouseEvent} event */
  #point(event) {
    if (!this.#series) return;
    const { left, width } = this.svg.getBoundingClientRect();
    const x = ((event.clientX - left) / width) * WIDTH;
    const distances = this.#series.times.map((_, i) => Math.abs(this.#x(i) - x));
    this.#move(distances.indexOf(Math.min(...distances)));
  }

  /** @param {number} index */
  #move(index) {
    if (!this.#series) return;
    const { times, values, band_names: names } = this.#series;
    this.#at = Math.min(times.length - 1, Math.max(0, index));
    const label = stepLabel(times[this.#at], this.#period);
    this.svg.querySelector('.cursor')?.setAttribute('d', `M${this.#x(this.#at)},0V${HEIGHT}`);
    this.svg.setAttribute('aria-valuenow', String(this.#at));
    const told = names.map((name, i) => `${name} ${values[this.#at][i] ?? 'no value'}`);
    this.svg.setAttribute('aria-valuetext', `${label}: ${told.join(', ')}`);
    this.hooks.onRead(values[this.#at], label);
  }

  #choose() {
    if (this.#series) this.hooks.onTime(this.#series.times[this.#at]);
  }
}
