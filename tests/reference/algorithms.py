"""What titiler.core makes of some samples: writes src/render/algorithm/titiler.json.

Needs titiler-core==2.4.0, which is not among the requirements: the file is made once.
    python tests/reference/algorithms.py > src/render/algorithm/titiler.json
"""

import json
import warnings

import numpy
from rio_tiler.models import ImageData
from titiler.core.algorithm import algorithms

warnings.filterwarnings("ignore")
ROWS, COLS = 9, 11
# Web Mercator pixels of 30 units.
BOUNDS = (0, 0, COLS * 30, ROWS * 30)


def band(n, is_masked):
    """Heights by a formula that a test repeats, and one hole a band."""
    row, col = numpy.mgrid[0:ROWS, 0:COLS]
    data = ((row * row * (7 + n) + col * col * 3 + row * col * (11 - n)) % 211 + 40 * n).astype("uint16")
    mask = numpy.zeros(data.shape, bool)
    if is_masked:
        mask[n + 1, 2 * n + 1] = True
    return numpy.ma.MaskedArray(data, mask)


def made(name, bands, is_masked=True, **parameters):
    array = numpy.ma.stack([band(n, is_masked) for n in range(bands)])
    image = ImageData(array, bounds=BOUNDS, crs="EPSG:3857")
    out = algorithms.get(name)(**parameters)(image).array
    mask = numpy.ma.getmaskarray(out)
    values = [[None if m else float(v) for v, m in zip(a.data.ravel(), b.ravel())] for a, b in zip(out, mask)]
    return {"name": name, "parameters": parameters, "bands": bands, "masked": is_masked, "values": values}


cases = [
    made("hillshade", 1, False),
    made("hillshade", 1, False, azimuth=315, angle_altitude=30.5, buffer=0, z_exaggeration=0.25),
    made("slope", 1, False),
    made("slope", 1, False, buffer=1, z_exaggeration=3),
    made("contours", 1),
    made("contours", 1, increment=50, thickness=10, minz=0, maxz=200),
    made("normalizedIndex", 2),
    made("terrarium", 1),
    made("terrarium", 1, nodata_height=-20.5),
    made("terrainrgb", 1),
    made("terrainrgb", 1, interval=0.3, baseval=-500, nodata_height=12),
    made("cast", 3),
    made("ceil", 2),
    made("floor", 1),
    *(made(name, 3) for name in ["min", "max", "median", "mean", "std", "var", "sum"]),
    made("median", 2),
]
print(json.dumps({"source": "titiler.core 2.4.0", "rows": ROWS, "cols": COLS, "cases": cases}))
