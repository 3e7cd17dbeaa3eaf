"""--cce-allow-destructive: accepted on the command line only; what other tests may send without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.plugin.projects import LIVE, ORDINARY
from tests.servers import always, serving
from tests.toolchains import require_module

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Run
    from tests.servers import Server

FLAG = "--cce-allow-destructive"
WRITES = "--cce-allow-writes"
ONLY = f"{FLAG} (from {{}}) is accepted on the command line only"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A service that answers everything."""
    monkeypatch.setenv("CCE_AUTH_TOKEN", "a-token-for-tests")
    with serving(always(200, b"{}")) as server:
        yield server


def methods(server: Server) -> list[str]:
    return [each.command for each in server.seen]


@pytest.mark.parametrize("name", ["pytest.ini", "tox.ini", "setup.cfg", "pyproject.toml"])
@pytest.mark.parametrize("value", ["true", "false"])
def test_no_ini_file_can_set_it(pytester: pytest.Pytester, run: Run, name: str, value: str) -> None:
    section = {"setup.cfg": "tool:pytest", "pyproject.toml": "tool.pytest.ini_options"}.get(name, "pytest")
    quoted = f'"{value}"' if name.endswith("toml") else value
    pytester.path.joinpath(name).write_text(f"[{section}]\ncce_allow_destructive = {quoted}\n")
    pytester.makepyfile(ORDINARY)
    result = run()
    assert result.ret == 4
    result.stderr.fnmatch_lines([f"ERROR: {ONLY.format('ini *')}, *: remove it there"])


