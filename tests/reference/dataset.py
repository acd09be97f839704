"""Says what xarray and rioxarray make of a Zarr store.

    dataset.py write FOLDER             writes stores, one a kind
    dataset.py describe STORE GROUP...  prints a JSON list, one for each pair
    dataset.py same CRS CRS X Y         exits with 1 unless both mean the same place

What `describe` prints: the raw values of one-dimensional arrays by path, and for
each variable its dimensions, its transform and reference system by rioxarray, its
times, and pairs of stored and decoded numbers.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
import pyproj
import rioxarray  # noqa: F401  (registers the .rio accessor)
import xarray as xr
import zarr


def raster(rows, cols, dtype="float32", seed=0):
    values = np.random.default_rng(seed).uniform(0, 100, (rows, cols))
    return values.astype(dtype)


def placed(y, x, names=("y", "x"), dtype="float32"):
    return xr.DataArray(raster(len(y), len(x), dtype), coords={names[0]: y, names[1]: x}, dims=names, name="v")


def write_utm(folder):
    """Bands as a dimension with names, a negative scale, shards."""
    y, x = 5_100_000 - 10.0 * (np.arange(64) + 0.5), 500_000 + 10.0 * (np.arange(96) + 0.5)
    bands = xr.concat([placed(y, x), placed(y, x) + 3], dim="band").assign_coords(band=["B04", "B08"])
    dataset = bands.to_dataset(name="reflectance").rio.write_crs(32633)
    encoding = {"dtype": "int16", "scale_factor": -0.005, "add_offset": 40.0, "_FillValue": -32768,
                "chunks": (1, 16, 32), "shards": (2, 64, 96)}
    dataset["reflectance"].encoding.update(encoding)
    dataset.to_zarr(folder / "utm_v3_sharded.zarr", zarr_format=3, consolidated=True)


def write_europe(folder):
    """Version 2, not consolidated, ascending y, NaN."""
    y, x = 2_000_500 + 1000.0 * np.arange(40), 4_000_500 + 1000.0 * np.arange(50)
    array = placed(y, x)
    array[3:9, 4:8] = np.nan
    dataset = array.to_dataset().rio.write_crs(3035)
    dataset.to_zarr(folder / "laea_v2.zarr", zarr_format=2, consolidated=False)


def write_polar(folder):
    """A reference system by the parameters of CF alone."""
    y, x = 3_000_000 - 12_500.0 * np.arange(30), -1_000_000 + 12_500.0 * np.arange(40)
    dataset = placed(y, x, dtype="uint8").astype("uint8").to_dataset()
    dataset["v"].attrs = {"grid_mapping": "stereo", "flag_values": [0, 1], "flag_meanings": "sea ice"}
    cf = {key: value for key, value in pyproj.CRS(3413).to_cf().items() if key != "crs_wkt"}
    dataset["stereo"] = xr.DataArray(0, attrs=cf)
    dataset.to_zarr(folder / "polar_v3_cf.zarr", zarr_format=3, consolidated=False)


def write_rolled(folder):
    """Longitudes that go on at the other end, in float32; bytes with a missing value."""
    lon = ((np.arange(720) * 0.5 + 0.25 + 180) % 360 - 180).astype("float32")
    lat = (-89.75 + np.arange(360) * 0.5).astype("float32")
    dataset = placed(lat, lon, ("lat", "lon"), "uint8").to_dataset()
    dataset["v"].encoding = {"dtype": "uint8", "missing_value": 255, "_FillValue": 255}
    dataset["v"] = dataset["v"].where(dataset["v"] > 10)
    dataset["lat"].attrs, dataset["lon"].attrs = {"units": "degrees_north"}, {"units": "degrees_east"}
    dataset.to_zarr(folder / "rolled_v2.zarr", zarr_format=2, consolidated=True)


def write_times(folder):
    """Hundredths of a degree in float32, hours since, out of order."""
    lat, lon = (np.arange(40, 30, -0.01)).astype("float32"), (np.arange(-5, 8, 0.01)).astype("float32")
    steps = [placed(lat[:50], lon[:60], ("latitude", "longitude")) + n for n in range(4)]
    time = np.array(["2020-02-29T06", "2020-03-01T00", "1999-12-31T23:30", "2021-01-01T00"], dtype="datetime64[ns]")
    dataset = xr.concat(steps, dim="time").assign_coords(time=time).to_dataset(name="v")
    dataset["time"].encoding = {"units": "hours since 1900-01-01", "dtype": "float64", "calendar": "standard"}
    dataset.to_zarr(folder / "times_v3.zarr", zarr_format=3, consolidated=True)


def write_datetime64(folder):
    """Times that are stored as numpy's own type, and a boolean."""
    dataset = placed(np.arange(9.0), np.arange(8.0), ("lat", "lon")).expand_dims(time=3).to_dataset(name="v") > 50
    path = folder / "datetime64_v2.zarr"
    dataset.to_zarr(path, zarr_format=2, consolidated=False)
    group = zarr.open_group(path, mode="a")
    times = group.create_array("time", shape=(3,), dtype="datetime64[s]")
    times[:] = np.array(["2001-01-01", "2001-01-02T03:04:05", "2000-01-01"], dtype="datetime64[s]")
    times.attrs["_ARRAY_DIMENSIONS"] = ["time"]


