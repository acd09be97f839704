"""Reads what `cubetiler export` wrote, with the programs it is written for.

    export.py STORE SHARDED UNSHARDED ZARR2

STORE is the cube, an Icechunk repository; the others are its exports. xarray has to
find the same values, coordinates and attributes in all of them, and GDAL the same
pixels: rasterio's GDAL in UNSHARDED, the `gdal_translate` of the path in ZARR2.
Prints what differs and exits with 1.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import rasterio
import rioxarray  # noqa: F401  (registers the .rio accessor)
import xarray as xr
from cube import leave, open_store

STORE, SHARDED, UNSHARDED, ZARR2 = sys.argv[1:]

failures = []


def check(holds, message):
    if not holds:
        failures.append(message)


def opened(store, group):
    return xr.open_zarr(store, group=group, consolidated=isinstance(store, str), decode_coords="all", mask_and_scale=False)


def gdal_translate(subset):
    """The samples of a raster as Debian's or another GDAL of the path reads them."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        command = ["gdal_translate", "-q", "-of", "ENVI", subset, str(out)]
        subprocess.run(command, check=True)
        with rasterio.open(out) as raster:
            return raster.read(1)


cube = open_store(STORE)
levels = json.loads((Path(SHARDED) / "zarr.json").read_text())["attributes"]["multiscales"]["layout"]
check(len(levels) > 1, "the cube has one level only: the test shows nothing of overviews")
for level in levels:
    name = level["asset"]
    expected = opened(cube, name).load()
    for kind, store in [("sharded", SHARDED), ("unsharded", UNSHARDED), ("zarr2", ZARR2)]:
        found = opened(store, name).load()
        check(list(found.variables) and expected.equals(found), f"level {name}, {kind}: other values or coordinates")
        check(expected.rio.crs == found.rio.crs, f"level {name}, {kind}: CRS {found.rio.crs}")
    for band in expected.data_vars:
        check(expected[band].values.any(), f"level {name}, {band}: nothing was built, so nothing is compared")
        for time in range(expected.sizes["time"]):
            pixels = expected[band].values[time]
            with rasterio.open(f'ZARR:"{UNSHARDED}":/{name}/{band}:{time}') as raster:
                check(np.array_equal(raster.read(1), pixels), f"level {name}, {band}: GDAL {rasterio.__gdal_version__} differs")
            found = gdal_translate(f'ZARR:"{ZARR2}":/{name}/{band}:{time}')
            check(np.array_equal(found, pixels), f"level {name}, {band}: the other GDAL differs")

for failure in failures:
    print(failure)
leave(1 if failures else 0)
