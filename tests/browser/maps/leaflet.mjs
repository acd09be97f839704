/** Leaflet, by the address of tiles, and by TileJSON where there are any. */
import { classic } from './classic.mjs';

export async function show({ base, cube, style, lon, lat, zoom }) {
  await classic('/node_modules/leaflet/dist/leaflet.js');
  const { L } = window;
  const { tiles, bounds, maxzoom } = await (await fetch(`${base}cubes/${cube}/WebMercatorQuad/tilejson.json?${style}`)).json();
  const [west, south, east, north] = bounds;
  const map = L.map('map', {
    center: [lat, lon], zoom, zoomControl: false, attributionControl: false, fadeAnimation: false, zoomAnimation: false,
  });
  const counts = { loaded: 0, failed: 0 };
  const layer = L.tileLayer(tiles[0], { maxNativeZoom: maxzoom, bounds: [[south, west], [north, east]] });
  layer.on('tileload', () => { counts.loaded += 1; }).on('tileerror', () => { counts.failed += 1; });
  const pixel = ([x, y]) => {
    const at = map.project([y, x]).subtract(map.getPixelOrigin()).add(L.DomUtil.getPosition(map.getPane('mapPane')));
    return [at.x, at.y];
  };
  return new Promise((resolve) => {
    layer.on('load', () => resolve({ counts, pixel }));
    layer.addTo(map);
  });
}
