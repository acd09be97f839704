"""Servers under test: started on a free port, watched, and stopped."""

import os
import re
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

# Seconds until a server answers; a Python server that compiles takes its time.
PATIENCE = 120


class Server:
    """A server process and its children. Use it in a `with` statement."""

    def __init__(self, command, health, port=None, environment=None):
        """`health` is a path that answers 200 once the server is ready. The text
        `{port}` in the command is replaced by a free port."""
        self.port = port or free_port()
        self.command = [str(part).replace("{port}", str(self.port)) for part in command]
        self.health = health
        self.environment = {**os.environ, **(environment or {})}
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = tempfile.TemporaryFile()
        self._process = None

    def __enter__(self):
        self._process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env=self.environment,
        )
        until = time.monotonic() + PATIENCE
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > until:
                self._process.kill()
                self._process.wait()
                raise SystemExit(f"{self.command[0]} does not serve:\n{self.log()}")
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            for pid in self.pids():
                os.kill(pid, 9)
            self._process.wait()
        self._log.close()

    def _is_ready(self):
        try:
            return self.get(self.health, timeout=2).status == 200
        except OSError:
            return False

    def log(self):
        """The last of what the server has written."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")[-4000:]

    def get(self, path, headers=None, timeout=600):
        """The answer to a request, whatever its status, as a `Response`."""
        request = urllib.request.Request(self.url + path, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return Response(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            return Response(error.code, error.headers, error.read())

    def pids(self):
        """The process and all below it."""
        parents = {}
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                # The name in parentheses may hold anything, spaces too.
                fields = status.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(status.parent.name)] = int(fields[1])
        found = [self._process.pid]
        # It grows while it is walked.
        for pid in found:
            found.extend(child for child, parent in parents.items() if parent == pid)
        return found

    def peak_memory(self):
        """The most resident memory of each process, in MiB, added up."""
        peaks = (re.search(r"VmHWM:\s+(\d+) kB", status) for status in self._read("status"))
        return sum(int(peak[1]) for peak in peaks if peak) / 1024

    def cpu(self):
        """CPU seconds of all processes so far, in user mode and in the kernel."""
        fields = (stat.rpartition(")")[2].split() for stat in self._read("stat"))
        ticks = sum(int(field[11]) + int(field[12]) for field in fields)
        return ticks / os.sysconf("SC_CLK_TCK")

    def _read(self, name):
        """A file of /proc of each process that is still there."""
        for pid in self.pids():
            try:
                yield Path(f"/proc/{pid}/{name}").read_text()
            except OSError:
                pass


class Response:
    """What was answered."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body


def free_port():
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def cubetiler(binary, cube):
    """CubeTiler with its default configuration, serving the cube as `bench`."""
    return Server(
        [binary, "serve", "--bind", "127.0.0.1:{port}", f"bench={cube}"],
        health="/healthz",
    )


def read_through(folder):
    """Reads all files, so that they are in the page cache."""
    for path in sorted(Path(folder).rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                while file.read(1 << 20):
                    pass


def machine():
    """The processor and how many cores there are."""
    info = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*:\s*(.*)", info)
    return f"{model[1] if model else 'unknown processor'}, {os.cpu_count()} cores"
