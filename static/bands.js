/** The choice of bands and of the colour ramp for a single band. */
import { byId, fillSelect } from './dom.js';
import { groupRamps } from './ramps.js';
import { bandPresets, COUNT, presetOf } from './view.js';

/** @typedef {import('./api.js').Cube} Cube */
/** @typedef {import('./view.js').View} View */

/** @param {string} name */
const asOption = (name) => ({ value: name, label: name });

const RGB = ['band-red', 'band-green', 'band-blue'];

export class BandControls {
  #presets = byId('band-presets');
  #rgb = RGB.map((id) => /** @type {HTMLSelectElement} */ (byId(id)));
  #single = /** @type {HTMLSelectElement} */ (byId('band'));
  #colormap = /** @type {HTMLSelectElement} */ (byId('colormap'));
  /** Set while a hand-made choice happens to equal a preset. @type {string|null} */
  #picked = null;
  /** @type {string[]} */
  #bands = [];

  /** @param {(change: {bands?: string[], colormap?: string|null}) => void} onChange */
  constructor(onChange) {
    this.onChange = onChange;
    for (const select of this.#rgb) {
      select.addEventListener('change', () => onChange({ bands: this.#rgb.map(({ value }) => value) }));
    }
    this.#single.addEventListener('change', () => onChange({ bands: [this.#single.value] }));
    this.#colormap.addEventListener('change', () => onChange({ colormap: this.#colormap.value }));
  }

  /**
   * @param {Cube} cube
   * @param {View} view
   */
  render(cube, view) {
    const presets = bandPresets(cube);
    this.#buildPresets(cube, presets);
    // "Three bands" keeps its selects open although the bands may be those of "True colour".
    const keepsPick = this.#picked === 'rgb' && view.bands.length === 3;
    const active = keepsPick ? 'rgb' : presetOf(presets, view.bands);
    this.#picked = keepsPick ? 'rgb' : null;
    this.#bands = view.bands;
    for (const input of this.#presets.querySelectorAll('input')) input.checked = input.value === active;

    const measured = cube.variables.map(({ name }) => name).filter((name) => name !== COUNT);
    const groups = [{ label: 'Bands', options: measured.map(asOption) }];
    byId('bands').hidden = false;
    byId('band-rgb').hidden = active !== 'rgb';
    byId('band-single').hidden = view.bands.length !== 1;
    byId('band-choice').hidden = active === COUNT;
    if (view.bands.length === 3) this.#rgb.forEach((select, i) => fillSelect(select, groups, view.bands[i]));
    if (view.bands.length === 1) {
      fillSelect(this.#single, groups, view.bands[0]);
      const ramps = groupRamps(cube.colormaps).map(({ label, names }) => ({ label, options: names.map(asOption) }));
      fillSelect(this.#colormap, ramps, view.colormap ?? '');
    }
  }

  /**
   * @param {Cube} cube
   * @param {ReturnType<typeof bandPresets>} presets
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
   * @param {ReturnType<typeof bandPresets>[number]} preset
   */
  #pick(cube, preset) {
    this.#picked = preset.id;
    const measured = cube.variables.map(({ name }) => name).filter((name) => name !== COUNT);
    const present = this.#bands.filter((name) => name !== COUNT);
    const byHand = preset.id === 'rgb'
      ? (present.length === 3 ? present : measured.slice(0, 3))
      : [present[0] ?? measured[0]];
    this.onChange({ bands: preset.bands ?? byHand, colormap: null });
  }
}
