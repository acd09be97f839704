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
import { asPlainHtml, describeCube, explainEmpty } from './about.js';
import { checkPicture, getCube, listCubes } from './api.js';
import { AreaChoice } from './area.js';
import { BandControls } from './bands.js';
import { BaseMap } from './basemap.js';
import { ChunkMarks } from './chunks.js';
import { announce, byId, fillSelect, setText } from './dom.js';
import { clip } from './fill.js';
import { Filler } from './filler.js';
import { Ground } from './ground.js';
import { ApiError, describeError, protectReading } from './http.js';
import { Inspector } from './inspector.js';
import { JobList } from './jobs.js';
import { renderRampLegend } from './legend.js';
import { ChunkOverlay } from './overlay.js';
import { Picture } from './picture.js';
import { boundsInView, moveTo } from './place.js';
import { Player } from './player.js';
import { COUNT } from './presets.js';
import { Share } from './share.js';
import { watchSheet } from './sheet.js';
import { stepInterval } from './steps.js';
import { StretchControls } from './stretch.js';
import { Swipe } from './swipe.js';
import { tileQuery, tileTemplate } from './tiles.js';
import { Timeline } from './timeline.js';
import { askToken, watchTokenButton } from './token.js';
import { getStatistics } from './values.js';
import { formatHash, parseHash, resolveView } from './view.js';

/** @typedef {import('./api.js').Cube} Cube */
/** @typedef {import('./view.js').Wish} Wish */

/** How often the cube is looked up, so that what others fill appears. */
const REFRESH_MS = 10_000;

const map = L.map('map', { zoomControl: false, attributionControl: false, zoom: 2, center: [20, 0] });
L.control.zoom({ position: 'topright' }).addTo(map);
const credits = L.control.attribution({ prefix: '<a href="https://leafletjs.com">Leaflet</a>' }).addTo(map);

/** @type {import('./api.js').CubeEntry[]} */
let cubes = [];
/** @type {Cube|null} */
let cube = null;
/** @type {Wish} */
let wish = parseHash(location.hash);
let adminOff = false;
/** @type {string|null} */
let credit = null;

const ground = new Ground(map, byId('graticule-labels'));
const baseMap = new BaseMap(map, (on) => change({ ground: on }, true));
const swipe = new Swipe(map, {
  onChoice: (compare) => change({ compare }, true),
  onDivider: (divider, final) => {
    wish.divider = divider;
    if (final) writeHash(false);
  },
});
const picture = new Picture(map);

const chooseTime = (/** @type {string} */ time, final = true) => {
  player.stop({ leaving: true });
  change({ time }, final);
};
const timeline = new Timeline(chooseTime);
const player = new Player({
  next: () => {
    if (!cube) return null;
    const { time } = resolveView(cube, wish);
    return time && cube.times[(cube.times.indexOf(time) + 1) % cube.times.length];
  },
  prefetch: async (time) => {
    if (cube) await picture.layer.prefetch(cube, tileTemplate(cube, resolveView(cube, { ...wish, time })));
  },
  idle: () => picture.whenIdle(),
  // Every step in the browser's history would bury the others.
  show: (time) => change({ time }, false),
  onStop: (leaving) => {
    picture.layer.dropPrefetched();
    // Going back would otherwise make a step forward.
    if (!leaving) writeHash(true);
  },
});
const bands = new BandControls({
  onChange: (changed) => {
    if (!cube) return;
    const patch = changed.bands ? { ...changed, expression: null } : changed;
    // A stretch for reflectances says nothing about a number of observations or an index.
    const kind = ({ bands: names, expression } = resolveView(cube, wish)) => expression ?? String(names.includes(COUNT));
    const isOtherKind = kind() !== kind(resolveView(cube, { ...wish, ...patch }));
    change(isOtherKind ? { ...patch, rescale: null } : patch, true);
  },
  check: async (expression) => {
    if (!cube) return null;
    const view = resolveView(cube, { ...wish, expression, rescale: null, colormap: null });
    return checkPicture(cube.id, tileQuery(view)).then(() => null, describeError);
  },
});
const stretch = new StretchControls({
  onChange: (rescale, final) => change({ rescale }, final),
  measure: async () => {
    const bounds = cube && boundsInView(map, cube);
    return cube && bounds && statisticsOf(cube, bounds);
  },
});
const marks = new ChunkMarks(map, ground.above, byId('chunk-legend'));
const filler = new Filler({
  marks,
  target: () => cube && fillTarget(boundsInView(map, cube)),
  onArea: (area) => ground.markArea(area),
  onProgress: async (id, repaint) => {
    if (id === cube?.id) await refreshQuietly(repaint);
  },
});
const area = new AreaChoice(map, ground.above, {
  onChoice: (bounds) => filler.propose(cube && fillTarget(clip(bounds, cube.bounds))),
});
const overlay = new ChunkOverlay(map, (text) => setText(byId('chunks-trouble'), text));
const inspector = new Inspector(map, ground.above, { isFree: () => !area.isOpen, onTime: chooseTime });
const share = new Share(() => cube && { cube, view: resolveView(cube, wish) });
const jobList = new JobList({ onStart: (job) => filler.follow(job) });

