/**
 * Drives the map page of a running server in Chromium.
 *
 *   node tests/browser/viewer.mjs <base url> <screenshot dir>
 *
 * The server needs a cube that can be filled without a token and has, at its latest time step, chunks
 * that are not built yet. Prints one JSON line per check and stops at the first that fails, with exit
 * code 1. CHROMIUM names the browser (default /usr/bin/chromium). The reference pictures in shots/ are
 * those of a fresh demo; UPDATE_SHOTS=1 writes them anew.
 */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { chromium } from 'playwright-core';
import {
  base, changedShare, check, CheckFailed, checkClean, cubeDocument, folder, mapPicture, openMap, shownTile, tilesAfter, tilesIdle, TIMEOUT_MS,
} from './driver.mjs';
import { checkExploring } from './explore.mjs';
import { checkShots } from './shots.mjs';
import { checkAccess, checkJobTrouble, checkServerTrouble } from './trouble.mjs';

const FILL_TIMEOUT_MS = 300_000;

/** Share of the map's pixels that a fill or another band combination changes at least. */
const MIN_CHANGED = 0.02;

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
  const wmts = await copied('#copy-wmts');
  const capabilities = await page.evaluate(async (url) => {
    const text = await (await fetch(url)).text();
    const document = new DOMParser().parseFromString(text, 'application/xml');
    return {
      times: document.querySelectorAll('Dimension > Value').length,
      template: document.querySelector('ResourceURL').getAttribute('template'),
    };
  }, wmts);
  const times = (await cubeDocument(page)).times.length;
  check('the WMTS address leads to all time steps', capabilities.times === times && capabilities.template.includes('{time}'), { wmts, capabilities });
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
  await mkdir(folder, { recursive: true });
  const wide = { viewport: { width: 1440, height: 860 }, colorScheme: 'dark' };
  const opened = await openMap(browser, wide);
  const screenshot = (/** @type {string} */ name) => opened.page.screenshot({ path: path.join(folder, `wide-dark-${name}.png`) });
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
  await checkExploring(browser, wide);
  await checkJobTrouble(browser, wide);
  await checkServerTrouble(browser, wide);
  await checkAccess(browser, wide);
  await checkShots(browser);

  const looks = {
    'wide-light': { viewport: { width: 1440, height: 860 }, colorScheme: 'light' },
    'phone-dark': { viewport: { width: 390, height: 844 }, colorScheme: 'dark', deviceScaleFactor: 2, hasTouch: true, isMobile: true },
    'phone-light': { viewport: { width: 390, height: 844 }, colorScheme: 'light', deviceScaleFactor: 2, hasTouch: true, isMobile: true },
  };
  for (const [name, look] of Object.entries(looks)) {
    const other = await openMap(browser, look);
    await checkClean(name, other);
    await other.page.screenshot({ path: path.join(folder, `${name}.png`) });
    if (look.isMobile) {
      await other.page.locator('#sheet-toggle').click();
      await other.page.locator('#panel').waitFor({ state: 'visible' });
      const overflow = await other.page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
      check(`${name}: nothing is wider than the screen`, !overflow);
      await other.page.screenshot({ path: path.join(folder, `${name}-sheet.png`) });
    }
    await other.context.close();
  }
} catch (error) {
  console.error(error instanceof CheckFailed ? `FAILED ${error.message}` : error);
  process.exitCode = 1;
} finally {
  await browser.close();
}
