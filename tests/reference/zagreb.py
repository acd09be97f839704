"""A monthly composite by GDAL and NumPy, to compare the builder's with.

Nothing here shares code with CubeTiler. GDAL warps every scene from its full
resolution; what remains is the mask, one observation per overpass, and a median.

    zagreb.py ITEMS.json OUT.npz --bounds W S E N --resolution DEGREES \
        --start 2023-08-01 --end 2023-08-31 --resampling nearest|bilinear

OUT.npz holds a [row, col] array per band and `count` (uint16, nodata 0), the
boolean `near_edge`, and `bounds`, `resolution` and `start` to find them in a cube.
"""

import argparse
import json
from datetime import date
from pathlib import Path

import numpy as np
import rasterio
from rasterio.crs import CRS
from rasterio.transform import from_origin
from rasterio.warp import Resampling, reproject

# no data, saturated, cloud shadow, cloud medium, cloud high, thin cirrus
MASKED_CLASSES = [0, 1, 3, 8, 9, 10]
# GDAL and the builder may spread a missing source pixel differently, as far as
# the kernel reaches: a source pixel, which is less than this many cells.
EDGE_CELLS = 2


class Grid:
    """A north-up EPSG:4326 grid: `bounds` is (west, south, east, north) in degrees."""

    def __init__(self, bounds, resolution):
        west, south, east, north = bounds
        self.shape = (round((north - south) / resolution), round((east - west) / resolution))
        self.transform = from_origin(west, north, resolution, resolution)
        self.crs = CRS.from_epsg(4326)


def warp(path, grid, resampling):
    """The file's first band on `grid`, 0 where it has no data."""
    out = np.zeros(grid.shape, dtype=np.uint16)
    with rasterio.open(path) as source:
        assert source.nodata == 0, f"{path}: nodata is {source.nodata}, expected 0"
        reproject(
            source.read(1),
            out,
            src_transform=source.transform,
            src_crs=source.crs,
            src_nodata=0,
            dst_transform=grid.transform,
            dst_crs=grid.crs,
            dst_nodata=0,
            resampling=resampling,
            # Every coordinate is transformed, none interpolated.
            tolerance=0,
            # A plain 2 x 2 kernel: GDAL widens it when a cell is larger than a source pixel.
            XSCALE=1,
            YSCALE=1,
        )
    return out


def dilate(mask, cells):
    """`mask` grown by `cells` in all eight directions."""
    rows, cols = mask.shape
    padded = np.pad(mask, cells)
    span = range(2 * cells + 1)
    return np.logical_or.reduce([padded[r : r + rows, c : c + cols] for r in span for c in span])


def borders(mask):
    """The pixels that differ from a neighbour below or to the right, on both sides."""
    out = np.zeros_like(mask)
    vertical = mask[1:] != mask[:-1]
    horizontal = mask[:, 1:] != mask[:, :-1]
    out[1:] |= vertical
    out[:-1] |= vertical
    out[:, 1:] |= horizontal
    out[:, :-1] |= horizontal
    return out


def observation(items, folder, grid, bands, resampling):
    """One overpass: each pixel from the first item that sees it. 0 where none does.

    Also the pixels where the data of any of its items begin or end.
    """
    values = np.zeros((len(bands), *grid.shape), dtype=np.uint16)
    edges = np.zeros(grid.shape, dtype=bool)
    for item in items:
        if not item["properties"]["earthsearch:boa_offset_applied"]:
            raise SystemExit(f"{item['id']}: values carry an offset, which is not handled here")
        path = {name: folder / asset["href"] for name, asset in item["assets"].items()}
        scene = np.stack([warp(path[band], grid, resampling) for band in bands])
        scl = warp(path["scl"], grid, Resampling.nearest)
        valid = (scene > 0).all(axis=0) & ~np.isin(scl, MASKED_CLASSES)
        values = np.where(valid & (values == 0).all(axis=0), scene, values)
        for band in bands:
            # A single missing source pixel leaves no hole in a bilinear warp, but it
            # does change the weights around it: nearest shows where it is.
            edges |= borders(warp(path[band], grid, Resampling.nearest) > 0)
    return values, edges


def median(values):
    """The median over the first axis of uint16 `values` without zeros, and their number.

    Between two middle values lies their mean, halves rounded up.
    """
    count = (values > 0).sum(axis=0)
    # Zeros sort first, so the valid values are the last `count`.
    ordered = np.sort(values, axis=0).astype(np.uint32)
    first = len(values) - count
    low = np.clip(first + (count - 1) // 2, 0, len(values) - 1)
    high = np.clip(first + count // 2, 0, len(values) - 1)
    pick = [np.take_along_axis(ordered, at[np.newaxis], axis=0)[0] for at in (low, high)]
    middle = (pick[0] + pick[1] + 1) // 2
    return np.where(count > 0, middle, 0).astype(np.uint16), count.astype(np.uint16)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("items", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--bounds", type=float, nargs=4, required=True, metavar=("W", "S", "E", "N"))
    parser.add_argument("--resolution", type=float, required=True)
    parser.add_argument("--start", type=date.fromisoformat, required=True)
    parser.add_argument("--end", type=date.fromisoformat, required=True, help="the last day, included")
    parser.add_argument("--resampling", choices=["nearest", "bilinear"], required=True)
    parser.add_argument("--bands", nargs="+", default=["red", "green", "blue", "nir"])
    args = parser.parse_args()

    grid = Grid(args.bounds, args.resolution)
    overpasses = {}
    for item in sorted(json.loads(args.items.read_text())["features"], key=lambda item: item["id"]):
        day = date.fromisoformat(item["properties"]["datetime"][:10])
        if args.start <= day <= args.end:
            overpasses.setdefault(item["properties"]["s2:datatake_id"], []).append(item)

    seen, edges = [], np.zeros(grid.shape, dtype=bool)
    for items in overpasses.values():
        values, changes = observation(items, args.items.parent, grid, args.bands, Resampling[args.resampling])
        seen.append(values)
        edges |= changes
    seen = np.stack(seen)

    out = {}
    for index, band in enumerate(args.bands):
        out[band], out["count"] = median(seen[:, index])
    np.savez_compressed(
        args.out,
        near_edge=dilate(edges, EDGE_CELLS),
        bounds=np.array(args.bounds),
        resolution=args.resolution,
        start=np.datetime64(args.start),
        **out,
    )
    print(f"{args.out}: {len(overpasses)} overpasses on {grid.shape[0]} x {grid.shape[1]} cells")


if __name__ == "__main__":
    main()
