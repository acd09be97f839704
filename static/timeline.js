/** The time slider with its month labels, and a bar per step for how much of it is built. */
import { byId, setText } from './dom.js';
import { stepLabel, tickLabel } from './steps.js';

/** @typedef {import('./api.js').Cube} Cube */
/** @typedef {import('./api.js').Coverage} Coverage */

/** Room that one label under the slider needs, in pixels. */
const LABEL_WIDTH = 46;

export class Timeline {
  #slider = /** @type {HTMLInputElement} */ (byId('time'));
  #previous = /** @type {HTMLButtonElement} */ (byId('time-prev'));
  #following = /** @type {HTMLButtonElement} */ (byId('time-next'));
  #ticks = byId('time-ticks');
  /** @type {Cube|null} */
  #cube = null;

  /** @param {(time: string, final: boolean) => void} onChange `final` is false while the thumb is dragged */
  constructor(onChange) {
    const at = (/** @type {number} */ index) => this.#cube?.times[index];
    const choose = (/** @type {number} */ index, /** @type {boolean} */ final) => {
      const time = at(index);
      if (time !== undefined) onChange(time, final);
    };
    this.#slider.addEventListener('input', () => choose(this.#slider.valueAsNumber, false));
    this.#slider.addEventListener('change', () => choose(this.#slider.valueAsNumber, true));
    this.#previous.addEventListener('click', () => choose(this.#slider.valueAsNumber - 1, true));
    this.#following.addEventListener('click', () => choose(this.#slider.valueAsNumber + 1, true));
    new ResizeObserver(() => this.#thinLabels()).observe(this.#ticks);
  }

  /**
   * @param {Cube} cube
   * @param {string|null} time none where there are no time steps
   */
  render(cube, time) {
    const { times, period } = cube;
    const index = time ? times.indexOf(time) : -1;
    const label = time ? stepLabel(time, period) : 'No time steps';
    if (this.#cube?.times.join() !== times.join()) this.#buildTicks(cube);
    this.#cube = cube;
    this.#slider.max = String(times.length - 1);
    this.#slider.value = String(index);
    this.#slider.setAttribute('aria-valuetext', label);
    byId('time-track').hidden = this.#previous.hidden = this.#following.hidden = times.length < 2;
    this.#previous.disabled = index <= 0;
    this.#following.disabled = index >= times.length - 1;
    byId('time-label').textContent = label;
    [...this.#ticks.children].forEach((tick, i) => {
      tick.classList.toggle('current', i === index);
      /** @type {HTMLElement} */ (tick).style.setProperty('--share', String(builtShare(cube.coverage?.[times[i]])));
    });
    this.#thinLabels();
    setText(byId('coverage'), describeCoverage(time ? cube.coverage?.[time] : undefined));
  }

  /** @param {Cube} cube */
  #buildTicks({ times, period }) {
    this.#ticks.replaceChildren(...times.map((time, i) => {
      const tick = document.createElement('li');
      const label = document.createElement('span');
      label.textContent = tickLabel(time, period, times[i - 1]);
      tick.append(label);
      tick.style.setProperty('--at', String(times.length > 1 ? i / (times.length - 1) : 0));
      return tick;
    }));
  }

  /** Hides the labels for which there is no room; the first one always stays. */
  #thinLabels() {
    const count = this.#ticks.childElementCount;
    const room = Math.max(1, Math.floor(this.#ticks.clientWidth / LABEL_WIDTH));
    const every = Math.ceil(count / room);
    [...this.#ticks.children].forEach((tick, i) => tick.classList.toggle('bare', i % every !== 0));
  }
}

/**
 * @param {Coverage|undefined} coverage
 * @returns {number} 0 to 1
 */
function builtShare(coverage) {
  if (!coverage) return 0;
  const settled = coverage.done + coverage.outdated + coverage.no_scenes + coverage.all_masked;
  return settled / Math.max(1, coverage.total - coverage.ocean);
}

/**
 * @param {Coverage|undefined} coverage
 * @returns {string}
 */
function describeCoverage(coverage) {
  if (!coverage) return '';
  const { total, done, ocean, failed, outdated } = coverage;
  const empty = coverage.no_scenes + coverage.all_masked;
  const notes = [
    [ocean, 'sea'],
    [empty, 'without a clear scene'],
    [outdated, 'outdated'],
    [failed, 'failed'],
  ].filter(([count]) => count).map(([count, what]) => `${count} ${what}`);
  return [`${done} of ${total - ocean} chunks built`, ...notes].join(' · ');
}
