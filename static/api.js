/**
 * The server's JSON API. Every URL is relative to the page, which may live under a path prefix.
 *
 * @typedef {{id: string, title: string}} CubeEntry
 * @typedef {{url: string, attribution: string}} BaseMap of somebody else, which the server's owner chose
 * @typedef {{cubes: CubeEntry[], admin: 'open'|'token'|'off', reading?: 'open'|'token', version: string,
 *   base_map?: BaseMap|null}} Listing
 * @typedef {{name: string, data_type: string, nodata: number|null, units?: string|null}} Variable
 * @typedef {[number, number]} Range smallest and largest value of a stretch
 * @typedef {[number, number, number, number]} Bounds west, south, east, north in degrees
 *
 * @typedef {object} Coverage how many chunks of one time step are in which state
 * @property {number} total
 * @property {number} done
 * @property {number} ocean
 * @property {number} absent
 * @property {number} failed
 * @property {number} no_scenes
 * @property {number} all_masked
 * @property {number} outdated
 *
 * @typedef {object} Cube
 * @property {string} id
 * @property {string} title
 * @property {string} [description]
 * @property {string|null} attribution
 * @property {string} crs
 * @property {'degrees'|'metres'} units what the cells' sizes count
 * @property {Bounds} bounds
 * @property {[number, number, number]} center longitude, latitude, zoom
 * @property {number} minzoom
 * @property {number} maxzoom
 * @property {Variable[]} variables
 * @property {string[]} times ISO 8601 start of every time step, ascending
 * @property {string|null} period ISO 8601 duration of a time step
 * @property {string} revision changes with every commit
 * @property {{variables: string[], rescale: Range[], colormap_name: string|null}} style
 * @property {string[]} colormaps
 * @property {Bounds} [extent] where the cells begin and end, in the units of `crs`
 * @property {{level: number, cell_size: number[], shape: number[]}[]} levels
 * @property {number} [chunk] cells along each side of a chunk, which cubes of others do not tell
 * @property {boolean} fillable
 * @property {Record<string, Coverage>} coverage
 *
 * @typedef {object} Job
 * @property {string} id
 * @property {'queued'|'running'|'done'|'failed'|'cancelled'} state
 * @property {string} cube
 * @property {number} total
 * @property {number} done
 * @property {number} failed
 * @property {{build: number, done: number, ocean: number, failed: number}} planned
 * @property {number} committed
 * @property {number|null} [seconds_left] as fast as it has been
 * @property {string|null} [waits_for] who writes the cube, and has to end before
 * @property {string} revision
 * @property {string} created
 * @property {string|null} started
 * @property {string|null} ended
 * @property {{bbox?: Bounds, datetime?: string, chunks?: Chunk[]}} request
 * @property {{chunk: Chunk, time?: string, bounds: Bounds, error: string}[]} errors
 * @property {string|null} message
 *
 * @typedef {[number, number, number]} Chunk time step, chunk row and chunk column
 * @typedef {{id: string|null, type: string, data: any}} JobEvent `open` when the stream has begun
 * @typedef {{bbox: Bounds, datetime: string, retry_failed: boolean}} FillArea
 * @typedef {{scenes: number, seconds: number, dollars: number}} Estimate
 * @typedef {{build: number, done: number, ocean: number, failed: number, batches: number,
 *   estimate?: Estimate|null}} FillPlan
 */
import { ApiError, askingRequest, open, request } from './http.js';

/** @typedef {import('./http.js').AskToken} AskToken */

/**
 * @param {AskToken} askToken
 * @returns {Promise<Listing>}
 */
export const listCubes = (askToken) => askingRequest('cubes', {}, askToken);

/**
 * @param {string} id
 * @returns {Promise<Cube>}
 */
export const getCube = (id) => request(`cubes/${encodeURIComponent(id)}`);

/**
 * Asks for the description of a picture, to learn whether there can be one.
 * @param {string} id
 * @param {URLSearchParams} query that of its tiles
 */
