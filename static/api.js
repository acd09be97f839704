/**
 * The server's JSON API. Every URL is relative to the page, which may live under a path prefix.
 *
 * @typedef {{id: string, title: string}} CubeEntry
 * @typedef {{cubes: CubeEntry[], admin: 'open'|'token'|'off', version: string}} Listing
 * @typedef {{name: string, data_type: string, nodata: number|null}} Variable
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
 * @property {{level: number, cell_size: number[], shape: number[]}[]} levels
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
 * @property {string} revision
 * @property {{chunk: number[], bounds: Bounds, error: string}[]} errors
 * @property {string|null} message
 *
 * @typedef {{bbox: Bounds, datetime: string, retry_failed: boolean}} FillArea
 * @typedef {{build: number, done: number, ocean: number, failed: number, batches: number}} FillPlan
 */

const TOKEN_KEY = 'cubetiler.token';

/** An answer that is not 2xx (or none at all: status 0), with the problem's `detail` as message. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {string} detail
   */
  constructor(status, detail) {
    super(detail);
    this.name = 'ApiError';
    this.status = status;
  }

  /** Whether the same request may succeed a little later. */
  get isTemporary() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/**
 * @param {Response} response
 * @returns {Promise<string>} what went wrong, in the server's words (RFC 9457) if it has any
 */
async function problemDetail(response) {
  const fallback = `The server answered ${response.status} ${response.statusText}`.trim();
  try {
    const problem = await response.json();
    return problem.detail || problem.title || fallback;
  } catch {
    return fallback;
  }
}

/**
 * @param {string} path
 * @param {RequestInit} [init]
 * @returns {Promise<any>} the decoded JSON body
 */
async function request(path, init = {}) {
  const headers = new Headers(init.headers);
  headers.set('Accept', 'application/json');
  const token = sessionStorage.getItem(TOKEN_KEY);
  if (token && path.startsWith('admin/')) headers.set('Authorization', `Bearer ${token}`);
  let response;
  try {
    response = await fetch(path, { ...init, headers });
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw new ApiError(0, 'The server cannot be reached.');
  }
  if (!response.ok) throw new ApiError(response.status, await problemDetail(response));
  return response.json();
}

/**
 * Sends an admin request and asks for the token for as long as the server wants another one.
 * @param {string} path
 * @param {RequestInit} init
 * @param {(reason: string|null) => Promise<string|null>} askToken null from it gives up
 */
async function adminRequest(path, init, askToken) {
  for (;;) {
    try {
      return await request(path, init);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
      const refused = sessionStorage.getItem(TOKEN_KEY) !== null;
      sessionStorage.removeItem(TOKEN_KEY);
      const token = await askToken(refused ? error.message : null);
      if (token === null) throw error;
      sessionStorage.setItem(TOKEN_KEY, token);
    }
  }
}

/** @returns {Promise<Listing>} */
export const listCubes = () => request('cubes');

/**
 * @param {string} id
 * @returns {Promise<Cube>}
 */
export const getCube = (id) => request(`cubes/${encodeURIComponent(id)}`);

/**
 * @param {string} id
 * @returns {Promise<Job>}
 */
export const getJob = (id) => request(`admin/jobs/${encodeURIComponent(id)}`);

/**
 * @param {string} cubeId
 * @param {object} body
 * @param {(reason: string|null) => Promise<string|null>} askToken
 */
function postBackfill(cubeId, body, askToken) {
  const init = {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  };
  return adminRequest(`admin/cubes/${encodeURIComponent(cubeId)}/backfill`, init, askToken);
}

/**
 * What a fill would do.
 * @param {string} cubeId
 * @param {FillArea} area
 * @param {(reason: string|null) => Promise<string|null>} askToken
 * @returns {Promise<FillPlan>}
 */
export const planFill = (cubeId, area, askToken) =>
  postBackfill(cubeId, { ...area, dry_run: true }, askToken);

/**
 * Starts a fill.
 * @param {string} cubeId
 * @param {FillArea} area
 * @param {(reason: string|null) => Promise<string|null>} askToken
 * @returns {Promise<Job>}
 */
export const startFill = (cubeId, area, askToken) => postBackfill(cubeId, area, askToken);
