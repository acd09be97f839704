/** The picture on the map: the tiles of the view, and those of another time step right of the divider. */
import { announce, byId, debounce } from './dom.js';
import { ApiError, open } from './http.js';
import { Swipe } from './swipe.js';
import { CubeLayer, tileTemplate } from './tiles.js';

/** @typedef {import('./api.js').Cube} Cube */
/** @typedef {import('./view.js').View} View */

/** Pause after a slider's last movement before tiles are asked for. */
const SETTLE_MS = 120;

export class Picture {
  /** @type {{cube: Cube, view: View}|null} */
  #wanted = null;
  #isDue = false;
  #shown = '';
  #compared = '';
  /** @type {(() => void)[]} */
  #waiters = [];
  /** @type {string|null} the tile whose failure is told */
  #asked = null;
  #reason = '';

  /** @param {L.Map} map */
  constructor(map) {
    this.layer = new CubeLayer(map, () => this.#report());
    this.right = new CubeLayer(map, () => this.#report(), Swipe.pane, this.layer.stats);
    this.paint = debounce(() => { if (this.#isDue) this.#draw(false); }, SETTLE_MS);
    byId('tile-retry').addEventListener('click', () => {
      this.layer.retry();
      this.right.retry();
    });
  }

  /**
   * Draws what is not drawn yet, when the last slider has come to rest.
   * @param {Cube} cube
   * @param {View} view
   */
  show(cube, view) {
    this.#wanted = { cube, view };
    const [template, comparison] = this.#templates();
    if (template === this.#shown && comparison === this.#compared) return;
    // Said already now, so that nobody takes the old picture for the one that was asked for.
    this.#isDue = true;
    document.body.dataset.tiles = 'loading';
    this.paint();
  }

  /** Draws again at once, since the data changed. */
  refresh() {
    this.#draw(true);
  }

  clear() {
    this.layer.clear();
    this.right.clear();
    this.#wanted = null;
    this.#shown = this.#compared = '';
  }

  /** @returns {Promise<void>} kept when the picture is complete */
  whenIdle() {
    if (document.body.dataset.tiles === 'idle') return Promise.resolve();
    return new Promise((resolve) => { this.#waiters.push(resolve); });
  }

  /** @returns {[string, string]} of the picture and of the one right of the divider, if there is one */
  #templates() {
    if (!this.#wanted) return ['', ''];
    const { cube, view } = this.#wanted;
    const { compare } = view;
    return [tileTemplate(cube, view), compare ? tileTemplate(cube, { ...view, time: compare }) : ''];
  }

  /** @param {boolean} refresh whether only the data changed */
  #draw(refresh) {
    if (!this.#wanted) return;
    const { cube } = this.#wanted;
    const [template, comparison] = this.#templates();
    const isNew = template !== this.#shown;
    const isOther = comparison !== this.#compared;
    this.#isDue = false;
    this.#shown = template;
    this.#compared = comparison;
    if (!comparison) this.right.clear();
    else if (isOther || refresh) this.right.show(cube, comparison, { refresh });
    if (isNew || refresh) this.layer.show(cube, template, { refresh });
    else this.#report();
  }

  #report() {
    const isSettled = this.layer.isIdle && this.right.isIdle && !this.#isDue;
    const failing = this.layer.failing + this.right.failing;
    document.body.dataset.tiles = isSettled ? 'idle' : 'loading';
    if (isSettled) for (const resolve of this.#waiters.splice(0)) resolve();
    const failed = this.layer.failed ?? this.right.failed;
    if (failed && failed !== this.#asked) this.#askWhy(failed);
    const told = `${failing} ${failing === 1 ? 'tile' : 'tiles'} failed.${this.#reason ? ` ${this.#reason}` : ''}`;
    announce(byId('tile-status'), failing ? told : '');
    byId('tile-retry').hidden = failing === 0;
    if (failing === 0) this.#asked = null;
  }

  /**
   * An image does not tell why it failed, so one of them is asked for once more as a document.
   * @param {string} address
   */
  async #askWhy(address) {
    const isFirst = this.#asked === null;
    this.#asked = address;
    if (!isFirst) return;
    this.#reason = await open(address, { headers: { Accept: 'image/png, application/problem+json' } }).then(() => '', (error) => {
      if (error instanceof ApiError) return error.message;
      throw error;
    });
    this.#report();
  }
}
