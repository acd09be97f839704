/* global L */
/** A map of somebody else below the cube, if the server's owner chose one. */
import { byId } from './dom.js';

const PANE = 'base';

export class BaseMap {
  #toggle = /** @type {HTMLInputElement} */ (byId('ground'));
  /** @type {L.TileLayer|null} */
  #layer = null;

  /**
   * @param {L.Map} map
   * @param {(on: boolean) => void} onChange
   */
  constructor(map, onChange) {
    this.map = map;
    // Above the hatched sheet (150) and below the cube's tiles (200).
    map.createPane(PANE).style.zIndex = '160';
    this.#toggle.addEventListener('change', () => onChange(this.#toggle.checked));
  }

  /** @param {import('./api.js').BaseMap|null|undefined} source */
  setSource(source) {
    byId('ground-field').hidden = !source;
    this.#layer = source ? L.tileLayer(source.url, { pane: PANE, attribution: source.attribution, noWrap: true }) : null;
  }

  /** @param {import('./view.js').View} view */
  render({ ground }) {
    this.#toggle.checked = ground;
    if (ground) this.#layer?.addTo(this.map);
    else this.#layer?.remove();
  }
}
