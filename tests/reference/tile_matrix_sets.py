"""Compares tile matrix sets, and tiles in them, with morecantile and pyproj.

    tile_matrix_sets.py bounds FILE    FILE is a JSON list of [set, zoom, column, row, west,
                                       south, east, north], bounds in the set's own system
    tile_matrix_sets.py tiles URL      URL is that of a cube of longitudes and latitudes with a
                                       variable `red`

Both print what they have compared and end with an error where it differs.
"""

import io
import json
import sys
import urllib.request

import morecantile
import numpy as np
import pyproj


def bounds(path):
    with open(path) as file:
        rows = json.load(file)
    compared = set()
    for name, zoom, col, row, *found in rows:
        tms = morecantile.tms.get(name)
        expected = tms.xy_bounds(morecantile.Tile(col, row, zoom))
        scale = max(abs(side) for side in expected)
        off = max(abs(a - b) for a, b in zip(found, expected))
        assert off <= 1e-6 * max(1.0, scale), f"{name} {zoom}/{col}/{row}: {found}, {tuple(expected)}"
        compared.add((name, zoom))
    # Every zoom of every set.
    every = {(name, zoom) for name in morecantile.tms.list() for zoom in zooms(name)}
    assert compared == every, every ^ compared
    print(len(rows), "tiles of", len(every), "zooms")


def zooms(name):
    tms = morecantile.tms.get(name)
    return range(tms.minzoom, tms.maxzoom + 1)


def get(url):
    with urllib.request.urlopen(url) as answer:
        return answer.headers, answer.read()


def samples(url):
    """The values of the variable and whether there are any."""
    headers, body = get(url)
    return headers, np.load(io.BytesIO(body))


def tiles(url):
    headers, (cells, mask) = samples(f"{url}/preview.npy?variable=red")
    west, south, east, north = map(float, headers["content-bbox"].split(","))
    rows, cols = cells.shape
    width, height = (east - west) / cols, (north - south) / rows
    compared = []
    for name in morecantile.tms.list():
        tms = morecantile.tms.get(name)
        to_degrees = pyproj.Transformer.from_crs(tms.crs._pyproj_crs, 4326, always_xy=True)
        to_set = pyproj.Transformer.from_crs(4326, tms.crs._pyproj_crs, always_xy=True)
        x, y = to_set.transform((west + east) / 2, (south + north) / 2)
        box = tms.xy_bbox
        if not (np.isfinite([x, y]).all() and box.left < x < box.right and box.bottom < y < box.top):
            continue
        zoom = next(z for z in zooms(name) if tms.matrix(z).cellSize * tms.matrix(z).tileWidth
                    < 4 * rows * (height if tms.crs._pyproj_crs.is_geographic else 111_000 * height))
        tile = tms._tile(x, y, zoom)
        found_headers, found = samples(f"{url}/tiles/{name}/{zoom}/{tile.x}/{tile.y}.npy?variable=red")
        found, found_mask = found
        size = tms.matrix(zoom).tileWidth
        assert found.shape == (size, size), f"{name}: {found.shape}"
        left, bottom, right, top = tms.xy_bounds(tile)
        told = list(map(float, found_headers["content-bbox"].split(",")))
        assert np.allclose(told, [left, bottom, right, top], rtol=1e-9), f"{name}: {told}"
        at = (np.arange(size) + 0.5) / size
        xs, ys = np.meshgrid(left + at * (right - left), top - at * (top - bottom))
        longitudes, latitudes = to_degrees.transform(xs, ys)
        col, row = (longitudes - west) / width, (north - latitudes) / height
        border = (np.abs(col - col.round()) < 1e-4) | (np.abs(row - row.round()) < 1e-4)
        inside = (col >= 0) & (col < cols) & (row >= 0) & (row < rows)
        c, r = (np.clip(np.floor(np.nan_to_num(v, posinf=-1)), 0, n - 1).astype(int)
                for v, n in ((col, cols), (row, rows)))
        expected_mask = np.where(inside, mask[r, c] != 0, False)
        wrong = (expected_mask != (found_mask != 0)) | (expected_mask & (cells[r, c] != found))
        assert not (wrong & ~border).any(), f"{name} {zoom}: {(wrong & ~border).sum()} pixels differ"
        assert expected_mask.sum() > size * size / 50, f"{name} {zoom}: {expected_mask.sum()} pixels"
        compared.append(name)
    print(*compared)
    assert len(compared) >= 9, compared


if __name__ == "__main__":
    {"bounds": bounds, "tiles": tiles}[sys.argv[1]](sys.argv[2])
