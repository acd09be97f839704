/* global L */
/**
 * The map page: holds what is shown, keeps it in the URL's hash, and passes it to the controls.
 *
 * For tests and the curious, `window.cubetiler` has
 *   `map`    the Leaflet map,
 *   `stats`  {loaded, failed}: tiles since the page was opened,
 *   `ready`  a promise that is kept when the first picture is complete.
 * `body[data-tiles]` is `loading` or `idle`; `body[data-job]` is the state of the last fill, or `planned`
 * while its plan waits for an answer.
 */
import { getCube, listCubes } from './api.js';
import { BandControls } from './bands.js';
import { ChunkMarks } from './chunks.js';
import { announce, byId, debounce, fillSelect, setText } from './dom.js';
import { clip } from './fill.js';
import { Filler } from './filler.js';
import { Ground, latLngBounds } from './ground.js';
import { JobList } from './jobs.js';
import { Player } from './player.js';
import { watchSheet } from './sheet.js';
import { Share } from './share.js';
import { stepInterval } from './steps.js';
import { StretchControls } from './stretch.js';
import { Swipe } from './swipe.js';
import { CubeLayer, tileTemplate, zoomRange } from './tiles.js';
import { Timeline } from './timeline.js';
import { COUNT, formatHash, parseHash, resolveView } from './view.js';

/** @typedef {import('./api.js').Cube} Cube */
/** @typedef {import('./view.js').Wish} Wish */

/** How often the cube is looked up, so that what others fill appears. */
const REFRESH_MS = 10_000;

/** Pause after a slider's last movement before tiles are asked for. */
const SETTLE_MS = 120;

const map = L.map('map', { zoomControl: false, attributionControl: false, zoom: 2, center: [20, 0] });
L.control.zoom({ position: 'topright' }).addTo(map);
const credits = L.control.attribution({ prefix: '<a href="https://leafletjs.com">Leaflet</a>' }).addTo(map);

const ground = new Ground(map, byId('graticule-labels'));
const swipe = new Swipe(map, {
  onChoice: (compare) => change({ compare }, true),
  onDivider: (divider, final) => {
    wish.divider = divider;
    if (final) writeHash(false);
  },
});
const layer = new CubeLayer(map, showTileState);
const compared = new CubeLayer(map, showTileState, Swipe.pane, layer.stats);

/** @type {import('./api.js').CubeEntry[]} */
let cubes = [];
/** @type {Cube|null} */
let cube = null;
/** @type {Wish} */
let wish = parseHash(location.hash);
let adminOff = false;
/** @type {string|null} */
let credit = null;

/** @type {() => void} */
let settleReady = () => {};
const ready = new Promise((resolve) => { settleReady = () => resolve(undefined); });
Object.assign(window, { cubetiler: { map, stats: layer.stats, ready } });

const timeline = new Timeline((time, final) => {
  player.stop({ leaving: true });
  change({ time }, final);
});
const player = new Player({
  next: () => {
    if (!cube) return null;
    const { time } = resolveView(cube, wish);
    return time && cube.times[(cube.times.indexOf(time) + 1) % cube.times.length];
  },
  prefetch: async (time) => {
    if (cube) await layer.prefetch(cube, tileTemplate(cube, resolveView(cube, { ...wish, time })));
  },
  idle: whenIdle,
  // Every step in the browser's history would bury the others.
  show: (time) => change({ time }, false),
  onStop: (leaving) => {
    layer.dropPrefetched();
    // Going back would otherwise make a step forward.
    if (!leaving) writeHash(true);
  },
});
const bands = new BandControls((picture) => {
  // A stretch for reflectances says nothing about a number of observations.
  const counts = (/** @type {string[]} */ names) => names.includes(COUNT);
  const otherKind = cube && picture.bands && counts(picture.bands) !== counts(resolveView(cube, wish).bands);
  change(otherKind ? { ...picture, rescale: null } : picture, true);
});
const stretch = new StretchControls((rescale, final) => change({ rescale }, final));
const marks = new ChunkMarks(map, ground.above, byId('chunk-legend'));
const filler = new Filler({
  marks,
  target: fillTarget,
  onArea: (area) => ground.markArea(area),
  onProgress: async (id, repaint) => {
    if (id === cube?.id) await refreshQuietly(repaint);
  },
});

const opacity = /** @type {HTMLInputElement} */ (byId('opacity'));
opacity.addEventListener('input', () => change({ opacity: opacity.valueAsNumber / 100 }, false));
opacity.addEventListener('change', () => change({ opacity: opacity.valueAsNumber / 100 }, true));
new Share(() => cube && { cube, view: resolveView(cube, wish) });
const jobList = new JobList({ onStart: (job) => filler.follow(job) });

/**
 * Changes what is shown. Final changes make a step in the browser's history, those of a moving
 * slider leave it alone.
 * @param {Partial<Wish>} patch
 * @param {boolean} final
 */
function change(patch, final) {
  wish = { ...wish, ...patch };
  if (patch.time) filler.forget();
  if (final) writeHash(true);
  render();
}

