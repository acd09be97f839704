/* global L */
/** What is known of a point: the values there, how they came about, and how they change. */
import { announce, byId, setText } from './dom.js';
import { ApiError, describeError } from './http.js';
import { STATE_WORDS } from './legend.js';
import { COLOURS, SeriesPlot } from './plot.js';
import { COUNT } from './presets.js';
import { getChunks, getPoint, getTimeseries } from './values.js';

/** @typedef {import('./api.js').Cube} Cube */
/** @typedef {import('./values.js').PointValues} PointValues */
/** @typedef {import('./values.js').Provenance} Provenance */
/** @typedef {import('./values.js').Series} Series */

/** Half the side of the rectangle, in degrees, by which the chunk at a point is asked for. */
const NEAR = 1e-6;

export class Inspector {
  #box = byId('point');
  #status = byId('point-status');
  /** @type {L.LatLng|null} */
  #place = null;
  /** @type {L.CircleMarker|null} */
  #pin = null;
  /** @type {Cube|null} */
  #cube = null;
  /** @type {string|null} */
  #time = null;
  #withErrors = false;
  #shown = '';
  #series = '';
  #abort = new AbortController();
  #seriesAbort = new AbortController();

  /**
   * @param {L.Map} map
   * @param {L.Renderer} renderer
   * @param {object} hooks
   * @param {() => boolean} hooks.isFree whether a click or Enter on the map means a point
   * @param {(time: string) => void} hooks.onTime
   */
  constructor(map, renderer, hooks) {
    this.map = map;
    this.renderer = renderer;
    this.hooks = hooks;
    this.plot = new SeriesPlot(/** @type {SVGSVGElement} */ (/** @type {unknown} */ (byId('point-plot'))), {
      onTime: hooks.onTime,
      onRead: (values, label) => this.#read(values, label),
    });
    map.on('click', ({ latlng }) => { if (hooks.isFree()) this.#open(latlng); });
    map.getContainer().addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.target !== map.getContainer() || !hooks.isFree()) return;
      this.#open(map.getCenter());
      this.#box.focus();
    });
    byId('point-close').addEventListener('click', () => this.close());
    this.#box.addEventListener('keydown', (event) => { if (event.key === 'Escape') this.close(); });
  }

  /**
   * @param {Cube} cube
   * @param {import('./view.js').View} view
   */
  render(cube, { time, chunks }) {
    if (this.#cube && this.#cube.id !== cube.id) this.close();
    this.#cube = cube;
    this.#time = time;
    // Why a chunk failed is told by the chunk's own document alone.
    this.#withErrors = chunks && Boolean(cube.chunk);
    if (this.#place) this.#load();
  }

  close() {
    if (!this.#place) return;
    this.#abort.abort();
    this.#seriesAbort.abort();
    this.#place = null;
    this.#shown = this.#series = '';
    this.#pin?.remove();
    if (this.#box.contains(document.activeElement)) this.map.getContainer().focus();
    this.#box.hidden = true;
  }

  /** @param {L.LatLng} place */
  #open(place) {
    if (!this.#cube) return;
    this.#place = place.wrap();
    this.#pin?.remove();
    this.#pin = L.circleMarker(place, { renderer: this.renderer, className: 'pin', radius: 6, interactive: false }).addTo(this.map);
    this.#box.hidden = false;
    byId('point-place').textContent = describePlace(this.#place);
    byId('point-values').replaceChildren();
    byId('point-series').hidden = true;
    this.#showChunk(null);
    this.#load();
  }

  #load() {
    const [cube, place] = [this.#cube, this.#place];
    if (!cube || !place) return;
    const [west, south, east, north] = cube.bounds;
    if (place.lng < west || place.lng > east || place.lat < south || place.lat > north) {
      this.#abort.abort();
      this.#seriesAbort.abort();
      this.#shown = this.#series = '';
      announce(this.#status, 'This is outside of the cube.');
      setText(byId('point-series-note'), '');
      return;
    }
    this.#loadValues(cube, place);
    this.#loadSeries(cube, place);
  }

  /**
   * @param {Cube} cube
   * @param {L.LatLng} place
   */
  async #loadValues(cube, place) {
    const time = this.#time;
    const key = JSON.stringify([cube.revision, place, time, this.#withErrors]);
    if (key === this.#shown) return;
    this.#shown = key;
    this.#abort.abort();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    announce(this.#status, 'Reading…');
    try {
      const [point, chunk] = await Promise.all([
        getPoint(cube.id, place, time, signal),
        this.#withErrors && time ? this.#chunkAt(cube, place, time, signal) : null,
      ]);
      if (signal.aborted) return;
      const isEmpty = point.values.every((value) => value === null);
      announce(this.#status, isEmpty ? 'There is no value here.' : '');
      this.#showValues(point);
      this.#showChunk(chunk ?? { state: point.state ?? '', provenance: point.provenance ?? undefined });
    } catch (error) {
      if (signal.aborted) return;
      byId('point-values').replaceChildren();
      this.#showChunk(null);
      announce(this.#status, describeError(error));
    }
  }

  /**
   * @param {Cube} cube
   * @param {L.LatLng} place
   * @param {string} time
   * @param {AbortSignal} signal
   */
  async #chunkAt(cube, { lat, lng }, time, signal) {
    const found = await getChunks(cube.id, time, [lng - NEAR, lat - NEAR, lng + NEAR, lat + NEAR], signal);
    return found[0]?.properties ?? null;
  }

  /**
   * @param {Cube} cube
   * @param {L.LatLng} place
   */
  async #loadSeries(cube, place) {
    const key = JSON.stringify([cube.revision, place]);
    if (key === this.#series) return;
    this.#series = key;
    this.#seriesAbort.abort();
    this.#seriesAbort = new AbortController();
    const { signal } = this.#seriesAbort;
    const note = byId('point-series-note');
    setText(note, '');
    byId('point-series').hidden = true;
    if (cube.times.length < 2) return;
    try {
      const series = await getTimeseries(cube.id, place, signal);
      if (signal.aborted) return;
      const drawn = series.band_names.map((name, i) => ({ name, i })).filter(({ name }) => name !== COUNT);
      if (!series.values.flat().some((value) => value !== null)) return;
      byId('point-series').hidden = false;
      byId('point-bands').replaceChildren(...drawn.map(({ name }, band) => bandKey(name, band)));
      this.plot.show({
        ...series,
        band_names: drawn.map(({ name }) => name),
        values: series.values.map((row) => drawn.map(({ i }) => row[i])),
      }, this.#time, cube.period);
    } catch (error) {
      if (signal.aborted) return;
      const status = error instanceof ApiError ? error.status : null;
      setText(note, status === 404 ? 'This data set tells its values of one time step at a time only.' : describeError(error));
    }
  }

  /**
   * @param {(number|null)[]} values
   * @param {string} label
   */
  #read(values, label) {
    byId('point-moment').textContent = label;
    [...byId('point-bands').children].forEach((item, i) => {
      const value = item.querySelector('b');
      if (value) value.textContent = describeValue(values[i]);
    });
  }

  /** @param {PointValues} point */
  #showValues({ band_names: names, values }) {
    byId('point-values').replaceChildren(...names.map((name, i) => {
      const item = document.createElement('div');
      const [term, value] = [document.createElement('dt'), document.createElement('dd')];
      const units = this.#cube?.variables.find((variable) => variable.name === name)?.units;
      term.textContent = name === COUNT ? 'observations' : name;
      value.textContent = [describeValue(values[i]), units].filter(Boolean).join(' ');
      item.append(term, value);
      return item;
    }));
  }

  /** @param {{state: string, provenance?: Provenance}|null} chunk */
  #showChunk(chunk) {
    const word = STATE_WORDS[/** @type {keyof typeof STATE_WORDS} */ (chunk?.state)] ?? chunk?.state;
    const error = chunk?.provenance?.error;
    setText(byId('point-chunk'), word ? `Chunk: ${word}${error ? `: ${error}` : ''}.` : '');
    const scenes = chunk?.provenance?.scenes ?? [];
    const details = byId('point-scenes');
    details.hidden = scenes.length === 0;
    const summary = details.querySelector('summary');
    if (summary) summary.textContent = `${scenes.length} ${scenes.length === 1 ? 'scene' : 'scenes'} behind it`;
    details.querySelector('ul')?.replaceChildren(...scenes.map((scene) => {
      const item = document.createElement('li');
      const id = document.createElement('code');
      id.textContent = scene.id;
      item.append(`${sceneDate(scene)} `, id);
      return item;
    }));
  }
}

/**
 * @param {string} name
 * @param {number} band
 */
function bandKey(name, band) {
  const item = document.createElement('li');
  item.className = band < COLOURS ? `band-${band}` : 'undrawn';
  item.append(`${name} `, document.createElement('b'));
  return item;
}

/** @param {number|null} value */
const describeValue = (value) => (value === null ? '–' : value.toLocaleString('en', { maximumSignificantDigits: 6 }));

/** @param {{id: string, overpass?: string}} scene */
function sceneDate({ id, overpass }) {
  const [, year, month, day] = /(?:^|\D)((?:19|20)\d\d)-?(\d\d)-?(\d\d)/.exec(`${overpass ?? ''} ${id}`) ?? [];
  return year ? `${year}-${month}-${day}` : '';
}

/** @param {L.LatLng} place */
function describePlace({ lat, lng }) {
  const side = (/** @type {number} */ value, /** @type {string} */ signs) => `${Math.abs(value).toFixed(5)}° ${signs[value < 0 ? 1 : 0]}`;
  return `${side(lat, 'NS')}, ${side(lng, 'EW')}`;
}
