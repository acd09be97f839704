"""Opens a cube with icechunk, xarray, rioxarray and geozarr-toolkit.

    interop.py STORE

STORE is an Icechunk repository or a plain Zarr directory. Every level has to be
a complete CF dataset for xarray, georeferenced for rioxarray, and valid GeoZarr.
Prints what fails and exits with 1.
"""

import asyncio
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyproj
import rioxarray  # noqa: F401  (registers the .rio accessor)
import xarray as xr
import zarr
from cube import leave, open_store
from rasterio.crs import CRS
from zarr.core.buffer import default_buffer_prototype



class Report:
    """Collects what is wrong, so that one run shows all of it."""

    def __init__(self):
        self.failures = []

    def check(self, holds, message):
        if not holds:
            self.failures.append(message)


def check_level(report, store, level, root):
    """One level as xarray and rioxarray see it."""
    y, x = root["spatial:dimensions"]
    dimensions = ("time", y, x)
    crs = CRS.from_string(root["proj:code"])
    name = level["asset"]
    data = xr.open_zarr(store, group=name, consolidated=False, decode_coords="all")

    bands = list(data.data_vars)
    report.check("count" in bands, f"level {name}: no `count` among {bands}")
    report.check(len(bands) > 1, f"level {name}: no bands")
    for band, array in data.data_vars.items():
        where = f"level {name}, {band}"
        report.check(array.dims == dimensions, f"{where}: dimensions {array.dims}, expected {dimensions}")
        report.check(
            array.encoding["dtype"] == np.uint16, f"{where}: stored as {array.encoding['dtype']}, expected uint16"
        )
        report.check(array.encoding.get("_FillValue") == 0, f"{where}: _FillValue is not 0")
        report.check(array.rio.crs == crs, f"{where}: CRS is {array.rio.crs}, expected {crs}")
        # A read through the codecs: a corner is enough.
        array[-1, -3:, -3:].load()

    time = data["time"]
    report.check(np.issubdtype(time.dtype, np.datetime64), f"level {name}: time decodes to {time.dtype}")
    report.check(data.indexes["time"].is_monotonic_increasing, f"level {name}: time does not increase")

    # The transform as GDAL would use it, against the coordinates as xarray does.
    transform = data.rio.transform()
    rows, cols = data.sizes[y], data.sizes[x]
    centres = {
        x: transform.c + (np.arange(cols) + 0.5) * transform.a,
        y: transform.f + (np.arange(rows) + 0.5) * transform.e,
    }
    report.check(transform.e < 0 < transform.a, f"level {name}: not north-up: {transform!r}")
    for axis, expected in centres.items():
        report.check(
            np.allclose(data[axis], expected, rtol=0, atol=transform.a * 1e-6),
            f"level {name}: {axis} does not hold the cell centres of the transform {transform!r}",
        )

    stated = {"spatial:shape": [rows, cols], "spatial:transform": list(transform)[:6]}
    for key, actual in stated.items():
        for place, attributes in {"the group": data.attrs, "multiscales": level}.items():
            report.check(
                np.allclose(attributes.get(key, np.nan), actual, rtol=1e-12, atol=0),
                f"level {name}: {key} in {place} is {attributes.get(key)}, the arrays say {actual}",
            )
    return data


def check_mapping(report, store, crs):
    """CF's attributes alone, without the WKT, give the same places."""
    attributes = dict(xr.open_zarr(store, group="0", consolidated=False, decode_coords="all").spatial_ref.attrs)
    for key in ("crs_wkt", "spatial_ref", "GeoTransform"):
        attributes.pop(key, None)
    stated = pyproj.CRS.from_cf(attributes)
    actual = pyproj.CRS.from_user_input(crs)
    place = actual.area_of_use
    middle = ((place.west + place.east) / 2, (place.south + place.north) / 2)
    one, other = (
        # Without the datum, which the attributes describe by its ellipsoid alone.
        pyproj.Transformer.from_crs(system.geodetic_crs, system, always_xy=True).transform(*middle)
        for system in (stated, actual)
    )
    report.check(np.allclose(one, other, rtol=0, atol=1e-3), f"the grid mapping leads to {one}, {crs} to {other}")


def check_pyramid(report, levels, dimensions):
    """Each level halves the one before it, over the same variables and times."""
    for fine, coarse in pairwise(levels):
        halved = [-(-fine.sizes[axis] // 2) for axis in dimensions]
        shape = [coarse.sizes[axis] for axis in dimensions]
        report.check(shape == halved, f"a level of {shape} cells follows one that halves to {halved}")
        report.check(set(coarse.data_vars) == set(fine.data_vars), "levels hold different variables")
        report.check(coarse["time"].equals(fine["time"]), "levels hold different times")


async def export_metadata(store, folder):
    """The store's Zarr documents as files: geozarr-toolkit reads only from a path."""
    async for key in store.list():
        if key.endswith("zarr.json"):
            document = await store.get(key, default_buffer_prototype())
            path = Path(folder) / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(document.to_bytes())


def check_conventions(report, store, levels):
    """GeoZarr's conventions on the root and on each level, by its own validator."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(export_metadata(store, folder))
        groups = {"": ["multiscales", "proj", "spatial"]}
        groups.update({level["asset"]: ["proj", "spatial"] for level in levels})
        for group, conventions in groups.items():
            # The installed command: `python -m geozarr_toolkit` exits with 0 whatever it finds.
            command = [Path(sys.executable).with_name("geozarr"), "validate", Path(folder) / group]
            done = subprocess.run(
                [*command, "--conventions", *conventions], check=False, capture_output=True, text=True
            )
            report.check(done.returncode == 0, f"geozarr validate /{group}: {done.stdout}{done.stderr}")


def main():
    if len(sys.argv) != 2:
        raise SystemExit("usage: interop.py STORE")
    store = open_store(sys.argv[1])
    root = zarr.open_group(store, mode="r", zarr_format=3)
    layout = root.attrs.get("multiscales", {}).get("layout", [])
    if not isinstance(layout, list) or not layout or layout[0].get("asset") != "0":
        print(f"FAILED: the root's multiscales layout does not begin with level 0: {layout}")
        return 1

    report = Report()
    levels = [check_level(report, store, level, root.attrs) for level in layout]
    check_pyramid(report, levels, root.attrs["spatial:dimensions"])
    check_mapping(report, store, root.attrs["proj:code"])
    check_conventions(report, store, layout)
    for failure in report.failures:
        print(f"FAILED: {failure}")
    if report.failures:
        return 1
    finest = levels[0]
    print(f"{len(levels)} levels of {', '.join(finest.data_vars)}; the finest {dict(finest.sizes)}: all readers agree")
    return 0


if __name__ == "__main__":
    leave(main())
