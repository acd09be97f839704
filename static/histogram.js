/** How often each value is, drawn behind the stretch's sliders. */

/** @typedef {import('./values.js').BandStatistics} BandStatistics */

const SVG = 'http://www.w3.org/2000/svg';

/** The size of the picture in its own units. */
const WIDTH = 100;
const HEIGHT = 30;

/**
 * @param {BandStatistics[]} bands one, or three that are drawn red, green and blue
 * @param {number} low value at the left end
 * @param {number} high value at the right end
 * @returns {SVGPathElement[]}
 */
export function histogramPaths(bands, low, high) {
  return bands.flatMap(({ histogram }, i) => {
    if (!histogram) return [];
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('d', outline(histogram, low, high));
    path.setAttribute('class', bands.length === 3 ? ['red', 'green', 'blue'][i] : 'single');
    return [path];
  });
}

/**
 * @param {[number[], number[]]} histogram counts, and the edges between them
 * @param {number} low
 * @param {number} high
 */
function outline([counts, edges], low, high) {
  const most = Math.max(...counts, 1);
  const x = (/** @type {number} */ value) => (Math.min(1, Math.max(0, (value - low) / (high - low))) * WIDTH).toFixed(2);
  // A root, so that what is rare can be seen beside what is all over.
  const y = (/** @type {number} */ count) => (HEIGHT * (1 - Math.sqrt(count / most))).toFixed(2);
  const steps = counts.map((count, i) => `V${y(count)}H${x(edges[i + 1])}`);
  return `M${x(edges[0])},${HEIGHT}${steps.join('')}V${HEIGHT}Z`;
}
