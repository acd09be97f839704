"""Compares tiles with what xarray and rio-tiler make of the same store.

    tiles.py compare CASES    CASES is a JSON file, a list of objects
    tiles.py icechunk FOLDER  writes repositories of both spec versions, with a branch and a tag

A case has `store`, `group`, `variable`, `isel` (an index by dimension), `tile`
([z, x, y]), `rescale` ([low, high]), `png` (the tile to compare, a file) and, for
an Icechunk repository, `branch`. What is printed is a JSON list; of each case:

    valid       pixels of the tile that are opaque
    differ      pixels that are not what xarray has in the cell under their centre,
                leaving out those within 1e-6 of a cell's border
    differ_rio  pixels that are not rio-tiler's, leaving out those as near to a border
                as GDAL's approximate transformer may be off
"""

import json
import sys
import warnings

import numpy as np
import pyproj
import rioxarray  # noqa: F401  (registers the .rio accessor)
import xarray as xr
from PIL import Image
from rio_tiler.io.xarray import XarrayReader
from rio_tiler.utils import linear_rescale

HALF = 20_037_508.342789244
SIZE = 256
# GDAL's transformer is exact to an eighth of a source pixel.
APPROXIMATE = 0.15


def opened(case):
    store = case["store"]
    if branch := case.get("branch"):
        import icechunk

        repo = icechunk.Repository.open(icechunk.local_filesystem_storage(store))
        store = repo.readonly_session(branch=branch).store
    dataset = xr.open_zarr(store, group=case.get("group") or None, decode_coords="all", chunks=None)
    array = dataset[case["variable"]].isel(case.get("isel") or {})
    names = {"lon": "x", "lat": "y", "longitude": "x", "latitude": "y"}
    return array.rename({old: new for old, new in names.items() if old in array.dims})


def axis(values, is_longitude):
    """First edge and step of a regular axis; longitudes may go on at the other end."""
    values = values.astype("float64")
    if is_longitude:
        values = np.unwrap(values, period=360)
    step = (values[-1] - values[0]) / (len(values) - 1)
    return values[0] - step / 2, step


def centres(tile):
    z, x, y = tile
    side = 2 * HALF / 2**z
    at = (np.arange(SIZE) + 0.5) / SIZE * side
    return np.meshgrid(-HALF + x * side + at, HALF - y * side - at)


def cells(array, crs, tile):
    """Fractional column and row of each pixel's centre, and which are inside."""
    x, y = pyproj.Transformer.from_crs(3857, crs, always_xy=True).transform(*centres(tile))
    geographic = crs.is_geographic
    x0, dx = axis(array.x.values, geographic)
    y0, dy = axis(array.y.values, False)
    cols, rows = array.sizes["x"], array.sizes["y"]
    col, row = (x - x0) / dx, (y - y0) / dy
    if geographic:
        turn = 360 / abs(dx)
        col = col % (round(turn) if cols >= round(turn) else turn)
    inside = (col >= 0) & (col < cols) & (row >= 0) & (row < rows)
    return col, row, inside


def border(values):
    return np.abs(values - np.round(values))


def levels(values, low, high):
    return linear_rescale(values, in_range=(low, high)).astype("uint8")


def compared(shown, expected, valid, exempt):
    """Pixels with another level or another transparency."""
    differs = (shown[..., 3] > 0) != valid
    differs |= valid & (shown[..., 0] != expected)
    return int((differs & ~exempt).sum())


def compare(case):
    array = opened(case)
    crs = pyproj.CRS.from_user_input(array.rio.crs or "EPSG:4326")
    low, high = case["rescale"]
    shown = np.asarray(Image.open(case["png"]).convert("RGBA"))

    array = array.transpose("y", "x")
    values = array.values
    col, row, inside = cells(array, crs, case["tile"])
    picked = np.full(col.shape, np.nan, dtype=values.dtype if values.dtype.kind == "f" else "float64")
    picked[inside] = values[row[inside].astype(int), col[inside].astype(int)]
    valid = ~np.isnan(picked)
    near = np.minimum(border(col), border(row))
    result = {
        "valid": int((shown[..., 3] > 0).sum()),
        "differ": compared(shown, levels(np.where(valid, picked, low), low, high), valid, near < 1e-6),
    }

    if crs.is_geographic:
        array = array.assign_coords(x=(array.x.astype("float64") + 180) % 360 - 180).sortby("x")
    array = array.rio.write_crs(crs)
    z, x, y = case["tile"]
    with XarrayReader(array) as reader:
        image = reader.tile(x, y, z, reproject_method="nearest")
    mask = image.mask > 0
    # Where the two transformers may differ by a cell; its neighbours count too at the edge.
    exempt = (near < APPROXIMATE) | ~inside
    if crs.is_geographic:
        # Cells that straddle 180 degrees end there for rio-tiler.
        longitude = centres(case["tile"])[0] / HALF * 180
        west, step = axis(array.x.values, True)
        exempt |= (longitude < west) | (longitude > west + step * array.sizes["x"])
    result["differ_rio"] = compared(shown, levels(image.data[0], low, high), mask & valid, exempt)
    return result


def write_icechunk(folder):
    """A field that is 1 on `main`, 2 on the branch `other` and 0 at the tag `first`."""
    import icechunk

    lat, lon = np.arange(59.5, -60, -1.0), np.arange(-179.5, 180, 1.0)
    for version in [1, 2]:
        storage = icechunk.local_filesystem_storage(f"{folder}/v{version}")
        repo = icechunk.Repository.create(storage, spec_version=version)

        def commit(branch, value):
            values = np.full((len(lat), len(lon)), value, dtype="float32") + lat.astype("float32")[:, None]
            field = xr.DataArray(values, coords={"lat": lat, "lon": lon}, dims=("lat", "lon"), name="field")
            session = repo.writable_session(branch)
            field.to_dataset().to_zarr(session.store, mode="w", consolidated=False, zarr_format=3)
            return session.commit(f"{value}")

        first = commit("main", 0)
        repo.create_tag("first", snapshot_id=first)
        repo.create_branch("other", snapshot_id=first)
        commit("main", 1)
        commit("other", 2)


warnings.filterwarnings("ignore")
if sys.argv[1] == "icechunk":
    write_icechunk(sys.argv[2])
else:
    with open(sys.argv[2]) as file:
        json.dump([compare(case) for case in json.load(file)], sys.stdout)
