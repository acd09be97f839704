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

  await watchMarks(page);
  await page.locator('#fill').click();
  await page.waitForFunction(() => ['planned', 'done', 'failed'].includes(document.body.dataset.job) || !document.getElementById('fill-progress').hidden, null, { timeout: TIMEOUT_MS });
  if (await page.evaluate(() => document.body.dataset.job) === 'planned') {
    const plan = await page.locator('#fill-status').innerText();
    check('a large fill tells its plan first', /^\d+ chunks to build/.test(plan), { plan });
    await screenshot('planned');
    await page.locator('#plan-cancel').click();
    check('a plan can be dropped', await page.locator('#fill-plan').isHidden() && await revision() === old);
    await page.locator('#fill').click();
    await page.waitForFunction(() => document.body.dataset.job === 'planned', null, { timeout: TIMEOUT_MS });
    await page.locator('#plan-start').click();
  }
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
  await page.waitForFunction(() => !document.querySelector('.chunk'), null, { timeout: TIMEOUT_MS });
  const marked = await page.evaluate(() => [...window.markedStates]);
  check('chunks light up while they are built, and vanish', marked.some((name) => ['searching', 'reading', 'writing', 'built'].includes(name)), { marked });
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

/**
 * Notes the states of all chunks that are drawn from now on, however short.
 * @param {import('playwright-core').Page} page
 */
async function watchMarks(page) {
  await page.evaluate(() => {
    window.markedStates = new Set();
    new MutationObserver((changes) => {
      for (const { target } of changes) if (target.matches('.chunk')) window.markedStates.add(target.dataset.state);
    }).observe(document.getElementById('map'), { subtree: true, attributeFilter: ['data-state'] });
  });
}

/**
 * @param {Awaited<ReturnType<typeof openMap>>} opened
 * @param {(name: string) => Promise<unknown>} screenshot
 */
