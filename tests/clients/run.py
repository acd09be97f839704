#!/usr/bin/env python3
"""Real clients against a real server.

    run.py [--program target/debug/cubetiler] [--folder FOLDER] [--url URL] CLIENT ...

A client is one of `qgis`, `maps`, `readers`, `openapi` or `serve`, which runs none and
serves until it is stopped. The server is the demo with one more cube, `thirds`, made and
filled through the admin API: three time steps of 20 days. With `--url` the clients run
against a server that is up and has such a cube. FOLDER keeps the demo's archive and what
clients leave behind (default target/clients); one that is there already is used.

Needs nothing but Python's own library; the clients are installed by `tools/setup.sh`.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

CUBE = "thirds"

# The hinterland of Toulon, on both sides of the border of two UTM zones.
RECIPE = {
    "title": "Riviera in thirds",
    "attribution": "Synthetic imagery",
    "grid": {"bounds": [5.9, 43.1, 6.2, 43.3], "resolution": 0.001, "chunk": 160, "inner_chunk": 80, "skip": "none"},
    "time": {"start": "2023-08-01", "end": "2023-09-29", "period": "P20D"},
    # Without a mask, so that a hole in a picture is a mistake and no cloud.
    "source": {"collection": "sentinel-2-l2a", "bands": ["red", "green", "blue", "nir"]},
    "composite": {"rule": "median", "resampling": "bilinear"},
    "style": {"variables": ["red", "green", "blue"], "rescale": [[0, 3000]]},
}

# Where there is a proxy, it does not know this machine's servers.
LOCAL = {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}

START_SECONDS = 300
FILL_SECONDS = 600
CLIENT_SECONDS = 900


class Demo:
    """The demo until it is closed, with the cube of the clients."""

    def __init__(self, program, folder):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CUBETILER_")}
        cubes = folder / "cubes"
        # Only the archive, which takes a while to draw, is kept.
        for old in [cubes, folder / "demo/cube.state"]:
            shutil.rmtree(old, ignore_errors=True)
        cubes.mkdir(parents=True)
        environment["CUBETILER_SERVER__CUBES_DIR"] = str(cubes)
        command = [program, "demo", "--fresh", "--dir", str(folder / "demo"), "--bind", "127.0.0.1:0", "--archive-port", "0"]
        self.log = folder / "server.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
        self.archive = self.told("The archive is at ")
        self.url = self.told("Open ").rstrip("/")

    def told(self, prefix):
        """The rest of a line of the output that begins so."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            for line in self.log.read_text(errors="replace").splitlines():
                if line.startswith(prefix):
                    return line.removeprefix(prefix).strip()
            if self.process.poll() is not None:
                break
            time.sleep(0.2)
        self.close()
        raise SystemExit(f"the server did not say `{prefix}…`:\n{self.log.read_text(errors='replace')}")

    def fill(self):
        recipe = RECIPE | {"source": RECIPE["source"] | {"stac": self.archive}}
        post(f"{self.url}/admin/cubes", {"name": CUBE, "recipe": recipe})
        job = post(f"{self.url}/admin/cubes/{CUBE}/backfill", {"bbox": RECIPE["grid"]["bounds"]})
        deadline = time.monotonic() + FILL_SECONDS
        while job["state"] in ("queued", "running"):
            if time.monotonic() > deadline:
                raise SystemExit(f"the fill takes too long: {job}")
            time.sleep(0.5)
            job = get(f"{self.url}/admin/jobs/{job['id']}")
        if job["state"] != "done":
            raise SystemExit(f"the fill did not succeed: {job}")

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def get(url):
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise SystemExit(f"POST {url}: {error.code} {error.read().decode()}") from None


# Of the system's Python: the first one on the path may have no QGIS.
QGIS = "/usr/bin/python3"
READERS = Path(os.environ.get("CUBETILER_CLIENTS_PYTHON", ROOT / "target/clients/python/bin/python"))
CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))


def missing(client):
    """What the client needs and is not there, or None."""
    match client:
        case "qgis":
            found = Path(QGIS).exists() and subprocess.run([QGIS, "-c", "import qgis.core"], capture_output=True).returncode == 0
            return None if found else "QGIS for Python: tools/setup.sh --qgis installs it"
        case "maps":
            found = CHROMIUM.exists() and shutil.which("node")
            return None if found else "chromium or node: tools/setup.sh --clients installs them"
        case _:
            return None if READERS.exists() else f"{READERS}: tools/setup.sh --clients makes it"


def command(client, url, results):
    match client:
        case "qgis":
            return [QGIS, HERE / "in_qgis.py", url, CUBE, results]
        case "maps":
            return ["node", ROOT / "tests/browser/maps.mjs", f"{url}/", results, CUBE]
        case _:
            return [READERS, HERE / f"{client}.py", url, CUBE, results]


def run(client, url, folder):
    """Whether the client is content, or None if it was not there to be asked."""
    if reason := missing(client):
        print(f"skipped: there is no {reason}", flush=True)
        # There everything can be installed.
        return False if "CI" in os.environ else None
    results = folder / client
    # What it kept of another server is of no use.
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir(mode=0o700)
    environment = os.environ | LOCAL
    if client == "qgis":
        environment |= {"QT_QPA_PLATFORM": "offscreen", "HOME": str(results), "XDG_RUNTIME_DIR": str(results)}
    print(f"\n-- {client}", flush=True)
    started = time.monotonic()
    parts = [str(part) for part in command(client, url, results)]
    try:
        status = subprocess.run(parts, env=environment, cwd=results, timeout=CLIENT_SECONDS).returncode
    except subprocess.TimeoutExpired:
        status = f"no end after {CLIENT_SECONDS} s"
    ended = "passed" if status == 0 else f"FAILED ({status})"
    print(f"-- {client}: {ended}, {time.monotonic() - started:.0f} s", flush=True)
    return status == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--program", default=ROOT / "target/debug/cubetiler", type=Path)
    parser.add_argument("--folder", default=ROOT / "target/clients", type=Path)
    parser.add_argument("--url")
    parser.add_argument("clients", nargs="+", choices=["qgis", "maps", "readers", "openapi", "serve"])
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    # As Ctrl-C: the server goes too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    demo = None
    if arguments.url is None:
        demo = Demo(arguments.program.resolve(), folder)
    try:
        if demo:
            demo.fill()
        url = arguments.url or demo.url
        print(f"{CUBE} at {url}", flush=True)
        if demo and "serve" in arguments.clients:
            demo.process.wait()
        results = [run(client, url, folder) for client in arguments.clients if client != "serve"]
    except KeyboardInterrupt:
        sys.exit("stopped")
    finally:
        if demo:
            demo.close()
    passed, failed = results.count(True), results.count(False)
    print(f"\n{passed} passed, {failed} failed, {results.count(None)} skipped")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
