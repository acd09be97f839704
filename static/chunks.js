/* global L */
/**
 * The chunks that a fill works on, as rectangles on the map. What is committed vanishes, since the
 * picture shows it.
 */
import { stepInterval } from './steps.js';

/**
 * @typedef {import('./api.js').Chunk} Chunk
 * @typedef {import('./api.js').Cube} Cube
 * @typedef {'queued'|'searching'|'reading'|'writing'|'built'|'failed'} ChunkState
 */

/** More rectangles than this would slow the map down and be too small to see. */
const MAX_MARKS = 2_000;

/** As long as the style sheet fades a mark out. */
const FADE_MS = 400;

/** @param {Chunk} chunk */
const keyOf = (chunk) => chunk.join('/');

/**
 * Only the cells of a cube in degrees are rectangles on the map.
 * @param {Cube} cube
 */
export const isRectangular = (cube) => Boolean(cube.crs === 'EPSG:4326' && cube.extent && cube.chunk && cube.levels?.length);

/**
 * Where a chunk lies.
 * @param {Cube} cube
 * @param {Chunk} chunk
 * @returns {[[number, number], [number, number]]|null} its south-western and north-eastern corners
 */
export function chunkBounds(cube, [, row, col]) {
  if (!isRectangular(cube) || !cube.extent) return null;
  const [finest] = cube.levels;
  const [west, south, east, north] = cube.extent;
  const [width, height] = finest.cell_size.map((size) => size * /** @type {number} */ (cube.chunk));
  return [
    [Math.max(south, north - (row + 1) * height), west + col * width],
    [north - row * height, Math.min(east, west + (col + 1) * width)],
  ];
}

/**
 * The chunks of one time step that an area touches.
 * @param {Cube} cube
 * @param {import('./api.js').Bounds} area
 * @param {number} time
 * @returns {Chunk[]}
 */
function chunksIn(cube, [west, south, east, north], time) {
  if (!isRectangular(cube) || !cube.extent) return [];
  const [finest] = cube.levels;
  const [left, , , top] = cube.extent;
  const [width, height] = finest.cell_size.map((size) => size * /** @type {number} */ (cube.chunk));
  const [rows, cols] = finest.shape.map((cells) => Math.ceil(cells / /** @type {number} */ (cube.chunk)));
  /** @type {Chunk[]} */
  const chunks = [];
  for (let row = Math.max(0, Math.floor((top - north) / height)); row < Math.min(rows, (top - south) / height); row += 1) {
    for (let col = Math.max(0, Math.floor((west - left) / width)); col < Math.min(cols, (east - left) / width); col += 1) {
      if (chunks.length >= MAX_MARKS) return chunks;
      chunks.push([time, row, col]);
    }
  }
  return chunks;
}

export class ChunkMarks {
  /** @type {Map<string, {chunk: Chunk, state: ChunkState, mark: L.Rectangle|null}>} */
  #chunks = new Map();
  /** @type {Cube|null} */
  #cube = null;
  /** @type {string|null} the cube whose chunks these are */
  #owner = null;
  /** @type {string|null} */
  #time = null;

  /**
   * @param {L.Map} map
   * @param {L.Renderer} renderer
   * @param {HTMLElement} legend shown while there are marks
   */
  constructor(map, renderer, legend) {
    this.map = map;
    this.renderer = renderer;
    this.legend = legend;
  }

  /**
   * Says what the map shows: marks of other cubes and time steps are not drawn.
   * @param {Cube} cube
   * @param {string|null} time
   */
  show(cube, time) {
    const isSame = this.#cube?.id === cube.id && this.#time === time;
    this.#cube = cube;
    this.#time = time;
    if (isSame) return;
    for (const entry of this.#chunks.values()) {
      entry.mark?.remove();
      entry.mark = null;
      this.#draw(entry);
    }
    this.#showLegend();
  }

  /**
   * @param {string} cube
   * @param {Chunk} chunk
   * @param {ChunkState} state
   */
  set(cube, chunk, state) {
    if (cube !== this.#owner) this.clear();
    this.#owner = cube;
    const key = keyOf(chunk);
    const entry = this.#chunks.get(key) ?? { chunk, state, mark: null };
    entry.state = state;
    if (!this.#chunks.has(key) && this.#chunks.size >= MAX_MARKS) return;
    this.#chunks.set(key, entry);
    this.#draw(entry);
    this.#showLegend();
  }

  /**
   * Marks what waits in a job that has just begun, where that is certain: a job tells how many chunks
   * it builds, and which ones only if they were asked for by name. For an area all of it waits if
   * nothing of it was left out.
   * @param {import('./api.js').Job} job
   */
  queue({ cube, request, planned, done }) {
    const shown = this.#cube;
    if (!shown || shown.id !== cube || done > 0) return;
    let chunks = request?.chunks ?? [];
    if (request?.bbox && this.#time && request.datetime === stepInterval(this.#time, shown.period)) {
      const inside = chunksIn(shown, request.bbox, shown.times.indexOf(this.#time));
      if (inside.length === planned.build) chunks = inside;
    }
    for (const chunk of chunks) this.set(cube, chunk, 'queued');
  }

  /**
   * Takes chunks away, except those that failed: nothing of them will be seen.
   * @param {Chunk[]} chunks
   */
  settle(chunks) {
    for (const key of chunks.map(keyOf)) {
      const entry = this.#chunks.get(key);
      if (!entry || entry.state === 'failed') continue;
      this.#chunks.delete(key);
      const { mark } = entry;
      mark?.getElement()?.setAttribute('data-state', 'gone');
      setTimeout(() => mark?.remove(), FADE_MS);
    }
    this.#showLegend();
  }

  /** Takes all away that will not come any more; what failed stays until it is forgotten. */
  end() {
    this.settle([...this.#chunks.values()].map(({ chunk }) => chunk));
  }

  clear() {
    for (const { mark } of this.#chunks.values()) mark?.remove();
    this.#chunks.clear();
    this.#showLegend();
  }

  /** @param {{chunk: Chunk, state: ChunkState, mark: L.Rectangle|null}} entry */
  #draw(entry) {
    const cube = this.#cube;
    if (!cube || cube.id !== this.#owner || cube.times[entry.chunk[0]] !== this.#time) return;
    const bounds = chunkBounds(cube, entry.chunk);
    if (!bounds) return;
    entry.mark ??= L.rectangle(bounds, { renderer: this.renderer, className: 'chunk', interactive: false }).addTo(this.map);
    entry.mark.getElement()?.setAttribute('data-state', entry.state);
  }

  #showLegend() {
    const states = new Set([...this.#chunks.values()].filter(({ mark }) => mark).map(({ state }) => state));
    this.legend.hidden = states.size === 0;
    for (const item of this.legend.children) {
      item.classList.toggle('absent', !states.has(/** @type {ChunkState} */ (/** @type {HTMLElement} */ (item).dataset.state)));
    }
  }
}
