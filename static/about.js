/** What the page says about the cube: its title, its facts, whose it is. */
import { byId, setText } from './dom.js';

/** @typedef {import('./api.js').Cube} Cube */

/** @param {Cube} cube */
export function describeCube(cube) {
  document.title = `${cube.title} · CubeTiler`;
  byId('cube-title').textContent = cube.title;
  const [finest] = cube.levels ?? [];
  const perUnit = cube.units === 'degrees' ? 111_320 : 1;
  const metres = finest && Math.round(finest.cell_size[1] * perUnit);
  const facts = [
    `${cube.variables.length} ${cube.variables.length === 1 ? 'variable' : 'variables'}`,
    `${cube.times.length} ${cube.times.length === 1 ? 'time step' : 'time steps'}`,
    metres && `${metres} m cells`,
  ];
  byId('cube-facts').textContent = facts.filter(Boolean).join(' · ');
  setText(byId('cube-description'), cube.description ?? '');
  const tilejson = /** @type {HTMLAnchorElement} */ (byId('tilejson'));
  tilejson.href = `cubes/${encodeURIComponent(cube.id)}/WebMercatorQuad/tilejson.json`;
  tilejson.hidden = false;
  /** @type {HTMLSelectElement} */ (byId('cube')).value = cube.id;
}

/**
 * Says why the map of a cube is empty, where it is.
 * @param {Cube} cube
 * @param {boolean} canFill whether this page can start a fill
 */
export function explainEmpty(cube, canFill) {
  const counts = Object.values(cube.coverage ?? {});
  const isEmpty = counts.length > 0 && counts.every(({ done, outdated }) => done + outdated === 0);
  const found = counts.some((count) => count.no_scenes + count.all_masked + count.failed > 0);
  const next = canFill
    ? '“Fill this view” builds what the map shows.'
    : 'It is filled by its owner: this server takes no fills from here.';
  const why = found ? 'Nothing of this cube could be built so far.' : 'Nothing of this cube is built yet.';
  setText(byId('cube-empty'), isEmpty ? `${why} ${next}` : '');
}

/**
 * @param {string} attribution text in which markup may be escaped already
 * @returns {string} HTML that shows the text and nothing else
 */
export function asPlainHtml(attribution) {
  const element = document.createElement('span');
  element.textContent = new DOMParser().parseFromString(attribution, 'text/html').body.textContent;
  return element.innerHTML;
}
