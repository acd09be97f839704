"""Compares the values that a server told of a rectangle with those of the cube.

    values.py CUBE FILE.tif STATISTICS.json WEST SOUTH EAST NORTH

FILE is read by rasterio (GDAL), the cube by icechunk and xarray, and the numbers are
computed again by numpy. The rectangle is in the cube's own degrees.
"""

import json
import sys

import numpy as np
import rasterio
import xarray as xr

from cube import leave, open_store

NODATA = 0

store, file, statistics = sys.argv[1:4]
west, south, east, north = map(float, sys.argv[4:])
level = xr.open_zarr(open_store(store), group="0", consolidated=False, mask_and_scale=False)
# Cells that the rectangle shares more than an edge with.
half = abs(float(level.latitude[1] - level.latitude[0])) / 2 * (1 - 1e-6)
level = level.isel(time=0).sel(
    latitude=slice(north + half, south - half), longitude=slice(west - half, east + half)
)
with rasterio.open(file) as tif:
    assert tif.crs.to_epsg() == 4326, tif.crs
    assert tif.nodata == NODATA, tif.nodata
    assert tif.descriptions == ("red", "count"), tif.descriptions
    for number, name in enumerate(tif.descriptions, 1):
        np.testing.assert_array_equal(tif.read(number), level[name].values)
    xs = tif.transform.c + (np.arange(tif.width) + 0.5) * tif.transform.a
    ys = tif.transform.f + (np.arange(tif.height) + 0.5) * tif.transform.e
    np.testing.assert_allclose(xs, level.longitude, atol=1e-9)
    np.testing.assert_allclose(ys, level.latitude, atol=1e-9)

red = level["red"].values
valid = red[red != NODATA].astype("f8")
told = json.load(open(statistics))["red"]
counts, edges = np.histogram(valid)
expected = {
    "min": valid.min(),
    "max": valid.max(),
    "mean": valid.mean(),
    "std": valid.std(),
    "median": np.median(valid),
    "percentile_2": np.percentile(valid, 2),
    "percentile_98": np.percentile(valid, 98),
    "valid_pixels": valid.size,
    "masked_pixels": red.size - valid.size,
}
for name, value in expected.items():
    np.testing.assert_allclose(told[name], value, rtol=1e-12, err_msg=name)
np.testing.assert_array_equal(told["histogram"][0], counts)
np.testing.assert_allclose(told["histogram"][1], edges)
leave(0)
