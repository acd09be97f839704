/** Following a fill job. */
import { getJob, jobEvents } from './api.js';
import { ApiError } from './http.js';

/** @typedef {import('./api.js').Job} Job */
/** @typedef {import('./api.js').JobEvent} JobEvent */
/** @typedef {import('./api.js').FillPlan} FillPlan */
/** @typedef {import('./api.js').Bounds} Bounds */

/** Chunks may be built faster than it makes sense to ask for the job. */
const LOOK_MS = 700;

/** After so long without an event the job is asked for: a proxy may hold events back. */
const QUIET_MS = 4_000;

const RETRY_MS = 700;
const MAX_RETRY_MS = 5_000;

/** @param {Job} job */
export const isActive = (job) => job.state === 'queued' || job.state === 'running';

/** @param {number} ms */
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/**
 * Follows a job until it has ended. Its events say when there is something to see; the job's document,
 * which counts them, is asked for then. Where the stream breaks, the document is asked for until
 * there is a stream again, so a server or proxy without streams is polled.
 * @param {Job} job
 * @param {object} hooks
 * @param {(job: Job) => unknown} hooks.onJob the job has changed
 * @param {(event: JobEvent) => unknown} hooks.onEvent something happened to a chunk
 */
export async function followJob(job, { onJob, onEvent }) {
  /** @type {string|null} */
  let last = null;
  let wait = RETRY_MS;
  let looked = 0;
  const look = async () => {
    looked = performance.now();
    try {
      job = await getJob(job.id);
    } catch (error) {
      if (!(error instanceof ApiError) || !error.isTemporary) throw error;
      return;
    }
    await onJob(job);
  };
  const take = async (/** @type {JobEvent} */ event) => {
    wait = RETRY_MS;
    last = event.id ?? last;
    onEvent(event);
    // Counts may wait a little, the rest is news.
    if (event.type !== 'task' || performance.now() - looked > LOOK_MS) await look();
  };

  await onJob(job);
  while (isActive(job)) {
    const abort = new AbortController();
    try {
      await followStream(jobEvents(job.id, last, abort.signal), { take, look, goesOn: () => isActive(job) });
    } catch (error) {
      // Whatever is wrong with the stream: if it is wrong with the job too, the look says so.
      if (!(error instanceof ApiError)) throw error;
    } finally {
      abort.abort();
    }
    if (!isActive(job)) break;
    await pause(wait);
    wait = Math.min(wait * 2, MAX_RETRY_MS);
    await look();
  }
}

/**
 * @param {AsyncGenerator<JobEvent, void>} events
 * @param {{take: (event: JobEvent) => Promise<void>, look: () => Promise<void>, goesOn: () => boolean}} hooks
 *   `look` is called when nothing has come for a while
 */
async function followStream(events, { take, look, goesOn }) {
  const ask = () => {
    const next = events.next();
    // One that is given up at the end is no error.
    next.catch(() => {});
    return next;
  };
  let next = ask();
  while (goesOn()) {
    let timer = 0;
    const quiet = new Promise((resolve) => { timer = window.setTimeout(resolve, QUIET_MS, null); });
    const came = await Promise.race([next, quiet]);
    clearTimeout(timer);
    if (!came) await look();
    else if (came.done) return;
    else {
      await take(came.value);
      next = ask();
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
 * @param {number} seconds
 * @returns {string} for example "2 min"
 */
export function describeSeconds(seconds) {
  if (seconds < 50) return `${Math.max(5, Math.ceil(seconds / 5) * 5)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 100) return `${Math.max(1, minutes)} min`;
  return `${Math.round(minutes / 60)} h`;
}

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
 * @param {FillPlan} plan
 * @param {boolean} retry whether what failed before is built too
 * @param {number|null} seconds how long it may take, if that is known
 * @returns {string}
 */
export function describePlan(plan, retry, seconds) {
  const again = retry && plan.failed ? ` (${plan.failed} failed before)` : '';
  const rest = leftAlone(plan);
  return `${plural(plan.build, 'chunk')} to build${again}${rest ? `; ${rest}` : ''}.${describeCost(plan, seconds)}`;
}

/**
 * @param {FillPlan} plan
 * @param {number|null} seconds how long the past says that it takes, for want of an estimate
 */
function describeCost({ estimate }, seconds) {
  if (!estimate) return seconds ? ` It takes about ${describeSeconds(seconds)}.` : '';
  const dollars = estimate.dollars > 0 && estimate.dollars < 0.01 ? 'less than $0.01' : `$${estimate.dollars.toFixed(2)}`;
  return ` About ${plural(estimate.scenes, 'scene')}, ${describeSeconds(estimate.seconds)}, ${dollars}.`;
}

/**
 * How long a chunk took in jobs of the past, all in all and with what is done at once.
 * @param {Job[]} jobs
 * @returns {number|null} seconds
 */
export function secondsPerChunk(jobs) {
  let seconds = 0;
  let chunks = 0;
  for (const { started, ended, done, failed } of jobs) {
    if (!started || !ended || !done) continue;
    seconds += (Date.parse(ended) - Date.parse(started)) / 1000;
    chunks += done + failed;
  }
  return chunks ? seconds / chunks : null;
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
  if (job.state === 'queued') {
    return job.waits_for ? `Waiting until somebody else has written the cube: ${job.waits_for}` : 'Waiting for the fill to start…';
  }
  if (job.state === 'running') {
    const left = job.seconds_left ? `, about ${describeSeconds(job.seconds_left)} left` : '';
    return `Building ${plural(job.total, 'chunk')}: ${job.done} done${failed}${left}`;
  }
  const rest = leftAlone(plan ?? { ...job.planned, batches: 0 });
  const built = `${plural(job.done, 'chunk')} built${failed}${rest ? `, ${rest}` : ''}.`;
  if (job.state === 'done') return built;
  const end = job.state === 'cancelled' ? 'The fill was cancelled' : 'The fill stopped';
  const why = job.state === 'failed' && job.message ? `: ${job.message.replace(/\.$/, '')}` : '';
  return `${end}${why}. ${built}`;
}
