/** The stretch: which value is drawn darkest and which brightest. */
import { byId, setText } from './dom.js';
import { rampGradient } from './ramps.js';
import { defaultRescale, spanOf, stretchPresets, stretchScale, tidy } from './view.js';

/** @typedef {import('./api.js').Cube} Cube */
/** @typedef {import('./api.js').Range} Range */
/** @typedef {import('./view.js').View} View */

export class StretchControls {
  #low = /** @type {HTMLInputElement} */ (byId('stretch-low'));
  #high = /** @type {HTMLInputElement} */ (byId('stretch-high'));
  #min = /** @type {HTMLInputElement} */ (byId('stretch-min'));
  #max = /** @type {HTMLInputElement} */ (byId('stretch-max'));
  #step = 1;

  /** @param {(rescale: Range[]|null, final: boolean) => void} onChange null: the cube's style */
  constructor(onChange) {
    this.onChange = onChange;
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

  /**
   * @param {Cube} cube
   * @param {View} view
   */
  render(cube, view) {
    const scale = stretchScale(cube, view.bands);
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
    const fraction = (/** @type {number} */ value) => (value - bottom) / (top - bottom);
    byId('ramp').style.backgroundImage = rampGradient(view.colormap, fraction(low), fraction(high));
    const perBand = view.rescale.length > 1;
    setText(byId('stretch-note'), perBand ? `Per band: ${view.rescale.map((range) => range.join('–')).join(' · ')}` : '');
    this.#renderPresets(cube, view);
  }

  /**
   * @param {Cube} cube
   * @param {View} view
   */
  #renderPresets(cube, view) {
    const isStyled = view.bands.join() === cube.style.variables.join();
    const entries = [
      { label: isStyled ? 'Cube’s style' : 'Standard', rescale: defaultRescale(cube, view.bands), reset: true },
      ...stretchPresets(cube, view.bands).map((preset) => ({ ...preset, reset: false })),
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
