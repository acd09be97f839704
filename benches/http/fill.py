#!/usr/bin/env python3
"""What tiles take while the same server fills another cube.

    benches/http/fill.py --cube PATH [--binary PATH] [--sample N] [--repeats N]

The cube is the one that `cargo bench --bench tile -- --cube` writes; it is served. The
archive of the demo, which lies on disk, is filled from, again and again by force. Tiles
are asked for by a few connections and by as many as keep the machine busy. The report
judges and never fails because of a time: machines differ. Linux only, for /proc. Needs
Python 3.9 and wrk, nothing else.
"""

import json
import re
import statistics
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

import load
import run
import tiles
from server import Server, machine, read_through

TOKEN = "bench"
BACKFILL = "/admin/cubes/fill/backfill"
# Seconds that a repeat of what is done may take, and a cancellation.
MOST_REPEAT, MOST_CANCEL = 0.005, 1.0
REPEATS = 100
# The most that the slowest twentieth may take during a fill, in times of that at rest.
MOST_TIMES = 3.0
CONNECTIONS = (2, load.CONNECTIONS)
ROOT = Path(__file__).resolve().parents[2]


def main():
    arguments = run.parse(__doc__)
    load.require()
    read_through(arguments.cube)
    paths = [tile.path(tiles.RGB.format(top=tiles.TOP)) for tile in tiles.inside()]
    paths = paths[: arguments.sample]
    with tempfile.TemporaryDirectory() as folder:
        recipe = draw(arguments.binary, Path(folder))
        print(f"{machine()}; {arguments.binary}\n")
        print(
            f"{len(paths)} RGB tiles of 256 x 256, each once, files in the page cache; the "
            f"middle one of {arguments.repeats} runs\n"
        )
        print("| connections | | tiles/s | p50, ms | p95, ms | times | | chunks/s |")
        print("| ---: | --- | ---: | ---: | ---: | ---: | --- | ---: |")
        for connections in CONNECTIONS:
            rest, filling, rates = [], [], []
            for number in range(arguments.repeats):
                store = Path(folder) / f"cube-{connections}-{number}"
                command = [arguments.binary, "create", recipe, store]
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
                with served(arguments, store) as server:
                    rest.append(load.once(server, paths, connections))
                with served(arguments, store) as server:
                    found, rate = during_a_fill(server, paths, connections)
                    filling.append(found)
                    rates.append(rate)
            rest, filling = middle(rest), middle(filling)
            tell(connections, "at rest", rest)
            times, rate = filling.p95 / rest.p95, statistics.median(rates)
            tell(connections, "during a fill", filling, times, rate)
        store = Path(folder) / "repeated"
        subprocess.run([arguments.binary, "create", recipe, store], check=True)
        with served(arguments, store) as server:
            tell_repeats(server)


def draw(binary, folder):
    """Draws the demo's archive, and a recipe that reads it from disk."""
    demo = folder / "demo"
    command = [binary, "demo", "--dir", demo, "--bind", "127.0.0.1:{port}", "--archive-port", "0"]
    # It has drawn it when it answers.
    with Server(command, health="/healthz"):
        pass
    recipe = (ROOT / "config/demo.toml").read_text()
    items = demo / "archive/items.json"
    recipe, count = re.subn(r'(?m)^stac = ""$', f'stac = "{items}"', recipe)
    if count != 1 or not items.exists():
        raise SystemExit("the demo's archive or recipe is not what it was")
    path = folder / "recipe.toml"
    path.write_text(recipe)
    return path


def served(arguments, store):
    """A server of the cube, and of another that can be filled."""
    return Server(
        [arguments.binary, "serve", "--bind", "127.0.0.1:{port}", f"bench={arguments.cube}", f"fill={store}"],
        health="/healthz",
        environment={
            "CUBETILER_ADMIN_TOKEN": TOKEN,
            "CUBETILER_SERVER__STATE_DIR": f"{store}.state",
            "CUBETILER_LOG__FILTER": "warn",
        },
    )


def during_a_fill(server, paths, connections):
    """The pass, and chunks a second that were built meanwhile."""
    job = admin(server, "POST", BACKFILL, {"force": True})
    place = f"/admin/jobs/{job['id']}"
    while admin(server, "GET", place)["state"] == "queued":
        pass
    before = admin(server, "GET", place)
    found = load.once(server, paths, connections)
    after = admin(server, "GET", place)
    if after["state"] != "running" or after["failed"]:
        raise SystemExit(f"the fill did not last as long as the tiles: take a smaller --sample; {after}")
    return found, (after["done"] - before["done"]) / found.seconds


def tell_repeats(server):
    """How long it takes to be told that all is there, and that a job is cancelled."""
    whole = {"datetime": "2023-08-01/2023-08-31"}
    job = admin(server, "POST", BACKFILL, whole)
    while admin(server, "GET", f"/admin/jobs/{job['id']}")["ended"] is None:
        time.sleep(0.1)
    repeats = sorted(timed(server, "POST", BACKFILL, whole) for _ in range(REPEATS))
    cancels = []
    for _ in range(5):
        job = admin(server, "POST", BACKFILL, {"force": True})
        time.sleep(1)
        cancels.append(timed(server, "DELETE", f"/admin/jobs/{job['id']}"))
    middle, slow = statistics.median(repeats), repeats[int(REPEATS * 0.95)]
    verdict = "PASS" if middle <= MOST_REPEAT else "over"
    print(
        f"\nA repeat of a finished request of {job['planned']['build'] // 2} chunks: "
        f"{middle * 1e3:.1f} ms, p95 {slow * 1e3:.1f} ms (target 5 ms: {verdict})"
    )
    verdict = "PASS" if max(cancels) <= MOST_CANCEL else "over"
    print(f"A running job is cancelled in at most {max(cancels) * 1e3:.0f} ms (target 1 s: {verdict})")


def timed(server, *request):
    begun = time.monotonic()
    admin(server, *request)
    return time.monotonic() - begun


def admin(server, method, path, body=None):
    request = urllib.request.Request(
        server.url + path,
        method=method,
        data=body and json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def middle(passes):
    """The pass of the median p95."""
    p95 = statistics.median_low(found.p95 for found in passes)
    return next(found for found in passes if found.p95 == p95)


def tell(connections, what, found, times=None, rate=None):
    verdict = "" if times is None else "PASS" if times <= MOST_TIMES else "over"
    print(
        f"| {connections} | {what} | {found.rate:.0f} | {found.p50 * 1e3:.2f} | "
        f"{found.p95 * 1e3:.2f} | {'' if times is None else f'{times:.2f}'} | {verdict} | "
        f"{'' if rate is None else f'{rate:.2f}'} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