def test_no_override_of_an_ini_file_can_set_it(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(ORDINARY)
    result = run("-o", "cce_allow_destructive=true")
    assert result.ret == 4
    result.stderr.fnmatch_lines([f"ERROR: {ONLY.format('ini*')}*"])


def test_no_environment_variable_can_set_it(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(ORDINARY)
    monkeypatch.setenv("CCE_ALLOW_DESTRUCTIVE", "0")
    result = run()
    assert result.ret == 4
    result.stderr.fnmatch_lines([f"ERROR: {ONLY.format('environment CCE_ALLOW_DESTRUCTIVE')}*"])


@pytest.mark.parametrize("place", ["addopts", "PYTEST_ADDOPTS", "@options.txt", "conftest.py"])
def test_it_cannot_be_slipped_onto_the_command_line(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    if place.startswith("@") and pytest.version_tuple < (8, 2):
        pytest.skip("pytest reads arguments from a file from version 8.2 on")
    pytester.makepyfile(ORDINARY)
    if place == "addopts":
        pytester.makeini(f"[pytest]\naddopts = {FLAG}")
    elif place == "PYTEST_ADDOPTS":
        monkeypatch.setenv(place, FLAG)
    elif place == "conftest.py":
        pytester.makeconftest("def pytest_load_initial_conftests(early_config): pass")
        pytester.makeconftest(
            "import pytest\n@pytest.hookimpl(tryfirst=True)\n"
            "def pytest_configure(config): config.option.cce_allow_destructive = True"
        )
    pytester.path.joinpath("options.txt").write_text(FLAG)
    result = run(*(["@options.txt"] if place.startswith("@") else []))
    assert result.ret == 4
    result.stderr.fnmatch_lines([f"ERROR: {ONLY.format('addopts, PYTEST_ADDOPTS or a file of arguments')}*"])


@pytest.mark.parametrize("table", ["defaults", "[target]"])
def test_no_file_of_targets_can_set_it(pytester: pytest.Pytester, run: Run, table: str) -> None:
    pytester.makepyfile(ORDINARY)
    target = '[[target]]\nname = "one"\nendpoint = "http://127.0.0.1:1"\nproject_id = "p"\nclusters = ["c"]\n'
    key = "allow_destructive = true\n"
    text = f"[defaults]\n{key}{target}" if table == "defaults" else target + key
    pytester.path.joinpath("targets.toml").write_text(text)
    result = run("--cce-mode=live", "--cce-targets=targets.toml")
    assert result.ret == 4
    where = "targets.toml, defaults" if table == "defaults" else "targets.toml, target one"
    result.stderr.fnmatch_lines([f"ERROR: {ONLY.format(where)}*"])


def test_it_needs_permission_to_write_as_well(pytester: pytest.Pytester, run: Run, service: Server) -> None:
    pytester.makepyfile(ORDINARY)
    result = run(*LIVE, f"--cce-endpoint={service.endpoint}", FLAG)
    assert result.ret == 4
    result.stderr.fnmatch_lines([f"ERROR: {FLAG} needs permission to write as well: add {WRITES}, or leave it out"])
    assert run(*LIVE, f"--cce-endpoint={service.endpoint}", FLAG, WRITES).ret == 0


def test_the_workers_of_a_run_take_it_from_its_command_line(
    pytester: pytest.Pytester, run_apart: Run, service: Server
) -> None:
    require_module("xdist")
    pytester.makepyfile(DELETES)
    result = run_apart(*LIVE, f"--cce-endpoint={service.endpoint}", FLAG, WRITES, "-n", "1")
    assert result.ret == 0, result.stdout.str()
    assert methods(service) == ["DELETE"]


DELETES = """
def test_deletes(cce_client):
    cce_client.send(cce_client.list_request(method="DELETE"))
"""
CREATES = """
def test_creates(cce_client):
    cce_client.create_tasks([])
"""
REQUESTS = """
import requests

def test_deletes(cce_client):
    requests.request("delete", cce_client.endpoint + "/api", data=b"x", timeout=5)
"""
OF_A_SESSION = """
import pytest, requests

@pytest.fixture(scope="session", autouse=True)
def tidied(cce_client):
    requests.delete(cce_client.endpoint, timeout=5)

def test_passes(cce_client): pass
"""
RAW = """
import urllib3

def test_deletes(cce_client):
    urllib3.request("DELETE", cce_client.endpoint + "/api")
"""
BEFORE_ANY_FIXTURE = """
import os, requests

def test_deletes():
    requests.delete(os.environ["CCE_ENDPOINT"] + "/api", timeout=5)
"""
IN_THREADS = """
from concurrent.futures import ThreadPoolExecutor

def test_posts(cce_client):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(cce_client.send, [cce_client.list_request(method="POST")] * 4))
"""
BEHIND_A_MOCK = """
import responses

@responses.activate
def test_deletes(cce_client):
    responses.add_passthru(cce_client.endpoint)
    cce_client.send(cce_client.list_request(method="DELETE"))
"""


@pytest.mark.parametrize("mode", ["live", "record"])
@pytest.mark.parametrize(
    "text", [DELETES, CREATES, REQUESTS, RAW, BEFORE_ANY_FIXTURE, OF_A_SESSION, IN_THREADS, BEHIND_A_MOCK]
)
def test_a_test_of_ones_own_sends_no_more_than_the_suite(
    pytester: pytest.Pytester,
    run: Run,
    service: Server,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
    text: str,
) -> None:
    pytester.makepyfile(text)
    monkeypatch.setenv("CCE_ENDPOINT", f"{service.endpoint}/")
    result = run(*LIVE, f"--cce-mode={mode}")
    assert result.ret == 1
    # what no test sends, a recording refuses before
    outside = (mode, text) == ("record", OF_A_SESSION)
    refused = "a call was made outside of a test" if outside else "was not sent: this run may only read; --cce-allow-"
    assert refused in result.stdout.str()
    assert methods(service) == []


def test_with_permission_a_test_of_ones_own_may_create_and_nothing_else(
    pytester: pytest.Pytester, run: Run, service: Server
) -> None:
    pytester.makepyfile(test_creates=CREATES, test_deletes=DELETES)
    result = run(*LIVE, f"--cce-endpoint={service.endpoint}", WRITES)
    result.assert_outcomes(passed=1, failed=1)
    assert methods(service) == ["POST"]


def test_other_services_may_be_asked_for_anything(pytester: pytest.Pytester, run: Run, service: Server) -> None:
    with serving(always(200, b"{}")) as other:
        pytester.makepyfile(
            f"""
            import requests

            def test_deletes(cce_client):
                cce_client.list_tasks()
                assert requests.delete("{other.endpoint}", data=b"x", timeout=5).status_code == 200
            """
        )
        assert run(*LIVE, f"--cce-endpoint={service.endpoint}").ret == 0
        assert methods(other) == ["DELETE"]


def test_the_simulator_can_lose_nothing_and_is_sent_anything(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_creates=CREATES, test_deletes=DELETES)
    assert run().ret == 0
