"""Tiles of WebMercatorQuad that lie in the benchmark's cube."""

import math
from typing import NamedTuple

# The cube of benches/tile/cube.rs, in degrees, and its native zoom.
WEST, SOUTH, EAST, NORTH = 10.0, 45.0, 11.0, 46.0
ZOOM = 13

# One band in colours, and three as red, green and blue.
PALETTE = "variable=b1&rescale=0,{top}&colormap_name=viridis"
RGB = "variable=b3&variable=b2&variable=b1&rescale=0,{top}"
# Reflectance, times 10 000, that is shown brightest.
TOP = 4000


class Tile(NamedTuple):
    """A tile's address: the column counts from the west, the row from the north."""

    zoom: int
    col: int
    row: int

    def bounds(self):
        """West, south, east and north in degrees."""
        return (
            longitude(self.zoom, self.col),
            latitude(self.zoom, self.row + 1),
            longitude(self.zoom, self.col + 1),
            latitude(self.zoom, self.row),
        )

    def path(self, style):
        """The path at CubeTiler."""
        return f"/cubes/bench/tiles/WebMercatorQuad/{self.zoom}/{self.col}/{self.row}.png?{style}"


def longitude(zoom, col):
    """Longitude of a position that is counted in tiles, in degrees."""
    return col / 2**zoom * 360.0 - 180.0


def latitude(zoom, row):
    """Latitude of a position that is counted in tiles, in degrees."""
    return math.degrees(math.atan(math.sinh(math.pi * (1.0 - 2.0 * row / 2**zoom))))


def inside():
    """The tiles of the native zoom that lie in the cube as a whole, in the order
    of benches/tile/main.rs, in which neighbours are not near."""
    side = 2**ZOOM
    rows = [
        row
        for row in range(side)
        if latitude(ZOOM, row) <= NORTH and latitude(ZOOM, row + 1) >= SOUTH
    ]
    cols = [
        col
        for col in range(side)
        if longitude(ZOOM, col) >= WEST and longitude(ZOOM, col + 1) <= EAST
    ]
    tiles = [Tile(ZOOM, col, row) for row in rows for col in cols]
    return sorted(tiles, key=lambda tile: ((tile.col * 7919) ^ (tile.row * 104_729)) % 1009)


def around():
    """The deepest tile that has the whole cube in it."""
    for zoom in range(ZOOM, -1, -1):
        col = int((WEST + 180.0) / 360.0 * 2**zoom)
        for row in range(2**zoom):
            tile = Tile(zoom, col, row)
            west, south, east, north = tile.bounds()
            if west <= WEST and south <= SOUTH and east >= EAST and north >= NORTH:
                return tile
    raise AssertionError("the tile of zoom 0 is the whole world")
