"""Reads a cube's STAC collection as pystac does.

    stac.py COLLECTION.json ZARR_URL
"""

import json
import sys

import pystac
from pystac.extensions.datacube import DatacubeExtension

path, zarr = sys.argv[1:]
with open(path) as file:
    collection = pystac.Collection.from_dict(json.load(file))
cube = DatacubeExtension.ext(collection)
assert set(cube.dimensions) == {"latitude", "longitude", "time"}
assert cube.dimensions["longitude"].extent == [5.905, 6.097], cube.dimensions["longitude"].extent
assert cube.dimensions["time"].extent == ["2023-08-01T00:00:00Z", "2023-09-01T00:00:00Z"]
assert set(cube.variables) == {"red", "green", "count"}
for variable in cube.variables.values():
    assert variable.dimensions == ["time", "latitude", "longitude"]
assert collection.assets["zarr"].href == zarr
assert collection.extent.temporal.intervals[0][0].isoformat() == "2023-08-01T00:00:00+00:00"
