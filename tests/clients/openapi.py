"""schemathesis against the OpenAPI document: no 5xx, no status and no kind of body that the
document does not name, no body against its schema.

    openapi.py URL CUBE FOLDER [EXAMPLES]

EXAMPLES is how many requests are made up, of all operations together (default 2000); some
thousands at the borders of what the document allows come first. FOLDER gets the report.
Whatever is asked is done: give it a server that nobody else uses.

This file is also what schemathesis loads as hooks: values that are made up name no cube and
no tile, so most of them are replaced by some that do.
"""

import json
import math
import os
import subprocess
import sys
import urllib.request
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance"

# Of those of each parameter one is taken three times in four.
LIKELY = {
    "tileMatrixSetId": ["WebMercatorQuad"],
    "z": ["11", "10", "3"],
    "x": ["1058", "529", "4"],
    "y": ["751", "375.png", "751.webp", "2.jpg", "751@2x.png", "751.npy", "751.tif"],
    "tileMatrix": ["11"],
    "tileRow": ["751"],
    "tileCol": ["1058"],
    "i": ["7", "255"],
    "j": ["7.json", "255.txt"],
    "lonlat": ["6.05,43.2", "6.1,43.15"],
    "bounds": ["6,43.15,6.1,43.2.png", "6,43.15,6.1,43.2.tif", "6,43.15,6.1,43.2"],
    "size": ["30x20.png", "30x20.npy"],
    "colorMapId": ["viridis"],
    "key": ["zarr.json", "0/red/zarr.json", "0/red/c/0/0/0"],
    "variable": ["red", "nir"],
    "expression": ["(nir-red)/(nir+red)"],
    "sel": ["time=2023-08-21", "time=nearest::2023-08-30"],
    "rescale": ["0,3000", "-1,1"],
    "colormap_name": ["viridis", "rdylgn"],
    "resampling": ["nearest", "cubic"],
    "bbox": ["6,43.15,6.1,43.2"],
    "datetime": ["2023-08-21", "../2023-09-01"],
    "SERVICE": ["WMTS", "WMS"],
    "REQUEST": ["GetCapabilities", "GetTile", "GetFeatureInfo"],
    "TILEMATRIXSET": ["WebMercatorQuad"],
    "TILEMATRIX": ["11"],
    "TILEROW": ["751"],
    "TILECOL": ["1058"],
    "I": ["7"],
    "J": ["7"],
    "VERSION": ["1.3.0", "1.1.1", "1.0.0"],
    "CRS": ["EPSG:3857", "CRS:84"],
    "BBOX": ["6,43.15,6.1,43.2", "667917,5334800,679049,5342400"],
    "WIDTH": ["40"],
    "HEIGHT": ["30"],
}


def likely(parameters):
    """The parameters, most of them changed; which are, follows from what they were."""
    changed = {}
    for name, value in (parameters or {}).items():
        seed = zlib.crc32(f"{name} {value}".encode(errors="replace"))
        values = [os.environ["CUBE"]] if name in ("cube", "LAYER", "LAYERS", "QUERY_LAYERS") else LIKELY.get(name)
        changed[name] = values[seed // 4 % len(values)] if values and seed % 4 else value
    return changed


def hooks():
    import schemathesis

    @schemathesis.hook
    def map_path_parameters(context, path_parameters):
        return likely(path_parameters)

    @schemathesis.hook
    def map_query(context, query):
        return likely(query) if query else query


def main():
    url, cube, folder = sys.argv[1:4]
    examples = int(sys.argv[4]) if len(sys.argv) > 4 else 2000
    with urllib.request.urlopen(f"{url}/openapi.json") as answer:
        operations = sum(len(item) for item in json.load(answer)["paths"].values())
    command = [
        *[sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml")],
        *["run", f"{url}/openapi.json"],
        *["--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--continue-on-failure"],
        *["--max-examples", str(math.ceil(examples / operations)), "--seed", "6", "--request-timeout", "20"],
        *["--generation-database", "none", "--no-shrink", "--warnings", "off", "--no-color"],
        *["--report", "junit,ndjson", "--report-dir", folder],
    ]
    environment = os.environ | {"SCHEMATHESIS_HOOKS": "openapi", "PYTHONPATH": str(HERE), "CUBE": cube}
    sys.exit(subprocess.run(command, env=environment, cwd=folder).returncode)


if __name__ == "__main__":
    main()
else:
    hooks()
