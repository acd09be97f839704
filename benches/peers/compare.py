"""Compares tiles with the samples that they show.

    compare.py STORE FOLDER

FOLDER has a folder for each server, with files named `{z}-{x}-{y}.png`. The truth is
computed here, from the store: the centre of each pixel of a tile of WebMercatorQuad
lies in a cell, and that cell's value is what "nearest" means. Prints a Markdown table.
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

# How values become places in a colormap of 256 colours. Servers differ, and each is
# judged by the rule that it follows best.
RULES = {
    "255 steps, cut off": lambda share: np.floor(share * 255),
    "255 steps, rounded": lambda share: np.floor(share * 255 + 0.5),
    "256 steps, cut off": lambda share: np.minimum(np.floor(share * 256), 255),
}

HEAD = """\
| server | pixels | rule of colour | not the nearest cell's colour | at a border of cells \
| elsewhere | farthest from a border, cells | no colour of a cell under the pixel |
| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: |"""


def main():
    store, folder = map(Path, sys.argv[1:])
    dataset = xarray.open_zarr(store, chunks=None, mask_and_scale=False, consolidated=True)
    grid = Grid(dataset)
    print(HEAD)
    for server in sorted(path for path in folder.iterdir() if path.is_dir()):
        files = sorted(server.glob("*.png"))
        print(row(server.name, [Compared(grid, path) for path in files]))


class Grid:
    """The store's samples and where they are."""

    def __init__(self, dataset):
        self.values = dataset["b1"][0].values
        transform = dataset["spatial_ref"].attrs["GeoTransform"]
        self.west, self.width, _, self.north, _, self.height = map(float, transform.split())

    def positions(self, zoom, col, row, pixels):
        """Where positions in a tile, in pixels, lie in the grid, in cells: x and y."""
        at = pixels / SIZE
        longitude = (col + at) / 2**zoom * 360 - 180
        latitude = np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * (row + at) / 2**zoom))))
        return (longitude - self.west) / self.width, (latitude - self.north) / self.height


class Colormap:
    """Colours, of which neighbours may be the same."""

    def __init__(self, name):
        colours = np.array([cmap.get(name)[n] for n in range(256)], dtype=np.uint32)
        self._packed = self._pack(colours)
        self._order = np.argsort(self._packed, kind="stable")
        # Places with the same colour have the same rank.
        is_new = np.diff(self._packed.astype(np.int64), prepend=-1) != 0
        self.ranks = np.cumsum(is_new) - 1

    @staticmethod
    def _pack(colours):
        return (colours << np.arange(0, 32, 8, dtype=np.uint32)).sum(axis=-1, dtype=np.uint32)

    def ranks_of(self, image):
        """Ranks of the colours of an image; -1 for those that are not in the map."""
        packed = self._pack(np.asarray(image.convert("RGBA")).astype(np.uint32))
        at = np.minimum(np.searchsorted(self._packed, packed, sorter=self._order), 255)
        place = self._order[at]
        return np.where(self._packed[place] == packed, self.ranks[place], -1)

    def ranks_by(self, rule, values):
        """Ranks that values should have."""
        return self.ranks[RULES[rule](np.clip(values / TOP, 0, 1)).astype(int)]


VIRIDIS = Colormap("viridis")


class Compared:
    """A tile beside the truth: for each rule, where its pixels are other than that."""

    def __init__(self, grid, path):
        tile = [int(number) for number in path.stem.split("-")]
        self._found = VIRIDIS.ranks_of(Image.open(path))
        x, y = grid.positions(*tile, np.arange(SIZE) + 0.5)
        cols, rows = np.floor(x).astype(int), np.floor(y).astype(int)
        self._nearest = grid.values[np.ix_(rows, cols)]
        to_x, to_y = (np.abs(axis - np.round(axis)) for axis in (x, y))
        self.to_border = np.minimum(to_x[None, :], to_y[:, None])
        # Under a pixel of this size there are up to three cells along an axis.
        cols, rows = (under(axis) for axis in grid.positions(*tile, np.arange(SIZE + 1.0)))
        covered = [grid.values[np.ix_(r, c)] for r in rows for c in cols]
        self._least, self._most = np.min(covered, axis=0), np.max(covered, axis=0)

    def other(self, rule):
        """Pixels of another colour than the nearest cell's."""
        return self._found != VIRIDIS.ranks_by(rule, self._nearest)

    def foreign(self, rule):
        """Pixels of a colour beyond those of the cells under them, so that they show
        neither of these cells nor a mean of them."""
        least, most = (VIRIDIS.ranks_by(rule, values) for values in (self._least, self._most))
        return (self._found < least) | (self._found > most)


def under(edges):
    """Indices of the first, the middle and the last cell between neighbouring edges."""
    first, last = np.floor(edges[:-1]).astype(int), np.ceil(edges[1:]).astype(int) - 1
    if (last - first).max() > 2:
        raise SystemExit("the tiles are too coarse for this comparison")
    return first, np.minimum(first + 1, last), last


def row(name, tiles):
    """What is said of a server, by the rule of colour that it follows best."""
    rule = min(RULES, key=lambda rule: sum(tile.other(rule).sum() for tile in tiles))
    pixels = len(tiles) * SIZE * SIZE
    to_border = np.concatenate([tile.to_border[tile.other(rule)] for tile in tiles])
    elsewhere = (to_border > NEAR).sum()
    farthest = f"{to_border.max():.4f}" if to_border.size else ""
    foreign = sum(tile.foreign(rule).sum() for tile in tiles)

    def share(count):
        return f"{count} ({count / pixels:.3%})"

    return (
        f"| {name} | {pixels} | {rule} | {share(to_border.size)} | {to_border.size - elsewhere} | "
        f"{share(elsewhere)} | {farthest} | {share(foreign)} |"
    )


if __name__ == "__main__":
    main()
