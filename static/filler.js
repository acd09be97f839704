/** The button that fills the view, and the report on the running fill. */
import { ApiError, planFill, startFill } from './api.js';
import { announce, byId, setText } from './dom.js';
import { describeEmptyPlan, describeJob, followJob, isActive } from './fill.js';

/** @typedef {import('./api.js').FillArea} FillArea */
/** @typedef {import('./api.js').FillPlan} FillPlan */
/** @typedef {import('./api.js').Bounds} Bounds */
/** @typedef {import('./api.js').Job} Job */

/** Where a running job is remembered so that a reload of the page finds it again. */
const JOB_KEY = 'cubetiler.job';

export class Filler {
  #button = /** @type {HTMLButtonElement} */ (byId('fill'));
  #progress = /** @type {HTMLProgressElement} */ (byId('fill-progress'));
  #status = byId('fill-status');
  #errors = /** @type {HTMLDetailsElement} */ (byId('fill-errors'));

  /**
   * @param {object} hooks
   * @param {() => {cube: string, area: FillArea}|null} hooks.target what a click fills; null if the
   *   view shows nothing of the cube
   * @param {(area: Bounds|null) => void} hooks.onArea the area being filled, null at the end
   * @param {(cube: string, repaint: boolean) => Promise<void>} hooks.onProgress chunks were committed, or
   *   the job has ended
   */
  constructor(hooks) {
    this.hooks = hooks;
    this.#button.addEventListener('click', () => this.#run(() => this.#fillView()));
  }

  /** @param {boolean} available */
  setAvailable(available) {
    this.#button.hidden = !available;
  }

  /** Takes the report on an ended fill away, for another time step or cube. */
  forget() {
    if (this.#isBusy) return;
    announce(this.#status, '');
    this.#errors.hidden = true;
  }

  get #isBusy() {
    return this.#button.ariaDisabled === 'true';
  }

  /** Goes on reporting a job that was running when the page was reloaded. */
  resume() {
    const saved = sessionStorage.getItem(JOB_KEY);
    if (saved) this.#run(() => this.#follow(JSON.parse(saved), null));
  }

  /** @param {() => Promise<void>} action */
  async #run(action) {
    if (this.#isBusy) return;
    // A disabled button would lose the keyboard's focus.
    this.#button.ariaDisabled = 'true';
    document.body.dataset.job = 'running';
    this.#errors.hidden = true;
    try {
      await action();
    } catch (error) {
      announce(this.#status, error instanceof ApiError ? error.message : `The page failed: ${error}`);
      document.body.dataset.job = 'failed';
    } finally {
      sessionStorage.removeItem(JOB_KEY);
      this.#progress.hidden = true;
      this.#button.ariaDisabled = 'false';
      this.hooks.onArea(null);
    }
  }

  async #fillView() {
    const target = this.hooks.target();
    if (!target) {
      announce(this.#status, 'Nothing of this cube is in view.');
      document.body.dataset.job = 'done';
      return;
    }
    this.hooks.onArea(target.area.bbox);
    announce(this.#status, 'Looking at what is missing…');
    const plan = await planFill(target.cube, target.area, askToken);
    if (plan.build === 0 && plan.failed === 0) {
      announce(this.#status, describeEmptyPlan(plan));
      document.body.dataset.job = 'done';
      return;
    }
    await this.#follow(await startFill(target.cube, target.area, askToken), plan);
  }

  /**
   * @param {Job} started
   * @param {FillPlan|null} plan
   */
  async #follow(started, plan) {
    let { committed, revision } = started;
    for await (const job of followJob(started)) {
      sessionStorage.setItem(JOB_KEY, JSON.stringify(job));
      this.#showProgress(job);
      this.#showErrors(job);
      announce(this.#status, describeJob(job, plan));
      const repaint = job.committed !== committed || job.revision !== revision;
      ({ committed, revision } = job);
      if (repaint || !isActive(job)) await this.hooks.onProgress(job.cube, repaint);
      if (!isActive(job)) document.body.dataset.job = job.state;
    }
  }

  /** @param {Job} job */
  #showProgress(job) {
    this.#progress.hidden = false;
    this.#progress.max = Math.max(1, job.total);
    if (job.state === 'queued') this.#progress.removeAttribute('value');
    else this.#progress.value = job.done + job.failed;
    this.#progress.classList.toggle('troubled', job.failed > 0);
  }

  /** @param {Job} job */
  #showErrors({ errors }) {
    this.#errors.hidden = errors.length === 0;
    const summary = this.#errors.querySelector('summary');
    if (summary) summary.textContent = `${errors.length} ${errors.length === 1 ? 'error' : 'errors'}`;
    this.#errors.querySelector('ul')?.replaceChildren(...errors.map(({ chunk, error }) => {
      const item = document.createElement('li');
      const place = document.createElement('code');
      place.textContent = `chunk ${chunk.join('/')}`;
      item.append(place, ` ${error}`);
      return item;
    }));
  }
}

/**
 * Asks for the admin token.
 * @param {string|null} reason why the last one was refused
 * @returns {Promise<string|null>} null if the dialog was cancelled
 */
function askToken(reason) {
  const dialog = /** @type {HTMLDialogElement} */ (byId('token-dialog'));
  const input = /** @type {HTMLInputElement} */ (byId('token'));
  setText(byId('token-refused'), reason ?? '');
  input.value = '';
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'ok' ? input.value.trim() : null), { once: true });
  });
}
