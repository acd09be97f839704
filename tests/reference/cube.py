"""Opening a cube the way other programs do."""

from pathlib import Path

import icechunk
import zarr


def open_store(path):
    """A Zarr store: the tip of an Icechunk repository, or a plain Zarr directory."""
    if not Path(path).is_dir():
        raise SystemExit(f"{path}: no such directory")
    if (Path(path) / "zarr.json").is_file():
        return zarr.storage.LocalStore(path, read_only=True)
    storage = icechunk.local_filesystem_storage(str(path))
    return icechunk.Repository.open(storage).readonly_session("main").store