def write_pyramid(folder):
    """As ndpyramid does: the coarsest level is 0."""
    path = folder / "ndpyramid_v3.zarr"
    half = 20_037_508.342789244
    levels = [8, 4, 2, 1]
    for number, factor in enumerate(levels):
        size = 64 // factor
        cell = 2 * half / size
        x = -half + cell * (np.arange(size) + 0.5)
        placed(-x, x).to_dataset().rio.write_crs(3857).to_zarr(path, group=str(number), zarr_format=3, consolidated=False)
    datasets = [{"path": str(n), "pixels_per_tile": 8, "crs": "EPSG:3857"} for n in range(len(levels))]
    zarr.open_group(path, mode="a").attrs["multiscales"] = [{"datasets": datasets, "type": "reduce"}]


def write(folder):
    for writer in [write_utm, write_europe, write_polar, write_rolled, write_times, write_datetime64, write_pyramid]:
        writer(folder)


def plain(value):
    """A number or text as JSON has it; not a number is null."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float) and math.isnan(value):
        return None
    return value if isinstance(value, (int, float, str)) else str(value)


def raw(array):
    values = array[:]
    if values.dtype.kind in "Mm":
        values = values.view("int64")
    return [plain(value) for value in values]


def at_some_cells(stored, decoded):
    """Stored and decoded numbers at some cells, among them the least and the greatest."""
    stored, decoded = np.asarray(stored).ravel(), np.asarray(decoded).ravel()
    cells = set(np.linspace(0, stored.size - 1, 300, dtype=int).tolist())
    cells |= {int(np.nanargmin(stored)), int(np.nanargmax(stored))}
    missing = np.flatnonzero(np.isnan(decoded)) if decoded.dtype.kind == "f" else []
    cells |= {int(cell) for cell in missing[:5]}
    return [[plain(stored[cell]), plain(decoded[cell])] for cell in sorted(cells)]


def describe(store, group):
    root = zarr.open_group(store, mode="r")
    arrays = {
        name: node for name, node in root.members(max_depth=None) if isinstance(node, zarr.Array)
    }
    coordinates = {name: raw(array) for name, array in arrays.items() if array.ndim == 1}
    options = {"group": group or None, "consolidated": False, "chunks": None, "decode_coords": "all"}
    decoded = xr.open_zarr(store, **options)
    stored = xr.open_zarr(store, **options, mask_and_scale=False, decode_times=False)
    variables = {}
    for name, array in decoded.data_vars.items():
        y, x = array.dims[-2:]
        array = array.rio.set_spatial_dims(x, y)
        times = [d for d in array.dims if d in array.coords and array[d].dtype.kind == "M"]
        crs = array.rio.crs
        variables[name] = {
            "dims": list(array.dims),
            "shape": list(array.shape),
            "dtype": str(array.dtype),
            "transform": list(array.rio.transform(recalc=True))[:6],
            "epsg": crs.to_epsg() if crs else None,
            "wkt": crs.to_wkt() if crs else None,
            "times": {d: [str(t)[:19] for t in array[d].to_numpy()] for d in times},
            "pairs": at_some_cells(stored[name], array),
        }
    return {"coordinates": coordinates, "variables": variables}


def same(first, second, x, y):
    def place(crs):
        return pyproj.Transformer.from_crs(crs, 4326, always_xy=True).transform(float(x), float(y))

    return np.allclose(place(first), place(second), rtol=0, atol=1e-9)


def main():
    match sys.argv[1:]:
        case ["write", folder]:
            write(Path(folder))
        case ["describe", *pairs]:
            print(json.dumps([describe(*pair) for pair in zip(pairs[::2], pairs[1::2], strict=True)]))
        case ["same", first, second, x, y]:
            sys.exit(not same(first, second, x, y))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
