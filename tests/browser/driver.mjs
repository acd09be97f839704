/** What the browser tests share: the server's address, a page that is watched, pictures that are compared. */
const [baseArgument, shots] = process.argv.slice(2);
if (!baseArgument || !shots) {
  console.error('usage: node tests/browser/viewer.mjs <base url> <screenshot dir>');
  process.exit(2);
}

/** The server's page. */
export const base = new URL(baseArgument.endsWith('/') ? baseArgument : `${baseArgument}/`);

/** Where screenshots go. */
export const folder = shots;

export const TIMEOUT_MS = 30_000;

/** Difference of a colour channel from which on a pixel counts as changed. */
const CHANNEL_TOLERANCE = 12;

export class CheckFailed extends Error {}

/**
 * @param {string} name
 * @param {boolean} ok
 * @param {object} [facts]
 */
export function check(name, ok, facts = {}) {
  console.log(JSON.stringify({ check: name, ok, ...facts }));
  if (!ok) throw new CheckFailed(`${name}: ${JSON.stringify(facts)}`);
}

/**
 * Opens a page and notes whatever it does wrong.
 * @param {import('playwright-core').Browser} browser
 * @param {import('playwright-core').BrowserContextOptions} options
 * @param {string} [hash]
 * @param {(page: import('playwright-core').Page) => Promise<unknown>} [prepare] answers that are played
 */
export async function openMap(browser, options, hash = '', prepare = async () => {}) {
  const context = await browser.newContext({ reducedMotion: 'reduce', ...options });
  const page = await context.newPage();
  const seen = { requests: [], foreign: [], refused: [], console: [], errors: [] };
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol === 'data:') return;
    seen.requests.push(url);
    if (url.origin !== base.origin || !url.pathname.startsWith(base.pathname)) seen.foreign.push(url.href);
  });
  page.on('response', (response) => {
    if (response.status() >= 400) seen.refused.push(`${response.status()} ${response.url()}`);
  });
  // Tiles of a view that was left are cancelled on purpose (ERR_ABORTED); any other failure is one.
  page.on('requestfailed', (request) => {
    const reason = request.failure()?.errorText ?? '';
    if (reason !== 'net::ERR_ABORTED') seen.refused.push(`${reason} ${request.url()}`);
  });
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) seen.console.push(message.text());
  });
  page.on('pageerror', (error) => seen.errors.push(error.message));
  await prepare(page);
  await page.goto(new URL(hash, base).href, { waitUntil: 'load' });
  await page.waitForFunction(() => 'cubetiler' in window, null, { timeout: TIMEOUT_MS });
  await page.evaluate(() => window.cubetiler.ready);
  await tilesIdle(page);
  return { context, page, seen };
}

/** @param {import('playwright-core').Page} page */
export async function tilesIdle(page) {
  await page.waitForFunction(() => document.body.dataset.tiles === 'idle', null, { timeout: TIMEOUT_MS });
}

/**
 * @param {import('playwright-core').Page} page
 * @returns {Promise<URL>} address of one of the tiles that are shown
 */
export async function shownTile(page) {
  return new URL(await page.locator('.leaflet-tile-pane img').first().evaluate((image) => image.src));
}

/**
 * Does something that leads to other tiles and waits until they are shown. Looks at the page and not
 * at the network, since the browser may have the tiles in its memory.
 * @param {import('playwright-core').Page} page
 * @param {() => Promise<unknown>} action
 * @returns {Promise<URL>} address of one of the new tiles
 */
export async function tilesAfter(page, action) {
  const { search } = await shownTile(page);
  await action();
  await page.waitForFunction((old) => {
    const tile = document.querySelector('.leaflet-tile-pane img');
    return document.body.dataset.tiles === 'idle' && tile && new URL(tile.src).search !== old;
  }, search, { timeout: TIMEOUT_MS });
  return shownTile(page);
}

/**
 * @param {import('playwright-core').Page} page
 * @returns {Promise<any>} what the server says about the cube that is shown
 */
export function cubeDocument(page) {
  return page.evaluate(async () => {
    const { cubes } = await (await fetch('cubes')).json();
    const id = new URLSearchParams(location.hash.slice(1)).get('cube') ?? cubes[0].id;
    return (await fetch(`cubes/${encodeURIComponent(id)}`)).json();
  });
}

/**
 * Only the tiles and the ground: controls and labels would count as changes of the picture.
 * @param {import('playwright-core').Page} page
 */
export async function mapPicture(page) {
  // By the DOM: the page's content security policy refuses an added style sheet.
  const setVisibility = (/** @type {string} */ visibility) => page
    .locator('#dock, #dock > *, #divider span, #legend, #point, #graticule-labels, #loading, .leaflet-control')
    .evaluateAll((elements, value) => { for (const element of elements) element.style.visibility = value; }, visibility);
  await setVisibility('hidden');
  const picture = await page.locator('#map').screenshot();
  await setVisibility('');
  return picture;
}

/**
 * @param {import('playwright-core').Page} page any page, for its PNG decoder
 * @param {Buffer} before
 * @param {Buffer} after
 * @returns {Promise<number>} share of pixels that differ
 */
export function changedShare(page, before, after) {
  return page.evaluate(async ({ pictures, tolerance }) => {
    const decode = async (base64) => {
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
      const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
      const context = canvas.getContext('2d');
      context.drawImage(bitmap, 0, 0);
      return context.getImageData(0, 0, bitmap.width, bitmap.height).data;
    };
    const [a, b] = await Promise.all(pictures.map(decode));
    if (a.length !== b.length) throw new Error('the pictures differ in size');
    let changed = 0;
    for (let i = 0; i < a.length; i += 4) {
      if ([0, 1, 2].some((k) => Math.abs(a[i + k] - b[i + k]) > tolerance)) changed += 1;
    }
    return changed / (a.length / 4);
  }, { pictures: [before, after].map((picture) => picture.toString('base64')), tolerance: CHANNEL_TOLERANCE });
}

/**
 * @param {string} where
 * @param {Awaited<ReturnType<typeof openMap>>} opened
 */
export async function checkClean(where, { page, seen }) {
  const stats = await page.evaluate(() => ({ ...window.cubetiler.stats }));
  check(`${where}: tiles loaded, none failed`, stats.loaded > 0 && stats.failed === 0, stats);
  check(`${where}: no request leaves the server`, seen.foreign.length === 0, { requests: seen.requests.length, foreign: seen.foreign });
  check(`${where}: every request is answered`, seen.refused.length === 0, { refused: seen.refused });
  check(`${where}: no error or warning in the console`, seen.console.length === 0, { messages: seen.console });
  check(`${where}: no uncaught error`, seen.errors.length === 0, { errors: seen.errors });
}
