"""A run against a real service sends what it has permission to send, by method and path, and nothing else."""

from __future__ import annotations

import re
import threading
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_cce_precheck import Headers, Request, Simulator
from pytest_cce_precheck.explore.classes import unknown_value
from pytest_cce_precheck.plugin.modes.live import LiveMode
from pytest_cce_precheck.wire.vocabulary import create_path, list_path
from tests.servers import Handler, serving
from tests.toolchains import require_module

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Run

SUITE = ("--pyargs", "pytest_cce_precheck.suite")
WRITES = "--cce-allow-writes"
DESTRUCTIVE = "--cce-allow-destructive"
OTHER_METHODS = "test_other_methods_are_not_answered_as_get"


class Losing:
    """A service that loses all tasks of the cluster in the path on DELETE, PUT and PATCH, whatever else it is told."""

    endpoint = ""

    def __init__(self, *, fault: str = "", loses: bool = True, answers_posts: bool = False) -> None:
        self.simulator = Simulator(faults=[fault] if fault else [])
        self.seen: Counter[tuple[str, str]] = Counter()
        self.lost: set[str] = set()
        self.tasks = {task.id for task in self.simulator.state.clusters[self.simulator.cluster_id].tasks}
        self._loses, self._answers_posts, self._looks_at_the_cluster = loses, answers_posts, not fault
        self._lock = threading.Lock()

    def __call__(self, handler: Handler) -> None:
        method, (path, _, query) = handler.command, handler.path.partition("?")
        cluster = path.partition("/clusters/")[2].partition("/")[0]
        if not self._looks_at_the_cluster:
            cluster = self.simulator.cluster_id
        with self._lock:
            self.seen[method, path] += 1
            if self._loses and method in ("DELETE", "PUT", "PATCH") and cluster in self.simulator.state.clusters:
                self._lose_all(cluster)
                handler.reply(200, b"{}")
                return
        if self._answers_posts and method == "POST" and path.endswith("/tasks"):
            handler.reply(200, b"{}")
            return
        headers = Headers(handler.headers.items())
        request = Request(method, "http://" + headers["Host"], path, query, headers, handler.body)
        answer = self.simulator.handle(request)
        handler.send_response_only(answer.status)
        for name, value in answer.headers.pairs:
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(answer.body)

    def _lose_all(self, cluster: str) -> None:
        for task in list(self.simulator.state.clusters[cluster].tasks):
            self.lost.add(task.id)
            self.simulator.state.remove(cluster, task.id)

    @property
    def paths(self) -> dict[str, str]:
        """Return what each path is for."""
        service = self.simulator
        project, cluster = service.project_id, service.cluster_id
        return {
            create_path(project, cluster): "create",
            list_path(project, cluster): "list",
            list_path(project, unknown_value(cluster)): "made-up list",
        }

    @property
    def not_read(self) -> dict[tuple[str, str], int]:
        """Return how often each method that does not only read was sent, and where to."""
        return {
            (method, self.paths[path]): n for (method, path), n in self.seen.items() if method not in ("GET", "HEAD")
        }


@contextmanager
def losing(
    monkeypatch: pytest.MonkeyPatch, *, token: bool = False, **how: Any
) -> Iterator[tuple[Losing, tuple[str, ...]]]:
    """Serve it over HTTP, to be asked with AK/SK or a token; gives the options of a run over it, too."""
    service = Losing(**how)
    keys = service.simulator.credentials
    if token:
        monkeypatch.setenv("CCE_AUTH_TOKEN", keys.token.reveal())
    else:
        monkeypatch.setenv("HUAWEICLOUD_SDK_AK", keys.access_key.reveal())
        monkeypatch.setenv("HUAWEICLOUD_SDK_SK", keys.secret_key.reveal())
    # what is waited for goes by at once
    monkeypatch.setattr(LiveMode, "wait", lambda _, seconds: service.simulator.clock.advance(seconds))
    with serving(service) as server:
        service.endpoint = server.endpoint
        yield service, options(service)


def options(service: Losing) -> tuple[str, ...]:
    facts = service.simulator.describe()
    names = ("project_id", "cluster_id", "other_cluster_id", "foreign_project_id", "foreign_cluster_id")
    ids = (f"--cce-{name.replace('_', '-')}={facts[name]}" for name in names)
    return (f"--cce-endpoint={service.endpoint}", "--cce-cassette-dir=cassettes", *ids)


@pytest.mark.parametrize(("mode", "budget"), [("live", 60), ("live", 250), ("live", 1000), ("record", 250)])
def test_without_permission_the_suite_sends_get_and_nothing_else(
    run: Run, monkeypatch: pytest.MonkeyPatch, mode: str, budget: int
) -> None:
    with losing(monkeypatch) as (service, where):
        result = run(*SUITE, f"--cce-mode={mode}", f"--cce-budget={budget}", *where)
    assert result.ret == 0, result.stdout.str()
    assert service.not_read == {}
    assert sum(service.seen.values()) > budget // 3
    assert service.lost == set()
    result.stdout.fnmatch_lines([f"  not asked for: {OTHER_METHODS}: this run may only read (--cce-allow-writes)"])


@pytest.mark.parametrize(
    ("mode", "budget", "methods", "creates"),
    [
        ("live", 60, 2, 1),
        ("live", 250, 4, 18),
        ("live", 1000, 4, 18),
        # each test reads the list for itself, which leaves less for the rest
        ("record", 60, 2, 1),
        ("record", 250, 3, 14),
    ],
)
def test_with_permission_to_write_other_methods_go_to_a_cluster_that_does_not_exist(
    run: Run, monkeypatch: pytest.MonkeyPatch, mode: str, budget: int, methods: int, creates: int
) -> None:
    with losing(monkeypatch) as (service, where):
        result = run(*SUITE, f"--cce-mode={mode}", f"--cce-budget={budget}", *where, WRITES)
    assert result.ret == 0, result.stdout.str()
    tried = ("POST", "PUT", "PATCH", "DELETE")[:methods]
    assert service.not_read == {("POST", "create"): creates, **{(method, "made-up list"): 1 for method in tried}}
    assert service.lost == set()
    result.stdout.fnmatch_lines(
        [f"  not asked for: {OTHER_METHODS} (on this cluster): not sent,*(--cce-allow-destructive)"]
    )


