/**
 * Drives the map page of a running server in Chromium.
 *
 *   node tests/browser/viewer.mjs <base url> <screenshot dir>
 *
 * The server needs a cube that can be filled without a token and has, at its latest time step, chunks
 * that are not built yet. Prints one JSON line per check and stops at the first that fails, with exit
 * code 1. CHROMIUM names the browser (default /usr/bin/chromium).
 */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { chromium } from 'playwright-core';

const TIMEOUT_MS = 30_000;
const FILL_TIMEOUT_MS = 300_000;

/** Share of the map's pixels that a fill or another band combination changes at least. */
const MIN_CHANGED = 0.02;

/** Difference of a colour channel from which on a pixel counts as changed. */
const CHANNEL_TOLERANCE = 12;

const [baseArgument, shots] = process.argv.slice(2);
if (!baseArgument || !shots) {
  console.error('usage: node tests/browser/viewer.mjs <base url> <screenshot dir>');
  process.exit(2);
}
const base = new URL(baseArgument.endsWith('/') ? baseArgument : `${baseArgument}/`);

class CheckFailed extends Error {}

/**
 * @param {string} name
 * @param {boolean} ok
 * @param {object} [facts]
 */
function check(name, ok, facts = {}) {
  console.log(JSON.stringify({ check: name, ok, ...facts }));
  if (!ok) throw new CheckFailed(`${name}: ${JSON.stringify(facts)}`);
}

/**
 * Opens a page and notes whatever it does wrong.
 * @param {import('playwright-core').Browser} browser
 * @param {import('playwright-core').BrowserContextOptions} options
 * @param {string} [hash]
 */
async function openMap(browser, options, hash = '') {
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
  await page.goto(new URL(hash, base).href, { waitUntil: 'load' });
  await page.waitForFunction(() => 'cubetiler' in window, null, { timeout: TIMEOUT_MS });
  await page.evaluate(() => window.cubetiler.ready);
  await tilesIdle(page);
  return { context, page, seen };
}

/** @param {import('playwright-core').Page} page */
async function tilesIdle(page) {
  await page.waitForFunction(() => document.body.dataset.tiles === 'idle', null, { timeout: TIMEOUT_MS });
}

/**
 * @param {import('playwright-core').Page} page
 * @returns {Promise<URL>} address of one of the tiles that are shown
 */
async function shownTile(page) {
  return new URL(await page.locator('.leaflet-tile-pane img').first().evaluate((image) => image.src));
}

/**
 * Does something that leads to other tiles and waits until they are shown. Looks at the page and not
 * at the network, since the browser may have the tiles in its memory.
 * @param {import('playwright-core').Page} page
 * @param {() => Promise<unknown>} action
 * @returns {Promise<URL>} address of one of the new tiles
 */
