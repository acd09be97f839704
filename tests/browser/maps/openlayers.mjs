/** OpenLayers: XYZ, WMTS by its capabilities, OGC API Tiles by its metadata, and WMS. */
import { classic } from './classic.mjs';

await classic('/node_modules/ol/dist/ol.js');
const { ol } = window;

/** Tiles are drawn pixel by pixel. */
const SHARP = { interpolate: false, transition: 0, crossOrigin: 'anonymous' };

const sources = {
  xyz: ({ base, cube, style, most }) => new ol.source.XYZ({
    ...SHARP, url: `${base}cubes/${cube}/tiles/WebMercatorQuad/{z}/{x}/{y}.png?${style}`, maxZoom: most,
  }),
  wmts: async ({ base, cube, style, time }) => {
    const told = await fetch(`${base}cubes/${cube}/WMTSCapabilities.xml?${style}`);
    const capabilities = new ol.format.WMTSCapabilities().read(await told.text());
    const options = ol.source.WMTS.optionsFromCapabilities(capabilities, { layer: cube });
    if (time !== undefined) options.dimensions.time = `${time}T00:00:00Z`;
    return new ol.source.WMTS({ ...options, ...SHARP });
  },
  kvp: async (wanted) => {
    const source = await sources.wmts(wanted);
    const { base, cube, style } = wanted;
    return new ol.source.WMTS({
      ...SHARP,
      url: `${base}cubes/${cube}/wmts?${style}`,
      requestEncoding: 'KVP',
      layer: cube,
      style: 'default',
      format: 'image/png',
      matrixSet: 'WebMercatorQuad',
      tileGrid: source.getTileGrid(),
      projection: source.getProjection(),
      dimensions: source.getDimensions(),
    });
  },
  wms: ({ base, cube, style, time }) => new ol.source.TileWMS({
    ...SHARP, url: `${base}cubes/${cube}/wms?${style}`, params: { LAYERS: cube, TIME: time },
  }),
  ogc: ({ base, cube, style }) => new ol.source.OGCMapTile({
    ...SHARP, url: `${base}collections/${cube}/map/tiles/WebMercatorQuad?${style}`, mediaType: 'image/png',
  }),
};

export async function show(wanted) {
  const { source: kind, lon, lat, zoom, bounds } = wanted;
  const source = await sources[kind](wanted);
  const counts = { loaded: 0, failed: 0 };
  source.on('tileloadend', () => { counts.loaded += 1; });
  source.on('tileloaderror', () => { counts.failed += 1; });
  // The metadata of the others say where there are tiles.
  const extent = kind === 'xyz' ? ol.proj.transformExtent(bounds.split(',').map(Number), 'EPSG:4326', 'EPSG:3857') : undefined;
  const map = new ol.Map({
    target: 'map',
    controls: [],
    layers: [new ol.layer.Tile({ source, extent })],
    view: new ol.View({ center: ol.proj.fromLonLat([lon, lat]), zoom, maxZoom: 24 }),
  });
  const pixel = (place) => map.getPixelFromCoordinate(ol.proj.fromLonLat(place));
  return new Promise((resolve) => {
    // A source that reads its own metadata has no tile at first.
    map.on('rendercomplete', () => { if (counts.loaded + counts.failed > 0 || source.getState() === 'error') resolve({ counts, pixel }); });
  });
}
