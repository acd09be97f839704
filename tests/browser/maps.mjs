/**
 * Shows a cube of a running server in the map libraries of maps/, in Chromium, and compares pixels with
 * the cube's values.
 *
 *   node tests/browser/maps.mjs <base url> <screenshot dir> <cube>
 *
 * The cube is in degrees, has a variable `red` without holes and at least two time steps; shown is the
 * second of them. Prints one JSON line per check; goes on after a page that fails, and ends with exit code 1
 * then. CHROMIUM names the browser (default /usr/bin/chromium). The pages come from a server of their own, as
 * other people's pages do, so the cube's server is asked from another origin.
 */
import { createServer } from 'node:http';
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { base, check, CheckFailed, folder, TIMEOUT_MS } from './driver.mjs';

const PAGES = fileURLToPath(new URL('maps/', import.meta.url));
const MODULES = fileURLToPath(new URL('../../node_modules/', import.meta.url));
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.css': 'text/css' };

const cube = process.argv[4];
const VIEW = { width: 800, height: 600 };
const MAGENTA = [255, 0, 255];

/** How often a page is looked at until it is as it has to be. */
const LOOKS = 20;
const LOOK_MS = 250;

/** What red is drawn with by the server; `nearest`, so that a pixel is that of one cell. */
const RANGE = 3000;
const STYLE = `variable=red&rescale=0,${RANGE}&colormap_name=viridis&resampling=nearest`;

/** Difference of a channel that rounding may make; a library that colours by itself has its own rounding. */
const EXACT = 1;
const TOLERANCE = { 'zarr-layer': 6 };

/** The modules that a package exports, and where they are. */
function entries(folderOf, name) {
  const described = JSON.parse(readFileSync(path.join(folderOf, 'package.json'), 'utf8'));
  const imported = (target) => (typeof target === 'string' ? target : target?.import ?? target?.default);
  const exported = Object.entries(typeof described.exports === 'object' ? described.exports : { '.': described.exports ?? described.module ?? described.main });
  return exported.flatMap(([key, target]) => {
    const file = imported(target)?.default ?? imported(target);
    return typeof file === 'string' && !key.includes('*') ? [[path.posix.join(name, key), path.posix.join('/node_modules', name, file)]] : [];
  });
}

/** Where the browser finds what modules import by name: all that is installed, but for the driver. */
async function importMap() {
  const locked = JSON.parse(await readFile(path.join(MODULES, '.package-lock.json'), 'utf8'));
  const names = Object.keys(locked.packages).map((place) => place.replace('node_modules/', ''));
  const modules = names.filter((name) => name !== 'playwright-core' && !name.includes('node_modules'));
  return { imports: Object.fromEntries(modules.flatMap((name) => entries(path.join(MODULES, name), name))) };
}

/** Serves the pages and the installed packages. */
async function pages() {
  const page = (await readFile(path.join(PAGES, 'page.html'), 'utf8')).replace('IMPORTS', JSON.stringify(await importMap()));
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://pages');
    const plain = path.join(pathname.startsWith('/pages/') ? PAGES : MODULES, ...pathname.split('/').slice(2));
    // Some packages leave out the ending, as bundlers allow.
    const file = path.extname(plain) ? plain : `${plain}.js`;
    if (pathname === '/') response.setHeader('content-type', 'text/html').end(page);
    else if (file.includes('..') || !existsSync(file)) response.writeHead(404).end();
    else response.setHeader('content-type', TYPES[path.extname(file)] ?? 'application/octet-stream').end(await readFile(file));
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return { server, origin: `http://127.0.0.1:${server.address().port}` };
}

async function found(address) {
  const answer = await fetch(new URL(address, base));
  if (!answer.ok) throw new Error(`${address}: ${answer.status} ${await answer.text()}`);
  return answer;
}

