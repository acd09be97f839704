/** The button that fills the view, the plan before it, and the report on the running fill. */
import { cancelJob, listJobs, planFill, retryJob, startFill } from './api.js';
import { announce, byId } from './dom.js';
import { describeEmptyPlan, describeJob, describePlan, followJob, isActive, secondsPerChunk } from './fill.js';
import { ApiError, describeError } from './http.js';
import { askToken } from './token.js';

/** @typedef {import('./api.js').FillArea} FillArea */
/** @typedef {import('./api.js').FillPlan} FillPlan */
/** @typedef {import('./api.js').Bounds} Bounds */
/** @typedef {import('./api.js').Chunk} Chunk */
/** @typedef {import('./api.js').Job} Job */
/** @typedef {import('./api.js').JobEvent} JobEvent */
/** @typedef {{cube: string, area: FillArea}} Target */

/** Where a running job is remembered so that a reload of the page finds it again. */
const JOB_KEY = 'cubetiler.job';

/** A fill of more chunks than this is started only after a look at its plan. */
const HANDFUL = 16;

/** So many jobs of the past tell how long a chunk takes. */
const PAST_JOBS = 5;

export class Filler {
  #button = /** @type {HTMLButtonElement} */ (byId('fill'));
  #progress = /** @type {HTMLProgressElement} */ (byId('fill-progress'));
  #status = byId('fill-status');
  #errors = /** @type {HTMLDetailsElement} */ (byId('fill-errors'));
  #plan = byId('fill-plan');
  #cancel = /** @type {HTMLButtonElement} */ (byId('fill-cancel'));
  #retry = /** @type {HTMLButtonElement} */ (byId('fill-retry'));
  /** @type {{target: Target, plan: FillPlan}|null} waits for Start or Cancel */
  #proposed = null;
  /** @type {Job|null} the job that is reported */
  #job = null;
  /** @type {Chunk[]} committed, but not in the picture yet */
  #committed = [];

