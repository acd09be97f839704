"""A cube in QGIS without a screen: XYZ, WMTS and WMS, each at three time steps.

    in_qgis.py URL CUBE FOLDER

Run by the Python that QGIS was built for (Debian: /usr/bin/python3 with python3-qgis), with
QT_QPA_PLATFORM=offscreen. A layer of QGIS is "valid" while its server is down, so what
counts is pictures: they are drawn on magenta, and magenta that is left is a tile that is
missing. The pictures are left in FOLDER.

WMS is asked for only where the server offers it (`/cubes/{cube}/wms`).
"""

import json
import sys
import urllib.error
import urllib.request
from array import array
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

from qgis.core import (
    Qgis,
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsDateTimeRange,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsMapToPixel,
    QgsPointXY,
    QgsProject,
    QgsRaster,
    QgsRasterLayer,
    QgsRectangle,
)
from qgis.PyQt.QtCore import QDateTime, QSize, Qt
from qgis.PyQt.QtGui import QColor, QImage

MAGENTA = QColor(255, 0, 255)
WIDTH = 512

# Of red, so that a picture tells a value. With nearest, a pixel is that of one cell.
STYLE = "variable=red&rescale=0,3000&resampling=nearest"

WMTS = "crs=EPSG:3857&dpiMode=7&format=image/png&layers={cube}&styles=default&tileMatrixSet=WebMercatorQuad"
WMS = "type=wmst&allowTemporalUpdates=true&temporalSource=provider&crs={crs}&dpiMode=7&format=image/png&layers={cube}&styles"

# The controller has moved WMTS since this version.
CONTROLLED_WMTS = 32800

failures = []


def check(name, ok, **facts):
    print(json.dumps({"check": name, "ok": bool(ok), **facts}, default=str), flush=True)
    if not ok:
        failures.append(name)


def found(url):
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)


def text(url):
    """What is there, or None if nothing is."""
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise


def encoded(address):
    """An address as a value of a source of QGIS."""
    return quote(address, safe="")


def near(colour, other):
    return all(abs(a - b) <= 1 for a, b in zip(colour, other))


class Map:
    """Pictures of layers on a rectangle of the cube."""

    def __init__(self, rectangle, folder, crs="EPSG:3857"):
        self.crs = QgsCoordinateReferenceSystem(crs)
        geographic = QgsCoordinateReferenceSystem("EPSG:4326")
        self.to_map = QgsCoordinateTransform(geographic, self.crs, QgsProject.instance())
        self.extent = self.to_map.transformBoundingBox(QgsRectangle(*rectangle))
        # As wide and high as the rectangle, or QGIS would show more of the map.
        self.size = QSize(WIDTH, round(WIDTH * self.extent.height() / self.extent.width()))
        self.pixels = self.size.width() * self.size.height()
        self.folder = folder

    def picture(self, name, layer, time=None):
        settings = QgsMapSettings()
        settings.setLayers([layer])
        settings.setDestinationCrs(self.crs)
        settings.setExtent(self.extent)
        settings.setOutputSize(self.size)
        settings.setBackgroundColor(MAGENTA)
        if time is not None:
            settings.setIsTemporal(True)
            settings.setTemporalRange(time)
        job = QgsMapRendererParallelJob(settings)
        job.start()
        job.waitForFinished()
        image = job.renderedImage().convertToFormat(QImage.Format_RGB32)
        image.save(str(self.folder / f"{name}.png"))
        # Of its own: that of the settings goes with them.
        self.to_pixel = QgsMapToPixel(settings.mapToPixel())
        return image

    def colour(self, image, lon, lat):
        at = self.to_pixel.transform(self.to_map.transform(QgsPointXY(lon, lat)))
        colour = QColor(image.pixel(int(at.x()), int(at.y())))
        return [colour.red(), colour.green(), colour.blue()]


def pixels(image):
    bits = image.constBits()
    bits.setsize(image.sizeInBytes())
    return bytes(bits)


def magenta(image):
    """How many pixels nothing was drawn on."""
    return array("I", pixels(image)).count(MAGENTA.rgba())