export const checkPicture = (id, query) => request(`cubes/${encodeURIComponent(id)}/WebMercatorQuad/tilejson.json?${query}`);

/**
 * @param {string} id
 * @returns {Promise<Job>}
 */
export const getJob = (id) => request(`admin/jobs/${encodeURIComponent(id)}`);

/**
 * @param {string} cubeId
 * @param {object} body
 * @param {AskToken} askToken
 */
function postBackfill(cubeId, body, askToken) {
  const init = {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  };
  return askingRequest(`admin/cubes/${encodeURIComponent(cubeId)}/backfill`, init, askToken);
}

/**
 * What a fill would do.
 * @param {string} cubeId
 * @param {FillArea} area
 * @param {AskToken} askToken
 * @returns {Promise<FillPlan>}
 */
export const planFill = (cubeId, area, askToken) =>
  postBackfill(cubeId, { ...area, dry_run: true }, askToken);

/**
 * Starts a fill.
 * @param {string} cubeId
 * @param {FillArea} area
 * @param {AskToken} askToken
 * @returns {Promise<Job>}
 */
export const startFill = (cubeId, area, askToken) => postBackfill(cubeId, area, askToken);

/**
 * The newest jobs.
 * @param {{cube?: string, state?: string, limit?: number}} filter
 * @param {AskToken} askToken
 * @returns {Promise<{jobs: Job[], count: number}>} jobs without their errors
 */
export const listJobs = (filter, askToken) => {
  const given = Object.entries(filter).filter(([, value]) => value !== undefined);
  const query = new URLSearchParams(given.map(([key, value]) => [key, String(value)]));
  return askingRequest(`admin/jobs?${query}`, {}, askToken);
};

/**
 * Stops a job.
 * @param {string} id
 * @param {AskToken} askToken
 * @returns {Promise<Job>}
 */
export const cancelJob = (id, askToken) =>
  askingRequest(`admin/jobs/${encodeURIComponent(id)}`, { method: 'DELETE' }, askToken);

/**
 * Starts a job for what failed in another.
 * @param {string} id
 * @param {AskToken} askToken
 * @returns {Promise<Job>}
 */
export const retryJob = (id, askToken) =>
  askingRequest(`admin/jobs/${encodeURIComponent(id)}/retry`, { method: 'POST' }, askToken);

/**
 * What happens to a job. Read by `fetch`, since an EventSource cannot send the token.
 * @param {string} id
 * @param {string|null} last the last event that was seen
 * @param {AbortSignal} signal
 * @returns {AsyncGenerator<JobEvent, void>}
 */
export async function* jobEvents(id, last, signal) {
  const headers = new Headers({ Accept: 'text/event-stream' });
  if (last !== null) headers.set('Last-Event-ID', last);
  const response = await open(`admin/jobs/${encodeURIComponent(id)}/events`, { headers, signal });
  if (!response.body) throw new ApiError(0, 'The server sent no events.');
  yield { id: null, type: 'open', data: null };
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { done, value } = await reader.read().catch(() => {
      throw new ApiError(0, 'The events of the job broke off.');
    });
    if (done) return;
    text += value;
    const blocks = text.split(/\r?\n\r?\n/);
    text = blocks.pop() ?? '';
    yield* blocks.map(parseEvent).filter((event) => event !== null);
  }
}

/**
 * @param {string} block the lines of one event
 * @returns {JobEvent|null} null for a comment, which only keeps the connection alive
 */
function parseEvent(block) {
  /** @type {Record<string, string>} */
  const fields = {};
  for (const line of block.split(/\r?\n/)) {
    const [, name, value] = /^(\w+): ?(.*)$/.exec(line) ?? [];
    if (name) fields[name] = name in fields ? `${fields[name]}\n${value}` : value;
  }
  if (fields.data === undefined) return null;
  return { id: fields.id ?? null, type: fields.event ?? 'message', data: JSON.parse(fields.data) };
}
