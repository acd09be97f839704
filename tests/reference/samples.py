"""Compares a tile's samples as GDAL reads its GeoTIFF and as numpy reads its array.

    samples.py TILE.tif TILE.npy EPSG WEST,SOUTH,EAST,NORTH NAME...

The names are those of the bands; the array has the mask behind them.
"""

import sys

import numpy as np
import rasterio

from cube import leave

tif, npy, code, bounds, *names = sys.argv[1:]
array = np.load(npy)
with rasterio.open(tif) as file:
    assert file.crs.to_epsg() == int(code), file.crs
    np.testing.assert_allclose(file.bounds, [float(side) for side in bounds.split(",")], rtol=1e-12)
    assert list(file.descriptions) == names, file.descriptions
    bands, mask = file.read(), file.dataset_mask()
assert array.dtype == bands.dtype, (array.dtype, bands.dtype)
assert mask.any() and not mask.all(), "the tile is to have data and holes"
np.testing.assert_array_equal(array[:-1], bands)
np.testing.assert_array_equal(array[-1], mask.astype(array.dtype))
leave(0)