class Cube:
    """What the server says about the cube: the truth of the pictures."""

    def __init__(self, url, name):
        self.url, self.name = url, name
        document = found(f"{url}/cubes/{name}")
        west, south, east, north = document["bounds"]
        self.times = document["times"]
        self.most_zoom = document["maxzoom"]
        across, down = (east - west) / 5, (north - south) / 5
        # Well inside, and as far outside.
        self.inner = (west + across, south + 2 * down, east - across, north - down)
        self.outer = (east + across, south, east + 2 * across, north)
        # The middle of a cell in the inner rectangle, where the time steps differ most.
        cell = document["levels"][0]["cell_size"][0]
        col, row = int((east - west) / cell / 2), int((north - south) / cell * 0.4)
        places = [(west + (col + n + 0.5) * cell, north - (row + 0.5) * cell) for n in range(40)]
        self.place = max(places, key=self.spread)

    def spread(self, place):
        told = found(f"{self.url}/cubes/{self.name}/timeseries/{place[0]},{place[1]}?variable=red")
        first, second, third = sorted(values[0] for values in told["values"])
        return min(second - first, third - second)

    def gray(self, time):
        """The colour of the place at a time step."""
        lon, lat = self.place
        told = found(f"{self.url}/cubes/{self.name}/point/{lon},{lat}?variable=red&sel=time={time}")
        return [int(told["values"][0] / 3000 * 255)] * 3


def during(time, days=0):
    """What the temporal controller shows: the moment at which a time step begins, or some days from it on."""
    begin = QDateTime.fromString(f"{time}T00:00:00Z", Qt.ISODate)
    return QgsDateTimeRange(begin, begin.addDays(days), True, days == 0)


def check_layer(cube, inner, outer, name, layers):
    """Three pictures of three time steps, drawn to the last pixel and nowhere else.

    `layers` gives of each time a layer and what the controller shows, or None.
    """
    pictures = []
    for time, (layer, shown) in zip(cube.times, layers, strict=True):
        label = f"{name} {time}"
        check(f"{label}: the layer is valid", layer.isValid())
        picture = inner.picture(label, layer, shown)
        check(f"{label}: no tile is missing", magenta(picture) == 0, background=magenta(picture))
        is_colour, expected = inner.colour(picture, *cube.place), cube.gray(time)
        check(f"{label}: the colour is that of the value", near(is_colour, expected), expected=expected, found=is_colour)
        pictures.append(pixels(picture))
        left = magenta(outer.picture(f"{label} beside", layer, shown))
        check(f"{label}: nothing is drawn beside the cube", left == outer.pixels, background=left)
    check(f"{name}: three time steps are three pictures", len(set(pictures)) == 3)


def xyz(cube, time):
    address = f"{cube.url}/cubes/{cube.name}/tiles/WebMercatorQuad/{{z}}/{{x}}/{{y}}.png?{STYLE}&sel=time={time}"
    source = f"type=xyz&url={encoded(address)}&zmin=0&zmax={cube.most_zoom}"
    return QgsRasterLayer(source, "xyz", "wms")


def wmts(cube, document, chosen=""):
    address = encoded(f"{cube.url}{document}")
    source = WMTS.format(cube=cube.name) + f"{chosen}&url={address}"
    return QgsRasterLayer(source, "wmts", "wms")


def check_xyz(cube, inner, outer):
    check_layer(cube, inner, outer, "XYZ", [(xyz(cube, time), None) for time in cube.times])


