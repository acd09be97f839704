"""Compares tiles with the samples that they show.

    compare.py STORE FOLDER

FOLDER has a folder for each server, with files named `{z}-{x}-{y}.png`. The truth is
computed here, from the store: the centre of each pixel of a tile of WebMercatorQuad
lies in a cell, and that cell's value is what "nearest" means. Prints a row of a
Markdown table for each server.
"""

import sys
from pathlib import Path

import numpy as np
import xarray
from PIL import Image
from rio_tiler.colormap import cmap

SIZE = 256
TOP = 4000
# Positions this near to a border of cells, in cells, may be taken for either side.
NEAR = 1e-3


def main():
    store, folder = map(Path, sys.argv[1:])
    dataset = xarray.open_zarr(store, chunks=None, mask_and_scale=False, consolidated=True)
    for server in sorted(path for path in folder.iterdir() if path.is_dir()):
        files = sorted(server.glob("*.png"))
        print(row(server.name, [Compared(dataset, path) for path in files]))


class Compared:
    """A tile beside the truth. `shown` and `off` are by rule of colour."""

    def __init__(self, dataset, path):
        zoom, col, row = map(int, path.stem.split("-"))
        x, y = positions(dataset, zoom, col, row)
        values = dataset["b1"][0].values[np.floor(y).astype(int)][:, np.floor(x).astype(int)]
        # How far each pixel's position is from the next border of cells.
        to_x, to_y = (np.abs(axis - np.round(axis)) for axis in (x, y))
        self.to_border = np.minimum(to_x[None, :], to_y[:, None])
        found = colours(path)
        self.is_unknown = found < 0
        self.steps = {
            name: np.abs(found - truth) for name, truth in truths(values).items()
        }


def positions(dataset, zoom, col, row):
    """Where the centres of a tile's pixels lie in the grid, in cells."""
    pixel = (np.arange(SIZE) + 0.5) / SIZE
    longitude = (col + pixel) / 2**zoom * 360 - 180
    latitude = np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * (row + pixel) / 2**zoom))))
    west, width, _, north, _, height = map(
        float, dataset["spatial_ref"].attrs["GeoTransform"].split()
    )
    return (longitude - west) / width, (latitude - north) / height


def colours(path):
    """The places of a tile's colours in the colormap; -1 for what is not in it."""
    image = np.asarray(Image.open(path).convert("RGBA")).astype(np.uint32)
    packed = (image << np.arange(0, 32, 8, dtype=np.uint32)).sum(axis=2, dtype=np.uint32)
    table = np.array([cmap.get("viridis")[n] for n in range(256)], dtype=np.uint32)
    table = (table << np.arange(0, 32, 8, dtype=np.uint32)).sum(axis=1, dtype=np.uint32)
    order = np.argsort(table)
    at = np.minimum(np.searchsorted(table, packed, sorter=order), 255)
    return np.where(table[order[at]] == packed, order[at], -1).astype(int)


def truths(values):
    """The places of values in a colormap of 256 colours, by the rules in use."""
    share = np.clip(values / TOP, 0, 1)
    return {
        "255 steps, cut off": np.floor(share * 255).astype(int),
        "255 steps, rounded": np.floor(share * 255 + 0.5).astype(int),
        "256 steps, cut off": np.minimum(np.floor(share * 256), 255).astype(int),
    }


def row(name, tiles):
    """What is said of a server, by the rule of colour that it follows best."""
    rules = tiles[0].steps
    unequal = {rule: sum((tile.steps[rule] > 0).sum() for tile in tiles) for rule in rules}
    rule = min(unequal, key=unequal.get)
    pixels = len(tiles) * SIZE * SIZE
    to_border = np.concatenate([tile.to_border[tile.steps[rule] > 0] for tile in tiles])
    far = to_border[to_border > NEAR]
    farthest = f"{to_border.max():.3f}" if to_border.size else ""
    beyond = sum((tile.steps[rule] > 1).sum() for tile in tiles)
    unknown = sum(tile.is_unknown.sum() for tile in tiles)
    return (
        f"| {name} | {pixels} | {rule} | {unequal[rule]} ({unequal[rule] / pixels:.3%}) | "
        f"{to_border.size - far.size} | {far.size} ({far.size / pixels:.3%}) | {farthest} | {beyond} | {unknown} |"
    )


if __name__ == "__main__":
    main()
