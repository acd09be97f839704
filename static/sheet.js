import { byId } from './dom.js';

/** On a phone the panel is a sheet that slides up from the timeline. */
export function watchSheet() {
  const toggle = byId('sheet-toggle');
  toggle.addEventListener('click', () => {
    const open = byId('dock').classList.toggle('open');
    toggle.setAttribute('aria-expanded', String(open));
  });
  // Leaflet's credits sit above the dock, and the legend above the timeline, whatever heights they have.
  const measure = () => {
    const { height } = byId('dock').getBoundingClientRect();
    const { top } = byId('timeline').getBoundingClientRect();
    document.body.style.setProperty('--dock-height', `${Math.round(height)}px`);
    document.body.style.setProperty('--bar-height', `${Math.round(window.innerHeight - top)}px`);
  };
  const observer = new ResizeObserver(measure);
  for (const id of ['dock', 'timeline']) observer.observe(byId(id));
  window.addEventListener('resize', measure);
}
