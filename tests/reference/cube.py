"""Opening a cube the way other programs do."""

import os
import sys
from pathlib import Path

import icechunk
import zarr


def open_store(path):
    """A Zarr store: the tip of an Icechunk repository, or a plain Zarr directory."""
    if not Path(path).is_dir():
        raise SystemExit(f"{path}: no such directory")
    if (Path(path) / "zarr.json").is_file():
        return zarr.storage.LocalStore(path, read_only=True)
    # A reader has no use for its warning that concurrent commits to a directory are unsafe.
    icechunk.set_logs_filter("error")
    storage = icechunk.local_filesystem_storage(str(path))
    return icechunk.Repository.open(storage).readonly_session("main").store


def leave(code):
    """Ends the program at once, with this exit code.

    icechunk 2.3.0 keeps threads running after a read, and a Python that tears itself
    down meanwhile now and then ends with a segmentation fault instead.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
