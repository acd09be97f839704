/** The button that plays through the time steps. */
import { byId } from './dom.js';

/** @typedef {import('./api.js').Cube} Cube */

/** A step is shown for as long at least. */
const STEP_MS = 1_000;

export class Player {
  #button = /** @type {HTMLButtonElement} */ (byId('time-play'));
  /** Counts the plays, so that one that was stopped notices it. */
  #run = 0;
  #playing = false;

  /**
   * @param {object} hooks
   * @param {() => string|null} hooks.next the step after the one that is shown, the first after the last
   * @param {(time: string) => Promise<unknown>} hooks.prefetch kept when the step's tiles are there
   * @param {() => Promise<unknown>} hooks.idle kept when the picture is complete
   * @param {(time: string) => void} hooks.show
   * @param {(leaving: boolean) => void} hooks.onStop
   */
  constructor(hooks) {
    this.hooks = hooks;
    this.#button.addEventListener('click', () => this.toggle());
    byId('time').addEventListener('keydown', (event) => {
      if (event.key !== ' ') return;
      event.preventDefault();
      this.toggle();
    });
  }

  /** @param {Cube} cube */
  render(cube) {
    this.#button.hidden = cube.times.length < 2;
  }

  toggle() {
    if (this.#playing) this.stop();
    else this.#play();
  }

  /**
   * @param {object} [options]
   * @param {boolean} [options.leaving] something else is about to be shown
   */
  stop({ leaving = false } = {}) {
    if (!this.#playing) return;
    this.#setPlaying(false);
    this.hooks.onStop(leaving);
  }

  /** @param {boolean} playing */
  #setPlaying(playing) {
    this.#playing = playing;
    this.#run += 1;
    this.#button.setAttribute('aria-pressed', String(playing));
    document.body.dataset.playing = String(playing);
  }

  async #play() {
    this.#setPlaying(true);
    const run = this.#run;
    while (run === this.#run) {
      const time = this.hooks.next();
      if (time === null) return this.stop();
      const shown = new Promise((resolve) => { setTimeout(resolve, STEP_MS); });
      await this.hooks.idle();
      if (run === this.#run) await Promise.all([shown, this.hooks.prefetch(time)]);
      if (run === this.#run) this.hooks.show(time);
    }
    return undefined;
  }
}
