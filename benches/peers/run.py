#!/usr/bin/env python3
"""CubeTiler beside TiTiler and xpublish-tiles: the same tiles of the same cube.

    benches/peers/run.py --cube PATH [--binary PATH] [--sample N] [--pixels N]

Installs the peers into target/peers/venv (Python 3.12 or later: $PYTHON, or the first
on the path), exports the cube's full resolution as a plain Zarr store that both peers
read, and asks all three for the same tiles, one after the other, with the load tool
on the same cores. The Python servers have a worker process for each core. Linux only.
"""

import argparse
import filecmp
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "http"))

import load  # noqa: E402
import tiles  # noqa: E402
from server import Server, cubetiler, machine, read_through  # noqa: E402

HOME = ROOT / "target/peers"
VENV = HOME / "venv"
STORE = HOME / "b1.zarr"
# The only time step of the cube.
TIME = "2023-01-01"
# Requests in another style before those that count, so that what the Python servers
# compile and open on the first request is not held against them.
WARM_UP = 64
# The tile of the whole cube is asked for so often, and the middle time counts.
TRIES = 3


def main():
    arguments = parse()
    load.require()
    install()
    export(arguments.cube)
    read_through(arguments.cube)
    read_through(STORE)
    addresses = tiles.inside()[: arguments.sample]
    ours = Ours(arguments.binary, arguments.cube)
    others = [TiTiler(arguments.workers), Xpublish(arguments.workers)]
    print(
        f"{machine()}; {len(addresses)} tiles of 256 x 256, one band, viridis, as PNG; "
        f"{load.CONNECTIONS} at a time; the Python servers with {arguments.workers} workers\n"
    )
    times(ours, others, addresses)
    pixels([ours, *others], addresses[: arguments.pixels])
    whole([ours, *others])


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--cube", type=Path, required=True, help="the benchmark's cube")
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/cubetiler")
    parser.add_argument("--sample", type=int, help="take only so many tiles")
    parser.add_argument("--pixels", type=int, default=100, help="tiles whose pixels are compared")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    for path in (arguments.cube, arguments.binary):
        if not path.exists():
            parser.error(f"{path} does not exist")
    return arguments


