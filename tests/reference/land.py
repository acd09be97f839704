"""Which boxes have land in them, by shapely: writes tests/reference/land.csv.

    npm ci && python -m venv .venv && .venv/bin/pip install numpy==2.5.5 shapely==2.2.0
    .venv/bin/python tests/reference/land.py > tests/reference/land.csv
    cargo test --lib land

The outlines are those of the program (world-atlas, Natural Earth 1:10m land), but here
they become shapely polygons, which are cut at the antimeridian and repaired by GEOS. For a
thorough check write many boxes (``land.py 50000 > …``), test, and restore the file.
"""

import json
import sys
from pathlib import Path

import numpy
import shapely
from shapely.affinity import translate

ATLAS = Path(__file__).parents[2] / "node_modules/world-atlas/land-10m.json"
WORLD = shapely.box(-180, -90, 180, 90)


def arcs(topology):
    scale = numpy.array(topology["transform"]["scale"])
    origin = numpy.array(topology["transform"]["translate"])
    return [numpy.cumsum(arc, axis=0) * scale + origin for arc in topology["arcs"]]


def ring(numbers, lines):
    parts = [lines[n] if n >= 0 else lines[~n][::-1] for n in numbers]
    points = numpy.vstack([parts[0], *(part[1:] for part in parts[1:])])
    points[:, 0] = numpy.unwrap(points[:, 0], period=360)
    turn = points[-1, 0] - points[0, 0]
    if abs(turn) > 180:  # Antarctica: down to the pole and back
        first, last = points[0], points[-1]
        points = numpy.vstack([points, [last[0], -90], [first[0], -90], first])
    # The one hole, the Caspian Sea, has to lie in the same turn as its polygon.
    points[:, 0] -= 360 * round(points[:, 0].mean() / 360)
    return points


def polygons(topology):
    lines = arcs(topology)
    for geometry in topology["objects"]["land"]["geometries"]:
        for outer, *holes in geometry["arcs"]:
            shape = shapely.Polygon(
                ring(outer, lines), [ring(hole, lines) for hole in holes]
            )
            shape = shapely.make_valid(shape)
            for turn in (-720, -360, 0, 360, 720):
                part = translate(shape, turn).intersection(WORLD)
                if not part.is_empty:
                    yield part


def boxes(count, vertices, random):
    """West, south, east, north; half of the boxes anywhere, half of them at a coast."""
    size = 10 ** random.uniform(-2.5, 1, (count, 2))
    center = numpy.column_stack(
        [random.uniform(-180, 180, count), random.uniform(-90, 90, count)]
    )
    coast = random.random(count) < 0.5
    near = vertices[random.integers(len(vertices), size=count)]
    near = near + size * random.normal(0, 0.8, (count, 2))
    center[coast] = near[coast]
    low = numpy.clip(center - size / 2, [-180, -90], [180, 90])
    high = numpy.clip(center + size / 2, [-180, -90], [180, 90])
    found = numpy.hstack([low, high]).round(5)
    return found[(found[:, 0] < found[:, 2]) & (found[:, 1] < found[:, 3])]


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    topology = json.loads(ATLAS.read_text())
    tree = shapely.STRtree(list(polygons(topology)))
    found = boxes(count, numpy.vstack(arcs(topology)), numpy.random.default_rng(1))
    hits = tree.query(shapely.box(*found.T), predicate="intersects")[0]
    land = numpy.isin(numpy.arange(len(found)), hits)
    print("west,south,east,north,land")
    for box, answer in zip(found, land):
        print(*(f"{value:.5f}" for value in box), int(answer), sep=",")


main()
