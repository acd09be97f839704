/** Following a fill job. */
import { ApiError, getJob } from './api.js';

/** @typedef {import('./api.js').Job} Job */
/** @typedef {import('./api.js').FillPlan} FillPlan */
/** @typedef {import('./api.js').Bounds} Bounds */

const POLL_MS = 700;
const MAX_POLL_MS = 10_000;

/** @param {Job} job */
export const isActive = (job) => job.state === 'queued' || job.state === 'running';

/**
 * Yields a job's document until the job has ended. Temporary errors only slow the polling down.
 * @param {Job} job
 * @returns {AsyncGenerator<Job>}
 */
export async function* followJob(job) {
  yield job;
  let wait = POLL_MS;
  while (isActive(job)) {
    await new Promise((resolve) => { setTimeout(resolve, wait); });
    try {
      job = await getJob(job.id);
      wait = POLL_MS;
      yield job;
    } catch (error) {
      if (!(error instanceof ApiError) || !error.isTemporary) throw error;
      wait = Math.min(wait * 2, MAX_POLL_MS);
    }
  }
}

/**
 * The part of the view that lies in the cube.
 * @param {Bounds} view
 * @param {Bounds} cube
 * @returns {Bounds|null} null if they do not meet
 */
export function clip(view, cube) {
  const west = Math.max(view[0], cube[0]);
  const south = Math.max(view[1], cube[1]);
  const east = Math.min(view[2], cube[2]);
  const north = Math.min(view[3], cube[3]);
  return west < east && south < north ? [west, south, east, north] : null;
}

/**
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 */
const plural = (count, one, many = `${one}s`) => `${count.toLocaleString('en')} ${count === 1 ? one : many}`;

/**
 * @param {FillPlan} plan
 * @returns {string} what is not built, and why
 */
function leftAlone(plan) {
  const parts = [];
  if (plan.ocean) parts.push(`${plan.ocean} ${plan.ocean === 1 ? 'is' : 'are'} sea`);
  if (plan.done) parts.push(`${plan.done} ${plan.done === 1 ? 'was' : 'were'} there already`);
  return parts.join(', ');
}

/**
 * @param {FillPlan} plan a plan that builds nothing
 * @returns {string}
 */
export function describeEmptyPlan(plan) {
  const rest = leftAlone(plan);
  return rest ? `Nothing to build here: ${rest}.` : 'Nothing to build here.';
}

/**
 * @param {Job} job
 * @param {FillPlan|null} plan
 * @returns {string} one sentence about how far a job is or how it ended
 */
export function describeJob(job, plan) {
  const failed = job.failed ? `, ${job.failed} failed` : '';
  if (job.state === 'queued') return 'Waiting for the fill to start…';
  if (job.state === 'running') return `Building ${plural(job.total, 'chunk')}: ${job.done} done${failed}`;
  const rest = leftAlone(plan ?? { ...job.planned, batches: 0 });
  const built = `${plural(job.done, 'chunk')} built${failed}${rest ? `, ${rest}` : ''}.`;
  if (job.state === 'done') return built;
  const end = job.state === 'cancelled' ? 'The fill was cancelled' : 'The fill stopped';
  return `${end}${job.message ? `: ${job.message}` : '.'} ${built}`;
}
