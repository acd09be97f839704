/**
 * Colour ramps that are offered first and drawn as a legend, each by a few of its colours, evenly
 * spaced. The server draws the tiles and has the full tables.
 *
 * Sources: matplotlib's listed colormaps (viridis, magma, inferno, plasma, cividis under CC0; turbo
 * (c) 2019 Google LLC, Apache-2.0) and ColorBrewer (c) 2002 Cynthia Brewer, Mark Harrower and The
 * Pennsylvania State University, Apache-2.0.
 *
 * @type {Record<string, string>}
 */
const RAMPS = {
  gray: '#000000 #ffffff',
  viridis: '#440154 #472d7b #3b528b #2c728e #21918c #27ad81 #5cc863 #aadc32 #fde725',
  cividis: '#00224e #1a386f #434e6c #61656f #7d7c78 #9a9376 #bbad6d #ddc858 #fee838',
  magma: '#000004 #1d1147 #51127c #832681 #b73779 #e55064 #fb8761 #fec287 #fcfdbf',
  inferno: '#000004 #210c4a #57106e #8a226a #bc3754 #e35933 #f98c0a #f9c932 #fcffa4',
  plasma: '#0d0887 #4c02a1 #7e03a8 #aa2395 #cc4778 #e56b5d #f89441 #fdc328 #f0f921',
  turbo: '#30123b #434eba #4685fa #28bceb #1ae4b6 #55fa76 #a4fc3c #d9e436 #faba39 #fb8122 #e5470b #b91e02 #7a0403',
  rdylgn: '#a50026 #d73027 #f46d43 #fdae61 #fee08b #ffffbf #d9ef8b #a6d96a #66bd63 #1a9850 #006837',
  ylgn: '#ffffe5 #f7fcb9 #d9f0a3 #addd8e #78c679 #41ab5d #238443 #006837 #004529',
  ylgnbu: '#ffffd9 #edf8b1 #c7e9b4 #7fcdbb #41b6c4 #1d91c0 #225ea8 #253494 #081d58',
  spectral: '#9e0142 #d53e4f #f46d43 #fdae61 #fee08b #ffffbf #e6f598 #abdda4 #66c2a5 #3288bd #5e4fa2',
  rdbu: '#67001f #b2182b #d6604d #f4a582 #fddbc7 #f7f7f7 #d1e5f0 #92c5de #4393c3 #2166ac #053061',
  brbg: '#543005 #8c510a #bf812d #dfc27d #f6e8c3 #f5f5f5 #c7eae5 #80cdc1 #35978f #01665e #003c30',
};

/**
 * @param {string|null} name a colormap; with `_r` at the end it runs backwards; null is for three
 *   bands, which run from black to white
 * @param {number} low where the ramp starts, as a fraction of the image's width
 * @param {number} high where it ends
 * @returns {string} CSS image, or `none` for a ramp whose colours are not known here
 */
export function rampGradient(name, low, high) {
  const key = (name ?? 'gray').toLowerCase();
  const colours = RAMPS[key.replace(/_r$/, '')]?.split(' ');
  if (!colours) return 'none';
  if (key.endsWith('_r')) colours.reverse();
  const place = (/** @type {number} */ i) => (low + ((high - low) * i) / (colours.length - 1)) * 100;
  const stops = colours.map((colour, i) => `${colour} ${place(i).toFixed(2)}%`);
  const [start, end] = [place(0), place(colours.length - 1)].map((at) => `transparent ${at.toFixed(2)}%`);
  return `linear-gradient(to right, ${[start, ...stops, end].join(', ')})`;
}

/**
 * @param {string[]} names all colormaps of the server
 * @returns {{label: string, names: string[]}[]} the well-known ones first
 */
export function groupRamps(names) {
  const known = Object.keys(RAMPS).filter((name) => names.includes(name));
  const others = names.filter((name) => !known.includes(name));
  return [{ label: 'Common', names: known }, { label: 'All others', names: others }].filter((group) => group.names.length);
}