async function tilesAfter(page, action) {
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
function cubeDocument(page) {
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
async function mapPicture(page) {
  // By the DOM: the page's content security policy refuses an added style sheet.
  const setVisibility = (/** @type {string} */ visibility) => page
    .locator('#dock > *, #graticule-labels, #loading, .leaflet-control')
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
function changedShare(page, before, after) {
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
async function checkClean(where, { page, seen }) {
  const stats = await page.evaluate(() => ({ ...window.cubetiler.stats }));
  check(`${where}: tiles loaded, none failed`, stats.loaded > 0 && stats.failed === 0, stats);
  check(`${where}: no request leaves the server`, seen.foreign.length === 0, { requests: seen.requests.length, foreign: seen.foreign });
  check(`${where}: every request is answered`, seen.refused.length === 0, { refused: seen.refused });
  check(`${where}: no error or warning in the console`, seen.console.length === 0, { messages: seen.console });
  check(`${where}: no uncaught error`, seen.errors.length === 0, { errors: seen.errors });
}

/** @param {Awaited<ReturnType<typeof openMap>>} opened */
async function checkOpening({ page }) {
  const title = await page.title();
  check('title names the cube', /\S · CubeTiler$/.test(title), { title });
  const named = await page.locator('button, input, select').evaluateAll((elements) => elements
    .filter((element) => !(element.textContent?.trim() || element.ariaLabel || element.labels?.length || element.title))
    .map((element) => element.id || element.outerHTML));
  check('every control has a name', named.length === 0, { unnamed: named });
}

/**
 * @param {Awaited<ReturnType<typeof openMap>>} opened
 * @param {(name: string) => Promise<unknown>} screenshot
 */
async function checkFill({ page }, screenshot) {
  const slider = page.locator('#time');
  if (await slider.isVisible()) {
    await slider.focus();
    await page.keyboard.press('End');
  }
  await page.waitForFunction(() => document.getElementById('time').valueAsNumber === Number(document.getElementById('time').max));
  await tilesIdle(page);
  const before = await mapPicture(page);
  await screenshot('unfilled');
  const revision = async () => (await cubeDocument(page)).revision;
  const old = await revision();

  await page.locator('#fill').click();
  await page.waitForFunction(() => document.body.dataset.job === 'running', null, { timeout: TIMEOUT_MS });
  // Progress is seen while the job runs, unless it is over before the first look at it.
  await page.waitForFunction(
    () => !document.getElementById('fill-progress').hidden || document.body.dataset.job !== 'running',
    null,
    { timeout: FILL_TIMEOUT_MS },
  );
  await screenshot('filling');
  await page.waitForFunction(() => document.body.dataset.job !== 'running', null, { timeout: FILL_TIMEOUT_MS });
  const state = await page.evaluate(() => document.body.dataset.job);
  const status = await page.locator('#fill-status').innerText();
  check('fill ends well and says so', state === 'done' && /\d+ chunks? built/.test(status), { state, status });
  await tilesIdle(page);
  const changed = await changedShare(page, before, await mapPicture(page));
  check('fill changes the picture', changed > MIN_CHANGED, { changed });
  const present = await revision();
  const shown = await page.locator('.leaflet-tile-pane img').evaluateAll((images) => images.map((image) => new URL(image.src).searchParams.get('revision')));
  check('tiles are those of the new revision', old !== present && shown.length > 0 && shown.every((r) => r === present), { old, present });

  await page.locator('#fill').click();
  await page.waitForFunction(() => /Nothing to build/.test(document.getElementById('fill-status').textContent), null, { timeout: TIMEOUT_MS });
  check('a second fill has nothing to do', true, { status: await page.locator('#fill-status').innerText() });
}

/** @param {Awaited<ReturnType<typeof openMap>>} opened */
async function checkControls({ page }) {
  const before = await mapPicture(page);
  const presets = page.locator('#band-presets label');
  const other = presets.filter({ has: page.locator('input:not(:checked)') }).first();
  const name = await other.innerText();
  const variables = (/** @type {URL} */ url) => url.searchParams.getAll('variable').join();
  const old = await shownTile(page);
  const preset = await tilesAfter(page, () => other.click());
  check('band preset changes the tiles', variables(preset) !== variables(old), { preset: name, from: variables(old), to: variables(preset) });
  const changed = await changedShare(page, before, await mapPicture(page));
  check('band preset changes the picture', changed > MIN_CHANGED, { changed });

  const stretch = await tilesAfter(page, async () => {
    await page.locator('#stretch-high').focus();
    await page.keyboard.press('ArrowLeft');
  });
  const rescale = (/** @type {URL} */ url) => url.searchParams.getAll('rescale').join(';');
  check('stretch slider changes the tiles', rescale(stretch) !== rescale(preset), { from: rescale(preset), to: rescale(stretch) });

  if (await page.locator('#time').isVisible()) {
    const time = await tilesAfter(page, async () => {
      await page.locator('#time').focus();
      await page.keyboard.press('ArrowLeft');
    });
    const label = await page.locator('#time-label').innerText();
    check('time slider changes the tiles', time.searchParams.get('sel') !== preset.searchParams.get('sel'), { sel: time.searchParams.get('sel'), label });
    const hash = new URL(page.url()).hash;
    await tilesAfter(page, () => page.goBack());
    const back = new URL(page.url()).hash;
    check('back undoes the last choice', back !== hash && await page.locator('#time-label').innerText() !== label, { hash, back });
    await tilesAfter(page, () => page.goForward());
    check('forward does it again', await page.locator('#time-label').innerText() === label, { label });
  }
}

/** @param {Awaited<ReturnType<typeof openMap>>} opened */
async function checkEdges({ page, seen }) {
  const [west, south, east, north] = (await cubeDocument(page)).bounds;
  const tiles = () => seen.requests.filter((url) => url.pathname.includes('/tiles/')).length;
  const before = tiles();
  const show = async (/** @type {[number, number]} */ center, /** @type {number} */ zoom) => {
    await page.evaluate((place) => window.cubetiler.map.setView(place.center, place.zoom, { animate: false }), { center, zoom });
    await tilesIdle(page);
  };
  const zoom = await page.evaluate(() => window.cubetiler.map.getZoom());
  for (const corner of [[south, west], [south, east], [north, west], [north, east]]) await show(corner, zoom + 1);
  const minZoom = await page.evaluate(() => window.cubetiler.map.getMinZoom());
  for (let out = zoom; out >= minZoom; out -= 1) await show([(south + north) / 2, (west + east) / 2], out);
  check('tiles are asked for up to the edges of the cube, and none beyond', tiles() > before && seen.refused.length === 0, { tiles: tiles() - before, refused: seen.refused });
}

/**
 * @param {import('playwright-core').Browser} browser
 * @param {Awaited<ReturnType<typeof openMap>>} opened
 */
async function checkLink(browser, { page }) {
  const url = page.url();
  const copy = await openMap(browser, { viewport: page.viewportSize() }, new URL(url).hash);
  const state = () => ({
    time: document.getElementById('time-label').textContent,
    bands: document.querySelector('.leaflet-tile-pane img')?.src.replace(/.*\?/, '').replace(/&revision=.*/, ''),
    zoom: window.cubetiler.map.getZoom(),
  });
  const [here, there] = [await page.evaluate(state), await copy.page.evaluate(state)];
  check('a link shows the same view', JSON.stringify(here) === JSON.stringify(there), { here, there });
  await copy.context.close();
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
try {
  await mkdir(shots, { recursive: true });
  const wide = { viewport: { width: 1440, height: 860 }, colorScheme: 'dark' };
  const opened = await openMap(browser, wide);
  const screenshot = (/** @type {string} */ name) => opened.page.screenshot({ path: path.join(shots, `wide-dark-${name}.png`) });
  await checkOpening(opened);
  await checkClean('opening', opened);
  await checkFill(opened, screenshot);
  await screenshot('filled');
  await checkControls(opened);
  await screenshot('bands');
  await checkEdges(opened);
  await screenshot('edges');
  await checkLink(browser, opened);
  await checkClean('end', opened);
  await opened.context.close();

  const looks = {
    'wide-light': { viewport: { width: 1440, height: 860 }, colorScheme: 'light' },
    'phone-dark': { viewport: { width: 390, height: 844 }, colorScheme: 'dark', deviceScaleFactor: 2, hasTouch: true, isMobile: true },
    'phone-light': { viewport: { width: 390, height: 844 }, colorScheme: 'light', deviceScaleFactor: 2, hasTouch: true, isMobile: true },
  };
  for (const [name, look] of Object.entries(looks)) {
    const other = await openMap(browser, look);
    await checkClean(name, other);
    await other.page.screenshot({ path: path.join(shots, `${name}.png`) });
    if (look.isMobile) {
      await other.page.locator('#sheet-toggle').click();
      await other.page.locator('#panel').waitFor({ state: 'visible' });
      const overflow = await other.page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
      check(`${name}: nothing is wider than the screen`, !overflow);
      await other.page.screenshot({ path: path.join(shots, `${name}-sheet.png`) });
    }
    await other.context.close();
  }
} catch (error) {
  console.error(error instanceof CheckFailed ? `FAILED ${error.message}` : error);
  process.exitCode = 1;
} finally {
  await browser.close();
}
