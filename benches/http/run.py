#!/usr/bin/env python3
"""What CubeTiler serves over HTTP, with the load tool on the same cores.

    benches/http/run.py --cube PATH [--binary PATH] [--sample N] [--repeats N]

The cube is the one that `cargo bench --bench tile -- --cube` writes. The report
judges and never fails because of a time: machines differ. Linux only, for /proc.
Needs Python 3.9 and wrk, nothing else.
"""

import argparse
import statistics
from dataclasses import dataclass, replace
from pathlib import Path

import load
import tiles
from server import cubetiler, machine, read_through

# Tiles that are kept take at most half of what finished tiles may take by default
# (an eighth of 512 MiB), so that all of them stay.
KEPT_BYTES = 32 << 20
# The most that the slowest percent may take, in times of the median.
MOST_SPREAD = 5.0


@dataclass
class Kind:
    """A kind of tile, and the least tiles a second."""

    name: str
    style: str
    cold: float
    warm: float
    kept: float = 20_000
    known: float = 20_000


KINDS = [
    Kind("one band, viridis", tiles.PALETTE, cold=600, warm=1500),
    Kind("RGB", tiles.RGB, cold=500, warm=1000),
]


def main():
    arguments = parse(__doc__)
    load.require()
    read_through(arguments.cube)
    addresses = tiles.inside()[: arguments.sample]
    print(f"{machine()}; {arguments.binary}\n")
    print(
        f"{len(addresses)} tiles of 256 x 256, {load.CONNECTIONS} connections, files in the page "
        f"cache; cold and warm: the middle one of {arguments.repeats} runs; CPU: of the server "
        "and of wrk for a tile\n"
    )
    print(
        "| kind | pass | tiles/s | target | | p50, ms | p99, ms | p99 / p50 | | CPU, ms | wrk, ms "
        "| KiB |"
    )
    print("| --- | --- | ---: | ---: | --- | ---: | ---: | ---: | --- | ---: | ---: | ---: |")
    peaks = {}
    for kind in KINDS:
        peaks[kind.name] = measure(kind, addresses, arguments)
    print()
    for name, peak in peaks.items():
        print(f"Most memory of the server, {name}: {peak:.0f} MiB")


def parse(text):
    """The arguments of a program that this text is about."""
    parser = argparse.ArgumentParser(description=text.split("\n", maxsplit=1)[0])
    root = Path(__file__).resolve().parents[2]
    parser.add_argument("--cube", type=Path, required=True, help="the benchmark's cube")
    parser.add_argument("--binary", type=Path, default=root / "target/release/cubetiler")
    parser.add_argument("--sample", type=int, help="take only so many tiles")
    parser.add_argument("--repeats", type=int, default=3, help="runs, each on a fresh server")
    arguments = parser.parse_args()
    for path in (arguments.cube, arguments.binary):
        if not path.exists():
            parser.error(f"{path} does not exist")
    return arguments


def measure(kind, addresses, arguments):
    """Prints a row for each pass, and returns the most memory in MiB."""
    paths = [tile.path(kind.style.format(top=tiles.TOP)) for tile in addresses]
    # The same samples in another style: no finished tile is of use to the other.
    other = [tile.path(kind.style.format(top=tiles.TOP + 1)) for tile in addresses]
    peaks, colds, warms = [], [], []
    for last in reversed(range(arguments.repeats)):
        with cubetiler(arguments.binary, arguments.cube) as server:
            colds.append(load.once(server, paths))
            peaks.append(server.peak_memory())
        with cubetiler(arguments.binary, arguments.cube) as server:
            load.once(server, other)
            warms.append(load.once(server, paths))
            if last == 0:
                tell(kind.name, "cold", middle(colds), kind.cold)
                tell(kind.name, "warm chunks", middle(warms), kind.warm)
                kept(kind, server, paths)
            peaks.append(server.peak_memory())
    return max(peaks)


def kept(kind, server, paths):
    """Finished tiles again, and tiles that the client has."""
    known, held = [], 0
    for path in paths:
        tile = server.get(path)
        etag = tile.headers.get("ETag")
        check(server, path, tile, etag)
        held += len(tile.body)
        if held > KEPT_BYTES:
            break
        known.append((path, etag))
    kept_paths = [path for path, _ in known]
    load.once(server, kept_paths)
    name = f"kept ({len(known)} tiles)"
    tell(kind.name, name, load.around(server, kept_paths), kind.kept)
    asked = [f"{path}\t{etag}" for path, etag in known]
    found = load.around(server, asked)
    tell(kind.name, "304", replace(found, bytes=0), kind.known)


def check(server, path, tile, etag):
    """Stops where a number would be of something else than of tiles."""
    if tile.status != 200 or tile.headers.get("Content-Type") != "image/png" or not etag:
        raise SystemExit(f"{path} is no finished tile: {tile.status}, {tile.headers}")
    again = server.get(path, {"If-None-Match": etag}).status
    if again != 304:
        raise SystemExit(f"{path} was changed, or so it says: {again}")


def middle(passes):
    """The pass of the median rate."""
    rate = statistics.median_low(run.rate for run in passes)
    return next(run for run in passes if run.rate == rate)


def tell(kind, name, found, least):
    spread = found.p99 / found.p50
    size = f"{found.bytes / found.answers / 1024:.0f}" if found.bytes else ""
    print(
        f"| {kind} | {name} | {found.rate:.0f} | {least:.0f} | "
        f"{'PASS' if found.rate >= least else 'under'} | "
        f"{found.p50 * 1e3:.2f} | {found.p99 * 1e3:.2f} | {spread:.1f} | "
        f"{'PASS' if spread <= MOST_SPREAD else 'over'} | {found.cost * 1e3:.3f} | "
        f"{found.tool_cost * 1e3:.3f} | {size} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
