/** What the demo never does, played here: jobs that fail, a server that goes away or wants a token. */
import path from 'node:path';
import { base, check, cubeDocument, folder, openMap, shownTile, TIMEOUT_MS } from './driver.mjs';

/**
 * What the demo never does: asks for a token, fails, breaks off its events, goes on for minutes. The
 * admin API is played here.
 * @param {import('playwright-core').Browser} browser
 * @param {import('playwright-core').BrowserContextOptions} options
 */
export async function checkJobTrouble(browser, options) {
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
  await page.screenshot({ path: path.join(folder, 'states.png') });
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
  await page.screenshot({ path: path.join(folder, 'jobs-errors.png') });
  await page.locator('#jobs-close').click();
  await page.locator('#fill-retry').click();
  await page.waitForFunction(() => document.body.dataset.job === 'done', null, { timeout: TIMEOUT_MS });
  check('what failed can be tried again', calls.includes('POST jobs/one/retry') && await page.locator('#fill-retry').isHidden(), { calls });
  await context.close();
}

/**
 * @param {import('playwright-core').Page} page
 * @param {string} id
 * @param {RegExp} sentence
 */
async function says(page, id, sentence) {
  await page.waitForFunction(([where, text]) => new RegExp(text).test(document.getElementById(where).textContent), [id, sentence.source], { timeout: TIMEOUT_MS });
  return page.locator(`#${id}`).innerText();
}

/**
 * @param {import('playwright-core').Browser} browser
 * @param {import('playwright-core').BrowserContextOptions} options
 */
export async function checkServerTrouble(browser, options) {
  const { context, page } = await openMap(browser, options);
  const look = () => page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await context.setOffline(true);
  await look();
  const away = await says(page, 'server-status', /cannot be reached/);
  await page.evaluate(() => window.cubetiler.map.zoomIn(1, { animate: false }));
  const tiles = await says(page, 'tile-status', /tiles? failed\. The server cannot be reached/);
  await page.screenshot({ path: path.join(folder, 'away.png') });
  await context.setOffline(false);
  await look();
  await page.waitForFunction(() => document.getElementById('server-status').textContent === '', null, { timeout: TIMEOUT_MS });
  await page.locator('#tile-retry').click();
  await page.locator('#tile-retry').waitFor({ state: 'hidden', timeout: TIMEOUT_MS });
  check('a server that is away is told, and found again', true, { away, tiles });

  const refusals = [
    [403, {}, { detail: 'this token has no scope `fill`' }, /^This token has no scope `fill`\.$/],
    [429, { 'Retry-After': '12' }, { detail: 'too many wrong tokens' }, /^Too many wrong tokens\. Try again in 12 s\.$/],
    [507, {}, { detail: 'the quota of this cube is used up' }, /quota of this cube is used up\.$/],
  ];
  for (const [status, headers, json, sentence] of refusals) {
    await page.route(/\/backfill$/, (route) => route.fulfill({ status, headers, json }), { times: 1 });
    await page.locator('#fill').click();
    const said = await says(page, 'fill-status', sentence);
    check(`an answer of ${status} is told in its words`, true, { said });
  }
  const cube = await cubeDocument(page);
  const counts = { build: 1, done: 0, ocean: 0, failed: 0 };
  const job = {
    id: 'one', cube: cube.id, request: {}, state: 'queued', waits_for: '`cubetiler build`, process 7', created: new Date().toISOString(),
    started: null, ended: null, planned: counts, total: 1, done: 0, failed: 0, committed: 0, revision: null, errors: [], message: null,
  };
  await page.route(/\/admin\//, (route) => {
    if (route.request().url().endsWith('/events')) return route.fulfill({ contentType: 'text/event-stream', body: ': nothing yet\n\n' });
    const isPlan = route.request().url().endsWith('/backfill') && route.request().postDataJSON().dry_run;
    return route.fulfill({ json: isPlan ? { ...counts, batches: 1 } : job });
  });
  await page.locator('#fill').click();
  const waits = await says(page, 'fill-status', /Waiting until somebody else has written the cube: .*cubetiler build/);
  check('a fill that waits for another writer says for whom', true, { waits });
  await context.close();

  const bare = await openMap(browser, options, '', (fresh) => fresh.route(/\/cubes\/[^/]+$/, async (route) => {
    const document = await (await route.fetch()).json();
    for (const counts of Object.values(document.coverage)) Object.assign(counts, { absent: counts.total, done: 0 });
    return route.fulfill({ json: document });
  }));
  const empty = await bare.page.locator('#cube-empty').innerText();
  check('an empty cube explains itself', /Nothing of this cube is built yet.*builds what the map shows/.test(empty), { empty });
  await bare.context.close();
}

/**
 * A server that shows its cubes to those who have a token, and has a base map.
 * @param {import('playwright-core').Browser} browser
 * @param {import('playwright-core').BrowserContextOptions} options
 */
export async function checkAccess(browser, options) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const images = [];
  await page.route(/\/cubes/, async (route) => {
    const url = new URL(route.request().url());
    const { authorization } = await route.request().allHeaders();
    const given = url.searchParams.get('access_token') ?? authorization?.replace('Bearer ', '');
    if (given !== 'reader') return route.fulfill({ status: 401, json: { detail: given ? 'this token is not known here' : 'a token is needed' } });
    if (url.searchParams.has('access_token')) images.push(url.pathname);
    url.searchParams.delete('access_token');
    if (!url.pathname.endsWith('/cubes')) return route.continue({ url: url.href });
    const listing = await (await route.fetch()).json();
    const tile = new URL('static/icon.svg?{z}/{x}/{y}', url).href;
    return route.fulfill({ json: { ...listing, reading: 'token', base_map: { url: decodeURI(tile), attribution: 'Somebody' } } });
  });
  await page.goto(new URL('', base).href);
  await page.locator('#token').fill('wrong');
  await page.keyboard.press('Enter');
  await says(page, 'token-refused', /This token is not known here\./);
  await page.screenshot({ path: path.join(folder, 'token.png') });
  await page.locator('#token').fill('reader');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.body.dataset.tiles === 'idle' && window.cubetiler.stats.loaded > 0, null, { timeout: TIMEOUT_MS });
  const stats = await page.evaluate(() => window.cubetiler.stats);
  const download = await page.locator('#download').getAttribute('href');
  check('where reading needs a token, tiles and downloads carry it', stats.failed === 0 && images.length > 0 && /access_token=reader/.test(download), { stats, tiles: images.length, download });
  const { kept, hash } = await page.evaluate(() => ({ kept: Object.keys(localStorage), hash: location.hash }));
  check('the token is kept in the tab alone', kept.length === 0 && !hash.includes('reader'), { kept, hash });

  await page.locator('#ground').check();
  const beneath = page.locator('.leaflet-base-pane img');
  await beneath.first().waitFor({ state: 'attached', timeout: TIMEOUT_MS });
  const credits = await page.locator('.leaflet-control-attribution').innerText();
  check('the base map lies below the cube, with its credits', credits.includes('Somebody'), { credits });
  await page.locator('#ground').uncheck();
  check('the base map can be taken away', await beneath.count() === 0);
  await context.close();
}
