/**
 * Looking into a cube: what is built, values at a point, areas, formulas, statistics, downloads. Most
 * answers about values are played, with the gaps and the errors that the demo does not have; what the
 * server answers is held by the server's tests, and read by the page in `checkRealValues`.
 */
import path from 'node:path';
import { check, cubeDocument, folder, openMap, shownTile, tilesAfter, tilesIdle, TIMEOUT_MS } from './driver.mjs';

const NAMES = ['red', 'green', 'blue', 'nir', 'count'];

/** As a server answers for a place whose first month was never clear. */
const POINT = { band_names: NAMES, values: [834, 902, 611, 3120, 4], state: 'done', provenance: { scenes: [{ id: 'S2A_31TGH_20230903_0_L2A' }] } };
const TIMES = ['2023-08-01', '2023-09-01'];
const SERIES = { band_names: NAMES, times: TIMES, values: [[null, null, null, null, 0], [834, 902, 611, 3120, 4]] };

/**
 * @param {import('playwright-core').Page} page
 * @param {string[]} asked addresses of what was played
 */
async function play(page, asked) {
  const answer = (/** @type {RegExp} */ place, /** @type {(query: URLSearchParams) => object} */ json) => page.route(place, (route) => {
    const url = new URL(route.request().url());
    asked.push(`${url.pathname}${url.search}`);
    return route.fulfill({ json: json(url.searchParams) });
  });
  await answer(/\/point\//, () => POINT);
  await answer(/\/timeseries\//, () => SERIES);
  await answer(/\/statistics\?/, (query) => Object.fromEntries(query.getAll('variable').map((name, i) => [name, {
    percentile_2: 100 + i, percentile_98: 2000 + i, histogram: [[1, 8, 4, 0], [0, 700, 1400, 2100, 2800]],
  }])));
}

/**
 * @param {import('playwright-core').Browser} browser
 * @param {import('playwright-core').BrowserContextOptions} options
 */
export async function checkExploring(browser, options) {
  const asked = [];
  const opened = await openMap(browser, options, '#time=2023-09-01', (page) => play(page, asked));
  await checkOverlay(opened.page);
  await checkPoint(opened.page, asked);
  await checkArea(opened.page);
  await checkStretch(opened.page, asked);
  await checkFormulas(opened.page);
  await checkDownload(opened.page);
  const { console: messages, errors } = opened.seen;
  // The refused formula and the missing time series are told by the browser too.
  check('exploring leaves no other error', errors.length === 0 && messages.every((text) => /\b40[04]\b/.test(text)), { messages, errors });
  await opened.context.close();
  await checkRealValues(browser, options);
  await checkOutlines(browser, options);
  await checkTouch(browser);
}

/**
 * Values, series, statistics and the file of the demo itself.
 * @param {import('playwright-core').Browser} browser
 * @param {import('playwright-core').BrowserContextOptions} options
 */
async function checkRealValues(browser, options) {
  const { context, page } = await openMap(browser, options, '#time=2023-08-01');
  const { id, times } = await cubeDocument(page);
  const place = await page.evaluate(async (cube) => {
    const answer = await fetch(`cubes/${cube}/coverage?time=2023-08-01`);
    const built = (await answer.json()).features.find(({ properties }) => properties.state === 'done');
    const [[[west, south], , [east, north]]] = built.geometry.coordinates;
    // Not where four cells meet: the page rounds what it asks for.
    return { lat: (south + north) / 2 + 0.0002, lng: (west + east) / 2 + 0.0002 };
  }, id);
  await page.evaluate((latlng) => {
    window.cubetiler.map.setView(latlng, window.cubetiler.map.getZoom(), { animate: false });
    window.cubetiler.map.fire('click', { latlng: L.latLng(latlng) });
  }, place);
  await page.locator('#point-plot .line').first().waitFor({ state: 'attached', timeout: TIMEOUT_MS });
  const told = await page.evaluate(async ([cube, at]) => {
    const answer = await fetch(`cubes/${cube}/point/${at.lng},${at.lat}?sel=time=2023-08-01`);
    return answer.json();
  }, [id, place]);
  const values = (await page.locator('#point-values').innerText()).replaceAll(',', '');
  const isShown = (/** @type {number|null} */ value) => value === null || new RegExp(`\\b${value}\\b`).test(values);
  const scenes = await page.locator('#point-scenes summary').innerText();
  const lines = await page.locator('#point-plot .line').count();
  const isRight = told.values.some((value) => value > 0) && told.values.every(isShown) && scenes.includes(String(told.provenance.scenes.length));
  check('a click in the demo shows what the server tells of the place', isRight && lines === told.band_names.length - 1, { values, told: told.values, scenes, lines, times });
  await page.locator('#point-close').click();
  const stretched = await tilesAfter(page, () => page.locator('#stretch-view').click());
  const rescale = stretched.searchParams.getAll('rescale').map((range) => range.split(',').map(Number));
  check('the demo is stretched by its own statistics', rescale.length === 3 && rescale.every(([low, high]) => low >= 0 && low < high && high < 20_000), { rescale });
  const file = await page.evaluate(async () => {
    const answer = await fetch(document.getElementById('download').href);
    return { status: answer.status, type: answer.headers.get('content-type'), size: (await answer.arrayBuffer()).byteLength };
  });
  check('the view is a GeoTIFF', file.status === 200 && file.type.startsWith('image/tiff') && file.size > 10_000, file);
  await context.close();
}

/** @param {import('playwright-core').Page} page */
async function checkOverlay(page) {
  await page.locator('#chunks').check();
  await page.locator('.leaflet-states-pane .state').first().waitFor({ state: 'attached', timeout: TIMEOUT_MS });
  const drawn = await page.locator('.leaflet-states-pane .state').evaluateAll((marks) => {
    const counts = {};
    for (const mark of marks) {
      const state = [...mark.classList].find((name) => !['state', 'leaflet-interactive'].includes(name));
      counts[state] = (counts[state] ?? 0) + 1;
    }
    return counts;
  });
  const { coverage } = await cubeDocument(page);
  const told = Object.fromEntries(Object.entries(coverage['2023-09-01']).filter(([name, count]) => name !== 'total' && count > 0));
  const legend = await page.locator('#legend-chunks').innerText();
  const isSame = Object.entries(told).every(([name, count]) => drawn[name] === count);
  check('the overlay shows the state of every chunk, with a legend', isSame && /built/.test(legend), { drawn, told, legend });
  await page.screenshot({ path: path.join(folder, 'overlay.png') });
}

/**
 * The demo as if its chunks were no rectangles on the map.
 * @param {import('playwright-core').Browser} browser
 * @param {import('playwright-core').BrowserContextOptions} options
 */
async function checkOutlines(browser, options) {
  const { context, page } = await openMap(browser, options, '#time=2023-09-01&chunks=on', (fresh) => fresh.route(/\/cubes\/[^/]+$/, async (route) => {
    const document = await (await route.fetch()).json();
    return route.fulfill({ json: { ...document, crs: 'EPSG:3035' } });
  }));
  await page.locator('.leaflet-states-pane .state').first().waitFor({ state: 'attached', timeout: TIMEOUT_MS });
  const outlines = await page.locator('.leaflet-states-pane .state').count();
  const { coverage } = await cubeDocument(page);
  const { total } = coverage['2023-09-01'];
  check('chunks of a cube in metres are shown by their outlines', outlines === total, { outlines, total });
  await context.close();
}

/**
 * @param {import('playwright-core').Page} page
 * @param {string[]} asked
 */
async function checkPoint(page, asked) {
  await page.evaluate(() => window.cubetiler.map.fire('click', { latlng: window.cubetiler.map.getCenter() }));
  await page.locator('#point-values dd').first().waitFor({ timeout: TIMEOUT_MS });
  const values = await page.locator('#point-values').innerText();
  const scenes = await page.locator('#point-scenes summary').innerText();
  check('a click shows the values, and the scenes behind the chunk', /nir\s+3,120/.test(values) && /observations\s+4/.test(values) && /scenes? behind/.test(scenes), { values, scenes });
  const lines = await page.locator('#point-plot .line').evaluateAll((paths) => paths.map((line) => line.getAttribute('d')));
  check('the time series has a line a band, and a gap where there is no value', lines.length === 4 && lines.every((line) => line.startsWith('M') && !line.includes('L')), { lines });
  await page.locator('#point-plot').focus();
  await page.keyboard.press('ArrowLeft');
  const before = await page.locator('#point-bands').innerText();
  await page.keyboard.press('ArrowRight');
  const after = await page.locator('#point-bands').innerText();
  check('keys read the time series', /red\s+–/.test(before) && /red\s+834/.test(after), { before, after });
  await page.screenshot({ path: path.join(folder, 'point.png') });
  await page.keyboard.press('ArrowLeft');
  await tilesAfter(page, () => page.keyboard.press('Enter'));
  const label = await page.locator('#time-label').innerText();
  check('Enter shows the step that is read', label === 'August 2023' && asked.some((url) => url.includes('/point/') && url.includes('time%3D2023-08-01')), { label, asked });
  await page.keyboard.press('Escape');
  check('Escape closes the values', await page.locator('#point').isHidden());

  await page.route(/\/timeseries\//, (route) => route.fulfill({ status: 404, json: { detail: 'no such route' } }), { times: 1 });
  await page.locator('#map').focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  await page.locator('#point-series-note').waitFor({ timeout: TIMEOUT_MS });
  const note = await page.locator('#point-series-note').innerText();
  check('a data set without time series says so, to the keyboard too', /one time step at a time/.test(note), { note });
  await page.locator('#point-close').click();
}

/** @param {import('playwright-core').Page} page */
async function checkArea(page) {
  const estimate = { scenes: 42, requests: 900, bytes: 1e8, cpu_seconds: 300, seconds: 240, dollars: 0.031, based_on: 24 };
  const plans = [];
  await page.route(/\/backfill$/, (route) => {
    plans.push(route.request().postDataJSON());
    return route.fulfill({ json: { build: 6, done: 2, ocean: 0, failed: 0, batches: 1, estimate } });
  });
  await page.locator('#area-open').click();
  await page.mouse.move(620, 300);
  await page.mouse.down();
  await page.mouse.move(760, 420, { steps: 4 });
  await page.mouse.up();
  const edges = await page.evaluate(() => ['area-west', 'area-south', 'area-east', 'area-north'].map((id) => document.getElementById(id).valueAsNumber));
  const drawn = await page.evaluate(() => [window.cubetiler.map.containerPointToLatLng([620, 420]), window.cubetiler.map.containerPointToLatLng([760, 300])]
    .flatMap(({ lng, lat }) => [lng, lat]));
  check('a rectangle is drawn with the mouse', edges.every((edge, i) => Math.abs(edge - drawn[i]) < 0.001), { edges, drawn });
  const { bounds: [west, south] } = await cubeDocument(page);
  const typed = [west + 0.1, south + 0.1, west + 0.5, south + 0.4].map((edge) => Number(edge.toFixed(3)));
  for (const [i, id] of ['area-west', 'area-south', 'area-east', 'area-north'].entries()) await page.locator(`#${id}`).fill(String(typed[i]));
  await page.screenshot({ path: path.join(folder, 'area.png') });
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.body.dataset.job === 'planned', null, { timeout: TIMEOUT_MS });
  const said = await page.locator('#fill-status').innerText();
  const plan = plans[0];
  check('typed edges are planned, with what the plan costs', plan.dry_run && JSON.stringify(plan.bbox) === JSON.stringify(typed) && /About 42 scenes, 4 min, \$0\.03\./.test(said), { said, plan });
  await page.locator('#plan-cancel').click();
  await page.unroute(/\/backfill$/);
}

/**
 * @param {import('playwright-core').Page} page
 * @param {string[]} asked
 */
async function checkStretch(page, asked) {
  const tile = await tilesAfter(page, () => page.locator('#stretch-view').click());
  const rescale = tile.searchParams.getAll('rescale');
  const curves = await page.locator('#histogram path').count();
  check('the view is stretched between its percentiles, under its histogram', rescale.join(' ') === '100,2000 101,2001 102,2002' && curves === 3, { rescale, curves, asked: asked.at(-1) });
}

/** @param {import('playwright-core').Page} page */
async function checkFormulas(page) {
  const preset = (/** @type {string} */ name) => page.locator('#band-presets label', { hasText: name });
  const ndvi = await tilesAfter(page, () => preset('NDVI').click());
  const query = ndvi.searchParams;
  const legend = await page.locator('#legend-ramp').innerText();
  const ok = query.get('expression') === '(nir-red)/(nir+red)' && query.get('rescale') === '-0.2,0.9' && query.get('colormap_name') === 'rdylgn' && !query.has('variable');
  check('NDVI is a formula with its own stretch, colours and legend', ok && /NDVI/.test(legend) && /−0\.2\s+0\s/.test(legend), { query: query.toString(), legend });
  await page.screenshot({ path: path.join(folder, 'ndvi.png') });

  await preset('Formula').click();
  await page.locator('#expression').fill('nowhere*2');
  await page.keyboard.press('Enter');
  await page.locator('#expression-note').waitFor({ timeout: TIMEOUT_MS });
  const note = await page.locator('#expression-note').innerText();
  const kept = (await shownTile(page)).searchParams.get('expression');
  check('a wrong formula is told, and not drawn', note.startsWith('There is no variable `nowhere`') && kept === '(nir-red)/(nir+red)', { note, kept });
  const drawn = await tilesAfter(page, async () => {
    await page.locator('#expression').fill('nir/red');
    await page.keyboard.press('Enter');
  });
  check('a formula of one’s own is drawn', drawn.searchParams.get('expression') === 'nir/red' && await page.locator('#expression-note').isHidden(), { drawn: drawn.search });
  const back = await tilesAfter(page, () => preset('True colour').click());
  check('bands take the place of a formula', !back.searchParams.has('expression') && back.searchParams.getAll('rescale').join() === '0,3000', { back: back.search });
}

/** @param {import('playwright-core').Page} page */
async function checkDownload(page) {
  const link = () => page.locator('#download').evaluate((anchor) => new URL(anchor.href));
  const href = await page.locator('#download').evaluate((anchor) => anchor.href);
  const [, edges] = /\/bbox\/([^/]+)\.tif\?/.exec(href) ?? [];
  const { bounds } = await cubeDocument(page);
  check('the view can be downloaded as a GeoTIFF of its values', edges === bounds.join() && /variable=red.*sel=time%3D2023-08-01&max_size=2048/.test(href), { href });
  await page.evaluate(() => window.cubetiler.map.zoomIn(2, { animate: false }));
  await tilesIdle(page);
  check('the download follows the map', String(await link()) !== href);
}

/** @param {import('playwright-core').Browser} browser */
async function checkTouch(browser) {
  const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
  const { context, page } = await openMap(browser, phone, '#time=2023-09-01&compare=2023-08-01');
  const boxes = await page.evaluate(() => ['divider-right', 'divider-left'].map((id) => document.getElementById(id).getBoundingClientRect())
    .concat(document.querySelector('.leaflet-control-zoom').getBoundingClientRect()).map(({ top, bottom }) => ({ top, bottom })));
  check('the labels of the divider keep clear of the buttons', boxes[0].top >= boxes[2].bottom, { boxes });
  await page.locator('#area-open').tap();
  const touch = await context.newCDPSession(page);
  const at = (/** @type {string} */ type, /** @type {number} */ x, /** @type {number} */ y) => touch.send('Input.dispatchTouchEvent', {
    type, touchPoints: type === 'touchEnd' ? [] : [{ x, y }],
  });
  await at('touchStart', 90, 240);
  for (const step of [1, 2, 3]) await at('touchMove', 90 + 40 * step, 240 + 30 * step);
  await at('touchEnd', 210, 330);
  const drawn = await page.evaluate(() => {
    const corner = window.cubetiler.map.containerPointToLatLng([90, 330]);
    const value = (/** @type {string} */ id) => document.getElementById(id).valueAsNumber;
    return { west: value('area-west') - corner.lng, south: value('area-south') - corner.lat };
  });
  check('a rectangle is drawn with a finger', Math.abs(drawn.west) < 0.01 && Math.abs(drawn.south) < 0.01, drawn);
  await context.close();
}
