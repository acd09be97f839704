/** The dialog that lists the newest jobs of all cubes. */
import { cancelJob, getJob, listJobs, retryJob } from './api.js';
import { announce, byId } from './dom.js';
import { describeSeconds, isActive } from './fill.js';
import { errorItems } from './filler.js';
import { describeError } from './http.js';
import { askToken } from './token.js';

/** @typedef {import('./api.js').Job} Job */

const SHOWN = 20;
const REFRESH_MS = 2_000;

const WHEN = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });

export class JobList {
  #dialog = /** @type {HTMLDialogElement} */ (byId('jobs-dialog'));
  #list = byId('jobs');
  #status = byId('jobs-status');
  #timer = 0;
  /** @type {Set<string>} jobs whose errors are open */
  #open = new Set();

  /**
   * @param {object} hooks
   * @param {(job: Job) => void} hooks.onStart a job was started here
   */
  constructor(hooks) {
    this.hooks = hooks;
    byId('jobs-open').addEventListener('click', () => {
      this.#dialog.showModal();
      announce(this.#status, 'Loading…');
      this.#refresh();
    });
    byId('jobs-close').addEventListener('click', () => this.#dialog.close());
    this.#dialog.addEventListener('close', () => clearTimeout(this.#timer));
  }

  /** @param {boolean} available */
  setAvailable(available) {
    byId('jobs-open').hidden = !available;
  }

  async #refresh() {
    clearTimeout(this.#timer);
    try {
      const { jobs } = await listJobs({ limit: SHOWN }, askToken);
      announce(this.#status, jobs.length === 0 ? 'No job yet.' : '');
      this.#show(jobs);
      // While a job runs its line moves; the list of ended ones stays as it is.
      if (this.#dialog.open && jobs.some(isActive)) this.#timer = window.setTimeout(() => this.#refresh(), REFRESH_MS);
    } catch (error) {
      announce(this.#status, describeError(error));
    }
  }

  /** @param {Job[]} jobs */
  #show(jobs) {
    const focused = /** @type {HTMLElement|null} */ (document.activeElement)?.dataset?.key;
    // Lines that have not changed are kept, with what is open in them.
    const known = new Map([...this.#list.children].map((line) => [/** @type {HTMLElement} */ (line).dataset.is, line]));
    this.#list.replaceChildren(...jobs.map((job) => known.get(JSON.stringify(job)) ?? this.#line(job)));
    const again = focused && this.#list.querySelector(`[data-key="${CSS.escape(focused)}"]`);
    if (again instanceof HTMLElement) again.focus();
  }

  /** @param {Job} job */
  #line(job) {
    const line = document.createElement('li');
    line.dataset.is = JSON.stringify(job);
    line.dataset.state = job.state;
    const head = document.createElement('div');
    head.className = 'job-head';
    head.append(span('job-state', job.state), span('job-cube', job.cube), span('job-when', WHEN.format(new Date(job.created))));
    line.append(head, span('job-facts', describeCounts(job)));
    // A cancelled one says no more than its state.
    if (job.message && job.state !== 'cancelled') line.append(span('job-message', job.message));
    if (job.failed > 0) line.append(this.#errors(job));
    if (isActive(job)) line.append(this.#button(job, 'Cancel', () => cancelJob(job.id, askToken)));
    else if (job.failed > 0) {
      line.append(this.#button(job, 'Retry', async () => this.hooks.onStart(await retryJob(job.id, askToken))));
    }
    return line;
  }

  /**
   * @param {Job} job
   * @param {string} label
   * @param {() => Promise<unknown>} action
   */
  #button(job, label, action) {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'small';
    button.textContent = label;
    button.ariaLabel = `${label} the job of ${job.cube}, ${WHEN.format(new Date(job.created))}`;
    button.dataset.key = `${label} ${job.id}`;
    button.addEventListener('click', async () => {
      button.disabled = true;
      try {
        await action();
        await this.#refresh();
      } catch (error) {
        announce(this.#status, describeError(error));
        button.disabled = false;
      }
    });
    return button;
  }

  /**
   * The errors of a job, which only its own document has, so they are asked for when they are opened.
   * @param {Job} job
   */
  #errors(job) {
    const details = document.createElement('details');
    const summary = document.createElement('summary');
    const list = document.createElement('ul');
    summary.textContent = `${job.failed} failed`;
    summary.dataset.key = `errors ${job.id}`;
    details.append(summary, list);
    details.open = this.#open.has(job.id);
    details.addEventListener('toggle', async () => {
      if (!details.open) {
        this.#open.delete(job.id);
        return;
      }
      this.#open.add(job.id);
      try {
        list.replaceChildren(...errorItems((await getJob(job.id)).errors));
      } catch (error) {
        list.replaceChildren(span('', describeError(error)));
      }
    });
    return details;
  }
}

/**
 * @param {string} name
 * @param {string} text
 */
function span(name, text) {
  const element = document.createElement('span');
  element.className = name;
  element.textContent = text;
  return element;
}

/** @param {Job} job */
function describeCounts(job) {
  const { request, started, ended } = job;
  const took = started && ended && job.total > 0 ? (Date.parse(ended) - Date.parse(started)) / 1000 : null;
  const parts = [
    request?.datetime?.replace('/', ' to ') ?? 'all time steps',
    job.total === 0 ? 'nothing to build' : `${job.done} of ${job.total} chunks built`,
    took !== null && `took ${describeSeconds(took)}`,
    isActive(job) && job.seconds_left ? `about ${describeSeconds(job.seconds_left)} left` : null,
  ];
  return parts.filter(Boolean).join(' · ');
}
