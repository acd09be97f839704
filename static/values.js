/**
 * What the cube holds, asked for by place: values, time series, statistics, and which chunks are built.
 *
 * @typedef {import('./api.js').Bounds} Bounds
 * @typedef {import('./api.js').Chunk} Chunk
 * @typedef {import('./view.js').View} View
 *
 * @typedef {{scenes?: {id: string, overpass?: string}[], error?: string}} Provenance
 *
 * @typedef {object} PointValues
 * @property {string[]} band_names
 * @property {(number|null)[]} values one a band
 * @property {string|null} [state] of the chunk; other people's data sets have no chunks to tell of
 * @property {Provenance|null} [provenance]
 *
 * @typedef {object} Series
 * @property {string[]} band_names
 * @property {string[]} times
 * @property {(number|null)[][]} values one row a time step, in it one value a band
 *
 * @typedef {object} BandStatistics
 * @property {number} percentile_2
 * @property {number} percentile_98
 * @property {[number[], number[]]} [histogram] counts, and the edges between them
 *
 * @typedef {object} ChunkFeature
 * @property {import('geojson').Geometry} geometry
 * @property {{chunk: Chunk, state: string, provenance?: Provenance}} properties
 */
import { open, request } from './http.js';

/** Decimals of a degree that addresses have: a hundredth of a metre. */
const DECIMALS = 7;

/** Cells along the longer side of what statistics are taken of. */
const STATISTICS_SIZE = 512;

/** Cells along the longer side of a download. */
const DOWNLOAD_SIZE = 2048;

/** @param {number} degrees */
const written = (degrees) => String(Number(degrees.toFixed(DECIMALS)));

/** @param {string} cube */
const address = (cube) => `cubes/${encodeURIComponent(cube)}`;

/**
 * @param {{lat: number, lng: number}} place
 */
const writtenPlace = ({ lat, lng }) => `${written(lng)},${written(lat)}`;

/**
 * What is drawn, without how.
 * @param {View} view
 * @returns {URLSearchParams}
 */
export function dataQuery(view) {
  const query = new URLSearchParams();
  if (view.expression) query.append('expression', view.expression);
  for (const band of view.bands) query.append('variable', band);
  if (view.time) query.append('sel', `time=${view.time}`);
  return query;
}

/**
 * @param {string} cube
 * @param {{lat: number, lng: number}} place
 * @param {string|null} time
 * @param {AbortSignal} signal
 * @returns {Promise<PointValues>}
 */
export function getPoint(cube, place, time, signal) {
  const query = new URLSearchParams(time ? { sel: `time=${time}` } : {});
  return request(`${address(cube)}/point/${writtenPlace(place)}?${query}`, { signal });
}

/**
 * @param {string} cube
 * @param {{lat: number, lng: number}} place
 * @param {AbortSignal} signal
 * @returns {Promise<Series>}
 */
export const getTimeseries = (cube, place, signal) =>
  request(`${address(cube)}/timeseries/${writtenPlace(place)}`, { signal });

/**
 * @param {string} cube
 * @param {View} view
 * @param {Bounds} bounds
 * @returns {Promise<Record<string, BandStatistics>>} by band
 */
export function getStatistics(cube, view, bounds) {
  const query = dataQuery(view);
  query.append('bbox', bounds.map(written).join(','));
  for (const percentile of ['2', '98']) query.append('p', percentile);
  query.append('max_size', String(STATISTICS_SIZE));
  return request(`${address(cube)}/statistics?${query}`);
}

/**
 * @param {string} cube
 * @param {View} view
 * @param {Bounds} bounds
 * @returns {string} address of the values in a rectangle as GeoTIFF, without a token
 */
export function downloadAddress(cube, view, bounds) {
  const query = dataQuery(view);
  query.append('max_size', String(DOWNLOAD_SIZE));
  return `${address(cube)}/bbox/${bounds.map(written).join(',')}.tif?${query}`;
}

/**
 * @param {string} cube
 * @param {string} time
 * @param {Bounds|null} bounds null: the whole cube
 * @param {AbortSignal} signal
 * @returns {Promise<ChunkFeature[]>}
 */
export async function getChunks(cube, time, bounds, signal) {
  const query = new URLSearchParams({ time });
  if (bounds) query.append('bbox', bounds.map(written).join(','));
  return (await request(`${address(cube)}/coverage?${query}`, { signal })).features;
}

/**
 * The states of all chunks as a picture of a pixel a chunk.
 * @param {string} cube
 * @param {string} time
 * @param {AbortSignal} signal
 * @returns {Promise<{pixels: ImageData, palette: Map<string, string>}>} the palette: a CSS colour a state
 */
export async function getChunkPicture(cube, time, signal) {
  const query = new URLSearchParams({ time });
  const response = await open(`${address(cube)}/coverage.png?${query}`, { headers: { Accept: 'image/png' }, signal });
  const entries = (response.headers.get('X-Coverage-Palette') ?? '').split(' ').map((entry) => entry.split('='));
  const bitmap = await createImageBitmap(await response.blob(), { premultiplyAlpha: 'none' });
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d'));
  context.drawImage(bitmap, 0, 0);
  return {
    pixels: context.getImageData(0, 0, bitmap.width, bitmap.height),
    palette: new Map(entries.map(([state, colour]) => [state, colour])),
  };
}
