/** The picture for other programs: addresses of its tiles, and its values as a file. */
import { announce, byId } from './dom.js';
import { isTokenNeeded, withToken } from './http.js';
import { tileQuery } from './tiles.js';
import { downloadAddress } from './values.js';

/** @typedef {import('./api.js').Cube} Cube */
/** @typedef {import('./view.js').View} View */

export class Share {
  #address = /** @type {HTMLInputElement} */ (byId('share-address'));
  #download = /** @type {HTMLAnchorElement} */ (byId('download'));

  /** @param {() => {cube: Cube, view: View}|null} shown */
  constructor(shown) {
    this.shown = shown;
    byId('copy-xyz').addEventListener('click', () => this.#copy((id) => `cubes/${id}/tiles/WebMercatorQuad/{z}/{x}/{y}.png`));
    byId('copy-wmts').addEventListener('click', () => this.#copy((id) => `cubes/${id}/WMTSCapabilities.xml`));
    byId('copy-tilejson').addEventListener('click', () => this.#copy((id) => `cubes/${id}/WebMercatorQuad/tilejson.json`));
  }

  /**
   * @param {Cube} cube
   * @param {View} view
   * @param {import('./api.js').Bounds|null} bounds the part of the cube that is in view, if any is
   */
  render(cube, view, bounds) {
    // Of data sets of others there are pictures alone.
    this.#download.hidden = bounds === null || cube.chunk === undefined;
    byId('copy-wmts').hidden = cube.chunk === undefined;
    if (!bounds) return;
    const [path, query] = downloadAddress(cube.id, view, bounds).split('?');
    this.#download.href = `${path}?${withToken(new URLSearchParams(query))}`;
    this.#download.download = `${[cube.id, view.time].filter(Boolean).join('-')}.tif`;
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
    const copied = await this.#write() ? 'Copied.' : 'Press Ctrl+C to copy.';
    // The page does not write a token into what is passed on.
    announce(byId('share-status'), isTokenNeeded() ? `${copied} Add &access_token= with a token that may read.` : copied);
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
