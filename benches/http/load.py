"""The load tool: wrk, walking a list of requests (see walk.lua).

wrk, since its scripts can walk a list and stop at its end, so that each tile is asked
for exactly once, which is what a cold pass means; and since it takes little from the
server on the same cores, which the reports tell.
"""

import json
import os
import resource
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

# Requests under way at once.
CONNECTIONS = 8
# Seconds that a pass around a list takes.
AROUND_SECONDS = 5

_SCRIPT = Path(__file__).with_name("walk.lua")


@dataclass
class Pass:
    """What a pass over the list found; times in seconds."""

    answers: int
    bytes: int
    seconds: float
    p50: float
    p95: float
    p99: float
    max: float
    cpu: float
    """Of the server."""
    tool_cpu: float

    @property
    def rate(self):
        """Answers a second."""
        return self.answers / self.seconds

    @property
    def cost(self):
        """CPU seconds of the server for an answer. Unlike the rate, it says the same
        on a machine that has other work to do."""
        return self.cpu / self.answers

    @property
    def tool_cost(self):
        """CPU seconds of the load tool for an answer, on the same cores."""
        return self.tool_cpu / self.answers


def require():
    """Ends the program where there is no wrk, and says what would help."""
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is missing. Debian and Ubuntu: apt-get install wrk")


def once(server, requests, connections=CONNECTIONS):
    """Sends each request exactly once, in order."""
    if len(requests) < connections:
        raise SystemExit(f"{len(requests)} requests are too few for {connections} connections")
    found = _walk(server, requests, "once", 3600, connections)
    if found.answers != len(requests):
        raise SystemExit(f"{found.answers} answers to {len(requests)} requests")
    return found


def around(server, requests, seconds=AROUND_SECONDS):
    """Sends the requests in order, again and again."""
    return _walk(server, requests, "around", seconds, CONNECTIONS)


def _walk(server, requests, how, seconds, connections):
    """A request is a path, or a path, a tab and the ETag that the client has.

    wrk's percentiles are corrected for coordinated omission: an answer that took
    longer than twice the mean counts also as the requests that it kept from being
    sent. The p99 is never better for it.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("".join(f"{request}\n" for request in requests))
        file.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "600s"]
        command += ["-s", os.fspath(_SCRIPT), server.url, "--", file.name, how, str(connections)]
        before, tool_before = server.cpu(), _children_cpu()
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        cpu = {"cpu": server.cpu() - before, "tool_cpu": _children_cpu() - tool_before}
    lines = done.stdout.splitlines()
    if done.returncode != 0 or not lines or not lines[-1].startswith("{"):
        raise SystemExit(f"wrk failed:\n{done.stdout}")
    found = json.loads(lines[-1])
    bad = {name: found.pop(name) for name in ("bad_status", "socket_errors", "timeouts")}
    if any(bad.values()):
        raise SystemExit(f"not all was answered well at {server.url}: {bad}")
    return Pass(**found, **cpu)


def _children_cpu():
    """CPU seconds of all programs that were waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
