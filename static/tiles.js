/* global L */
/**
 * The cube's tiles on the map, replaced without a blank moment: a new layer loads on top of the
 * one that is shown, and the old one goes when the new one is complete.
 *
 * @typedef {import('./api.js').Cube} Cube
 * @typedef {import('./view.js').View} View
 * @typedef {{loaded: number, failed: number}} TileStats tiles since the page was opened
 */
import { withToken } from './http.js';
import { dataQuery } from './values.js';

/** Leaflet fades tiles in for 200 ms; until then the old layer has to stay beneath. */
const FADE_MS = 250;

/** How far the map zooms past the finest tiles, by enlarging them. */
export const OVERZOOM = 3;

/** Tiles that may be asked for at once below the coarsest zoom, where they are drawn reduced. */
const MAX_REDUCED_TILES = 48;

/** A sliver of a tile narrower than this (in degrees) holds no cell centre and is not asked for. */
const SLIVER = 1e-7;

/**
 * @param {View} view
 * @returns {URLSearchParams} what a tile's address says of the picture
 */
export function tileQuery(view) {
  const query = dataQuery(view);
  for (const range of view.rescale) query.append('rescale', range.join(','));
  if (view.colormap) query.append('colormap_name', view.colormap);
  return query;
}

/**
 * @param {Cube} cube
 * @param {View} view
 * @returns {string} Leaflet URL template, relative to the page
 */
export function tileTemplate(cube, view) {
  const query = tileQuery(view);
  // Names the state of the data, so that no cache can answer with an older picture.
  query.append('revision', cube.revision);
  return `cubes/${encodeURIComponent(cube.id)}/tiles/WebMercatorQuad/{z}/{x}/{y}{r}.png?${withToken(query)}`;
}

/**
 * The map's zoom range for a cube. Below the cube's coarsest zoom its tiles are drawn reduced, which
 * needs many of them for a large cube, so it stops where that would be too many.
 * @param {Cube} cube
 * @returns {{minZoom: number, maxZoom: number}}
 */
export function zoomRange(cube) {
  const [west, south, east, north] = cube.bounds;
  const corner = (/** @type {number} */ lat, /** @type {number} */ lon) =>
    L.CRS.EPSG3857.latLngToPoint(L.latLng(lat, lon), cube.minzoom).divideBy(256);
  const size = corner(south, east).subtract(corner(north, west));
  const few = (size.x + 1) * (size.y + 1) <= MAX_REDUCED_TILES;
  return { minZoom: Math.max(0, cube.minzoom - (few ? 3 : 0)), maxZoom: cube.maxzoom + OVERZOOM };
}

export class CubeLayer {
  /** @type {L.TileLayer|null} */
  #shown = null;
  /** @type {L.TileLayer|null} */
  #loading = null;
  /** @type {{cube: Cube, template: string}|null} */
  #next = null;
  /** @type {{cube: Cube, template: string}|null} */
  #last = null;
  /** @type {{template: string, layer: L.TileLayer, ready: Promise<void>}|null} invisible, to be shown next */
  #ahead = null;
  #failing = 0;
  /** @type {string|null} address of a tile that is missing from the present picture */
  failed = null;

  /**
   * @param {L.Map} map
   * @param {() => void} onChange `isIdle` or `failing` may have changed
   * @param {string} [pane]
   * @param {TileStats} [stats] to count in
   */
  constructor(map, onChange, pane = 'tilePane', stats = { loaded: 0, failed: 0 }) {
    this.map = map;
    this.stats = stats;
    this.pane = pane;
    this.onChange = onChange;
  }

