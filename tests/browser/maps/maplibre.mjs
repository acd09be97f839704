/** MapLibre, by TileJSON as the address of a source. */
import * as maplibregl from 'maplibre-gl';

maplibregl.setWorkerUrl('/node_modules/maplibre-gl/dist/maplibre-gl-worker.mjs');

/** An empty map, whose zooms are those of tiles of 512 pixels: one less than others'. */
export function empty({ lon, lat, zoom }) {
  return new maplibregl.Map({
    container: 'map',
    center: [lon, lat],
    zoom: zoom - 1,
    attributionControl: false,
    fadeDuration: 0,
    canvasContextAttributes: { preserveDrawingBuffer: true },
    style: { version: 8, sources: {}, layers: [] },
  });
}

/** Where on the page a place is. */
export function pixelOn(map) {
  return (place) => {
    const at = map.project(place);
    return [at.x, at.y];
  };
}

export async function show(wanted) {
  const { base, cube, style } = wanted;
  const map = empty(wanted);
  const counts = { loaded: 0, failed: 0 };
  map.on('error', (event) => { counts.failed += 1; console.error(event.error?.message); });
  map.on('data', (event) => { if (event.dataType === 'source' && event.tile?.state === 'loaded') counts.loaded += 1; });
  await map.once('load');
  map.addSource('cube', { type: 'raster', url: `${base}cubes/${cube}/WebMercatorQuad/tilejson.json?${style}`, tileSize: 256 });
  map.addLayer({ id: 'cube', type: 'raster', source: 'cube', paint: { 'raster-resampling': 'nearest', 'raster-fade-duration': 0 } });
  await map.once('idle');
  return { counts, pixel: pixelOn(map) };
}
