"""What the plugin, the library and the commands cost, each compared with a peer; `run.py` runs it.

Start-up is counted in instructions if valgrind is installed, in milliseconds of the processor otherwise. It is measured
on the built wheel, since pytest rewrites the modules of an installed plugin, and not those of an editable one.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import overhead_http
import schemathesis_peer
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from measuring import OURS, cpu_of, in_turns, per_call, pytest, with_caches

from pytest_cce_precheck.client import PrecheckClient
from pytest_cce_precheck.contract import schema
from pytest_cce_precheck.contract.check import check, judge
from pytest_cce_precheck.explore import strategies
from pytest_cce_precheck.explore.classes import values_of
from pytest_cce_precheck.plugin.masking import Mask
from pytest_cce_precheck.schema_files import OPENAPI, load_schema
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.transport.live import HttpTransport
from pytest_cce_precheck.wire.exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from measuring import Effort, Line

ROOT = Path(__file__).resolve().parent.parent
WITHOUT = "-p no:cce_precheck"
EXAMPLES = 400


# ---- start-up


def startup(effort: Effort) -> Iterator[Line]:
    with tempfile.TemporaryDirectory(prefix="overhead-") as name:
        folder = Path(name)
        site = unpacked_wheel(folder)
        (folder / "test_one.py").write_text("def test_nothing():\n    pass\n", encoding="utf-8")
        (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        warm = {**os.environ, "PYTHONPATH": str(site), "PYTHONHASHSEED": "0"}
        # the first run writes the caches
        warm.pop("PYTHONDONTWRITEBYTECODE", None)
        cold = {**warm, "PYTHONPYCACHEPREFIX": str(folder / "none"), "PYTHONDONTWRITEBYTECODE": "1"}
        exact = shutil.which("valgrind") is not None and not effort.quick
        for what, environment, goal in (
            ("`pytest --collect-only` of one empty test", warm, 1.015),
            ("the same without bytecode caches", cold, 1.05),
        )[: effort.choose(2, 1)]:
            commands = {WITHOUT: pytest("--collect-only", *WITHOUT.split()), OURS: pytest("--collect-only")}
            for command in commands.values():
                cpu_of(command, folder, environment)
            yield from in_turns(
                "startup",
                what,
                {who: _start(command, folder, environment, exact=exact) for who, command in commands.items()},
                rounds=1 if exact else effort.choose(15, 5),
                unit="million instructions" if exact else "ms",
                goal=goal,
            )


def unpacked_wheel(folder: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--no-build-isolation", "-w", str(folder), str(ROOT)], check=True, timeout=300)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def _start(command: Sequence[str], folder: Path, environment: Mapping[str, str], *, exact: bool) -> Callable[[], float]:
    def instructions() -> float:
        valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
        done = subprocess.run(
            [*valgrind, *command], cwd=folder, env=environment, capture_output=True, text=True, check=True, timeout=600
        )
        found = re.search(r"Collected : (\d+)", done.stderr)
        assert found is not None
        return int(found[1]) / 1e6

    return instructions if exact else lambda: cpu_of(command, folder, environment) * 1e3


# ---- a test that does not use the plugin


def ordinary_test(effort: Effort) -> Iterator[Line]:
    tests = effort.choose(2000, 500)
    with tempfile.TemporaryDirectory(prefix="overhead-") as name:
        folder = Path(name)
        text = f"import pytest\n\n\n@pytest.mark.parametrize('n', range({tests}))\ndef test_nothing(n):\n    pass\n"
        (folder / "test_many.py").write_text(text, encoding="utf-8")
        (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        commands, environment = {WITHOUT: pytest(*WITHOUT.split()), OURS: pytest()}, with_caches(folder)
        cpu_of(pytest("--collect-only"), folder, environment)
        yield from in_turns(
            "test",
            "a test that does not use the plugin",
            {who: lambda c=command: cpu_of(c, folder, environment) / tests * 1e3 for who, command in commands.items()},
            rounds=effort.choose(7, 2),
            unit="ms of CPU",
            goal=1.1,
        )


# ---- commands


def commands(effort: Effort) -> Iterator[Line]:
    answer = ROOT / "tests" / "data" / "example_create_response.json"
    accepted = "--accept=status-without-message: the vendor's example has none"
    with tempfile.TemporaryDirectory(prefix="overhead-") as name:
        environment = with_caches(Path(name))

        def milliseconds(*words: str) -> float:
            return cpu_of([sys.executable, *words], environment=environment) * 1e3

        milliseconds("-c", "pass")
        for words, goal in ((["--help"], 3), (["explain", "PRE401"], 5), (["check", str(answer), accepted], 9)):
            ours = ["-m", "pytest_cce_precheck.cli", *words]
            milliseconds(*ours)
            yield from in_turns(
                "commands",
                f"`cce-precheck {words[0]}`",
                {"python -c pass": lambda: milliseconds("-c", "pass"), OURS: lambda o=ours: milliseconds(*o)},
                rounds=effort.choose(15, 3),
                unit="ms of CPU",
                goal=goal,
            )


# ---- masking


def masking(effort: Effort) -> Iterator[Line]:
    secrets = [f"made-up-{name}-{'0123456789' * 3}" for name in ("token", "access-key", "secret-key")]
    for what, text in (
        ("a line without a secret, masked", "tests/test_tasks.py::test_a_task_has_a_type[addonStatic] PASSED"),
        ("a traceback of 6 kB without a secret, masked", "    answer = client.list_tasks(type='addonStatic')\n" * 120),
    ):
        mask, lowered = Mask(lambda: secrets), re.compile("|".join(map(re.escape, secrets)), re.IGNORECASE)
        yield from in_turns(
            "masking",
            what,
            {
                "re.sub of the secrets as they are": lambda t=text, p=lowered: per_call(lambda: p.sub("***", t)) * 1e6,
                OURS: lambda t=text, m=mask: per_call(lambda: m.text(t)) * 1e6,
            },
            rounds=effort.choose(7, 3),
            unit="µs",
        )


# ---- validation


def without_rs() -> float:
    """Measure `schema_errors` in a process that does not have jsonschema-rs."""
    code = (
        "import sys; sys.modules['jsonschema_rs'] = None; import overhead, json, overhead_http as http\n"
        "document = json.loads(http.answer())\n"
        "print(overhead.per_call(lambda: list(overhead.schema.schema_errors(document, 'list_answer'))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, capture_output=True, text=True, check=True, timeout=120
    )
    return float(done.stdout)


def validation(effort: Effort) -> Iterator[Line]:
    body = overhead_http.answer()
    document = json.loads(body)
    simulator = Simulator()
    asked = overhead_http.question(simulator)
    answered = simulator.handle(asked)
    assert not list(schema.schema_errors(document, "list_answer"))
    assert all(finding.code.endswith("90") for finding in check(Exchange(asked, answered)))

    def whole() -> object:
        # a new response each time: it keeps what it has parsed
        return check(Exchange(asked, type(answered)(answered.status, answered.headers, answered.body)))

    measures: list[tuple[str, Callable[[], float], float | None]] = [
        (
            "the schema of a 12-task answer, with `[fast]`",
            lambda: per_call(lambda: list(schema.schema_errors(document, "list_answer"))),
            1.0,
        ),
        ("the same without `[fast]`", without_rs, None),
        ("`check()` of it: parsing, envelope, schema, all rules", lambda: per_call(whole), 5.0),
    ]
    for what, measure, goal in measures:
        yield from in_turns(
            "validation",
            what,
            {
                f"`json.loads` of its {len(body):,} bytes": lambda: per_call(lambda: json.loads(body)) * 1e6,
                OURS: lambda m=measure: m() * 1e6,
            },
            rounds=effort.choose(5, 2),
            unit="µs",
            goal=goal,
        )


# ---- the simulator's server


def server(effort: Effort) -> Iterator[Line]:
    seconds = 1.5 if not effort.quick else 0.5
    for kind, peer, goal in (
        ("rendering", "stdlib ThreadingHTTPServer that renders the same body", 0.4),
        ("ready", "stdlib ThreadingHTTPServer with the body's bytes ready", None),
    ):
        with overhead_http.serving("simulator") as ours, overhead_http.serving(kind) as other:
            ports = {peer: other, OURS: ours}
            yield from in_turns(
                "server",
                "a request to the simulator's server, of 8 connections",
                {who: lambda p=port: 1e3 / overhead_http.requests_a_second(p, seconds) for who, port in ports.items()},
                rounds=effort.choose(5, 3),
                unit="ms",
                goal=goal,
            )


# ---- a drawn example


def drawing(strategy: st.SearchStrategy[object], use: Callable[[object], object] = lambda _: None) -> float:
    """Return the CPU seconds of one example."""

    @settings(
        max_examples=EXAMPLES, phases=[Phase.generate], database=None, deadline=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(strategy)
    def test(drawn: object) -> None:
        seen.append(drawn)
        use(drawn)

    seen: list[object] = []
    begun = time.process_time()
    test()
    return (time.process_time() - begun) / len(seen)


def example(effort: Effort) -> Iterator[Line]:
    simulator = Simulator()
    exchange = Exchange(overhead_http.question(simulator), simulator.handle(overhead_http.question(simulator)))
    answer, _ = judge(exchange)
    assert answer is not None
    drawn = strategies.filters(tasks=values_of(answer.tasks))
    text = st.text(min_size=1, max_size=40)
    plain = st.fixed_dictionaries({}, optional={"type": text, "task_id": text, "addon_instance_id": text})
    with overhead_http.serving("simulator") as port:
        client = PrecheckClient(
            HttpTransport(),
            endpoint=f"http://127.0.0.1:{port}",
            project_id=simulator.project_id,
            cluster_id=simulator.cluster_id,
            credentials=simulator.credentials,
        )

        def asked(filters: object) -> object:
            assert isinstance(filters, tuple)
            return check(client.list_tasks(**{item.name.value: item.value for item in filters}))

        def whole() -> float:
            return drawing(drawn, asked) * 1e3

        one_draw = {"hypothesis, one `fixed_dictionaries` draw": lambda: drawing(plain) * 1e3}
        rounds = effort.choose(5, 1)
        ours = {OURS: lambda: drawing(drawn) * 1e3}
        what = "an example of `strategies.filters`, drawn"
        yield from in_turns("example", what, one_draw | ours, rounds=rounds, unit="ms of CPU", goal=0.6)
        peers: dict[str, Callable[[], float]] = dict(one_draw)
        if "schemathesis" in effort.tools:
            command = Path(effort.tools["schemathesis"])
            peers = {"schemathesis in pytest": lambda: peer_example(command, simulator, port) * 1e3}
        what, goal = "drawn, asked over HTTP and judged", 0.25 if "schemathesis" in effort.tools else None
        yield from in_turns("example", what, peers | {OURS: whole}, rounds=rounds, unit="ms of CPU", goal=goal)
        client.close()


_PEER = """\
import json, sys, time
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
document, url, token, examples = json.load(open(sys.argv[1])), sys.argv[2], sys.argv[3], int(sys.argv[4])
api = schemathesis.openapi.from_dict(document)
[path] = [path for path in document["paths"] if path.endswith("/tasks")]
count = [0]
@settings(max_examples=examples, phases=[Phase.generate], database=None, deadline=None,
          suppress_health_check=list(HealthCheck))
