/** Addresses of the picture for other programs. */
import { announce, byId } from './dom.js';
import { tileQuery } from './tiles.js';

/** @typedef {import('./api.js').Cube} Cube */
/** @typedef {import('./view.js').View} View */

export class Share {
  #address = /** @type {HTMLInputElement} */ (byId('share-address'));

  /** @param {() => {cube: Cube, view: View}|null} shown */
  constructor(shown) {
    this.shown = shown;
    byId('copy-xyz').addEventListener('click', () => this.#copy((id) => `cubes/${id}/tiles/WebMercatorQuad/{z}/{x}/{y}.png`));
    byId('copy-tilejson').addEventListener('click', () => this.#copy((id) => `cubes/${id}/WebMercatorQuad/tilejson.json`));
  }

  /** @param {(id: string) => string} path */
  async #copy(path) {
    const shown = this.shown();
    if (!shown) return;
    const { cube, view } = shown;
    // Put together as text: a URL would escape the braces.
    const base = new URL('.', document.baseURI).href;
    this.#address.value = `${base}${path(encodeURIComponent(cube.id))}?${tileQuery(view)}`;
    this.#address.hidden = false;
    announce(byId('share-status'), await this.#write() ? 'Copied.' : 'Press Ctrl+C to copy.');
  }

  /** @returns {Promise<boolean>} whether the address is in the clipboard */
  async #write() {
    try {
      await navigator.clipboard.writeText(this.#address.value);
      return true;
    } catch {
      // A page that did not come by https has no clipboard; it can be copied by hand.
      this.#address.focus();
      this.#address.select();
      return false;
    }
  }
}
