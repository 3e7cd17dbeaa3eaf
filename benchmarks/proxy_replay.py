"""What a replayed call costs over HTTP: ``cce-precheck proxy``, a stdlib server, mitmproxy, WireMock; `run.py` runs it.

All answer with the same recorded list of 12 tasks again and again, each in a process of its own; one client with one
connection asks them in turns. mitmproxy and WireMock are measured if their programs are named.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

import overhead_http
from measuring import OURS, in_turns

from pytest_cce_precheck.simulator.server import SimulatorServer
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.wire.vocabulary import list_path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.proxies import RunningProxy, environment
from tests.servers import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from measuring import Effort, Line

READY_SECONDS = 60
CLIENT_TOKEN = "token-of-the-client"


class Target:
    """A server that replays, its process, and a connection to it."""

    def __init__(self, name: str, process: int, port: int, path: str, headers: Mapping[str, str]) -> None:
        self.name, self.path, self.headers = name, path, headers
        self._status = Path(f"/proc/{process}/stat")
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=READY_SECONDS)

    def ask(self) -> int:
        """Ask once and return the length of the answer."""
        self.connection.request("GET", self.path, headers=dict(self.headers))
        answer = self.connection.getresponse()
        body = answer.read()
        assert answer.status == 200, (self.name, answer.status, body[:200])
        return len(body)

    def wait(self) -> None:
        """Wait until it answers."""
        for _ in range(READY_SECONDS * 5):
            try:
                self.ask()
            except (OSError, http.client.HTTPException):
                self.connection.close()
                time.sleep(0.2)
            else:
                return
        raise SystemExit(f"{self.name} does not answer")

    def connect_again(self) -> None:
        """Ask once over a new connection: while others were asked, the server may have closed the old one."""
        self.connection.close()
        self.ask()

    def milliseconds(self, calls: int, clock: Callable[[], float] = time.perf_counter) -> float:
        """Ask as often as that, and return the time of one call."""
        self.connect_again()
        began = clock()
        for _ in range(calls):
            self.ask()
        return (clock() - began) / calls * 1e3

    def milliseconds_of_cpu(self, calls: int) -> float:
        """Return what one of so many calls costs the server; Linux alone says so."""
        return self.milliseconds(calls, self._cpu)

    def _cpu(self) -> float:
        fields = self._status.read_text("ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def proxy(effort: Effort) -> Iterator[Line]:
    calls = effort.choose(1000, 400)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="proxy-")))
        ours, *peers = _targets(stack, folder, effort.tools)
        for each in (ours, *peers):
            each.wait()
            stack.enter_context(closing(each.connection))
            each.milliseconds(calls // 2)
        for peer in peers:
            both = {peer.name: peer, OURS: ours}
            for what, unit, measure in (
                ("a call replayed by `cce-precheck proxy`", "ms", Target.milliseconds),
                ("the same, without the client", "ms of the server's CPU", Target.milliseconds_of_cpu),
            )[: 2 if Path("/proc/self/stat").exists() else 1]:
                measures = {who: lambda m=measure, t=target: m(t, calls) for who, target in both.items()}
                # a tick of the processor's clock must not matter
                yield from in_turns("proxy", what, measures, rounds=effort.choose(7, 3), unit=unit)


def _targets(stack: ExitStack, folder: Path, tools: Mapping[str, str]) -> list[Target]:
    with SimulatorServer(Simulator()) as server:
        service = server.simulator
        path = list_path(service.project_id, service.cluster_id)
        token = service.credentials.token.reveal() if service.credentials.token else ""
        running = RunningProxy(folder, "--mode=record", "--to", server.endpoint, CCE_AUTH_TOKEN=token)
        running.begin("list", repeats=True)
        body = running.get(path).text
        running.end("list")
        running.stop()
        flows = folder / "flows"
        if "mitmdump" in tools:
            port = free_port()
            mode = f"reverse:{server.endpoint}"
            recording = _started(stack, tools["mitmdump"], "-q", "-w", flows, "--mode", mode, "-p", port)
            Target("mitmproxy", recording.pid, port, path, {"X-Auth-Token": token}).wait()
            recording.terminate()
            recording.wait()
    port = free_port()
    command = [sys.executable, "-m", "pytest_cce_precheck.cli", "proxy", "--mode=replay", "--test=list"]
    process = _started(stack, *command, f"--port={port}", f"--cassette-dir={folder / 'cce-cassettes'}")
    targets = [Target(OURS, process.pid, port, path, {"X-Auth-Token": CLIENT_TOKEN})]
    port, number = stack.enter_context(overhead_http.started("ready"))
    targets.append(Target("stdlib ThreadingHTTPServer with the body's bytes ready", number, port, path, {}))
    if "mitmdump" in tools:
        settings = ("server_replay_reuse=true", "server_replay_extra=kill", "connection_strategy=lazy")
        replay = [word for each in settings for word in ("--set", each)]
        port = free_port()
        words = (tools["mitmdump"], "-q", "-S", flows, *replay, "--mode", f"reverse:{server.endpoint}", "-p", port)
        targets.append(Target("mitmproxy", _started(stack, *words).pid, port, path, {"X-Auth-Token": token}))
    if "wiremock" in tools:
        (folder / "mappings").mkdir()
        answer = {"status": 200, "body": body, "headers": {"Content-Type": "application/json"}}
        mapping = {"request": {"method": "GET", "urlPath": path}, "response": answer}
        (folder / "mappings" / "list.json").write_text(json.dumps(mapping), encoding="utf-8")
        port = free_port()
        java = ("java", "-jar", tools["wiremock"], "--port", port, "--root-dir", folder, "--no-request-journal")
        targets.append(Target(Path(tools["wiremock"]).stem, _started(stack, *java).pid, port, path, {}))
    return targets


def _started(stack: ExitStack, *words: object) -> subprocess.Popen[bytes]:
    variables = environment(CCE_CLIENT_TOKEN=CLIENT_TOKEN)
    process = subprocess.Popen([str(word) for word in words], stdout=subprocess.DEVNULL, env=variables)
    stack.callback(process.wait)
    stack.callback(process.terminate)
    return process
