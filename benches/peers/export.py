"""Writes one band of a cube's full resolution as a plain Zarr v3 store.

    export.py CUBE STORE

The peers do not read Icechunk by themselves. Their chunks are those that CubeTiler
reads at once, compressed in the same way, but each is an object of its own: reading
shards is slower with zarr-python, and would be held against the peers.
"""

import shutil
import sys
from pathlib import Path

import icechunk
import xarray
import zarr

VARIABLE = "b1"


def main():
    cube, store = map(Path, sys.argv[1:])
    repository = icechunk.Repository.open(icechunk.local_filesystem_storage(str(cube)))
    session = repository.readonly_session("main")
    dataset = xarray.open_zarr(
        session.store, group="0", consolidated=False, chunks=None, mask_and_scale=False
    )
    # `grid_mapping` of the variable names it: it carries the reference system.
    dataset = dataset[[VARIABLE, "spatial_ref"]].set_coords("spatial_ref")
    chunks = zarr.open_group(session.store, mode="r")[f"0/{VARIABLE}"].chunks
    for variable in dataset.variables.values():
        variable.encoding = {}
    # It names a variable that is not taken along.
    dataset["time"].attrs.pop("bounds", None)
    encoding = {
        VARIABLE: {"chunks": chunks, "compressors": [zarr.codecs.ZstdCodec(level=3)]},
        **{axis: {"chunks": dataset[axis].shape} for axis in ("latitude", "longitude")},
    }
    partial = store.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    dataset.to_zarr(partial, encoding=encoding, zarr_format=3, consolidated=True)
    partial.rename(store)


if __name__ == "__main__":
    main()
