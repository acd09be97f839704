"""Python libraries and what stands between servers and people: GDAL, OWSLib, MapProxy,
pystac-client, xarray, jsonschema.

    readers.py URL CUBE FOLDER

The cube is in degrees and has a variable `red`. The truth is what xarray reads from the
cube's Zarr over HTTP; a pixel of a tile is that of the cell under its centre. Each function
`check_…` is a check; all are run, and what failed is told at the end. The working directory
is FOLDER, in which GDAL and MapProxy keep their caches.
"""

import io
import json
import os
import sys
import traceback
import urllib.error
import urllib.request
import warnings

import jsonschema
import numpy as np
import pystac
import pystac_client
import rasterio
import xarray as xr
from mapproxy.wsgiapp import make_wsgi_app
from owslib.wms import WebMapService
from owslib.wmts import WebMapTileService
from PIL import Image
from pystac.extensions.datacube import DatacubeExtension
from rasterio.enums import Resampling
from rasterio.io import MemoryFile
from rasterio.warp import transform
from rasterio.windows import from_bounds
from werkzeug.test import Client

URL, CUBE, FOLDER = sys.argv[1:]
HALF = 20037508.342789244
SIDE = 256
RANGE = 3000
STYLE = f"variable=red&rescale=0,{RANGE}&resampling=nearest"
# For GDAL, whose drivers of WMS and WMTS know the transparency of a palette, and not that of
# gray or RGB, and end an address at a comma.
COLOURED = f"{STYLE}&colormap_name=viridis".replace(",", "%2C")

