/** The choice of bands or of a formula, and of the colour ramp for a single value. */
import { byId, fillSelect, setText } from './dom.js';
import { bandPresets, COUNT, FORMULA, presetOf } from './presets.js';
import { groupRamps } from './ramps.js';

/** @typedef {import('./api.js').Cube} Cube */
/** @typedef {import('./presets.js').Preset} Preset */
/** @typedef {import('./view.js').View} View */
/** @typedef {{bands?: string[], expression?: string|null, colormap?: string|null}} PictureChange */

/** @param {string} name */
const asOption = (name) => ({ value: name, label: name });

const RGB = ['band-red', 'band-green', 'band-blue'];

export class BandControls {
  #presets = byId('band-presets');
  #rgb = RGB.map((id) => /** @type {HTMLSelectElement} */ (byId(id)));
  #single = /** @type {HTMLSelectElement} */ (byId('band'));
  #colormap = /** @type {HTMLSelectElement} */ (byId('colormap'));
  #formula = /** @type {HTMLInputElement} */ (byId('expression'));
  /** Set while a hand-made choice happens to equal a preset. @type {string|null} */
  #picked = null;
  /** @type {string[]} */
  #bands = [];

  /**
   * @param {object} hooks
   * @param {(change: PictureChange) => void} hooks.onChange
   * @param {(expression: string) => Promise<string|null>} hooks.check what is wrong with a formula, if anything
   */
  constructor(hooks) {
    this.hooks = hooks;
    const { onChange } = hooks;
    for (const select of this.#rgb) {
      select.addEventListener('change', () => onChange({ bands: this.#rgb.map(({ value }) => value) }));
    }
    this.#single.addEventListener('change', () => onChange({ bands: [this.#single.value] }));
    this.#colormap.addEventListener('change', () => onChange({ colormap: this.#colormap.value }));
    this.#formula.addEventListener('change', () => this.#apply());
  }

  /**
   * @param {Cube} cube
   * @param {View} view
   */
  render(cube, view) {
    const presets = bandPresets(cube);
    this.#buildPresets(cube, presets);
    // "Three bands" keeps its selects open although the bands may be those of "True colour", and
    // "Formula" its field although nothing, or that of NDVI, is in it.
    const keepsPick = this.#picked === FORMULA || (this.#picked === 'rgb' && view.bands.length === 3);
    const active = keepsPick && this.#picked ? this.#picked : presetOf(presets, view);
    this.#picked = keepsPick ? active : null;
    if (view.bands.length) this.#bands = view.bands;
    for (const input of this.#presets.querySelectorAll('input')) input.checked = input.value === active;

    const measured = cube.variables.map(({ name }) => name).filter((name) => name !== COUNT);
    const groups = [{ label: 'Bands', options: measured.map(asOption) }];
    byId('bands').hidden = false;
    byId('band-rgb').hidden = active !== 'rgb';
    byId('band-single').hidden = view.colormap === null;
    byId('band-choice').hidden = active === COUNT || view.expression !== null;
    byId('band-formula').hidden = active !== FORMULA;
    if (view.expression && document.activeElement !== this.#formula) this.#formula.value = view.expression;
    if (active !== FORMULA) setText(byId('expression-note'), '');
    if (view.bands.length === 3) this.#rgb.forEach((select, i) => fillSelect(select, groups, view.bands[i]));
    if (view.bands.length === 1) fillSelect(this.#single, groups, view.bands[0]);
    if (view.colormap !== null) {
      const ramps = groupRamps(cube.colormaps).map(({ label, names }) => ({ label, options: names.map(asOption) }));
      fillSelect(this.#colormap, ramps, view.colormap);
    }
  }

  /**
   * @param {Cube} cube
   * @param {Preset[]} presets
   */
  #buildPresets(cube, presets) {
    const key = JSON.stringify(presets);
    if (this.#presets.dataset.entries === key) return;
    this.#presets.dataset.entries = key;
    this.#presets.replaceChildren(...presets.map((preset) => {
      const label = document.createElement('label');
      const input = document.createElement('input');
      Object.assign(input, { type: 'radio', name: 'band-preset', value: preset.id });
      input.addEventListener('change', () => this.#pick(cube, preset));
      label.title = preset.hint;
      label.append(input, preset.label);
      return label;
    }));
  }

  /**
   * @param {Cube} cube
   * @param {Preset} preset
   */
  #pick(cube, preset) {
    this.#picked = preset.id;
    if (preset.id === FORMULA) {
      // Nothing changes before there is a formula.
      this.hooks.onChange({});
      return;
    }
    if (preset.expression) {
      this.hooks.onChange({ expression: preset.expression, colormap: null });
      return;
    }
    const measured = cube.variables.map(({ name }) => name).filter((name) => name !== COUNT);
    const present = this.#bands.filter((name) => name !== COUNT);
    const byHand = preset.id === 'rgb'
      ? (present.length === 3 ? present : measured.slice(0, 3))
      : [present[0] ?? measured[0]];
    this.hooks.onChange({ bands: preset.bands ?? byHand, expression: null, colormap: null });
  }

  /** Shows the formula, unless the server cannot make sense of it. */
  async #apply() {
    const expression = this.#formula.value.trim();
    const note = byId('expression-note');
    if (!expression) return;
    const wrong = await this.hooks.check(expression);
    // Another one was written meanwhile.
    if (expression !== this.#formula.value.trim()) return;
    setText(note, wrong ?? '');
    this.#formula.setAttribute('aria-invalid', String(wrong !== null));
    if (wrong === null) this.hooks.onChange({ expression });
  }
}