/**
 * Places whose colours are known: of a few ranges of values the cell that is most like its neighbours, so
 * that a library which shifts a picture by half a pixel shows the same.
 */
async function known(document, time) {
  const [rows, cols] = document.levels[0].shape;
  const [width, height] = document.levels[0].cell_size;
  const [west, , , north] = document.bounds;
  const address = `cubes/${cube}/preview/${cols}x${rows}.npy?variable=red&resampling=nearest&sel=time=${time}`;
  const file = new DataView(await (await found(address)).arrayBuffer());
  const start = 10 + file.getUint16(8, true);
  const value = (row, col) => file.getUint16(start + 2 * (row * cols + col), true);
  const colours = await (await found('colorMaps/viridis')).json();
  const best = new Map();
  for (let row = 40; row < rows - 40; row += 1) {
    for (let col = 40; col < cols - 40; col += 1) {
      const own = value(row, col);
      const around = [-1, 0, 1].flatMap((down) => [-1, 0, 1].map((right) => Math.abs(value(row + down, col + right) - own)));
      const difference = Math.max(...around);
      const range = Math.floor(own / 400);
      if (own < RANGE && difference < (best.get(range)?.difference ?? 60)) {
        const colour = colours[Math.floor((own / RANGE) * 255)].slice(0, 3);
        best.set(range, { difference, value: own, colour, place: [west + (col + 0.5) * width, north - (row + 0.5) * height] });
      }
    }
  }
  return [...best.values()];
}

/** @param {import('playwright-core').Page} page */
function colours(page, picture, points) {
  return page.evaluate(async ({ data, at }) => {
    const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const context = canvas.getContext('2d', { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0);
    return at.map(([x, y]) => [...context.getImageData(Math.floor(x), Math.floor(y), 1, 1).data.slice(0, 3)]);
  }, { data: picture.toString('base64'), at: points });
}

/** Shows a page and gives the colours at places, as soon as they are right. */
async function shown(browser, origin, name, wanted, places, isRight) {
  const context = await browser.newContext({ viewport: VIEW });
  const page = await context.newPage();
  const seen = { foreign: [], refused: [], console: [] };
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (!['data:', 'blob:'].includes(url.protocol) && ![origin, base.origin].includes(url.origin)) seen.foreign.push(url.href);
  });
  page.on('response', (response) => { if (response.status() >= 400) seen.refused.push(`${response.status()} ${response.url()}`); });
  page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) seen.console.push(message.text()); });
  page.on('pageerror', (error) => seen.console.push(error.message));
  try {
    const query = new URLSearchParams({ base: base.href, cube, ...wanted });
    await page.goto(`${origin}/?${query}`, { waitUntil: 'load' });
    await page.waitForFunction(() => window.shown, null, { timeout: TIMEOUT_MS }).catch(() => {});
    check(`${name}: the page gets to its end`, await page.evaluate(() => 'shown' in window), seen);
    const points = await page.evaluate((all) => all.map((place) => window.shown.pixel(place)), places);
    // What was loaded is not drawn yet in the same moment.
    let found = [];
    for (let look = 0; look < LOOKS && !isRight(found); look += 1) {
      if (look > 0) await page.waitForTimeout(LOOK_MS);
      found = await colours(page, await page.screenshot({ path: path.join(folder, `${name}.png`) }), points);
    }
    return { counts: await page.evaluate(() => window.shown.counts), seen, found, points };
  } finally {
    await context.close();
  }
}

const close = (a, b, by) => a.every((part, n) => Math.abs(part - b[n]) <= by);

