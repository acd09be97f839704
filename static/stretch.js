/** The stretch: which value is drawn darkest and which brightest. */
import { byId, setText } from './dom.js';
import { histogramPaths } from './histogram.js';
import { describeError } from './http.js';
import { rampGradient } from './ramps.js';
import { defaultRescale, spanOf, stretchPresets, stretchScale, tidy } from './scale.js';

/** @typedef {import('./api.js').Cube} Cube */
/** @typedef {import('./api.js').Range} Range */
/** @typedef {import('./view.js').View} View */

export class StretchControls {
  #low = /** @type {HTMLInputElement} */ (byId('stretch-low'));
  #high = /** @type {HTMLInputElement} */ (byId('stretch-high'));
  #min = /** @type {HTMLInputElement} */ (byId('stretch-min'));
  #max = /** @type {HTMLInputElement} */ (byId('stretch-max'));
  #step = 1;
  #picture = '';
  /** @type {import('./values.js').BandStatistics[]} of the picture, since the view was measured */
  #measured = [];

  /**
   * @param {object} hooks
   * @param {(rescale: Range[]|null, final: boolean) => void} hooks.onChange null: the cube's style
   * @param {() => Promise<import('./values.js').BandStatistics[]|null>} hooks.measure statistics of the
   *   view, one a band; null if it shows nothing of the cube
   */
  constructor(hooks) {
    this.hooks = hooks;
    this.onChange = hooks.onChange;
    byId('stretch-view').addEventListener('click', () => this.#measure());
    for (const slider of [this.#low, this.#high]) {
      slider.addEventListener('input', () => this.#slide(slider, false));
      slider.addEventListener('change', () => this.#slide(slider, true));
    }
    for (const input of [this.#min, this.#max]) input.addEventListener('change', () => this.#type());
  }

  /** @param {HTMLInputElement} moved */
  #slide(moved, /** @type {boolean} */ final) {
    // The thumbs do not pass each other.
    if (moved === this.#low) this.#low.valueAsNumber = Math.min(this.#low.valueAsNumber, this.#high.valueAsNumber - this.#step);
    else this.#high.valueAsNumber = Math.max(this.#high.valueAsNumber, this.#low.valueAsNumber + this.#step);
    this.onChange([[this.#low.valueAsNumber, this.#high.valueAsNumber]], final);
  }

  #type() {
    const range = /** @type {Range} */ ([this.#min.valueAsNumber, this.#max.valueAsNumber]);
    const valid = range[0] < range[1];
    this.#max.setCustomValidity(valid ? '' : 'The upper value has to be greater than the lower one.');
    if (valid) this.onChange([range], true);
    else this.#max.reportValidity();
  }

  /** Stretches each band from the darkest to the brightest of the view, but for 2 % on both sides. */
  async #measure() {
    const button = /** @type {HTMLButtonElement} */ (byId('stretch-view'));
    const picture = this.#picture;
    const note = byId('stretch-status');
    button.ariaDisabled = 'true';
    setText(note, '');
    try {
      const measured = await this.hooks.measure();
      if (picture !== this.#picture) return;
      const ranges = (measured ?? []).map(({ percentile_2: low, percentile_98: high }) => /** @type {Range} */ ([low, high]));
      if (ranges.length === 0 || ranges.some(([low]) => !Number.isFinite(low ?? NaN))) {
        setText(note, 'Nothing that was built is in view.');
        return;
      }
      this.#measured = measured ?? [];
      // One value all over has no span to stretch.
      this.onChange(ranges.map(([low, high]) => [tidy(low, this.#step / 10), tidy(Math.max(high, low + this.#step), this.#step / 10)]), true);
    } catch (error) {
      setText(note, describeError(error));
    } finally {
      button.ariaDisabled = 'false';
    }
  }

  /**
   * @param {Cube} cube
   * @param {View} view
   */
  render(cube, view) {
    const picture = JSON.stringify([cube.id, view.time, view.bands, view.expression]);
    if (picture !== this.#picture) {
      this.#measured = [];
      setText(byId('stretch-status'), '');
    }
    this.#picture = picture;
    const scale = stretchScale(cube, view);
    const [low, high] = spanOf(view.rescale);
    const top = Math.max(scale.max, high);
    const bottom = Math.min(scale.min, low);
    this.#step = scale.step;
    for (const slider of [this.#low, this.#high]) Object.assign(slider, { min: bottom, max: top, step: scale.step });
    this.#low.valueAsNumber = low;
    this.#high.valueAsNumber = high;
    for (const input of [this.#min, this.#max]) {
      input.step = String(scale.step);
      input.setCustomValidity('');
    }
    this.#min.value = String(tidy(low, scale.step / 10));
    this.#max.value = String(tidy(high, scale.step / 10));
    byId('stretch').hidden = false;
    // Of data sets of others there are no statistics.
    byId('stretch-view').hidden = cube.chunk === undefined;
    const fraction = (/** @type {number} */ value) => (value - bottom) / (top - bottom);
    byId('ramp').style.backgroundImage = rampGradient(view.colormap, fraction(low), fraction(high));
    const perBand = view.rescale.length > 1;
    setText(byId('stretch-note'), perBand ? `Per band: ${view.rescale.map((range) => range.join('–')).join(' · ')}` : '');
    byId('histogram').replaceChildren(...histogramPaths(this.#measured, bottom, top));
    this.#renderPresets(cube, view);
  }

  /**
   * @param {Cube} cube
   * @param {View} view
   */
  #renderPresets(cube, view) {
    const isStyled = !view.expression && view.bands.join() === cube.style.variables.join();
    const entries = [
      { label: isStyled ? 'Cube’s style' : 'Standard', rescale: defaultRescale(cube, view), reset: true },
      ...stretchPresets(cube, view).map((preset) => ({ ...preset, reset: false })),
    ];
    const box = byId('stretch-presets');
    const key = JSON.stringify(entries);
    if (box.dataset.entries !== key) {
      box.dataset.entries = key;
      box.replaceChildren(...entries.map(({ label, rescale, reset }) => {
        const button = document.createElement('button');
        button.type = 'button';
        button.textContent = label;
        button.title = rescale.map((range) => range.join(' – ')).join(', ');
        button.addEventListener('click', () => this.onChange(reset ? null : rescale, true));
        return button;
      }));
    }
    [...box.children].forEach((button, i) => {
      const active = JSON.stringify(entries[i].rescale) === JSON.stringify(view.rescale);
      button.setAttribute('aria-pressed', String(active));
    });
  }
}
