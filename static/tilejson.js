// A map of the tiles that a TileJSON document tells of, whose address the page has.

const place = document.getElementById("map");
const answer = await fetch(place.dataset.tilejson);
const told = await answer.json();

if (answer.ok) {
  const [west, south, east, north] = told.bounds;
  const bounds = L.latLngBounds([south, west], [north, east]);
  const map = L.map(place).fitBounds(bounds);
  L.tileLayer(told.tiles[0], { bounds, maxNativeZoom: told.maxzoom, maxZoom: 24 }).addTo(map);
} else {
  place.textContent = typeof told.detail === "string" ? told.detail : JSON.stringify(told.detail);
}
