/**
 * Requests to the server, with the token that it may want. Every URL is relative to the page, which may
 * live under a path prefix.
 *
 * @typedef {(reason: string|null, purpose: 'reading'|'admin') => Promise<string|null>} AskToken asks for
 *   a token; told why the last one was refused; null from it gives up
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
    return this.status === 0 || this.status === 429 || (this.status >= 500 && this.status !== 507);
  }
}

/** @param {unknown} error */
export const describeError = (error) =>
  (error instanceof ApiError ? error.message : `The page failed: ${error}`);

/**
 * @param {Response} response
 * @returns {Promise<string>} what went wrong, in the server's words (RFC 9457) if it has any
 */
async function problemDetail(response) {
  const fallback = `The server answered ${response.status} ${response.statusText}`.trim();
  const problem = await response.json().catch(() => ({}));
  const said = String(problem.detail || problem.title || fallback);
  const sentence = `${said.charAt(0).toUpperCase()}${said.slice(1)}${/[.!?…]$/.test(said) ? '' : '.'}`;
  const seconds = Number(response.headers.get('Retry-After'));
  return seconds > 0 ? `${sentence} Try again in ${seconds} s.` : sentence;
}

/** Whether images need the token in their address, since they cannot send headers. */
let isReadingProtected = false;

/** @param {boolean} isProtected */
export function protectReading(isProtected) {
  isReadingProtected = isProtected;
}

/** Whether other programs need a token to read. */
export const isTokenNeeded = () => isReadingProtected;

/**
 * Adds the token to the query of an image or a link, where reading needs one.
 * @param {URLSearchParams} query
 */
export function withToken(query) {
  const token = sessionStorage.getItem(TOKEN_KEY);
  if (isReadingProtected && token) query.set('access_token', token);
  return query;
}

/** @param {string|null} token null forgets it */
export function setToken(token) {
  if (token === null) sessionStorage.removeItem(TOKEN_KEY);
  else sessionStorage.setItem(TOKEN_KEY, token);
}

/**
 * @param {string} path
 * @param {RequestInit} [init]
 * @returns {Promise<Response>} an answer that is 2xx
 */
export async function open(path, init = {}) {
  const headers = new Headers(init.headers);
  if (!headers.has('Accept')) headers.set('Accept', 'application/json');
  const token = sessionStorage.getItem(TOKEN_KEY);
  if (token) headers.set('Authorization', `Bearer ${token}`);
  let response;
  try {
    response = await fetch(path, { ...init, headers });
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw new ApiError(0, 'The server cannot be reached.');
  }
  if (!response.ok) throw new ApiError(response.status, await problemDetail(response));
  return response;
}

/**
 * @param {string} path
 * @param {RequestInit} [init]
 * @returns {Promise<any>} the decoded JSON body
 */
export const request = async (path, init) => (await open(path, init)).json();

/**
 * Sends a request and asks for the token for as long as the server wants another one. A token that is
 * right and may not do this (403) is no reason to ask: the answer says what it lacks.
 * @param {string} path
 * @param {RequestInit} init
 * @param {AskToken} askToken
 */
export async function askingRequest(path, init, askToken) {
  for (;;) {
    try {
      return await request(path, init);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
      const refused = sessionStorage.getItem(TOKEN_KEY) !== null;
      const token = await askToken(refused ? error.message : null, path.startsWith('admin/') ? 'admin' : 'reading');
      // The old one stays where no other is given: it may be good for reading.
      if (token === null) throw error;
      setToken(token);
    }
  }
}