/** Draws the controls at once and the tiles when the last slider has come to rest. */
function render() {
  if (!cube) return;
  const view = resolveView(cube, wish);
  timeline.render(cube, view.time);
  player.render(cube);
  marks.show(cube, view.time);
  swipe.render(cube, view);
  opacity.valueAsNumber = view.opacity * 100;
  for (const pane of ['tilePane', Swipe.pane]) map.getPane(pane)?.style.setProperty('opacity', String(view.opacity));
  bands.render(cube, view);
  stretch.render(cube, view);
  const [template, comparison] = templates(cube, view);
  if (template === shownTemplate && comparison === shownComparison) return;
  // Said already now, so that nobody takes the old picture for the one that was asked for.
  isPaintDue = true;
  document.body.dataset.tiles = 'loading';
  paint();
}

const paint = debounce(() => {
  if (isPaintDue) showPicture(false);
}, SETTLE_MS);
let isPaintDue = false;
let shownTemplate = '';
let shownComparison = '';

/**
 * @param {Cube} shown
 * @param {import('./view.js').View} view
 * @returns {[string, string]} of the picture and of the one right of the divider, if there is one
 */
function templates(shown, view) {
  const { compare } = view;
  return [tileTemplate(shown, view), compare ? tileTemplate(shown, { ...view, time: compare }) : ''];
}

/** @param {boolean} refresh whether only the data changed */
function showPicture(refresh) {
  if (!cube) return;
  const [template, comparison] = templates(cube, resolveView(cube, wish));
  const isNew = template !== shownTemplate;
  const isOther = comparison !== shownComparison;
  isPaintDue = false;
  shownTemplate = template;
  shownComparison = comparison;
  if (!comparison) compared.clear();
  else if (isOther || refresh) compared.show(cube, comparison, { refresh });
  if (isNew || refresh) layer.show(cube, template, { refresh });
  else showTileState();
}

/** @param {boolean} push */
function writeHash(push) {
  const hash = formatHash(wish);
  if (hash === location.hash) return;
  if (push) history.pushState(null, '', hash);
  else history.replaceState(null, '', hash);
}

/** @type {(() => void)[]} */
const idleWaiters = [];

/** @returns {Promise<void>} kept when the picture is complete */
function whenIdle() {
  if (document.body.dataset.tiles === 'idle') return Promise.resolve();
  return new Promise((resolve) => { idleWaiters.push(resolve); });
}

function showTileState() {
  const isSettled = layer.isIdle && compared.isIdle && !isPaintDue;
  const failing = layer.failing + compared.failing;
  document.body.dataset.tiles = isSettled ? 'idle' : 'loading';
  if (isSettled) {
    settleReady();
    for (const resolve of idleWaiters.splice(0)) resolve();
  }
  announce(byId('tile-status'), failing ? `${failing} ${failing === 1 ? 'tile' : 'tiles'} failed.` : '');
  byId('tile-retry').hidden = failing === 0;
}

function fillTarget() {
  if (!cube) return null;
  const bounds = map.getBounds();
  const bbox = clip([bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()], cube.bounds);
  const { time } = resolveView(cube, wish);
  return bbox && time && { cube: cube.id, area: { bbox, datetime: stepInterval(time, cube.period), retry_failed: true } };
}

/**
 * Looks the cube up again and repaints if it has changed.
 * @param {boolean} committed whether a change is known to have happened
 */
async function refreshCube(committed = false) {
  if (!cube) return;
  const latest = await getCube(cube.id);
  if (latest.id !== cube?.id) return;
  const changed = committed || latest.revision !== cube.revision;
  cube = latest;
  render();
  if (changed) showPicture(true);
}

/**
 * A server that is away for a moment is no news for the reader; a later refresh finds it again.
 * @param {boolean} [committed]
 */
async function refreshQuietly(committed) {
  await refreshCube(committed).catch((error) => console.info(`The cube could not be refreshed: ${error.message}`));
}

async function refreshForEver() {
  if (document.visibilityState === 'visible') await refreshQuietly();
  setTimeout(refreshForEver, REFRESH_MS);
}

/** @param {Cube} opened */
function describeCube(opened) {
  document.title = `${opened.title} · CubeTiler`;
  byId('cube-title').textContent = opened.title;
  const [finest] = opened.levels ?? [];
  const perUnit = opened.units === 'degrees' ? 111_320 : 1;
  const metres = finest && Math.round(finest.cell_size[1] * perUnit);
  const facts = [
    `${opened.variables.length} ${opened.variables.length === 1 ? 'variable' : 'variables'}`,
    `${opened.times.length} ${opened.times.length === 1 ? 'time step' : 'time steps'}`,
    metres && `${metres} m cells`,
  ];
  byId('cube-facts').textContent = facts.filter(Boolean).join(' · ');
  setText(byId('cube-description'), opened.description ?? '');
  const tilejson = /** @type {HTMLAnchorElement} */ (byId('tilejson'));
  tilejson.href = `cubes/${encodeURIComponent(opened.id)}/WebMercatorQuad/tilejson.json`;
  tilejson.hidden = false;
  /** @type {HTMLSelectElement} */ (byId('cube')).value = opened.id;
  filler.setAvailable(opened.fillable && !adminOff);
  if (credit) credits.removeAttribution(credit);
  credit = opened.attribution && asPlainHtml(opened.attribution);
  if (credit) credits.addAttribution(credit);
}

