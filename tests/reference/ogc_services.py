"""Reads a cube's map services with OWSLib, and checks their documents by OGC's schemas.

    ogc_services.py URL CUBE TIME    TIME is the cube's newest time step, as 2023-08-01

The schemas are those that MapProxy brings along for its own tests. Pictures of both
versions of WMS, in three reference systems, have to be of the same place.
"""

import io
import os
import sys
import urllib.error
import urllib.request

import mapproxy
import numpy as np
import pyproj
from lxml import etree
from owslib.wms import WebMapService
from owslib.wmts import WebMapTileService
from PIL import Image

from cube import leave

SCHEMAS = os.path.join(os.path.dirname(mapproxy.__file__), "test", "schemas")


def schema(path):
    return etree.XMLSchema(etree.parse(os.path.join(SCHEMAS, path), etree.XMLParser(no_network=True)))


def get(url):
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        return error.read()


def valid(document, by):
    # The schema counts the rows and columns of limits from 1, and the standard from 0
    # (OGC 07-057r7, table 12: non-negative integers).
    by.validate(etree.fromstring(document))
    errors = [str(error) for error in by.error_log]
    errors = [error for error in errors if "'0' is not a valid value of the atomic type 'xs:positiveInteger'" not in error]
    assert not errors, "\n".join(errors)


def picture(answer):
    return np.asarray(Image.open(io.BytesIO(answer.read())).convert("RGBA"))


url, cube, time = sys.argv[1:4]
wmts_schema = schema("wmts/1.0/wmtsGetCapabilities_response.xsd")
wms_schema = schema("wms/1.3.0/capabilities_1_3_0.xsd")
exceptions = schema("wms/1.3.0/exceptions_1_3_0.xsd")
reports = schema("ows/1.1.0/owsExceptionReport.xsd")
dtd = etree.DTD(os.path.join(SCHEMAS, "wms/1.1.1/WMS_MS_Capabilities.dtd"))
for base in (url, f"{url}/cubes/{cube}"):
    valid(get(f"{base}/WMTSCapabilities.xml"), wmts_schema)
    valid(get(f"{base}/wms?SERVICE=WMS&REQUEST=GetCapabilities"), wms_schema)
    valid(get(f"{base}/wms?REQUEST=GetMap"), exceptions)
    valid(get(f"{base}/wmts?SERVICE=WMTS"), reports)
    old = etree.fromstring(get(f"{base}/wms?REQUEST=GetCapabilities&VERSION=1.1.1"))
    assert dtd.validate(old), dtd.error_log

tiles = WebMapTileService(f"{url}/WMTSCapabilities.xml")
layer = tiles[cube]
assert "WorldCRS84Quad" in layer.tilematrixsetlinks, list(layer.tilematrixsetlinks)
for name, link in layer.tilematrixsetlinks.items():
    deepest = list(link.tilematrixlimits.values())[-1]
    place = {"tilematrix": deepest.tilematrix, "row": deepest.mintilerow, "column": deepest.mintilecol}
    tile = tiles.gettile(layer=cube, tilematrixset=name, format="image/png", **place)
    assert picture(tile).shape == (256, 256, 4), name

west, south, east, north = tiles[cube].boundingBoxWGS84
shown = {}
for version in ("1.1.1", "1.3.0"):
    service = WebMapService(f"{url}/wms", version=version)
    layer = service[cube]
    assert layer.boundingBoxWGS84 == (west, south, east, north), layer.boundingBoxWGS84
    assert layer.defaulttimeposition.startswith(time), layer.defaulttimeposition
    assert any(at.startswith(time) for at in layer.timepositions), layer.timepositions
    for system in ("EPSG:4326", "EPSG:3857", "EPSG:3035"):
        # OWSLib takes care of the order of axes.
        to_system = pyproj.Transformer.from_crs(4326, system, always_xy=True)
        box = to_system.transform_bounds(west, south, east, north)
        answer = service.getmap(layers=[cube], srs=system, bbox=box, size=(128, 128), format="image/png",
                                transparent=True, styles=["viridis"], time=time)
        shown[version, system] = picture(answer)
for system in ("EPSG:4326", "EPSG:3857", "EPSG:3035"):
    old, new = shown["1.1.1", system], shown["1.3.0", system]
    np.testing.assert_array_equal(old, new, err_msg=system)
    assert (new[..., 3] == 255).mean() > 0.5, system
leave(0)
