/* global L */
/** Where the map is: the cube between the controls, or the place that a link names. */
import { byId } from './dom.js';
import { clip } from './fill.js';
import { latLngBounds } from './ground.js';
import { zoomRange } from './tiles.js';

/** @typedef {import('./api.js').Bounds} Bounds */
/** @typedef {import('./api.js').Cube} Cube */

/**
 * @param {L.Map} map
 * @param {Cube} cube
 * @param {import('./view.js').Wish['map']} place null: where the cube is
 */
export function moveTo(map, cube, place) {
  const { minZoom, maxZoom } = zoomRange(cube);
  // The limits come after the move: they would start an animation from where the map is now.
  map.setMinZoom(0).setMaxZoom(Math.max(maxZoom, map.getZoom()));
  const { center, zoom } = place ? { center: L.latLng(place.lat, place.lon), zoom: place.zoom } : startingPlace(map, cube);
  map.setView(center, Math.min(Math.max(zoom, minZoom), maxZoom), { animate: false });
  map.setMinZoom(minZoom).setMaxZoom(maxZoom);
}

/**
 * @param {L.Map} map
 * @param {Cube} cube
 * @returns {Bounds|null} the part of the cube that is in view
 */
export function boundsInView(map, cube) {
  const bounds = map.getBounds();
  return clip([bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()], cube.bounds);
}

/**
 * The whole cube, or the part of it that its author points at. A coarser start than the whole cube
 * has no use.
 * @param {L.Map} map
 * @param {Cube} opened
 * @returns {{center: L.LatLng, zoom: number}}
 */
function startingPlace(map, opened) {
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
