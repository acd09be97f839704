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
  let isDone = () => {};
  const read = new Promise((resolve) => { isDone = resolve; });
  let pending = 0;
  let chunks = 0;
  window.fetch = async (...request) => {
    pending += 1;
    const answer = await asked(...request);
    pending -= 1;
    counts[answer.ok ? 'loaded' : 'failed'] += 1;
    if (/[/]c[/]\d/.test(answer.url)) chunks += 1;
    if (chunks > 0 && pending === 0) isDone();
    return answer;
  };
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
  });
  map.addLayer(layer);
  await read;
  return { counts, pixel: pixelOn(map) };
}
