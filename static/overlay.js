/* global L */
/**
 * What is built: the state of every chunk of the time step, laid on the picture.
 *
 * The chunks of a cube in degrees are rectangles, and their states come as a picture with a pixel for
 * each. In other systems they are not, and come with their outlines.
 */
import { chunkBounds, isRectangular } from './chunks.js';
import { clip } from './fill.js';
import { describeError } from './http.js';
import { renderChunkLegend } from './legend.js';
import { getChunkPicture, getChunks } from './values.js';

/** @typedef {import('./api.js').Cube} Cube */
/** @typedef {import('./api.js').Bounds} Bounds */
/** @typedef {Awaited<ReturnType<typeof getChunkPicture>>} ChunkPicture */

/** More rectangles than this are drawn as one picture. */
const MAX_SHAPES = 2_000;

/** Chunks with outlines that the server tells of in one answer. */
const MAX_LISTED = 10_000;

/** Length of the longer side of that picture in pixels, at most. */
const MAX_PICTURE = 4_096;

/** Share of the palette's opacity that leaves the picture to be seen. */
const STRENGTH = 0.55;

const PANE = 'states';

export class ChunkOverlay {
  /** @type {L.Layer|null} */
  #layer = null;
  /** @type {Cube|null} */
  #cube = null;
  #time = '';
  #shown = '';
  #abort = new AbortController();

  /**
   * @param {L.Map} map
   * @param {(text: string) => void} onTrouble why there is no overlay, empty if there is
   */
  constructor(map, onTrouble) {
    this.map = map;
    this.onTrouble = onTrouble;
    const pane = map.createPane(PANE);
    pane.style.zIndex = '340';
    pane.style.pointerEvents = 'none';
    this.vectors = L.svg({ pane: PANE, padding: 0.5 });
    this.canvas = L.canvas({ pane: PANE, padding: 0.5 });
    map.on('moveend', () => this.#draw());
  }

  /**
   * @param {Cube} cube
   * @param {import('./view.js').View} view
   */
  render(cube, { time, chunks }) {
    this.#cube = chunks && cube.chunk && time ? cube : null;
    this.#time = time ?? '';
    this.#draw();
  }

  get isOn() {
    return this.#cube !== null;
  }

  #clear() {
    this.#abort.abort();
    this.#layer?.remove();
    this.#layer = null;
    this.#shown = '';
    renderChunkLegend(null);
    this.onTrouble('');
  }

