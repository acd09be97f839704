"""Reads a cube's tiles through GDAL's WMTS driver and compares them with tiles.

    wmts.py CAPABILITIES_URL LAYER TILE.png ZOOM COL ROW

TILE.png is the tile as the server gives it to anybody. GDAL finds the matrix set, the
limits and the default of the time dimension by itself.
"""

import sys

import numpy as np
import rasterio
from rasterio.enums import Resampling
from rasterio.windows import from_bounds

from cube import leave

HALF = 20037508.342789244

url, layer, tile = sys.argv[1:4]
zoom, col, row = map(int, sys.argv[4:])
side = 2 * HALF / 2**zoom
west, north = -HALF + col * side, HALF - row * side
with rasterio.open(f"WMTS:{url},layer={layer}") as service:
    assert service.crs.to_epsg() == 3857, service.crs
    window = from_bounds(west, north - side, west + side, north, service.transform)
    found = service.read(window=window, out_shape=(service.count, 256, 256), resampling=Resampling.nearest)
with rasterio.open(tile) as picture:
    expected = picture.read()
    if picture.count == 1:
        colours = picture.colormap(1)
        table = np.array([colours.get(n, (0, 0, 0, 0)) for n in range(256)], dtype=np.uint8)
        expected = np.moveaxis(table[expected[0]], -1, 0)
opaque = expected[3] == 255 if len(expected) == 4 else np.ones((256, 256), bool)
assert opaque.any(), "the tile is empty"
for band in range(3):
    np.testing.assert_array_equal(found[band][opaque], expected[band][opaque])
leave(0)