/**
 * @param {string} attribution text in which markup may be escaped already
 * @returns {string} HTML that shows the text and nothing else
 */
function asPlainHtml(attribution) {
  const element = document.createElement('span');
  element.textContent = new DOMParser().parseFromString(attribution, 'text/html').body.textContent;
  return element.innerHTML;
}

/** @param {string} id */
async function openCube(id) {
  player.stop({ leaving: true });
  wish.cube = id;
  const opened = await getCube(id);
  // Another one was chosen meanwhile.
  if (wish.cube !== id) return;
  cube = opened;
  filler.forget();
  layer.clear();
  compared.clear();
  shownTemplate = shownComparison = '';
  describeCube(cube);
  // The controls have their size before the map is fitted between them.
  render();
  moveTo(wish.map);
  ground.showCube(cube.bounds);
}

/** @param {Wish['map']} place null: where the cube is */
function moveTo(place) {
  if (!cube) return;
  const { minZoom, maxZoom } = zoomRange(cube);
  // The limits come after the move: they would start an animation from where the map is now.
  map.setMinZoom(0).setMaxZoom(Math.max(maxZoom, map.getZoom()));
  const { center, zoom } = place ? { center: L.latLng(place.lat, place.lon), zoom: place.zoom } : startingPlace(cube);
  map.setView(center, Math.min(Math.max(zoom, minZoom), maxZoom), { animate: false });
  map.setMinZoom(minZoom).setMaxZoom(maxZoom);
}

/**
 * The whole cube, or the part of it that its author points at. A coarser start than the whole cube
 * has no use.
 * @param {Cube} opened
 * @returns {{center: L.LatLng, zoom: number}}
 */
function startingPlace(opened) {
  const { topLeft, bottomRight } = coveredSpace();
  const bounds = latLngBounds(opened.bounds);
  const fit = map.getBoundsZoom(bounds, false, topLeft.add(bottomRight));
  const [lon, lat, zoom] = opened.center ?? [0, 0, -1];
  const target = zoom > fit ? { center: L.latLng(lat, lon), zoom } : { center: bounds.getCenter(), zoom: fit };
  const offset = bottomRight.subtract(topLeft).divideBy(2);
  return { ...target, center: map.unproject(map.project(target.center, target.zoom).add(offset), target.zoom) };
}

/** @returns {{topLeft: L.Point, bottomRight: L.Point}} what the controls cover at the map's edges */
function coveredSpace() {
  const panel = byId('panel').getBoundingClientRect();
  const bar = byId('timeline').getBoundingClientRect();
  const isBeside = panel.width > 0 && panel.width < window.innerWidth / 2;
  return {
    topLeft: L.point(isBeside ? panel.right + 24 : 24, 40),
    bottomRight: L.point(56, window.innerHeight - bar.top + 24),
  };
}

/** @returns {string} id of the cube that the hash names, else of the first one */
function wantedCube() {
  return cubes.find(({ id }) => id === wish.cube)?.id ?? cubes[0].id;
}

/** Follows the browser's back and forward buttons and a hash typed by hand. */
async function followHash() {
  player.stop({ leaving: true });
  wish = parseHash(location.hash);
  const id = wantedCube();
  if (id !== cube?.id) {
    await openCube(id).catch(fail);
    return;
  }
  moveTo(wish.map);
  render();
}

/** @param {Error} error */
function fail(error) {
  announce(byId('fill-status'), error.message);
  document.body.dataset.job = 'failed';
}

async function start() {
  const listing = await listCubes();
  cubes = listing.cubes;
  adminOff = listing.admin === 'off';
  jobList.setAvailable(!adminOff);
  byId('version').textContent = `CubeTiler ${listing.version}`;
  if (cubes.length === 0) {
    byId('cube-title').textContent = 'No cube yet';
    byId('cube-facts').textContent = 'This server has no cube to show.';
    return;
  }
  const choice = /** @type {HTMLSelectElement} */ (byId('cube'));
  const options = cubes.map(({ id, title }) => ({ value: id, label: title || id }));
  fillSelect(choice, [{ label: 'Cubes', options }], wantedCube());
  byId('cube-choice').hidden = cubes.length < 2;
  choice.addEventListener('change', () => {
    wish = { ...parseHash(''), cube: choice.value };
    // Before the map moves, which rewrites the present entry of the history.
    writeHash(true);
    openCube(choice.value).catch(fail);
  });
  await openCube(choice.value);

  map.on('moveend', () => {
    const { lat, lng } = map.getCenter();
    wish.map = { zoom: map.getZoom(), lat, lon: lng };
    writeHash(false);
  });
  window.addEventListener('popstate', followHash);
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') refreshQuietly();
  });
  byId('tile-retry').addEventListener('click', () => {
    layer.retry();
    compared.retry();
  });
  filler.resume();
  setTimeout(refreshForEver, REFRESH_MS);
}

watchSheet();
start().catch(fail);