async function checkJobs({ page }, screenshot) {
  await page.locator('#jobs-open').click();
  const line = page.locator('#jobs > li').first();
  await line.waitFor({ timeout: TIMEOUT_MS });
  const text = await line.innerText();
  check('the job is in the list', /done/.test(text) && /\d+ of \d+ chunks built/.test(text), { text });
  await screenshot('jobs');
  await page.keyboard.press('Escape');
  check('Escape closes the list', await page.locator('#jobs-dialog').isHidden());
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
async function checkPlay({ page }) {
  if (!await page.locator('#time').isVisible()) return;
  const label = () => page.locator('#time-label').innerText();
  const first = await label();
  const other = (/** @type {string} */ old) => page.waitForFunction((text) => document.getElementById('time-label').textContent !== text, old, { timeout: TIMEOUT_MS });
  await page.locator('#time').focus();
  await page.keyboard.press('Space');
  await other(first);
  const second = await label();
  await other(second);
  await page.keyboard.press('Space');
  const stopped = await label();
  const state = await page.evaluate(() => ({ playing: document.body.dataset.playing, hash: location.hash }));
  check('space plays through the time steps, and stops', state.playing === 'false' && /time=/.test(state.hash), { first, second, stopped, ...state });
  await tilesIdle(page);
}

/**
 * @param {Awaited<ReturnType<typeof openMap>>} opened
 * @param {(name: string) => Promise<unknown>} screenshot
 */
async function checkSwipe({ page }, screenshot) {
  if (!await page.locator('#compare').isVisible()) return;
  const left = (await shownTile(page)).searchParams.get('sel');
  const times = (await cubeDocument(page)).times;
  const time = times.find((/** @type {string} */ other) => `time=${other}` !== left);
  await page.locator('#compare').selectOption(time);
  await page.waitForFunction(() => document.body.dataset.tiles === 'idle' && document.querySelector('.leaflet-compare-pane img'), null, { timeout: TIMEOUT_MS });
  const right = new URL(await page.locator('.leaflet-compare-pane img').first().evaluate((image) => image.src));
  check('the right of the divider shows the other time step', right.searchParams.get('sel') === `time=${time}`, { time, sel: right.searchParams.get('sel') });
  const cut = () => page.locator('.leaflet-compare-pane').evaluate((pane) => pane.style.clipPath);
  const before = await cut();
  await page.locator('#divider').focus();
  await page.keyboard.press('ArrowRight');
  const byKey = await cut();
  const grip = await page.locator('#divider svg').boundingBox();
  const [x, y] = [grip.x + grip.width / 2, grip.y + grip.height / 2];
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.mouse.move(x - 90, y);
  await page.mouse.up();
  const byHand = await cut();
  check('keys and the mouse move the divider', new Set([before, byKey, byHand]).size === 3, { before, byKey, byHand });
  await page.waitForFunction(() => /compare=.*divider=0\.4/.test(location.hash), null, { timeout: TIMEOUT_MS });
  await screenshot('swipe');
}

/** @param {Awaited<ReturnType<typeof openMap>>} opened */
async function checkDisplay({ page }) {
  await page.locator('#opacity').focus();
  await page.keyboard.press('ArrowLeft');
  const opacity = await page.locator('.leaflet-tile-pane').evaluate((pane) => pane.style.opacity);
  const { hash } = new URL(page.url());
  check('the opacity slider fades the picture', opacity === '0.95' && hash.includes('opacity=0.95'), { opacity, hash });
  const copied = async (/** @type {string} */ button) => {
    await page.locator(button).click();
    await page.waitForFunction(() => document.getElementById('share-status').textContent !== '', null, { timeout: TIMEOUT_MS });
    return page.locator('#share-address').inputValue();
  };
  const xyz = await copied('#copy-xyz');
  check('the XYZ address is absolute', xyz.startsWith(base.href) && xyz.includes('/{z}/{x}/{y}.png?'), { xyz });
  const tilejson = await copied('#copy-tilejson');
  const described = await page.evaluate(async (url) => (await fetch(url)).json(), tilejson);
  check('the TileJSON address leads to the same tiles', described.tiles?.[0]?.split('?')[1] === xyz.split('?')[1], { tilejson, tiles: described.tiles });
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
 * What the demo never does: asks for a token, fails, breaks off its events, goes on for minutes. The
 * admin API is played here.
 * @param {import('playwright-core').Browser} browser
 * @param {import('playwright-core').BrowserContextOptions} options
 */
async function checkTrouble(browser, options) {
  const { context, page } = await openMap(browser, options);
  const cube = await cubeDocument(page);
  const time = cube.times.indexOf((await shownTile(page)).searchParams.get('sel').replace('time=', ''));
  const now = new Date().toISOString();
  const counts = { build: 5, done: 0, ocean: 0, failed: 0 };
  const errors = [{ chunk: [time, 1, 4], time: cube.times[time], bounds: cube.bounds, error: 'the archive is away' }];
  let job = {
    id: 'one', cube: cube.id, request: { chunks: [[time, 0, 0]] }, state: 'running', created: now, started: now, ended: null, planned: counts, total: 5,
    done: 0, failed: 1, committed: 0, under_way: 3, seconds_left: 118, revision: null, errors, message: null,
  };
  const events = ['searching', 'reading', 'writing', 'built', 'failed'].map((state, col) =>
    `id: ${col + 1}\nevent: task\ndata: ${JSON.stringify({ state, chunk: [time, 1, col], error: 'the archive is away' })}\n\n`).join('');
  const calls = [];
  const lasts = [];
  await page.route(/\/admin\//, async (route) => {
    const request = route.request();
    const place = new URL(request.url()).pathname.split('/admin/')[1];
    const headers = await request.allHeaders();
    if (headers.authorization !== 'Bearer secret') return route.fulfill({ status: 401, json: { detail: 'A token is needed.' } });
    calls.push(`${request.method()} ${place}`);
    if (place.endsWith('/events')) {
      lasts.push(headers['last-event-id'] ?? null);
      return route.fulfill({ contentType: 'text/event-stream', body: lasts.length === 1 ? events : ': nothing new\n\n' });
    }
    if (place.endsWith('/backfill')) return route.fulfill({ json: request.postDataJSON().dry_run ? { ...counts, batches: 1 } : job });
    if (request.method() === 'DELETE') job = { ...job, state: 'cancelled', ended: now, message: 'it was cancelled' };
    if (place.endsWith('/retry')) job = { ...job, id: 'two', state: 'done', ended: now, total: 1, done: 1, failed: 0, errors: [], message: null };
    if (place === 'jobs') return route.fulfill({ json: { jobs: [{ ...job, errors: [] }], count: 1 } });
    return route.fulfill({ json: job });
  });

  await page.locator('#fill').click();
  await page.locator('#token').fill('secret');
  await page.keyboard.press('Enter');
  await page.locator('.chunk[data-state="failed"]').waitFor({ state: 'attached', timeout: TIMEOUT_MS });
  const looks = await page.locator('.chunk').evaluateAll((marks) => marks.map((mark) => {
    const { stroke, strokeDasharray, fillOpacity } = getComputedStyle(mark);
    return { colour: stroke, other: `${strokeDasharray} ${fillOpacity}` };
  }));
  const differ = (/** @type {'colour'|'other'} */ what) => new Set(looks.map((look) => look[what])).size === 6;
  check('each state of a chunk has its colour, and differs without it', looks.length === 6 && differ('colour') && differ('other'), { looks });
  const running = await page.locator('#fill-status').innerText();
  check('a fill tells how long it will take', /about 2 min left/.test(running), { running });
  await page.screenshot({ path: path.join(shots, 'states.png') });
  for (let tries = 0; lasts.length < 2 && tries < 100; tries += 1) await page.waitForResponse(/\/events$/, { timeout: TIMEOUT_MS });
  check('a broken stream goes on behind the last event', lasts[0] === null && lasts[1] === '5', { lasts });

  await page.locator('#fill-cancel').click();
  await page.waitForFunction(() => document.body.dataset.job === 'cancelled', null, { timeout: TIMEOUT_MS });
  const cancelled = await page.locator('#fill-status').innerText();
  check('a fill can be cancelled', calls.includes('DELETE jobs/one') && /was cancelled/.test(cancelled), { cancelled });
  await page.locator('#jobs-open').click();
  await page.locator('#jobs summary').click();
  await page.locator('#jobs details li').waitFor({ timeout: TIMEOUT_MS });
  const told = await page.locator('#jobs details li').innerText();
  check('the list tells the errors of a job', told.includes('the archive is away'), { told });
  await page.screenshot({ path: path.join(shots, 'jobs-errors.png') });
  await page.locator('#jobs-close').click();
  await page.locator('#fill-retry').click();
  await page.waitForFunction(() => document.body.dataset.job === 'done', null, { timeout: TIMEOUT_MS });
  check('what failed can be tried again', calls.includes('POST jobs/one/retry') && await page.locator('#fill-retry').isHidden(), { calls });
  await context.close();
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
    compare: document.getElementById('compare').value,
    divider: document.getElementById('divider').ariaValueNow,
    opacity: document.getElementById('opacity').value,
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
  await checkJobs(opened, screenshot);
  await checkControls(opened);
  await screenshot('bands');
  await checkPlay(opened);
  await checkSwipe(opened, screenshot);
  await checkDisplay(opened);
  await checkEdges(opened);
  await screenshot('edges');
  await checkLink(browser, opened);
  await checkClean('end', opened);
  await opened.context.close();
  await checkTrouble(browser, wide);

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
