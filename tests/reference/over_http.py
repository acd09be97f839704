"""Reads a cube's Zarr over HTTP and compares it with what Icechunk reads from its store.

    over_http.py ZARR_URL STORE LEVELS

Nothing is listed over HTTP: groups and arrays are found by consolidated metadata.
"""

import sys
import urllib.error
import urllib.request

import xarray as xr
import zarr
from zarr.abc.store import OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest

from cube import leave, open_store


class Http(Store):
    """The least that a Zarr store has to do, over HTTP."""

    supports_writes = supports_deletes = supports_listing = False

    def __init__(self, url):
        super().__init__(read_only=True)
        self.url = url
        self.parts = 0

    def __eq__(self, other):
        return isinstance(other, Http) and other.url == self.url

    async def get(self, key, prototype, byte_range=None):
        headers = {}
        match byte_range:
            case RangeByteRequest(start, end):
                headers["Range"] = f"bytes={start}-{end - 1}"
            case OffsetByteRequest(offset):
                headers["Range"] = f"bytes={offset}-"
            case SuffixByteRequest(suffix):
                headers["Range"] = f"bytes=-{suffix}"
        try:
            with urllib.request.urlopen(urllib.request.Request(f"{self.url}/{key}", headers=headers)) as answer:
                assert answer.status == (206 if headers else 200), answer.status
                self.parts += bool(headers)
                return prototype.buffer.from_bytes(answer.read())
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise

    async def get_partial_values(self, prototype, key_ranges):
        return [await self.get(key, prototype, byte_range) for key, byte_range in key_ranges]

    async def exists(self, key):
        try:
            with urllib.request.urlopen(urllib.request.Request(f"{self.url}/{key}", method="HEAD")):
                return True
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return False
            raise

    async def set(self, key, value):
        raise NotImplementedError

    async def delete(self, key):
        raise NotImplementedError

    def list(self):
        raise NotImplementedError

    def list_prefix(self, prefix):
        raise NotImplementedError

    def list_dir(self, prefix):
        raise NotImplementedError


url, path, levels = sys.argv[1], sys.argv[2], int(sys.argv[3])
remote, local = Http(url), open_store(path)
for level in map(str, range(levels)):
    found = xr.open_zarr(remote, group=level, chunks=None, consolidated=True)
    expected = xr.open_zarr(local, group=level, chunks=None, consolidated=False)
    assert set(found.data_vars) >= {"red", "green", "count"}, found
    xr.testing.assert_identical(found.load(), expected.load())
assert int(found["red"].max()) > 0, "there is nothing to compare"
# A window of a shard is read by ranges.
part = zarr.open_array(remote, path="0/red", mode="r")[0, :8, :8]
assert (part == zarr.open_array(local, path="0/red", mode="r")[0, :8, :8]).all()
assert remote.parts > 0, "no range was asked for"
root = zarr.open_consolidated(remote, mode="r")
assert set(root.group_keys()) == {*map(str, range(levels)), "coverage"}, list(root.group_keys())
leave(0)
