"""xpublish-tiles serving the store that the environment names, for uvicorn."""

import os

import xarray
import xpublish
from xpublish_tiles.xpublish.tiles.plugin import TilesPlugin

_STORE = os.environ["BENCH_STORE"]

# As the program that comes with xpublish-tiles opens a store of Zarr.
_dataset = xarray.open_zarr(_STORE, chunks=None, decode_coords="all")
# The name under which it keeps what it knows of the grid.
_dataset.attrs["_xpublish_id"] = _STORE

app = xpublish.SingleDatasetRest(_dataset, plugins={"tiles": TilesPlugin()}).app
