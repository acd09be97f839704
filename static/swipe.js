/**
 * A second time step beside the first: a divider that can be dragged, with one step on its left and
 * the other on its right.
 */
import { byId, fillSelect } from './dom.js';
import { stepLabel } from './steps.js';

/** @typedef {import('./api.js').Cube} Cube */
/** @typedef {import('./view.js').View} View */

const PANE = 'compare';
const KEY_STEP = 0.02;

export class Swipe {
  /** Name of the pane for the tiles on the right. */
  static pane = PANE;

  #choice = /** @type {HTMLSelectElement} */ (byId('compare'));
  #divider = byId('divider');
  #at = 0.5;
  #isOn = false;

  /**
   * @param {L.Map} map
   * @param {object} hooks
   * @param {(time: string|null) => void} hooks.onChoice
   * @param {(at: number, final: boolean) => void} hooks.onDivider a share of the map's width
   */
  constructor(map, hooks) {
    this.map = map;
    this.hooks = hooks;
    // Above the tiles (200) and below the outline (350).
    map.createPane(PANE).style.zIndex = '210';
    map.on('move zoomend resize viewreset', () => this.#place());
    this.#choice.addEventListener('change', () => hooks.onChoice(this.#choice.value || null));
    this.#divider.addEventListener('pointerdown', (event) => this.#drag(event));
    this.#divider.addEventListener('keydown', (event) => {
      const steps = { ArrowLeft: -KEY_STEP, ArrowDown: -KEY_STEP, ArrowRight: KEY_STEP, ArrowUp: KEY_STEP, Home: -1, End: 1 };
      const step = steps[/** @type {keyof typeof steps} */ (event.key)];
      if (step === undefined) return;
      event.preventDefault();
      this.#move(this.#at + step, true);
    });
  }

  /**
   * @param {Cube} cube
   * @param {View} view
   */
  render(cube, view) {
    const options = cube.times.map((time) => ({ value: time, label: stepLabel(time, cube.period) }));
    byId('compare-field').hidden = options.length < 2;
    fillSelect(this.#choice, [{ label: 'Steps', options: [{ value: '', label: 'Nothing' }, ...options] }], view.compare ?? '');
    this.#isOn = view.compare !== null;
    this.#at = view.divider;
    this.#divider.hidden = !this.#isOn;
    if (view.time && view.compare) {
      byId('divider-left').textContent = stepLabel(view.time, cube.period);
      byId('divider-right').textContent = stepLabel(view.compare, cube.period);
    }
    this.#place();
  }

  /** @param {PointerEvent} event */
  #drag(event) {
    event.preventDefault();
    this.#divider.focus();
    this.#divider.setPointerCapture(event.pointerId);
    // The divider stays under the finger that does not grip its middle.
    const grip = event.clientX - this.#at * this.map.getSize().x;
    const move = (/** @type {PointerEvent} */ { clientX }) => this.#move((clientX - grip) / this.map.getSize().x, false);
    this.#divider.addEventListener('pointermove', move);
    this.#divider.addEventListener('lostpointercapture', () => {
      this.#divider.removeEventListener('pointermove', move);
      this.#move(this.#at, true);
    }, { once: true });
  }

  /**
   * @param {number} at
   * @param {boolean} final
   */
  #move(at, final) {
    this.#at = Math.min(1, Math.max(0, Math.round(at * 1000) / 1000));
    this.#place();
    this.hooks.onDivider(this.#at, final);
  }

  /** Cuts both pictures at the divider. Panes move with the map, so their cuts move against it. */
  #place() {
    const panes = [this.map.getPane('tilePane'), this.map.getPane(PANE)];
    if (!this.#isOn) {
      for (const pane of panes) if (pane) pane.style.clipPath = '';
      return;
    }
    const size = this.map.getSize();
    const { x: left, y: top } = this.map.containerPointToLayerPoint([0, 0]);
    const cut = left + size.x * this.#at;
    const box = (/** @type {number} */ from, /** @type {number} */ to) => {
      const corners = [[from, top], [to, top], [to, top + size.y], [from, top + size.y]];
      return `polygon(${corners.map(([x, y]) => `${x}px ${y}px`).join(', ')})`;
    };
    const cuts = [box(left, cut), box(cut, left + size.x)];
    panes.forEach((pane, i) => { if (pane) pane.style.clipPath = cuts[i]; });
    const share = String(Math.round(this.#at * 100));
    this.#divider.style.setProperty('--at', `${this.#at * 100}%`);
    this.#divider.setAttribute('aria-valuenow', share);
    this.#divider.setAttribute('aria-valuetext', `${share} per cent from the left`);
  }
}