@pytest.mark.parametrize(
    ("mode", "budget", "methods"),
    [
        ("live", 60, ("POST", "DELETE")),
        ("live", 250, ("POST", "DELETE", "PUT", "PATCH")),
        ("record", 250, ("POST", "DELETE", "PUT")),
    ],
)
def test_with_permission_to_destroy_other_methods_go_to_the_cluster_itself(
    run: Run, monkeypatch: pytest.MonkeyPatch, mode: str, budget: int, methods: tuple[str, ...]
) -> None:
    with losing(monkeypatch) as (service, where):
        result = run(*SUITE, f"--cce-mode={mode}", f"--cce-budget={budget}", *where, WRITES, DESTRUCTIVE)
    assert service.not_read == {(method, "list"): 1 for method in methods}
    assert service.lost == service.tasks
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*PRE609 DELETE on the list path was answered with 200"])


@pytest.mark.parametrize("token", [False, True])
def test_the_documentation_says_what_is_sent(run: Run, monkeypatch: pytest.MonkeyPatch, *, token: bool) -> None:
    text = (Path(__file__).parents[2] / "docs" / "how-to-live.md").read_text("utf-8")
    rows = re.findall(r"^\| (`--[^|]+`|nothing) \| (`[^|]+`) \| ([^|]+) \| (\d+) \|$", text, re.MULTILINE)
    said: dict[str, dict[tuple[str, str], int]] = {"nothing": {}, WRITES: {}, DESTRUCTIVE: {}}
    for option, methods, path, number in rows:
        with_token = re.search(r"(\d+) with a token", path)
        for method in re.findall(r"[A-Z]+", methods):
            place = path.partition("`")[2].partition("`")[0]
            said[option.strip("`")][method, place] = int(with_token[1] if token and with_token else number)
    places = {
        "create": "…/addons/precheck",
        "list": "…/addons/precheck/tasks",
        "made-up list": "…/addons/precheck/tasks",
    }
    for option, more in {"nothing": (), WRITES: (WRITES,), DESTRUCTIVE: (WRITES, DESTRUCTIVE)}.items():
        with losing(monkeypatch, token=token, loses=False) as (service, where):
            run(*SUITE, "--cce-mode=live", *where, *more)
        assert {(method, places[place]): n for (method, place), n in service.not_read.items()} == said[option]


@pytest.mark.parametrize(
    ("fault", "chosen", "why"),
    [
        ("cluster-ignored", "", "clusters are mixed up (PRE610)"),
        ("unknown-cluster-answered", "other_methods", "reading it was answered with 200"),
    ],
)
def test_nothing_is_lost_in_a_service_that_does_not_look_at_the_cluster(
    run: Run, monkeypatch: pytest.MonkeyPatch, fault: str, chosen: str, why: str
) -> None:
    with losing(monkeypatch, fault=fault) as (service, where):
        result = run(*SUITE, "--cce-mode=live", *where, WRITES, "-k", chosen)
    assert {place for _, place in service.not_read} <= {"create"}
    assert service.lost == set()
    result.stdout.fnmatch_lines([f"*    {OTHER_METHODS}: not tried on a cluster that does not exist: {why}"])


def test_after_a_success_on_a_cluster_that_does_not_exist_no_other_method_is_sent(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with losing(monkeypatch, answers_posts=True) as (service, where):
        result = run(*SUITE, "--cce-mode=live", *where, WRITES, "-k", "other_methods")
    assert service.not_read == {("POST", "made-up list"): 1}
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*PRE609 POST on the list path was answered with 200"])


@pytest.mark.parametrize("permission", [(), (WRITES,)])
def test_the_workers_of_a_run_lose_nothing_either(
    run_apart: Run, monkeypatch: pytest.MonkeyPatch, permission: tuple[str, ...]
) -> None:
    require_module("xdist")
    with losing(monkeypatch) as (service, where):
        # created tasks would be waited for
        result = run_apart(*SUITE, "--cce-mode=live", *where, *permission, "-n", "2", "-k", "not created_tasks")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["incomplete: 1 of 14 checks not judged (test_created_tasks_*: it was not run)"])
    assert service.lost == set()
    assert {place for _, place in service.not_read} == ({"create", "made-up list"} if permission else set())


def test_each_target_has_its_own_permission(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with losing(monkeypatch) as (first, _), losing(monkeypatch) as (second, _):
        tables = [table("reads", first, ""), table("writes", second, "allow_writes = true\n")]
        pytester.path.joinpath("targets.toml").write_text('write_hosts = ["127.0.0.1"]\n' + "\n".join(tables))
        result = run(*SUITE, "--cce-mode=live", "--cce-targets=targets.toml", DESTRUCTIVE, "-k", "other_methods")
    assert result.ret == 1
    assert first.not_read == {}
    assert first.lost == set()
    assert ("DELETE", "list") in second.not_read
    assert second.lost == second.tasks


def table(name: str, service: Losing, more: str) -> str:
    facts = service.simulator
    return (
        f'[[target]]\nname = "{name}"\nendpoint = "{service.endpoint}"\nproject_id = "{facts.project_id}"\n'
        f'clusters = ["{facts.cluster_id}"]\n{more}'
    )