const opacity = /** @type {HTMLInputElement} */ (byId('opacity'));
opacity.addEventListener('input', () => change({ opacity: opacity.valueAsNumber / 100 }, false));
opacity.addEventListener('change', () => change({ opacity: opacity.valueAsNumber / 100 }, true));
const chunksToggle = /** @type {HTMLInputElement} */ (byId('chunks'));
chunksToggle.addEventListener('change', () => change({ chunks: chunksToggle.checked }, true));

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
  baseMap.render(view);
  byId('chunks-field').hidden = !cube.chunk || cube.times.length === 0;
  chunksToggle.checked = view.chunks;
  overlay.render(cube, view);
  bands.render(cube, view);
  stretch.render(cube, view);
  renderRampLegend(cube, view);
  explainEmpty(cube, cube.fillable && !adminOff);
  inspector.render(cube, view);
  share.render(cube, view, boundsInView(map, cube));
  picture.show(cube, view);
}

/** @param {boolean} push */
function writeHash(push) {
  const hash = formatHash(wish);
  if (hash === location.hash) return;
  if (push) history.pushState(null, '', hash);
  else history.replaceState(null, '', hash);
}

/**
 * @param {import('./api.js').Bounds|null} bbox a part of the cube
 * @returns {import('./filler.js').Target|null}
 */
function fillTarget(bbox) {
  if (!cube || !bbox) return null;
  const { time } = resolveView(cube, wish);
  return time ? { cube: cube.id, area: { bbox, datetime: stepInterval(time, cube.period), retry_failed: true } } : null;
}

/**
 * @param {Cube} shown
 * @param {import('./api.js').Bounds} bounds
 * @returns {Promise<import('./values.js').BandStatistics[]>} in the order of the picture's bands
 */
async function statisticsOf(shown, bounds) {
  const view = resolveView(shown, wish);
  const found = await getStatistics(shown.id, view, bounds);
  return view.expression ? Object.values(found) : view.bands.map((name) => found[name]);
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
  if (changed) picture.refresh();
}

/**
 * The map stays while the server is away; a later refresh finds it again.
 * @param {boolean} [committed]
 */
async function refreshQuietly(committed) {
  try {
    await refreshCube(committed);
    announce(byId('server-status'), '');
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    announce(byId('server-status'), `${error.message} The map shows what it had.`);
  }
}

async function refreshForEver() {
  if (document.visibilityState === 'visible') await refreshQuietly();
  setTimeout(refreshForEver, REFRESH_MS);
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
  picture.clear();
  describeCube(cube);
  filler.setAvailable(cube.fillable && !adminOff);
  area.setAvailable(cube.fillable && !adminOff && cube.times.length > 0);
  if (credit) credits.removeAttribution(credit);
  credit = cube.attribution && asPlainHtml(cube.attribution);
  if (credit) credits.addAttribution(credit);
  // The controls have their size before the map is fitted between them.
  render();
  moveTo(map, cube, wish.map);
  ground.showCube(cube.bounds);
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
  moveTo(map, cube, wish.map);
  render();
}

/** @param {Error} error */
function fail(error) {
  announce(byId('fill-status'), describeError(error));
  if (!cube) byId('cube-title').textContent = 'No map';
  document.body.dataset.job = 'failed';
}

async function start() {
  const listing = await listCubes(askToken);
  protectReading(listing.reading === 'token');
  byId('token-open').hidden = listing.reading !== 'token' && listing.admin !== 'token';
  cubes = listing.cubes;
  adminOff = listing.admin === 'off';
  jobList.setAvailable(!adminOff);
  baseMap.setSource(listing.base_map);
  byId('version').textContent = `CubeTiler ${listing.version}`;
  if (cubes.length === 0) {
    byId('cube-title').textContent = 'No cube yet';
    byId('cube-facts').textContent = listing.reading === 'token'
      ? 'This server has no cube that your token may see.'
      : 'This server has no cube to show.';
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
    if (cube) share.render(cube, resolveView(cube, wish), boundsInView(map, cube));
  });
  window.addEventListener('popstate', followHash);
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') refreshQuietly();
  });
  filler.resume();
  setTimeout(refreshForEver, REFRESH_MS);
}

watchSheet();
watchTokenButton();
// No picture comes where there is no cube: it is complete then.
const ready = start().catch(fail).then(() => picture.whenIdle());
Object.assign(window, { cubetiler: { map, stats: picture.layer.stats, ready } });
