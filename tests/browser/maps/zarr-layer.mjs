/** `@carbonplan/zarr-layer` in MapLibre: the browser reads the cube itself and draws it. */
import { ZarrLayer } from '@carbonplan/zarr-layer';
import { empty, pixelOn } from './maplibre.mjs';

const hex = (colour) => `#${colour.slice(0, 3).map((part) => part.toString(16).padStart(2, '0')).join('')}`;

export async function show(wanted) {
  const { base, cube, index, bounds } = wanted;
  const map = empty(wanted);
  const counts = { loaded: 0, failed: 0 };
  map.on('error', (event) => { counts.failed += 1; console.error(event.error?.message); });
  await map.once('load');
  const colours = await (await fetch(`${base}colorMaps/viridis`)).json();
  const asked = window.fetch;
  window.fetch = async (...request) => {
    const answer = await asked(...request);
    counts[answer.ok ? 'loaded' : 'failed'] += 1;
    return answer;
  };
  const states = [];
  const layer = new ZarrLayer({
    id: 'cube',
    source: `${base}cubes/${cube}/zarr`,
    // Or it asks for the documents of version 2, which are not there, and for coordinates.
    zarrVersion: 3,
    bounds: bounds.split(',').map(Number),
    latIsAscending: false,
    variable: 'red',
    selector: { time: { selected: Number(index), type: 'index' } },
    clim: [0, 3000],
    colormap: Object.values(colours).map(hex),
    onLoadingStateChange: (state) => states.push(state),
  });
  map.addLayer(layer);
  await new Promise((resolve) => {
    const look = () => {
      const last = states.at(-1);
      if (last && !last.loading && !last.metadata && !last.chunks) resolve();
      else requestAnimationFrame(look);
    };
    look();
  });
  map.triggerRepaint();
  await map.once('idle');
  return { counts, pixel: pixelOn(map) };
}