def check_wmts(cube, inner, outer):
    """By templates and by keys and values, with the time chosen in the dialog."""
    for name, document in [
        ("WMTS", f"/cubes/{cube.name}/WMTSCapabilities.xml?{STYLE}"),
        ("WMTS KVP", f"/cubes/{cube.name}/wmts?SERVICE=WMTS&REQUEST=GetCapabilities&{STYLE}"),
    ]:
        layers = [(wmts(cube, document, f"&tileDimensions=time%3D{time}T00:00:00Z"), None) for time in cube.times]
        check_layer(cube, inner, outer, name, layers)
    # Nobody chose: the newest.
    newest = inner.picture("WMTS newest", wmts(cube, document))
    check("WMTS: without a time the newest is shown", near(inner.colour(newest, *cube.place), cube.gray(cube.times[-1])))
    layer = wmts(cube, document)
    check_identified(cube, inner, "WMTS", layer)
    if Qgis.QGIS_VERSION_INT >= CONTROLLED_WMTS:
        check_controlled(cube, inner, outer, "WMTS in time", layer)
    else:
        print(json.dumps({"skipped": "this QGIS has no temporal controller for WMTS"}), flush=True)


def check_identified(cube, inner, name, layer):
    place = inner.to_map.transform(QgsPointXY(*cube.place))
    size = inner.size
    identified = layer.dataProvider().identify(place, QgsRaster.IdentifyFormatText, inner.extent, size.width(), size.height())
    told = str(identified.results())
    lon, lat = cube.place
    value = str(found(f"{cube.url}/cubes/{cube.name}/point/{lon},{lat}?variable=red")["values"][0])
    check(f"{name}: the identify tool tells the value", value in told, expected=value, found=told)


def check_controlled(cube, inner, outer, name, layer, days=0):
    """One layer, while the temporal controller goes from step to step."""
    layer.temporalProperties().setIsActive(True)
    capabilities = layer.dataProvider().temporalCapabilities()
    check(f"{name}: the layer has a time", capabilities.hasTemporalCapabilities())
    available = capabilities.availableTemporalRange()
    span = [moment.toString(Qt.ISODate)[:10] for moment in (available.begin(), available.end())]
    check(f"{name}: from the first step to the last", span == [cube.times[0], cube.times[-1]], found=span)
    check_layer(cube, inner, outer, name, [(layer, during(time, days)) for time in cube.times])


def wms(cube, crs, address, more=""):
    return QgsRasterLayer(f"{WMS.format(crs=crs, cube=cube.name)}{more}&url={encoded(address)}", "wms", "wms")


def check_wms(cube, inner, folder):
    service = f"{cube.url}/cubes/{cube.name}/wms"
    capabilities = text(f"{service}?SERVICE=WMS&REQUEST=GetCapabilities&VERSION=1.3.0")
    if capabilities is None:
        print(json.dumps({"skipped": "the server offers no WMS"}), flush=True)
        return
    dimensions = ElementTree.fromstring(capabilities).iter("{http://www.opengis.net/wms}Dimension")
    extent = next(dimension.text.strip() for dimension in dimensions if dimension.get("name") == "time")
    for crs, version, days in [("EPSG:3857", "1.3.0", 0), ("EPSG:4326", "1.3.0", 0), ("EPSG:4326", "1.1.1", 0), ("EPSG:3857", "1.3.0", 1)]:
        address = f"{service}?VERSION={version}&{STYLE}"
        layer = wms(cube, crs, address, f"&timeDimensionExtent={encoded(extent)}")
        maps = [Map(rectangle, folder, crs) for rectangle in (cube.inner, cube.outer)]
        name = f"WMS {version} in {crs[5:]}" + (f" in frames of {days} d" if days else "")
        check_controlled(cube, *maps, name, layer, days)
    newest = wms(cube, "EPSG:3857", f"{service}?{STYLE}")
    picture = inner.picture("WMS newest", newest)
    check("WMS: without a time the newest is shown", near(inner.colour(picture, *cube.place), cube.gray(cube.times[-1])))
    check_identified(cube, inner, "WMS", newest)


def main():
    url, name, folder = sys.argv[1:]
    application = QgsApplication([], False)
    application.initQgis()
    print(json.dumps({"qgis": Qgis.QGIS_VERSION}), flush=True)
    cube = Cube(url, name)
    inner, outer = Map(cube.inner, Path(folder)), Map(cube.outer, Path(folder))
    check_xyz(cube, inner, outer)
    check_wmts(cube, inner, outer)
    check_wms(cube, inner, Path(folder))
    application.exitQgis()
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