def times(ours, others, addresses):
    """How fast each serves the tiles."""
    print(
        "| server | tiles/s | ours / theirs | CPU, ms | theirs / ours | p50, ms | p99, ms | KiB "
        "| memory, MiB |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    some = (addresses * WARM_UP)[:WARM_UP]
    cold = None
    for name, peer, before in [
        (f"{ours.name}, cold", ours, []),
        *[(other.name, other, some) for other in others],
        (f"{ours.name}, warm chunks", ours, addresses),
    ]:
        with peer.server() as server:
            if before:
                load.once(server, [peer.path(tile, tiles.TOP + 1) for tile in before])
            found = load.once(server, [peer.path(tile) for tile in addresses])
            peak = server.peak_memory()
        cold = cold or found
        print(
            f"| {name} | {found.rate:.1f} | {cold.rate / found.rate:.1f} | "
            f"{found.cost * 1e3:.2f} | {found.cost / cold.cost:.1f} | "
            f"{found.p50 * 1e3:.1f} | {found.p99 * 1e3:.1f} | "
            f"{found.bytes / found.answers / 1024:.0f} | {peak:.0f} |",
            flush=True,
        )
    print(
        "\nOurs: cold. CPU: of the server, for a tile. KiB: of a tile. Memory: the most of each "
        "process of\nthe server, added up. The Python servers keep no samples; each was asked for "
        f"{WARM_UP} tiles before."
    )


def pixels(peers, addresses):
    """Whether each shows the samples that are there."""
    folder = HOME / "pixels"
    shutil.rmtree(folder, ignore_errors=True)
    for peer in peers:
        (folder / peer.name).mkdir(parents=True)
        with peer.server() as server:
            for tile in addresses:
                name = f"{tile.zoom}-{tile.col}-{tile.row}.png"
                (folder / peer.name / name).write_bytes(get(server, peer.path(tile)))
    print(f"\nPixels of {len(addresses)} tiles beside the cells under their centres (nearest):\n")
    run([python(), HERE / "compare.py", STORE, folder])


def whole(peers):
    """The tile of the whole cube: ours has overviews, the others have none."""
    tile = tiles.around()
    address = f"{tile.zoom}/{tile.col}/{tile.row}"
    print(f"\nTile {address}, which has the whole cube in it, one worker:\n")
    print(f"| server | first, s | middle of {TRIES} more, s | most memory, MiB | grown by, MiB |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for peer in peers:
        with peer.server(workers=1) as server:
            before = server.peak_memory()
            # Other styles, so that no finished tile is of use.
            took = [seconds(server, peer.path(tile, tiles.TOP + n)) for n in range(1 + TRIES)]
            peak = server.peak_memory()
        print(
            f"| {peer.name} | {took[0]:.3f} | {statistics.median(took[1:]):.3f} | {peak:.0f} | "
            f"{peak - before:.0f} |",
            flush=True,
        )


def get(server, path):
    answer = server.get(path)
    if answer.status != 200:
        raise SystemExit(f"{path}: {answer.status}, {answer.body[:500]}\n{server.log()}")
    return answer.body


def seconds(server, path):
    begun = time.monotonic()
    get(server, path)
    return time.monotonic() - begun


class Ours:
    name = "CubeTiler"

    def __init__(self, binary, cube):
        self._binary, self._cube = binary, cube

    def server(self, workers=None):
        del workers  # One process uses all cores.
        return cubetiler(self._binary, self._cube)

    @staticmethod
    def path(tile, top=tiles.TOP):
        return tile.path(tiles.PALETTE.format(top=top))


class Peer:
    """A Python server that reads the exported store."""

    def __init__(self, workers):
        self._workers = workers

    def _uvicorn(self, app, health, workers):
        command = [python(), "-m", "uvicorn", app, "--app-dir", HERE, "--port", "{port}"]
        command += ["--workers", workers or self._workers]
        command += ["--log-level", "warning", "--no-access-log"]
        return Server(command, health, environment={"BENCH_STORE": str(STORE)})


class TiTiler(Peer):
    name = "TiTiler 2.4.0"

    def server(self, workers=None):
        return self._uvicorn("titiler.application.main:app", "/healthz", workers)

    @staticmethod
    def path(tile, top=tiles.TOP):
        return (
            f"/zarr/tiles/WebMercatorQuad/{tile.zoom}/{tile.col}/{tile.row}.png"
            f"?url={quote(str(STORE), safe='')}&variable=b1&sel=time={TIME}"
            f"&rescale=0,{top}&colormap_name=viridis"
        )


class Xpublish(Peer):
    name = "xpublish-tiles 0.12.0"

    def server(self, workers=None):
        return self._uvicorn("xpublish_app:app", "/tiles/conformance", workers)

    @staticmethod
    def path(tile, top=tiles.TOP):
        # Row before column.
        return (
            f"/tiles/WebMercatorQuad/{tile.zoom}/{tile.row}/{tile.col}"
            f"?variables=b1&time={TIME}&style=raster/viridis&colorscalerange=0,{top}"
            "&width=256&height=256&f=image/png"
        )


def install():
    """Installs what is pinned, once."""
    pinned, installed = HERE / "requirements.txt", VENV / "installed.txt"
    if installed.exists() and filecmp.cmp(pinned, installed, shallow=False):
        return
    interpreter = find_python()
    say(f"installing the peers into {VENV} with {interpreter}")
    run([interpreter, "-m", "venv", "--clear", VENV])
    pip = [python(), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*pip, "--requirement", pinned])
    shutil.copy(pinned, installed)


def find_python():
    """$PYTHON, or the first that is new enough of those on the path and of pyenv's. A
    shim on the path may stand for a version that is not active, so they are run."""
    named = os.environ.get("PYTHON")
    candidates = [named] if named else ["python3", "python3.14", "python3.13", "python3.12"]
    if not named and shutil.which("pyenv"):
        root = subprocess.run(["pyenv", "root"], capture_output=True, text=True, check=True)
        candidates += sorted(Path(root.stdout.strip()).glob("versions/3.1[2-9].*/bin/python"))
    test = ["-c", "import sys, ensurepip; sys.exit(sys.version_info < (3, 12))"]
    for candidate in candidates:
        try:
            found = subprocess.run([candidate, *test], capture_output=True, check=False)
        except OSError:
            continue
        if found.returncode == 0:
            return candidate
    raise SystemExit(f"{named or 'what is here'} is no Python 3.12 or later with venv: set PYTHON")


def export(cube):
    """Writes the store that the peers read, once for a cube."""
    source = HOME / "b1.source"
    if STORE.exists() and source.exists() and source.read_text() == str(cube.resolve()):
        return
    shutil.rmtree(STORE, ignore_errors=True)
    say(f"exporting {cube} to {STORE}")
    run([python(), HERE / "export.py", cube, STORE])
    source.write_text(str(cube.resolve()))


def python():
    return VENV / "bin/python"


def run(command):
    """Runs a program, and ends where it fails."""
    sys.stdout.flush()
    if subprocess.run([str(part) for part in command], check=False).returncode != 0:
        raise SystemExit(f"this failed: {' '.join(map(str, command))}")


def say(text):
    print(f"peers: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