@given(api[path]["GET"].as_strategy())
def test(case):
    count[0] += 1
    case.call_and_validate(base_url=url, headers={"X-Auth-Token": token})
begun = time.process_time()
test()
print((time.process_time() - begun) / count[0])
"""


def peer_example(command: Path, simulator: Simulator, port: int) -> float:
    """Measure the same in schemathesis' environment: a drawn case, called and validated."""
    document = schemathesis_peer.adapted(load_schema(OPENAPI), simulator)
    for name, value in (("ProjectId", simulator.project_id), ("ClusterId", simulator.cluster_id)):
        document["components"]["parameters"][name]["schema"]["const"] = value
    token = simulator.credentials.token
    assert token is not None
    with tempfile.TemporaryDirectory(prefix="overhead-") as folder:
        path = Path(folder, "openapi.json")
        path.write_text(json.dumps(document), encoding="utf-8")
        arguments = [str(path), f"http://127.0.0.1:{port}", token.reveal(), str(EXAMPLES)]
        told = [
            subprocess.run(
                [str(command.parent / "python"), "-c", _PEER, *arguments],
                cwd=folder, capture_output=True, text=True, check=True, timeout=300,
            ).stdout
            for _ in range(3)
        ]  # fmt: skip
    return statistics.median(float(text) for text in told)
