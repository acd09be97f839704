"""An image resampled by GDAL's warper with every method, to compare a tile's with.

    resampling.py FOLDER

Nothing here shares code with CubeTiler. Writes raw little-endian rasters, row by row,
into FOLDER, and what they are into manifest.json.

Source and target are in the same system, and cells and places are sixteenths of a
source pixel, so that what a target pixel covers is the same to the last bit. XSCALE and
YSCALE of 1 keep the kernels as wide as where GDAL does not shrink.
"""

import json
import sys
from pathlib import Path

import numpy as np
from rasterio.crs import CRS
from rasterio.transform import from_origin
from rasterio.warp import Resampling, reproject

CRS_OF_BOTH = CRS.from_epsg(32633)
WEST, NORTH = 500_000, 5_000_000
# The sides differ so that rows and columns cannot be confused.
ROWS, COLS = 60, 52
# Sixteenths of a source pixel: a cell, and how far outside of the image the grid begins.
GRIDS = [(7, 20), (16, 0), (16, 5), (27, 19), (37, 24), (47, 11)]
KERNELS = ["bilinear", "cubic", "cubic_spline", "lanczos"]
AREAS = ["average", "mode", "max", "min", "med", "q1", "q3", "sum", "rms"]


def image():
    """Hills with noise, as reflectances, with single pixels and a block without data.
    No overshoot of a kernel comes near 0."""
    random = np.random.default_rng(7)
    row, col = np.mgrid[0:ROWS, 0:COLS]
    values = 3000 + 400 * np.sin(row / 5.0) + 400 * np.cos(col / 7.0) + random.normal(0, 100, row.shape)
    holes = random.random(row.shape) < 0.08
    holes[20:31, 10:24] = True
    return np.rint(values), holes


def warp(values, nodata, grid, method, **options):
    cell, outside = (sixteenths / 16 for sixteenths in grid)
    rows, cols = (int((side + 2 * outside) / cell) + 1 for side in values.shape)
    out = np.full((rows, cols), nodata, dtype=values.dtype)
    reproject(
        values,
        out,
        src_transform=from_origin(WEST, NORTH, 1, 1),
        src_crs=CRS_OF_BOTH,
        src_nodata=nodata,
        dst_transform=from_origin(WEST - outside, NORTH + outside, cell, cell),
        dst_crs=CRS_OF_BOTH,
        dst_nodata=nodata,
        resampling=Resampling[method],
        tolerance=0,
        **options,
    )
    return out


def main():
    folder = Path(sys.argv[1])

    def write(name, values):
        values.astype(values.dtype.newbyteorder("<")).tofile(folder / name)
        return name

    values, holes = image()
    # The mode is of classes, of which several are alike under a pixel.
    classes = 1 + np.rint(values / 400)
    cases = []
    for dtype, nodata in [(np.uint16, 0), (np.float32, np.nan)]:
        name = np.dtype(dtype).name
        kinds = {
            kind: np.where(holes, nodata, of).astype(dtype) for kind, of in [("values", values), ("classes", classes)]
        }
        files = {kind: write(f"{name}-{kind}.raw", of) for kind, of in kinds.items()}
        for number, grid in enumerate(GRIDS):
            for method in ["nearest", *KERNELS, *AREAS]:
                kind = "classes" if method == "mode" else "values"
                options = {"XSCALE": 1, "YSCALE": 1} if method in KERNELS else {}
                if method == "mode":
                    options["MODE_TIES"] = "MIN"
                out = warp(kinds[kind], nodata, grid, method, **options)
                cases.append(
                    {
                        "dtype": name,
                        "method": method,
                        "source": files[kind],
                        "cell": grid[0] / 16,
                        "outside": grid[1] / 16,
                        "shape": out.shape,
                        "warped": write(f"{name}-{number}-{method}.raw", out),
                    }
                )
    (folder / "manifest.json").write_text(json.dumps({"shape": [ROWS, COLS], "cases": cases}))


if __name__ == "__main__":
    main()