async function checkPage(browser, origin, name, wanted, truth, beside) {
  const by = TOLERANCE[wanted.page] ?? EXACT;
  const places = [...truth.map(({ place }) => place), [wanted.lon, wanted.lat], beside];
  const wrongOf = (all) => truth.flatMap(({ value, colour }, n) => (close(colour, all[n], by) ? [] : [{ value, colour, found: all[n] }]));
  const isDrawn = (all) => !close(MAGENTA, all.at(-2), 0);
  const isRight = (all) => all.length > 0 && isDrawn(all) && wrongOf(all).length === 0;
  const { counts, seen, found: all, points } = await shown(browser, origin, name, wanted, places, isRight);
  check(`${name}: tiles loaded, none failed`, counts.loaded > 0 && counts.failed === 0, { ...counts, refused: seen.refused });
  const wrong = wrongOf(all);
  check(`${name}: the colours are those of the values`, wrong.length === 0, { places: truth.length, wrong, points });
  check(`${name}: the middle of the cube is drawn`, isDrawn(all), { found: all.at(-2) });
  check(`${name}: nothing is drawn beside the cube`, close(MAGENTA, all.at(-1), 0), { found: all.at(-1) });
  check(`${name}: nobody else is asked, and nothing refused`, seen.foreign.length + seen.refused.length === 0, seen);
  check(`${name}: no error or warning in the console`, seen.console.length === 0, { messages: seen.console });
}

async function run() {
  const document = await (await found(`cubes/${cube}`)).json();
  const [time, newest] = [document.times[1], document.times.at(-1)];
  const [truth, last] = [await known(document, time), await known(document, newest)];
  check('there are places of many values', Math.min(truth.length, last.length) >= 3, { truth });
  const [west, south, east, north] = document.bounds;
  const beside = [east + (east - west) / 10, (south + north) / 2];
  const at = { lon: (west + east) / 2, lat: (south + north) / 2, zoom: document.maxzoom, most: document.maxzoom, bounds: document.bounds.join() };
  const chosen = { ...at, style: `${STYLE}&sel=time=${time}` };
  const pagesOf = [
    ['leaflet', { page: 'leaflet', ...chosen }, truth],
    ['leaflet-zoomed-out', { page: 'leaflet', ...chosen, zoom: document.minzoom - 3 }, []],
    ['openlayers-xyz', { page: 'openlayers', source: 'xyz', ...chosen }, truth],
    ['openlayers-wmts', { page: 'openlayers', source: 'wmts', ...at, style: STYLE, time }, truth],
    ['openlayers-wmts-newest', { page: 'openlayers', source: 'wmts', ...at, style: STYLE }, last],
    ['openlayers-wmts-kvp', { page: 'openlayers', source: 'kvp', ...at, style: STYLE, time }, truth],
    ['openlayers-ogc', { page: 'openlayers', source: 'ogc', ...chosen }, truth],
    ['maplibre', { page: 'maplibre', ...chosen }, truth],
    // TileJSON tells its zooms: from afar a small cube is to be seen too.
    ['maplibre-zoomed-out', { page: 'maplibre', ...chosen, zoom: document.minzoom - 3 }, []],
    ['zarr-layer', { page: 'zarr-layer', ...at, index: 1 }, truth],
  ];
  const wms = `cubes/${cube}/wms`;
  if ((await fetch(new URL(`${wms}?SERVICE=WMS&REQUEST=GetCapabilities`, base))).status === 404) console.log(JSON.stringify({ skipped: `there is no ${wms}` }));
  else pagesOf.push(['openlayers-wms', { page: 'openlayers', source: 'wms', ...at, style: STYLE, time }, truth]);
  const { server, origin } = await pages();
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader'],
  });
  const failed = [];
  try {
    for (const [name, wanted, expected] of pagesOf) {
      try {
        await checkPage(browser, origin, name, wanted, expected, beside);
      } catch (error) {
        if (!(error instanceof CheckFailed)) throw error;
        failed.push(error.message);
      }
    }
  } finally {
    await browser.close();
    server.close();
  }
  if (failed.length > 0) throw new CheckFailed(failed.join('\n'));
}

run().catch((error) => {
  console.error(error instanceof CheckFailed ? `FAILED ${error.message}` : error);
  process.exitCode = 1;
});
