"""Images warped by GDAL with every kernel, to compare the builder's with.

    warp.py FOLDER

Nothing here shares code with CubeTiler. Writes raw little-endian rasters, row by row,
into FOLDER, and what they are into manifest.json: a list of images in UTM, each with
grids in EPSG:4326, from cells of a third of a source pixel to cells of eight.

GDAL transforms every coordinate (`tolerance=0`). XSCALE and YSCALE, its target pixels a
source pixel, are given: GDAL would guess them from each image's extent.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
from rasterio.crs import CRS
from rasterio.transform import from_origin
from rasterio.warp import Resampling, reproject, transform

NODATA = 0
# Source pixels; the sides differ so that rows and columns cannot be confused.
ROWS, COLS = 360, 320
# EPSG code, upper left corner and pixel size in metres, and whether grid north is
# visibly not north: the Amazon's mouth is near the equator, where they agree.
IMAGES = [
    ("zagreb", 32633, 573_210.0, 5_078_450.0, 10.0, True),
    ("amazon", 32722, 700_020.0, 9_914_980.0, 20.0, False),
    ("finnmark", 32635, 412_340.0, 7_801_230.0, 10.0, True),
]
# Source pixels to a cell along x.
RATIOS = [0.3 * (8 / 0.3) ** (n / 17) for n in range(18)]
CLASSES = 6
# Target cells on a side at most, so that the finest grids see a part of the image.
LARGEST = 170


def image(seed):
    """Smooth hills with noise, a wedge without data along the right side and single
    pixels without data; values as reflectances of Sentinel-2."""
    random = np.random.default_rng(seed)
    row, col = np.mgrid[0:ROWS, 0:COLS]
    hills = np.sin(row / 17.0) + np.cos(col / 23.0) + np.sin((row + 2 * col) / 71.0)
    values = 2500 + 500 * hills + random.normal(0, 150, hills.shape)
    values = np.clip(np.rint(values), 1, 10_000).astype("<u2")
    values[col > COLS * 0.75 + row * 0.2] = NODATA
    values[random.random(values.shape) < 0.0005] = NODATA
    return values


def classes(values):
    """A class a pixel: bands of value, with the noise that classes have; 0 without data."""
    found = 1 + np.minimum(values // 700, CLASSES - 1)
    return np.where(values == NODATA, NODATA, found).astype("<u2")


def spans(crs, lon, lat, cell):
    """The length in metres of a cell's two sides through its centre."""
    half = cell / 2
    lons, lats = [lon - half, lon + half, lon, lon], [lat, lat, lat - half, lat + half]
    xs, ys = transform(CRS.from_epsg(4326), crs, lons, lats)
    return [math.hypot(xs[n + 1] - xs[n], ys[n + 1] - ys[n]) for n in (0, 2)]


def grids(crs, west, north, size):
    """Grids around the image's centre, which reach beyond it where cells are large."""
    xs, ys = transform(crs, CRS.from_epsg(4326), [west + COLS * size / 2], [north - ROWS * size / 2])
    lon, lat = xs[0], ys[0]
    for ratio in RATIOS:
        cell = ratio * size / spans(crs, lon, lat, 1e-4)[0] * 1e-4
        width, height = (length / size for length in spans(crs, lon, lat, cell))
        cols = min(LARGEST, math.ceil(COLS * 1.1 / width))
        rows = min(LARGEST, math.ceil(ROWS * 1.1 / height))
        # Not centred on a pixel, nor on round numbers.
        yield {
            "origin_x": lon - cols * cell / 2 + cell * 0.137,
            "origin_y": lat + rows * cell / 2 + cell * 0.291,
            "cell": cell,
            "rows": rows,
            "cols": cols,
            "ratio": [width, height],
        }


def warp(values, source, grid, resampling, **options):
    out = np.zeros((grid["rows"], grid["cols"]), dtype=np.uint16)
    reproject(
        values,
        out,
        src_transform=source["transform"],
        src_crs=source["crs"],
        src_nodata=NODATA,
        dst_transform=from_origin(grid["origin_x"], grid["origin_y"], grid["cell"], grid["cell"]),
        dst_crs=CRS.from_epsg(4326),
        dst_nodata=NODATA,
        resampling=resampling,
        tolerance=0,
        **options,
    )
    return out.astype("<u2")


def main():
    folder = Path(sys.argv[1])

    def write(name, values):
        values.tofile(folder / name)
        return name

    manifest = []
    for seed, (name, epsg, west, north, size, is_turned) in enumerate(IMAGES):
        values = image(seed)
        themes = classes(values)
        crs = CRS.from_epsg(epsg)
        source = {"crs": crs, "transform": from_origin(west, north, size, size)}
        cases = []
        for number, grid in enumerate(grids(crs, west, north, size)):
            x, y = (1 / ratio for ratio in grid["ratio"])
            plain = {"XSCALE": 1, "YSCALE": 1}
            shrunk = {"XSCALE": repr(min(x, 1.0)), "YSCALE": repr(min(y, 1.0))}
            warped = {
                "nearest": warp(values, source, grid, Resampling.nearest),
                "bilinear": warp(values, source, grid, Resampling.bilinear, **plain),
                "cubic": warp(values, source, grid, Resampling.cubic, **plain),
                "average": warp(values, source, grid, Resampling.average),
                "mode": warp(themes, source, grid, Resampling.mode, MODE_TIES="MIN"),
                "antialiased": warp(values, source, grid, Resampling.bilinear, **shrunk),
            }
            files = {kernel: write(f"{name}-{number}-{kernel}.raw", out) for kernel, out in warped.items()}
            cases.append({**grid, "warped": files})
        manifest.append(
            {
                "name": name,
                "epsg": epsg,
                "is_turned": is_turned,
                "origin_x": west,
                "origin_y": north,
                "size": size,
                "rows": ROWS,
                "cols": COLS,
                "nodata": NODATA,
                "values": write(f"{name}-values.raw", values),
                "classes": write(f"{name}-classes.raw", themes),
                "grids": cases,
            }
        )
    (folder / "manifest.json").write_text(json.dumps(manifest))


if __name__ == "__main__":
    main()
