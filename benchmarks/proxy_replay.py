"""What a replayed call costs over HTTP: ``cce-precheck proxy``, mitmproxy and, if its jar is given, WireMock.

All three replay the same recorded list of 12 tasks again and again, each in a process of its own; one client with one
connection asks them in turns. mitmproxy is installed into an environment of its own.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_cce_precheck.simulator.server import SimulatorServer
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.wire.vocabulary import list_path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.proxies import RunningProxy, environment
from tests.servers import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping

READY_SECONDS = 60
CLIENT_TOKEN = "token-of-the-client"


class Target:
    """A server that replays, and a connection to it."""

    def __init__(self, name: str, port: int, path: str, headers: Mapping[str, str]) -> None:
        self.name, self.path, self.headers = name, path, headers
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=READY_SECONDS)
        self.rounds: list[float] = []

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

    def measure(self, calls: int) -> None:
        """Ask as often as that, and note the seconds of one call."""
        began = time.perf_counter()
        for _ in range(calls):
            self.ask()
        self.rounds.append((time.perf_counter() - began) / calls)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1000, help="calls in each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mitmdump", help="the program, if it is installed already")
    parser.add_argument("--wiremock", help="wiremock-standalone-….jar, to compare with it too")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        targets = _targets(stack, folder, options)
        for each in targets:
            each.wait()
            stack.enter_context(closing(each.connection))
            each.measure(options.calls // 5)
            each.rounds.clear()
        for _ in range(options.rounds):
            for each in targets:
                each.measure(options.calls)
    ours = statistics.median(targets[0].rounds)
    for each in targets:
        cost = statistics.median(each.rounds)
        bounds = f"{min(each.rounds) * 1e3:.3f} to {max(each.rounds) * 1e3:.3f}"
        sys.stdout.write(f"{each.name:20} {cost * 1e3:6.3f} ms a call ({bounds}), {cost / ours:.2f} of ours\n")


def _targets(stack: ExitStack, folder: Path, options: argparse.Namespace) -> list[Target]:
    mitmdump = options.mitmdump or _installed(folder)
    with SimulatorServer(Simulator()) as server:
        service = server.simulator
        path = list_path(service.project_id, service.cluster_id)
        token = service.credentials.token.reveal() if service.credentials.token else ""
        running = RunningProxy(folder, "--mode=record", "--to", server.endpoint, CCE_AUTH_TOKEN=token)
        running.begin("list", repeats=True)
        body = running.get(path).text
        running.end("list")
        running.stop()
        flows, port = folder / "flows", free_port()
        recording = _started(stack, mitmdump, "-q", "-w", flows, "--mode", f"reverse:{server.endpoint}", "-p", port)
        Target("mitmproxy", port, path, {"X-Auth-Token": token}).wait()
        recording.terminate()
        recording.wait()
    port = free_port()
    command = [sys.executable, "-m", "pytest_cce_precheck.cli", "proxy", "--mode=replay", "--test=list"]
    _started(stack, *command, f"--port={port}", f"--cassette-dir={folder / 'cce-cassettes'}")
    targets = [Target("cce-precheck proxy", port, path, {"X-Auth-Token": CLIENT_TOKEN})]
    settings = ("server_replay_reuse=true", "server_replay_extra=kill", "connection_strategy=lazy")
    replay = [word for each in settings for word in ("--set", each)]
    port = free_port()
    _started(stack, mitmdump, "-q", "-S", flows, *replay, "--mode", f"reverse:{server.endpoint}", "-p", port)
    targets.append(Target("mitmproxy", port, path, {"X-Auth-Token": token}))
    if options.wiremock:
        (folder / "mappings").mkdir()
        answer = {"status": 200, "body": body, "headers": {"Content-Type": "application/json"}}
        mapping = {"request": {"method": "GET", "urlPath": path}, "response": answer}
        (folder / "mappings" / "list.json").write_text(json.dumps(mapping), encoding="utf-8")
        port = free_port()
        java = ["java", "-jar", options.wiremock, "--port", port, "--root-dir", folder, "--no-request-journal"]
        _started(stack, *java)
        targets.append(Target("WireMock", port, path, {}))
    return targets


def _installed(folder: Path) -> str:
    subprocess.run([sys.executable, "-m", "venv", folder / "mitm"], check=True)
    subprocess.run([folder / "mitm" / "bin" / "pip", "install", "-q", "mitmproxy"], check=True)
    return str(folder / "mitm" / "bin" / "mitmdump")


def _started(stack: ExitStack, *words: object) -> subprocess.Popen[bytes]:
    variables = environment(CCE_CLIENT_TOKEN=CLIENT_TOKEN)
    process = subprocess.Popen([str(word) for word in words], stdout=subprocess.DEVNULL, env=variables)
    stack.callback(process.wait)
    stack.callback(process.terminate)
    return process


if __name__ == "__main__":
    main()