# TileJSON 3.0.0, and of its optional fields what a map of a cube cannot do without.
TILEJSON = {
    "type": "object",
    "required": ["tilejson", "tiles", "vector_layers", "bounds", "center", "minzoom", "maxzoom", "name"],
    "properties": {
        "tilejson": {"const": "3.0.0"},
        "tiles": {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": r"\{z\}.*\{x\}.*\{y\}"}},
        # The specification has it required, of raster tiles too.
        "vector_layers": {"type": "array", "maxItems": 0},
        "name": {"type": "string"},
        "version": {"type": "string", "pattern": r"^\d+\.\d+\.\d+"},
        "scheme": {"enum": ["xyz", "tms"]},
        "attribution": {"type": "string"},
        "bounds": {"type": "array", "minItems": 4, "maxItems": 4, "items": {"type": "number", "minimum": -180, "maximum": 180}},
        "center": {"type": "array", "minItems": 3, "maxItems": 3, "items": {"type": "number"}},
        "minzoom": {"type": "integer", "minimum": 0, "maximum": 30},
        "maxzoom": {"type": "integer", "minimum": 0, "maximum": 30},
    },
}


def get(path):
    with urllib.request.urlopen(f"{URL}{path}") as answer:
        return answer.read()


def document(path):
    return json.loads(get(path))


class Truth:
    """The cube's red as xarray reads it, and where its tiles are."""

    def __init__(self):
        self.dataset = xr.open_zarr(f"{URL}/cubes/{CUBE}/zarr", group="0", mask_and_scale=False)
        self.red = self.dataset["red"].load()
        self.times = [str(time)[:10] for time in self.red.time.values]
        told = document(f"/cubes/{CUBE}")
        self.zoom = told["maxzoom"]
        west, south, east, north = self.bounds = told["bounds"]
        xs, ys = transform("EPSG:4326", "EPSG:3857", [(west + east) / 2], [(south + north) / 2])
        side = 2 * HALF / 2**self.zoom
        self.col, self.row = int((xs[0] + HALF) / side), int((HALF - ys[0]) / side)
        self.west, self.north = -HALF + self.col * side, HALF - self.row * side
        self.extent = (self.west, self.north - side, self.west + side, self.north)

    def path(self, ending, time, style=STYLE):
        return f"/cubes/{CUBE}/tiles/WebMercatorQuad/{self.zoom}/{self.col}/{self.row}.{ending}?{style}&sel=time={time}"

    def at(self, lon, lat, time):
        """Values of the cells under places, 0 where there is none, and whether one is near a border."""
        west, _, _, north = self.bounds
        rows, cols = self.red.shape[1:]
        cell = (self.bounds[2] - west) / cols
        col, row = (np.asarray(lon) - west) / cell, (north - np.asarray(lat)) / cell
        inside = (col >= 0) & (col < cols) & (row >= 0) & (row < rows)
        near = np.minimum(abs(col - np.round(col)), abs(row - np.round(row))) < 1e-6
        values = self.red.values[self.times.index(time)]
        found = values[np.where(inside, row, 0).astype(int), np.where(inside, col, 0).astype(int)]
        return np.where(inside, found, 0), near

    def tile(self, time):
        step = (self.extent[2] - self.extent[0]) / SIDE
        centres = (np.arange(SIDE) + 0.5) * step
        x, y = np.meshgrid(self.west + centres, self.north - centres)
        lon, lat = transform("EPSG:3857", "EPSG:4326", x.ravel(), y.ravel())
        values, near = self.at(lon, lat, time)
        return values.reshape(SIDE, SIDE), near.reshape(SIDE, SIDE)


def gray(values):
    return (np.clip(values, 0, RANGE) / RANGE * 255).astype("uint8")


def pixels(picture):
    """Gray and alpha of a picture."""
    bands = np.asarray(Image.open(io.BytesIO(picture)).convert("LA"))
    return bands[..., 0], bands[..., 1]


def assert_shows(found, alpha, truth, time):
    """That a tile's picture is that of the values."""
    values, near = truth.tile(time)
    assert (values > 0).any(), "there is nothing to compare"
    wrong = (((alpha > 0) != (values > 0)) | ((values > 0) & (found != gray(values)))) & ~near
    assert not wrong.any(), f"{wrong.sum()} of {wrong.size} pixels differ at {time}"


def assert_is_tile(found, truth, style, time):
    """That four bands are those of the tile as the server gives it to anybody."""
    with Image.open(io.BytesIO(get(truth.path("png", time, style)))) as picture:
        expected = np.moveaxis(np.asarray(picture.convert("RGBA")), -1, 0)
    opaque = expected[3] > 0
    assert opaque.any() and not opaque.all(), "the tile shows no border"
    np.testing.assert_array_equal(found[3], expected[3])
    np.testing.assert_array_equal(found[:3, opaque], expected[:3, opaque])


def check_tiles_are_the_cells_under_their_pixels(truth):
    for time in truth.times:
        assert_shows(*pixels(get(truth.path("png", time))), truth, time)


def check_a_tile_as_a_geotiff_has_the_values_and_its_place(truth):
    for time in truth.times:
        with MemoryFile(get(truth.path("tif", time, "variable=red&resampling=nearest"))) as file, file.open() as tile:
            assert tile.crs.to_epsg() == 3857, tile.crs
            np.testing.assert_allclose(tile.bounds, truth.extent, atol=1e-6)
            assert tile.read(1).dtype == np.uint16, tile.dtypes
            values, near = truth.tile(time)
            found, mask = tile.read(1), tile.dataset_mask()
        assert ((found == values) | near).all(), f"{((found != values) & ~near).sum()} values differ at {time}"
        assert (((mask > 0) == (values > 0)) | near).all(), "the mask differs"


def check_a_rectangle_as_a_geotiff_is_that_of_the_cube(truth):
    west, south, east, north = truth.bounds
    address = f"/cubes/{CUBE}/bbox/{west},{south},{east},{north}.tif?variable=red&sel=time={truth.times[0]}"
    with MemoryFile(get(address)) as file, file.open() as found:
        assert found.crs.to_epsg() == 4326, found.crs
        np.testing.assert_allclose(found.bounds, truth.bounds, atol=1e-9)
        np.testing.assert_array_equal(found.read(1), truth.red.values[0])


def check_gdal_reads_a_file_over_http(truth):
    """As QGIS and gdalinfo open an address."""
    with rasterio.open(f"{URL}{truth.path('tif', truth.times[1], 'variable=red&resampling=nearest')}") as tile:
        assert tile.crs.to_epsg() == 3857
        values, near = truth.tile(truth.times[1])
        assert ((tile.read(1) == values) | near).all()


def check_gdal_reads_tiles_by_its_tms_driver(truth):
    for time in truth.times:
        address = f"{URL}/cubes/{CUBE}/tiles/WebMercatorQuad/${{z}}/${{x}}/${{y}}.png?{COLOURED}&sel=time={time}"
        description = f"""<GDAL_WMS>
          <Service name="TMS"><ServerUrl>{address.replace("&", "&amp;")}</ServerUrl></Service>
          <DataWindow>
            <UpperLeftX>{-HALF}</UpperLeftX><UpperLeftY>{HALF}</UpperLeftY>
            <LowerRightX>{HALF}</LowerRightX><LowerRightY>{-HALF}</LowerRightY>
            <TileLevel>{truth.zoom}</TileLevel><TileCountX>1</TileCountX><TileCountY>1</TileCountY>
            <YOrigin>top</YOrigin>
          </DataWindow>
          <Projection>EPSG:3857</Projection><BlockSizeX>256</BlockSizeX><BlockSizeY>256</BlockSizeY>
          <BandsCount>4</BandsCount>
          <ZeroBlockHttpCodes>404</ZeroBlockHttpCodes>
        </GDAL_WMS>"""
        with rasterio.open(description) as service:
            window = from_bounds(*truth.extent, service.transform)
            found = service.read(window=window, out_shape=(4, SIDE, SIDE), resampling=Resampling.nearest)
        assert_is_tile(found, truth, COLOURED, time)


def check_gdal_reads_the_newest_step_by_its_wmts_driver(truth):
    for service in ["WMTSCapabilities.xml?", "wmts?SERVICE=WMTS&REQUEST=GetCapabilities&"]:
        capabilities = f"/cubes/{CUBE}/{service}{COLOURED}"
        with rasterio.open(f"WMTS:{URL}{capabilities},layer={CUBE}") as service:
            assert service.crs.to_epsg() == 3857, service.crs
            # The service ends at the cube; beside it there is nothing.
            window = from_bounds(*truth.extent, service.transform)
            found = service.read(window=window, out_shape=(4, SIDE, SIDE), resampling=Resampling.nearest, boundless=True)
        assert_is_tile(found, truth, COLOURED, truth.times[-1])


def check_owslib_finds_and_gets_tiles_by_wmts(truth):
    for service in [
        WebMapTileService(f"{URL}/cubes/{CUBE}/wmts"),
        WebMapTileService(f"{URL}/wmts"),
        WebMapTileService(f"{URL}/", xml=get(f"/cubes/{CUBE}/WMTSCapabilities.xml")),
        WebMapTileService(f"{URL}/", xml=get("/WMTSCapabilities.xml")),
    ]:
        layer = service.contents[CUBE]
        assert service.identification.type == "OGC WMTS", service.identification.type
        assert layer.dimensions["time"]["values"] == [f"{time}T00:00:00Z" for time in truth.times], layer.dimensions
        assert layer.dimensions["time"]["default"] == f"{truth.times[-1]}T00:00:00Z"
        np.testing.assert_allclose(layer.boundingBoxWGS84, truth.bounds, atol=1e-9)
        sets = layer.tilematrixsetlinks["WebMercatorQuad"].tilematrixlimits
        limits = sets[str(truth.zoom)]
        assert limits.mintilerow <= truth.row <= limits.maxtilerow and limits.mintilecol <= truth.col <= limits.maxtilecol
        assert service.tilematrixsets["WebMercatorQuad"].crs == "urn:ogc:def:crs:EPSG::3857"
        for time in [truth.times[0], truth.times[-1]]:
            tile = service.gettile(
                layer=CUBE, tilematrixset="WebMercatorQuad", tilematrix=str(truth.zoom), row=truth.row, column=truth.col,
                format="image/png", time=f"{time}T00:00:00Z",
            )
            assert tile.read() == get(f"/cubes/{CUBE}/tiles/WebMercatorQuad/{truth.zoom}/{truth.col}/{truth.row}.png?sel=time={time}")


def check_mapproxy_caches_tiles_and_reprojects_them(truth):
    time = truth.times[1]
    west, south, east, north = truth.bounds
    configuration = f"""
      services: {{tms: {{}}, wmts: {{}}, wms: {{srs: ['EPSG:3857', 'EPSG:4326'], md: {{title: cubes}}}}}}
      layers: [{{name: cube, title: cube, sources: [kept]}}]
      caches: {{kept: {{grids: [GLOBAL_WEBMERCATOR], sources: [tiles], format: image/png, request_format: image/png,
                image: {{resampling_method: nearest}}, cache: {{type: file, directory: '{FOLDER}/mapproxy'}}}}}}
      sources:
        tiles:
          type: tile
          grid: GLOBAL_WEBMERCATOR
          url: '{URL}/cubes/{CUBE}/tiles/WebMercatorQuad/%(z)s/%(x)s/%(y)s.png?{STYLE}&sel=time={time}'
          transparent: true
          coverage: {{bbox: [{west}, {south}, {east}, {north}], srs: 'EPSG:4326'}}
          http: {{client_timeout: 30}}
      globals: {{cache: {{base_dir: '{FOLDER}/mapproxy'}}, image: {{resampling_method: nearest, paletted: false}}}}
    """
    with open("mapproxy.yaml", "w") as file:
        file.write(configuration)
    proxy = Client(make_wsgi_app("mapproxy.yaml"))
    address = f"/wmts/cube/GLOBAL_WEBMERCATOR/{truth.zoom}/{truth.col}/{truth.row}.png"
    before = tiles_served()
    first = proxy.get(address)
    assert first.status_code == 200, first.text
    fetched = tiles_served() - before
    assert fetched >= 1, fetched
    assert_shows(*pixels(first.data), truth, time)
    again = proxy.get(address)
    assert again.data == first.data
    assert tiles_served() - before == fetched, "the second request was not answered from the cache"
    # Half a degree wide and in degrees, out of tiles in metres.
    size = 200
    lon, lat = (west + east) / 2, (south + north) / 2
    box = [lon - 0.05, lat - 0.05, lon + 0.05, lat + 0.05]
    picture = proxy.get(
        "/service?SERVICE=WMS&VERSION=1.1.1&REQUEST=GetMap&LAYERS=cube&STYLES=&SRS=EPSG:4326&FORMAT=image/png&TRANSPARENT=true"
        f"&BBOX={','.join(map(str, box))}&WIDTH={size}&HEIGHT={size}"
    )
    found, alpha = pixels(picture.data)
    step = 0.1 / size
    lons, lats = np.meshgrid(box[0] + (np.arange(size) + 0.5) * step, box[3] - (np.arange(size) + 0.5) * step)
    values, _ = truth.at(lons, lats, time)
    # Twice resampled by nearest: most pixels are those of the cell, and all are somewhere in the picture.
    assert (alpha > 0).all(), "MapProxy left holes"
    same = (found == gray(values)).mean()
    assert same > 0.6, f"{same:.0%} of the pixels are those of the cells"


class Skipped(Exception):
    """There is nothing to check."""


def wms():
    """The address of the cube's WMS."""
    service = f"{URL}/cubes/{CUBE}/wms"
    try:
        get(f"/cubes/{CUBE}/wms?SERVICE=WMS&REQUEST=GetCapabilities")
    except urllib.error.HTTPError as error:
        if error.code == 404:
            raise Skipped("the server offers no WMS") from None
        raise
    return service


def assert_is_the_cube(found, alpha, truth, time):
    """That a picture of the cube's bounds, a pixel a cell, is the cube."""
    values = truth.red.values[truth.times.index(time)]
    assert found.shape == values.shape, found.shape
    np.testing.assert_array_equal(alpha > 0, values > 0)
    np.testing.assert_array_equal(found, gray(values))


def check_owslib_gets_maps_by_wms(truth):
    service = wms()
    rows, cols = truth.red.shape[1:]
    for version in ["1.1.1", "1.3.0"]:
        opened = WebMapService(f"{service}?{STYLE}", version=version)
        layer = opened.contents[CUBE]
        assert layer.timepositions == [f"{time}T00:00:00Z" for time in truth.times], layer.timepositions
        np.testing.assert_allclose(layer.boundingBoxWGS84, truth.bounds, atol=1e-9)
        for time in truth.times:
            answer = opened.getmap(
                layers=[CUBE], styles=["default"], srs="EPSG:4326", bbox=truth.bounds, size=(cols, rows),
                format="image/png", transparent=True, time=f"{time}T00:00:00Z",
            )
            assert_is_the_cube(*pixels(answer.read()), truth, time)


def check_gdal_reads_maps_by_its_wms_driver(truth):
    service = wms()
    west, south, east, north = truth.bounds
    rows, cols = truth.red.shape[1:]
    for version, system, order in [("1.1.1", "SRS", "xyXY"), ("1.3.0", "CRS", "yxYX")]:
        for time in truth.times:
            address = f"{service}?{COLOURED}&TIME={time}&".replace("&", "&amp;")
            description = f"""<GDAL_WMS>
              <Service name="WMS">
                <Version>{version}</Version><ServerUrl>{address}</ServerUrl><Layers>{CUBE}</Layers><Styles></Styles>
                <{system}>EPSG:4326</{system}><ImageFormat>image/png</ImageFormat><Transparent>TRUE</Transparent>
                <BBoxOrder>{order}</BBoxOrder>
              </Service>
              <DataWindow>
                <UpperLeftX>{west}</UpperLeftX><UpperLeftY>{north}</UpperLeftY>
                <LowerRightX>{east}</LowerRightX><LowerRightY>{south}</LowerRightY><SizeX>{cols}</SizeX><SizeY>{rows}</SizeY>
              </DataWindow>
              <Projection>EPSG:4326</Projection><BandsCount>4</BandsCount><BlockSizeX>{cols}</BlockSizeX><BlockSizeY>{rows}</BlockSizeY>
            </GDAL_WMS>"""
            with rasterio.open(description) as opened:
                found = opened.read()
            colours = document("/colorMaps/viridis")
            table = np.array([colours[str(level)] for level in range(256)], dtype="uint8")
            values = truth.red.values[truth.times.index(time)]
            np.testing.assert_array_equal(found[3] > 0, values > 0)
            np.testing.assert_array_equal(np.moveaxis(found[:3], 0, -1), table[gray(values)][..., :3])


def check_mapproxy_passes_on_the_time_of_a_wms(truth):
    service = wms()
    configuration = f"""
      services: {{wms: {{srs: ['EPSG:4326'], md: {{title: cubes}}}}}}
      layers: [{{name: cube, title: cube, sources: [maps]}}]
      sources:
        maps:
          type: wms
          forward_req_params: [time]
          req: {{url: '{service}?{STYLE}', layers: {CUBE}, transparent: true}}
          wms_opts: {{version: '1.3.0'}}
          supported_srs: ['EPSG:4326']
      globals: {{cache: {{base_dir: '{FOLDER}/mapproxy'}}, image: {{resampling_method: nearest, paletted: false}}}}
    """
    with open("mapproxy-wms.yaml", "w") as file:
        file.write(configuration)
    proxy = Client(make_wsgi_app("mapproxy-wms.yaml"))
    rows, cols = truth.red.shape[1:]
    for time in truth.times:
        answer = proxy.get(
            "/service?SERVICE=WMS&VERSION=1.1.1&REQUEST=GetMap&LAYERS=cube&STYLES=&SRS=EPSG:4326&FORMAT=image/png&TRANSPARENT=true"
            f"&BBOX={','.join(map(str, truth.bounds))}&WIDTH={cols}&HEIGHT={rows}&TIME={time}"
        )
        assert answer.status_code == 200, answer.text
        assert_is_the_cube(*pixels(answer.data), truth, time)


def tiles_served():
    """How often the server answered with a tile."""
    lines = get("/metrics").decode().splitlines()
    return sum(int(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("cubetiler_tiles_total{"))


def check_pystac_client_walks_the_catalogue(truth):
    client = pystac_client.Client.open(f"{URL}/stac")
    assert client.conforms_to("COLLECTIONS"), client.get_self_href()
    assert not client.conforms_to("ITEM_SEARCH")
    assert CUBE in [collection.id for collection in client.get_collections()]
    collection = client.get_collection(CUBE)
    assert CUBE in [child.id for child in client.get_children()]
    assert list(collection.get_items()) == []
    pystac.validation.validate_dict(collection.to_dict() | {"stac_extensions": []})
    np.testing.assert_allclose(collection.extent.spatial.bboxes[0], truth.bounds, atol=1e-9)
    cube = DatacubeExtension.ext(collection)
    assert cube.dimensions["time"].values == [f"{time}T00:00:00Z" for time in truth.times]
    assert set(cube.variables) == {"red", "green", "blue", "nir", "count"}
    asset = collection.assets["zarr"]
    with xr.open_zarr(asset.href, group="0", mask_and_scale=False) as opened:
        xr.testing.assert_identical(opened["red"].load(), truth.red)
    for link in collection.links:
        if link.get_href().startswith(URL) and "{" not in link.get_href():
            # That of a WMS is without what a client asks of it.
            asked = "?SERVICE=WMS&REQUEST=GetCapabilities" if link.rel == "wms" else ""
            with urllib.request.urlopen(link.get_href() + asked) as answer:
                assert answer.status == 200, link


def check_xarray_reads_each_level(truth):
    levels = len(document(f"/cubes/{CUBE}")["levels"])
    sizes = []
    for level in range(levels):
        with xr.open_zarr(f"{URL}/cubes/{CUBE}/zarr", group=str(level)) as opened:
            sizes.append(opened.sizes["longitude"])
            assert set(opened.data_vars) >= {"red", "green", "blue", "nir", "count"}
    assert sizes == sorted(sizes, reverse=True) and len(set(sizes)) == levels, sizes


def check_tilejson_is_as_the_specification_has_it(truth):
    for query in ["", f"?{STYLE}", f"?{STYLE}&sel=time={truth.times[0]}", "?expression=(nir-red)/(nir%2Bred)&rescale=-1,1"]:
        told = document(f"/cubes/{CUBE}/WebMercatorQuad/tilejson.json{query}")
        jsonschema.validate(told, TILEJSON)
        west, south, east, north = told["bounds"]
        lon, lat, zoom = told["center"]
        assert west < lon < east and south < lat < north, told
        assert told["minzoom"] <= zoom <= told["maxzoom"], told
        for zoom in range(told["minzoom"], told["maxzoom"] + 1):
            col = int((lon + 180) / 360 * 2**zoom)
            row = int((0.5 - np.arcsinh(np.tan(np.radians(lat))) / (2 * np.pi)) * 2**zoom)
            tile = told["tiles"][0].format(z=zoom, x=col, y=row)
            with urllib.request.urlopen(tile) as answer:
                assert answer.headers["content-type"] == "image/png"


def main():
    os.chdir(FOLDER)
    warnings.filterwarnings("ignore", category=UserWarning)
    truth = Truth()
    checks = [(name, check) for name, check in globals().items() if name.startswith("check_")]
    failed = []
    for name, check in checks:
        try:
            check(truth)
        except Skipped as reason:
            print(json.dumps({"skipped": str(reason)}), flush=True)
            continue
        except Exception:
            failed.append(name)
            traceback.print_exc()
        print(json.dumps({"check": name.removeprefix("check_").replace("_", " "), "ok": name not in failed}), flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
