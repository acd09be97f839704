"""Compares projected points with pyproj's.

    projection.py POINTS --tolerance METRES

POINTS is a file of little-endian float64, six a point: the EPSG codes of the
systems that it is projected from and to, its x and y in the one, and what was
found in the other; x is east (longitude) in all of them. Prints the largest
difference of each pair of systems, and exits with 1 when one is larger than
METRES.
"""

import argparse

import numpy as np
from pyproj import CRS, Transformer

METRES_PER_DEGREE = 6378137 * np.pi / 180


def difference(points, target):
    """Metres between what was found and what pyproj says."""
    source = CRS.from_epsg(int(points[0, 0]))
    x, y = Transformer.from_crs(source, target, always_xy=True).transform(points[:, 2], points[:, 3], errcheck=True)
    dx, dy = points[:, 4] - x, points[:, 5] - y
    if target.is_geographic:
        dx *= METRES_PER_DEGREE * np.cos(np.radians(y))
        dy *= METRES_PER_DEGREE
    return np.hypot(dx, dy)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("points")
    parser.add_argument("--tolerance", type=float, required=True)
    args = parser.parse_args()

    points = np.fromfile(args.points, "<f8").reshape(-1, 6)
    failed = False
    for source, target in np.unique(points[:, :2], axis=0).astype(int):
        pair = points[(points[:, 0] == source) & (points[:, 1] == target)]
        largest = difference(pair, CRS.from_epsg(int(target))).max()
        # Also where it is not a number.
        failed |= not largest <= args.tolerance
        print(f"EPSG:{source} to EPSG:{target}: {len(pair)} points within {largest:.3g} m")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