  /**
   * Shows a picture. A refresh (the same picture at a later revision) waits for the layer that is
   * loading, since in a busy fill it would otherwise be replaced for ever; anything else replaces it.
   * @param {Cube} cube
   * @param {string} template
   * @param {{refresh?: boolean}} [options]
   */
  show(cube, template, { refresh = false } = {}) {
    this.#last = { cube, template };
    if (refresh && this.#loading) {
      this.#next = this.#last;
      return;
    }
    this.#next = null;
    if (this.#loading) this.#loading.remove();
    this.#load(cube, template);
  }

  /** Asks again for tiles that failed. */
  retry() {
    if (this.#last) this.show(this.#last.cube, this.#last.template);
  }

  /** Removes the picture at once, for another cube. */
  clear() {
    for (const layer of [this.#shown, this.#loading, this.#ahead?.layer]) layer?.remove();
    this.#shown = this.#loading = this.#next = this.#last = this.#ahead = null;
    this.#failing = 0;
  }

  /** The number of tiles that are missing from the present picture. */
  get failing() {
    return this.#failing;
  }

  get isIdle() {
    return !this.#loading && !this.#shown?.isLoading();
  }

  /**
   * Loads a picture that will be shown next, unseen.
   * @param {Cube} cube
   * @param {string} template
   * @returns {Promise<void>} kept when its tiles are there, or have failed
   */
  prefetch(cube, template) {
    if (this.#ahead?.template !== template) {
      this.dropPrefetched();
      const layer = this.#make(cube, template).setOpacity(0);
      const ready = new Promise((resolve) => {
        layer.on('load remove', () => resolve(undefined));
        // A picture with a hole is asked for again when it is shown, and reported then.
        layer.on('tileerror', () => { if (layer === this.#ahead?.layer) this.dropPrefetched(); });
        layer.addTo(this.map);
        if (!layer.isLoading()) resolve(undefined);
      });
      this.#ahead = { template, layer, ready };
    }
    return this.#ahead.ready;
  }

  dropPrefetched() {
    this.#ahead?.layer.remove();
    this.#ahead = null;
  }

  /**
   * @param {Cube} cube
   * @param {string} template
   * @returns {L.TileLayer}
   */
  #make(cube, template) {
    const [west, south, east, north] = cube.bounds;
    return L.tileLayer(template, {
      ...zoomRange(cube),
      pane: this.pane,
      minNativeZoom: cube.minzoom,
      maxNativeZoom: cube.maxzoom,
      bounds: [[south + SLIVER, west + SLIVER], [north - SLIVER, east - SLIVER]],
      noWrap: true,
      updateWhenZooming: false,
    });
  }

  /**
   * @param {Cube} cube
   * @param {string} template
   */
  #load(cube, template) {
    const ahead = this.#ahead?.template === template ? this.#ahead.layer : null;
    if (ahead) this.#ahead = null;
    const layer = ahead ?? this.#make(cube, template);
    this.#loading = layer;
    this.#failing = 0;
    this.failed = null;
    layer.on('tileload', () => this.#count('loaded', layer));
    layer.on('tileerror', ({ tile }) => this.#count('failed', layer, /** @type {HTMLImageElement} */ (tile).src));
    layer.on('loading', () => this.#report());
    // Leaflet fires `load` as often as the view's tiles are complete, with failed tiles too.
    layer.on('load', () => (layer === this.#loading ? this.#settle(layer) : this.#report()));
    if (ahead) ahead.bringToFront().setOpacity(1);
    else layer.addTo(this.map);
    // No `load` comes when no tile of the cube is in view.
    if (!layer.isLoading()) this.#settle(layer);
    this.#report();
  }

  /**
   * @param {'loaded'|'failed'} what
   * @param {L.TileLayer} layer
   * @param {string|null} [address]
   */
  #count(what, layer, address = null) {
    this.stats[what] += 1;
    if (what === 'failed' && (layer === this.#loading || layer === this.#shown)) {
      this.#failing += 1;
      this.failed = address;
    }
    this.#report();
  }

  /** @param {L.TileLayer} layer a layer whose tiles are complete but may still be fading in */
  #settle(layer) {
    setTimeout(() => {
      if (layer !== this.#loading) return;
      this.#shown?.remove();
      this.#shown = layer;
      this.#loading = null;
      if (this.#next) {
        const { cube, template } = this.#next;
        this.#next = null;
        this.#load(cube, template);
      }
      this.#report();
    }, FADE_MS);
  }

  #report() {
    this.onChange();
  }
}