  /**
   * @param {object} hooks
   * @param {() => Target|null} hooks.target what a click fills; null if the view shows nothing of the cube
   * @param {(area: Bounds|null) => void} hooks.onArea the area being filled, null at the end
   * @param {(cube: string, repaint: boolean) => Promise<void>} hooks.onProgress chunks were committed, or
   *   the job has ended
   * @param {import('./chunks.js').ChunkMarks} hooks.marks
   */
  constructor(hooks) {
    this.hooks = hooks;
    this.#button.addEventListener('click', () => this.#run(() => this.#propose(hooks.target(), HANDFUL)));
    byId('plan-start').addEventListener('click', () => this.#startProposed());
    byId('plan-cancel').addEventListener('click', () => {
      this.forget();
      this.#button.focus();
    });
    this.#cancel.addEventListener('click', () => this.#stop());
    this.#retry.addEventListener('click', () => this.#retryFailed());
  }

  /** @param {boolean} available */
  setAvailable(available) {
    this.#button.hidden = !available;
  }

  /** Takes a plan and the report on an ended fill away, for another time step or cube. */
  forget() {
    if (this.#isBusy) return;
    this.#dropPlan();
    announce(this.#status, '');
    this.#errors.hidden = this.#retry.hidden = true;
    this.hooks.marks.clear();
  }

  get #isBusy() {
    return this.#button.ariaDisabled === 'true';
  }

  /** Goes on reporting a job that was running when the page was reloaded. */
  resume() {
    const saved = sessionStorage.getItem(JOB_KEY);
    if (saved) this.follow(JSON.parse(saved));
  }

  /**
   * Reports a job that was started elsewhere, unless another one is being reported.
   * @param {Job} job
   */
  follow(job) {
    this.#run(() => this.#follow(job, null));
  }

  /** @param {() => Promise<void>} action */
  async #run(action) {
    if (this.#isBusy) return;
    this.forget();
    // A disabled button would lose the keyboard's focus.
    this.#button.ariaDisabled = 'true';
    document.body.dataset.job = 'running';
    try {
      await action();
    } catch (error) {
      announce(this.#status, describeError(error));
      document.body.dataset.job = 'failed';
    } finally {
      sessionStorage.removeItem(JOB_KEY);
      this.#progress.hidden = this.#cancel.hidden = true;
      this.#button.ariaDisabled = 'false';
      this.hooks.marks.end();
      if (!this.#proposed) this.hooks.onArea(null);
    }
  }

  /**
   * Plans an area that was chosen by hand, and waits for Start however little there is to do.
   * @param {Target|null} target
   */
  propose(target) {
    this.#run(() => this.#propose(target, 0));
  }

  /**
   * @param {Target|null} target
   * @param {number} atOnce a plan of no more chunks than this is started without being asked for
   */
  async #propose(target, atOnce) {
    if (!target) {
      announce(this.#status, 'Nothing of this cube is there.');
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
    if (plan.build <= atOnce) {
      await this.#follow(await startFill(target.cube, target.area, askToken), plan);
      return;
    }
    const pace = plan.estimate ? null : await pastPace(target.cube);
    this.#proposed = { target, plan };
    this.#plan.hidden = false;
    announce(this.#status, describePlan(plan, target.area.retry_failed, pace && pace * plan.build));
    document.body.dataset.job = 'planned';
    byId('plan-start').focus();
  }

  #startProposed() {
    const proposed = this.#proposed;
    if (!proposed) return;
    const { target, plan } = proposed;
    this.#button.focus();
    this.#run(async () => {
      this.hooks.onArea(target.area.bbox);
      announce(this.#status, 'Waiting for the fill to start…');
      await this.#follow(await startFill(target.cube, target.area, askToken), plan);
    });
  }

  #dropPlan() {
    if (!this.#proposed) return;
    this.#proposed = null;
    this.#plan.hidden = true;
    this.hooks.onArea(null);
    document.body.dataset.job = 'cancelled';
  }

  async #stop() {
    if (!this.#job || this.#cancel.disabled) return;
    this.#cancel.disabled = true;
    try {
      await cancelJob(this.#job.id, askToken);
      // The button will be gone, and the keyboard's focus with it.
      this.#button.focus();
    } catch (error) {
      // It has ended meanwhile (409), which its report says.
      if (!(error instanceof ApiError) || error.status !== 409) announce(this.#status, describeError(error));
    } finally {
      this.#cancel.disabled = false;
    }
  }

  #retryFailed() {
    const failed = this.#job;
    if (!failed) return;
    this.#button.focus();
    this.#run(async () => {
      announce(this.#status, 'Waiting for the fill to start…');
      await this.#follow(await retryJob(failed.id, askToken), null);
    });
  }

  /**
   * @param {Job} started
   * @param {FillPlan|null} plan
   */
  async #follow(started, plan) {
    let { committed, revision } = started;
    const { marks } = this.hooks;
    marks.queue(started);
    const onJob = async (/** @type {Job} */ job) => {
      this.#job = job;
      sessionStorage.setItem(JOB_KEY, JSON.stringify(job));
      this.#cancel.hidden = !isActive(job);
      this.#showProgress(job);
      this.#showErrors(job);
      announce(this.#status, describeJob(job, plan));
      const repaint = job.committed !== committed || job.revision !== revision;
      ({ committed, revision } = job);
      if (repaint || !isActive(job)) await this.hooks.onProgress(job.cube, repaint);
      marks.settle(this.#committed.splice(0));
      if (isActive(job)) return;
      this.#retry.hidden = job.failed === 0;
      document.body.dataset.job = job.state;
    };
    await followJob(started, { onJob, onEvent: (event) => this.#mark(started.cube, event) });
  }

  /**
   * @param {string} cube
   * @param {JobEvent} event
   */
  #mark(cube, { type, data }) {
    if (type === 'task') this.hooks.marks.set(cube, data.chunk, data.state);
    if (type === 'commit') this.#committed.push(...data.chunks);
    // What was missed may have been the end of any of them.
    if (type === 'reset') this.hooks.marks.clear();
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
    this.#errors.querySelector('ul')?.replaceChildren(...errorItems(errors));
  }
}

/**
 * @param {Job['errors']} errors
 * @returns {HTMLLIElement[]}
 */
export const errorItems = (errors) => errors.map(({ chunk, error }) => {
  const item = document.createElement('li');
  const place = document.createElement('code');
  place.textContent = `chunk ${chunk.join('/')}`;
  item.append(place, ` ${error}`);
  return item;
});

/**
 * @param {string} cube
 * @returns {Promise<number|null>} seconds that a chunk of it took lately
 */
async function pastPace(cube) {
  try {
    const { jobs } = await listJobs({ cube, state: 'done', limit: PAST_JOBS }, askToken);
    return secondsPerChunk(jobs);
  } catch (error) {
    if (error instanceof ApiError) return null;
    throw error;
  }
}
