/* global L */
/**
 * What is on the map where there is no picture: the cube's outline on a hatched sheet, and a
 * graticule with labels at the edges of the view.
 *
 * @typedef {import('./api.js').Bounds} Bounds
 */

/** Spacings of the graticule in degrees, coarse to fine. */
const SPACINGS = [30, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001];

/** The finest spacing that leaves this many pixels between two meridians is used. */
const MIN_PIXELS = 110;

/** The corner in which the two rows of labels would meet, in pixels. */
const CORNER = { width: 64, height: 28 };

/** Latitude at which the Web Mercator map ends. */
const MAX_LATITUDE = 85;

/**
 * @param {L.Map} map
 * @param {string} name
 * @param {number} zIndex Leaflet's tiles are at 200
 * @returns {L.Renderer}
 */
function paneRenderer(map, name, zIndex) {
  const pane = map.createPane(name);
  pane.style.zIndex = String(zIndex);
  pane.style.pointerEvents = 'none';
  return L.svg({ pane: name, padding: 1 });
}

/**
 * @param {Bounds} bounds
 * @returns {L.LatLngBounds}
 */
export const latLngBounds = ([west, south, east, north]) => L.latLngBounds([south, west], [north, east]);

export class Ground {
  /**
   * @param {L.Map} map
   * @param {HTMLElement} labels where the graticule's labels go
   */
  constructor(map, labels) {
    this.map = map;
    this.labels = labels;
    this.below = paneRenderer(map, 'ground', 150);
    this.above = paneRenderer(map, 'frame', 350);
    this.cubeLayers = L.layerGroup().addTo(map);
    this.lines = L.polyline([], { renderer: this.below, className: 'graticule', interactive: false, noClip: true });
    /** @type {L.Rectangle|null} */
    this.area = null;
    map.on('moveend zoomend resize', () => this.#drawGraticule());
    map.on('move', () => this.#drawLabels());
    map.on('zoomanim', () => labels.classList.add('moving'));
  }

  /** @param {Bounds} bounds */
  showCube(bounds) {
    const corners = latLngBounds(bounds);
    this.cubeLayers.clearLayers();
    const sheet = { renderer: this.below, className: 'sheet', fillColor: 'url(#hatch)', interactive: false };
    L.rectangle(corners, sheet).addTo(this.cubeLayers);
    // The lines lie on the sheet, so they are added after it.
    this.lines.remove();
    this.lines.addTo(this.map);
    L.rectangle(corners, { renderer: this.above, className: 'outline', interactive: false }).addTo(this.cubeLayers);
    this.#drawGraticule();
  }

  /** @param {Bounds|null} bounds the area being filled, if any */
  markArea(bounds) {
    this.area?.remove();
    this.area = bounds && L.rectangle(latLngBounds(bounds), {
      renderer: this.above,
      className: 'filling',
      interactive: false,
    }).addTo(this.map);
  }

  #spacing() {
    const bounds = this.map.getBounds();
    const pixelsPerDegree = this.map.getSize().x / Math.max(bounds.getEast() - bounds.getWest(), 1e-9);
    return SPACINGS.findLast((spacing) => spacing * pixelsPerDegree >= MIN_PIXELS) ?? SPACINGS[0];
  }

  #drawGraticule() {
    const spacing = this.#spacing();
    const bounds = this.map.getBounds().pad(1);
    const [west, east] = [Math.max(bounds.getWest(), -180), Math.min(bounds.getEast(), 180)];
    const [south, north] = [Math.max(bounds.getSouth(), -MAX_LATITUDE), Math.min(bounds.getNorth(), MAX_LATITUDE)];
    this.lines.setLatLngs([
      ...multiples(west, east, spacing).map((lon) => [L.latLng(south, lon), L.latLng(north, lon)]),
      ...multiples(south, north, spacing).map((lat) => [L.latLng(lat, west), L.latLng(lat, east)]),
    ]);
    this.labels.classList.remove('moving');
    this.#drawLabels();
  }

  #drawLabels() {
    const spacing = this.#spacing();
    const bounds = this.map.getBounds();
    const [west, east] = [Math.max(bounds.getWest(), -180), Math.min(bounds.getEast(), 180)];
    const [south, north] = [Math.max(bounds.getSouth(), -MAX_LATITUDE), Math.min(bounds.getNorth(), MAX_LATITUDE)];
    const { x: width } = this.map.getSize();
    const digits = spacing < 1 ? String(spacing).length - 2 : 0;
    const label = (/** @type {number} */ value, /** @type {string} */ signs, /** @type {string} */ axis, /** @type {number} */ at) => {
      const element = document.createElement('span');
      const sign = value === 0 ? '' : signs[value > 0 ? 0 : 1];
      element.textContent = `${Math.abs(value).toFixed(digits)}°${sign}`;
      element.className = axis;
      element.style.setProperty('--at', `${Math.round(at)}px`);
      return element;
    };
    const meridians = multiples(west, east, spacing)
      .map((lon) => ({ lon, at: this.map.latLngToContainerPoint([0, lon]).x }))
      .filter(({ at }) => at > CORNER.width / 2 && at < width - CORNER.width);
    const parallels = multiples(south, north, spacing)
      .map((lat) => ({ lat, at: this.map.latLngToContainerPoint([lat, 0]).y }))
      .filter(({ at }) => at > CORNER.height);
    this.labels.replaceChildren(
      ...meridians.map(({ lon, at }) => label(lon, 'EW', 'lon', at)),
      ...parallels.map(({ lat, at }) => label(lat, 'NS', 'lat', at)),
    );
  }
}

/**
 * @param {number} from
 * @param {number} to
 * @param {number} spacing
 * @returns {number[]} the multiples of a spacing in an interval
 */
function multiples(from, to, spacing) {
  const first = Math.ceil(from / spacing);
  const count = Math.max(0, Math.floor(to / spacing) - first + 1);
  return Array.from({ length: count }, (_, i) => Number(((first + i) * spacing).toFixed(6)));
}