  async #draw() {
    const cube = this.#cube;
    if (!cube) {
      if (this.#shown) this.#clear();
      return;
    }
    const bounds = this.#part(cube);
    const key = JSON.stringify([cube.id, cube.revision, cube.coverage?.[this.#time], this.#time, bounds]);
    if (key === this.#shown) return;
    this.#shown = key;
    this.#abort.abort();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    try {
      const states = await getChunkPicture(cube.id, this.#time, signal);
      const layer = isRectangular(cube)
        ? this.#rectangles(cube, states)
        : this.#outlines(states.palette, await getChunks(cube.id, this.#time, bounds, signal));
      if (signal.aborted) return;
      this.#layer?.remove();
      this.#layer = layer.addTo(this.map);
      renderChunkLegend(present(states));
      this.onTrouble('');
    } catch (error) {
      if (signal.aborted) return;
      this.#clear();
      // Not again before something changes.
      this.#shown = key;
      this.onTrouble(describeError(error));
    }
  }

  /**
   * @param {Cube} cube
   * @returns {Bounds|null} the part of a large cube that is asked for; null: all of it
   */
  #part(cube) {
    if (isRectangular(cube) || chunkCount(cube) <= MAX_LISTED) return null;
    const view = this.map.getBounds();
    return clip([view.getWest(), view.getSouth(), view.getEast(), view.getNorth()], cube.bounds);
  }

  /**
   * @param {Cube} cube
   * @param {ChunkPicture} states
   */
  #rectangles(cube, states) {
    const { pixels: { width, height } } = states;
    if (width * height > MAX_SHAPES) return stretched(cube, states);
    const group = L.layerGroup();
    for (let at = 0; at < width * height; at += 1) {
      const bounds = chunkBounds(cube, [0, Math.floor(at / width), at % width]);
      const state = stateAt(states, at);
      if (bounds && state) L.rectangle(bounds, this.#style(states.palette, state)).addTo(group);
    }
    return group;
  }

  /**
   * @param {Map<string, string>} palette
   * @param {import('./values.js').ChunkFeature[]} features
   */
  #outlines(palette, features) {
    return L.geoJSON(/** @type {any} */ (features), {
      interactive: false,
      style: (feature) => this.#style(palette, feature?.properties.state, features.length > MAX_SHAPES),
    });
  }

  /**
   * @param {Map<string, string>} palette
   * @param {string} state
   * @param {boolean} [many]
   */
  #style(palette, state, many = false) {
    const renderer = many ? this.canvas : this.vectors;
    const colour = palette.get(state) ?? '#0000';
    return { renderer, className: `state ${state}`, fillColor: colour.slice(0, 7), fillOpacity: opacityOf(colour), weight: 1, interactive: false };
  }
}

/** @param {Cube} cube */
const chunkCount = ({ levels, chunk }) => levels[0].shape.reduce((count, cells) => count * Math.ceil(cells / (chunk ?? 1)), 1);

/** @param {string} colour as #rrggbbaa */
const opacityOf = (colour) => (colour.length < 9 ? 0 : parseInt(colour.slice(7, 9), 16) / 255) * STRENGTH;

/**
 * @param {ChunkPicture} states
 * @param {number} at
 * @returns {string|undefined}
 */
function stateAt({ pixels, palette }, at) {
  const [r, g, b, a] = pixels.data.subarray(at * 4, at * 4 + 4);
  // The colour of what is transparent may not survive the decoder.
  const near = (/** @type {string} */ colour) => (a === 0
    ? colour.endsWith('00')
    : [r, g, b].every((value, i) => Math.abs(value - parseInt(colour.slice(1 + 2 * i, 3 + 2 * i), 16)) <= 2));
  return [...palette].find(([, colour]) => near(colour))?.[0];
}

/**
 * @param {ChunkPicture} states
 * @returns {Map<string, string>} the colours of the states that there are
 */
function present(states) {
  const { width, height } = states.pixels;
  const found = new Set(Array.from({ length: width * height }, (_, at) => stateAt(states, at)));
  return new Map([...states.palette].filter(([state]) => found.has(state)));
}

/**
 * A picture of many chunks whose rows are as high as the map's projection draws them.
 * @param {Cube} cube
 * @param {ChunkPicture} states
 */
function stretched(cube, { pixels }) {
  const [west, south, , north] = /** @type {Bounds} */ (cube.extent);
  // The last column may reach beyond the cube, as the pixel that stands for it does.
  const east = west + cube.levels[0].cell_size[0] * (cube.chunk ?? 1) * pixels.width;
  const y = (/** @type {number} */ lat) => L.CRS.EPSG3857.project(L.latLng(lat, 0)).y;
  const canvas = document.createElement('canvas');
  canvas.width = Math.min(pixels.width, MAX_PICTURE);
  canvas.height = Math.min(MAX_PICTURE, pixels.height * 4);
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  const source = new OffscreenCanvas(pixels.width, pixels.height);
  /** @type {OffscreenCanvasRenderingContext2D} */ (source.getContext('2d')).putImageData(pixels, 0, 0);
  context.imageSmoothingEnabled = false;
  const [top, bottom] = [y(Math.min(north, 85)), y(Math.max(south, -85))];
  for (let row = 0; row < pixels.height; row += 1) {
    const bounds = chunkBounds(cube, [0, row, 0]);
    if (!bounds) continue;
    const [from, to] = [bounds[1], bounds[0]].map(([lat]) => ((top - y(Math.max(-85, Math.min(85, lat)))) / (top - bottom)) * canvas.height);
    const [begin, end] = [Math.round(from), Math.round(to)];
    context.drawImage(source, 0, row, pixels.width, 1, 0, begin, canvas.width, end - begin);
  }
  const corners = L.latLngBounds([Math.max(south, -85), west], [Math.min(north, 85), east]);
  return L.imageOverlay(canvas.toDataURL(), corners, { pane: PANE, className: 'states', opacity: STRENGTH });
}
