import { byId } from './dom.js';

/** On a phone the panel is a sheet that slides up from the timeline. */
export function watchSheet() {
  const toggle = byId('sheet-toggle');
  toggle.addEventListener('click', () => {
    const open = byId('dock').classList.toggle('open');
    toggle.setAttribute('aria-expanded', String(open));
  });
  // Leaflet's credits sit above the dock, whatever height it has.
  new ResizeObserver(() => {
    const { height } = byId('dock').getBoundingClientRect();
    document.body.style.setProperty('--dock-height', `${Math.round(height)}px`);
  }).observe(byId('dock'));
}
