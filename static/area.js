/* global L */
/** A rectangle to fill: drawn on the map, or written as its four edges. */
import { byId, setText } from './dom.js';

/** @typedef {import('./api.js').Bounds} Bounds */

const EDGES = ['area-west', 'area-south', 'area-east', 'area-north'];

/** Share of the view's width and height that the rectangle has to begin with. */
const SHARE = 0.5;

/** A rectangle less wide or high than this, in pixels, is a slip of the hand. */
const MIN_PIXELS = 6;

export class AreaChoice {
  #box = byId('area');
  #button = byId('area-open');
  #fields = EDGES.map((id) => /** @type {HTMLInputElement} */ (byId(id)));
  #note = byId('area-note');
  /** @type {L.Rectangle|null} */
  #shown = null;

  /**
   * @param {L.Map} map
   * @param {L.Renderer} renderer
   * @param {object} hooks
   * @param {(bounds: Bounds) => void} hooks.onChoice the rectangle is to be planned
   */
  constructor(map, renderer, hooks) {
    this.map = map;
    this.renderer = renderer;
    this.hooks = hooks;
    this.#button.addEventListener('click', () => (this.isOpen ? this.close() : this.#open()));
    byId('area-close').addEventListener('click', () => {
      this.close();
      this.#button.focus();
    });
    for (const place of [this.#box, map.getContainer()]) {
      place.addEventListener('keydown', (event) => {
        if (event.key !== 'Escape' || !this.isOpen) return;
        this.close();
        this.#button.focus();
      });
    }
    this.#box.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#choose();
    });
    for (const field of this.#fields) field.addEventListener('input', () => this.#draw());
    map.getContainer().addEventListener('pointerdown', (event) => this.#drag(event));
  }

  /** @param {boolean} available */
  setAvailable(available) {
    this.#button.hidden = !available;
    if (!available) this.close();
  }

  get isOpen() {
    return !this.#box.hidden;
  }

  #open() {
    this.#box.hidden = false;
    this.#setDrawing(true);
    const size = this.map.getSize();
    const corner = (/** @type {number} */ share) => this.map.containerPointToLatLng(size.multiplyBy(share));
    this.#write(L.latLngBounds(corner((1 - SHARE) / 2), corner((1 + SHARE) / 2)));
    // Not a field of it, which would call up the keyboard of a phone.
    this.#box.focus();
  }

  close() {
    if (!this.isOpen) return;
    this.#box.hidden = true;
    this.#setDrawing(false);
    this.#shown?.remove();
    this.#shown = null;
  }

  /** @param {boolean} on whether a finger or the mouse draws instead of moving the map */
  #setDrawing(on) {
    for (const handler of [this.map.dragging, this.map.boxZoom]) {
      if (on) handler.disable();
      else handler.enable();
    }
    this.map.getContainer().classList.toggle('drawing', on);
    this.#button.setAttribute('aria-expanded', String(on));
  }

  /** @param {PointerEvent} event */
  #drag(event) {
    const container = this.map.getContainer();
    const isOnControl = /** @type {Element} */ (event.target).closest('.leaflet-control');
    if (!this.isOpen || !event.isPrimary || event.button !== 0 || isOnControl) return;
    const start = this.map.mouseEventToContainerPoint(event);
    container.setPointerCapture(event.pointerId);
    const move = (/** @type {PointerEvent} */ moved) => {
      const end = this.map.mouseEventToContainerPoint(moved);
      if (Math.min(Math.abs(end.x - start.x), Math.abs(end.y - start.y)) < MIN_PIXELS) return;
      const corners = [start, end].map((point) => this.map.containerPointToLatLng(point));
      this.#write(L.latLngBounds(corners[0], corners[1]));
    };
    container.addEventListener('pointermove', move);
    container.addEventListener('lostpointercapture', () => container.removeEventListener('pointermove', move), { once: true });
  }

  /** @param {L.LatLngBounds} bounds */
  #write(bounds) {
    const digits = Math.max(2, Math.ceil(this.map.getZoom() / 3.3) + 1);
    const edges = [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()];
    this.#fields.forEach((field, i) => {
      field.value = edges[i].toFixed(digits);
      field.step = String(10 ** (2 - digits));
    });
    this.#draw();
  }

  /** @returns {Bounds|null} what is written, if it is a rectangle on the globe */
  #bounds() {
    const [west, south, east, north] = this.#fields.map((field) => field.valueAsNumber);
    const valid = west < east && south < north && west >= -180 && east <= 180 && south >= -90 && north <= 90;
    return valid ? [west, south, east, north] : null;
  }

  #draw() {
    const bounds = this.#bounds();
    setText(this.#note, bounds ? '' : 'West has to be less than east, and south less than north, in degrees.');
    this.#shown?.remove();
    if (!bounds) return;
    const [west, south, east, north] = bounds;
    const look = { renderer: this.renderer, className: 'draft', interactive: false };
    this.#shown = L.rectangle([[south, west], [north, east]], look).addTo(this.map);
  }

  #choose() {
    const bounds = this.#bounds();
    if (!bounds) return;
    this.close();
    this.hooks.onChoice(bounds);
  }
}
