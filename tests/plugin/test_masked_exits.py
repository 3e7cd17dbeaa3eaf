"""A credential is masked in all that pytest prints or writes: one test for each kind of output."""

from __future__ import annotations

import importlib.util
import random
from typing import TYPE_CHECKING, Final

import pytest

from tests.leaks import leaks, made_up
from tests.plugin.projects import KNOWS_THE_SECRET, SECRET
from tests.toolchains import require_module

if TYPE_CHECKING:
    from tests.conftest import Run

from tests.plugin.masked import ALL

# ---- reasons


@pytest.mark.parametrize(
    "body",
    [
        "pytest.xfail(f'reason {TOKEN}')",
        "pytest.skip(f'reason {TOKEN}')",
        "pytest.importorskip('no_such_module', reason=f'reason {TOKEN}')",
    ],
)
def test_the_reason_of_a_test_that_gives_up(watched: Run, body: str) -> None:
    watched(f"def test_it(): {body}", *ALL, shown="reason ***", status=0)


@pytest.mark.parametrize(
    "marker",
    [
        "skip(reason=R)",
        "skipif(True, reason=R)",
        "xfail(reason=R)",
        "xfail(reason=R, strict=True)",
        "xfail(True, reason=R)",
    ],
)
@pytest.mark.parametrize("body", ["pass", "assert 0"])
def test_the_reason_of_a_marker(watched: Run, marker: str, body: str) -> None:
    watched(f"R = f'reason {{TOKEN}}'\n@pytest.mark.{marker}\ndef test_it(): {body}", *ALL, shown="reason ***")


def test_the_reason_of_a_module_that_is_skipped(watched: Run) -> None:
    watched("pytest.skip(f'reason {TOKEN}', allow_module_level=True)", *ALL, shown="reason ***", status=5)


@pytest.mark.parametrize(
    "hook", ["pytest_configure(config)", "pytest_sessionstart(session)", "pytest_collection_modifyitems(items)",
             "pytest_runtest_setup(item)", "pytest_sessionfinish(session)"],
)  # fmt: skip
@pytest.mark.parametrize("error", ["pytest.exit", "pytest.UsageError", "RuntimeError"])
def test_the_reason_for_which_a_hook_ends_the_run(watched: Run, hook: str, error: str) -> None:
    raised = f"{'raise ' if error != 'pytest.exit' else ''}{error}(f'reason {{TOKEN}}')"
    watched("def test_it(): pass", *ALL, conftest=f"def {hook}: {raised}", apart=error == "pytest.exit")


def test_the_reason_for_which_a_test_ends_the_run(watched: Run) -> None:
    watched(
        "def test_it(): pytest.exit(f'reason {TOKEN}', returncode=7)", *ALL, shown="reason ***", status=7, apart=True
    )


def test_an_error_in_the_first_conftest(watched: Run) -> None:
    watched("def test_it(): pass", conftest="raise RuntimeError(f'reason {TOKEN}')", shown="reason ***", status=4)


def test_what_the_first_conftest_printed_before_its_error(watched: Run) -> None:
    conftest = "print('printed', TOKEN)\nprint('printed', TOKEN, file=sys.stderr)\nraise RuntimeError"
    result = watched("def test_it(): pass", conftest=conftest, shown="printed ***", status=4, apart=True)
    assert "printed ***" in result.stdout.str()
    assert "printed ***" in result.stderr.str()


def test_an_option_that_nobody_knows(watched: Run) -> None:
    watched("def test_it(): pass", f"--auth-token={SECRET}", shown="--auth-token=***", status=4)


def test_an_error_of_a_hook_that_goes_before_ours(watched: Run) -> None:
    conftest = """
@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config): raise RuntimeError(f"reason {TOKEN}")
"""
    watched("def test_it(): pass", conftest=conftest, shown="reason ***", status=1, apart=True)


def test_the_help(watched: Run) -> None:
    conftest = "def pytest_addoption(parser): parser.addoption('--mine', help='default ' + TOKEN.replace('%', '%%'))"
    watched("def test_it(): pass", "--help", conftest=conftest, shown="--cce-mode", status=0)


@pytest.mark.parametrize("place", ["option", "environment", "ini"])
def test_the_arguments_of_a_token_command(
    pytester: pytest.Pytester, watched: Run, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    source = """
def test_it():
    print("printed", "an-argument-of-it", "value-of-it", "--option", __file__)
    assert not sys.argv
"""
    command = "print-token an-argument-of-it --option=value-of-it test_it.py"
    if place == "environment":
        monkeypatch.setenv("CCE_TOKEN_COMMAND", command)
    elif place == "ini":
        pytester.makeini(f"[pytest]\ncce_token_command = {command}")
    option = [f"--cce-token-command={command}"] if place == "option" else []
    result = watched(source, *ALL, *option, shown="printed *** *** --option /", status=1)
    assert "an-argument" not in result.stdout.str()


# ---- subtests

SUBTESTS: Final = """
import unittest

def test_it(subtests):
    print("printed before", TOKEN)
    with subtests.test(f"name {TOKEN}", parameter=TOKEN):
        print("printed", TOKEN)
        print("printed", TOKEN, file=sys.stderr)
        __import__("logging").warning("logged %s", TOKEN)
        assert TOKEN == 5
    with subtests.test(parameter=[TOKEN]):
        pass
    with subtests.test("gives up"):
        pytest.xfail(TOKEN)
    with subtests.test("is skipped"):
        pytest.skip(TOKEN)

class Case(unittest.TestCase):
    def test_case(self):
        with self.subTest(f"name {TOKEN}", parameter=TOKEN):
            print("printed", TOKEN)
            self.assertEqual(TOKEN, 5)
        with self.subTest(parameter=TOKEN):
            self.skipTest(TOKEN)
"""


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "workers"])
def test_a_subtests_name_its_parameters_and_its_output(watched: Run, workers: tuple[str, ...]) -> None:
    if workers:
        require_module("xdist")
    require_subtests()
    result = watched(SUBTESTS, *ALL, *workers, shown="name ***", status=1)
    assert "printed ***" in result.stdout.str()
    assert "logged ***" in result.stdout.str()


def require_subtests() -> None:
    if not hasattr(pytest, "Subtests"):
        require_module("pytest_subtests")


# ---- warnings, and what nobody catches


@pytest.mark.parametrize("more", [("-W", "default"), ("-W", "error")], ids=["shown", "error"])
@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "workers"])
def test_a_warning(watched: Run, more: tuple[str, ...], workers: tuple[str, ...]) -> None:
    if workers:
        require_module("xdist")
    source = "def test_it(): warnings.warn(UserWarning(f'warned of {TOKEN}', 5))\nwarnings.warn(f'warned of {TOKEN}')"
    watched(source, *ALL, *more, *workers, shown="warned of ***")


@pytest.mark.parametrize("more", [("-W", "default"), ("-W", "error")], ids=["shown", "error"])
@pytest.mark.parametrize(
    "source",
    [
        """
class Broken:
    def __del__(self): raise RuntimeError(f"reason {TOKEN}")

def test_it(): Broken()
""",
        """
def test_it():
    def run(): raise RuntimeError(f"reason {TOKEN}")
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
""",
        """
class Broken:
    def __del__(self): raise RuntimeError(f"reason {TOKEN}")
    def __repr__(self): return "reason " + TOKEN

kept = Broken()
kept.itself = kept
sys.modules["kept"] = kept
del kept

def test_it(): pass

def teardown_module():
    # found only when the session is over
    del sys.modules["kept"]
""",
    ],
    ids=["unraisable", "thread", "at-the-end"],
)
def test_an_exception_that_nobody_catches(watched: Run, source: str, more: tuple[str, ...]) -> None:
    watched(source, *ALL, *more, shown="reason ***", apart=True)


# ---- collection, fixtures, ids


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "workers"])
@pytest.mark.parametrize("style", ["long", "short", "line", "native", "auto"])
def test_an_error_of_collection(watched: Run, style: str, workers: tuple[str, ...]) -> None:
    source = (
        "print('printed', TOKEN)\ntry: raise KeyError(TOKEN)\nexcept KeyError: raise RuntimeError(f'reason {TOKEN}')"
    )
    watched(source, *ALL, f"--tb={style}", *workers, shown="reason ***")


@pytest.mark.parametrize("scope", ["function", "session"])
def test_errors_of_fixtures(watched: Run, scope: str) -> None:
    source = f"""
@pytest.fixture(scope="{scope}")
def at_setup():
    print("printed", TOKEN)
    raise RuntimeError(f"reason {{TOKEN}}")

@pytest.fixture(scope="{scope}")
def at_teardown():
    yield
    print("printed", TOKEN)
    raise RuntimeError(f"reason {{TOKEN}}")

def test_one(at_setup): pass
def test_two(at_teardown): pass
"""
    watched(source, *ALL, shown="reason ***", status=1).assert_outcomes(passed=1, errors=2)


PARAMETERS: Final = """
@pytest.mark.parametrize("value", [TOKEN, f"a {TOKEN}", TOKEN.lower()])
def test_value(value, tmp_path):
    (tmp_path / "file").write_text("x")
    print(os.environ["PYTEST_CURRENT_TEST"])
    assert not value

@pytest.mark.parametrize("value", [1, 2], ids=[TOKEN, f"b {TOKEN}"])
def test_id(value): assert not value

@pytest.mark.parametrize("value", [pytest.param(1, id=TOKEN)])
def test_param(value): assert value

@pytest.fixture(params=[TOKEN, "plain"])
def fixture(request): return request.param

def test_fixture(fixture): assert not fixture
"""


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "workers"])
def test_the_id_of_a_test(watched: Run, pytester: pytest.Pytester, workers: tuple[str, ...]) -> None:
    if workers:
        require_module("xdist")
    more = ("--setup-show", "--durations=0", f"--basetemp={pytester.path / 'kept'}")
    result = watched(PARAMETERS, *ALL, *more, *workers, shown="test_value[***]", status=1)
    # each is a test of its own still
    result.assert_outcomes(passed=1, failed=7)
    again = watched(PARAMETERS, *ALL, "--lf", *workers, shown="test_value[***]", status=1)
    again.assert_outcomes(failed=7)


def test_the_ids_of_a_collection(watched: Run) -> None:
    watched(PARAMETERS, "--collect-only", "-q", shown="test_value[***]", status=0)


# ---- what a test says of itself

PROPERTIES: Final = """
def test_property(record_property):
    record_property("mine", TOKEN)
    record_property("cce_finding", TOKEN)
    record_property("cce_mine", {"a": [TOKEN]})
    record_property(TOKEN, 1)

def test_suite_property(record_testsuite_property):
    record_testsuite_property("mine", f"suite {TOKEN}")
    record_testsuite_property(f"name {TOKEN}", 1)

def test_attribute(record_xml_attribute):
    record_xml_attribute("classname", f"class {TOKEN}")
"""


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "workers"])
def test_properties_and_attributes_of_junit(watched: Run, pytester: pytest.Pytester, workers: tuple[str, ...]) -> None:
    if workers:
        require_module("xdist")
    more = ("-o", "junit_family=xunit1", "-W", "ignore")
    watched(PROPERTIES, *ALL, *more, *workers, status=0).assert_outcomes(passed=3)
    text = (pytester.path / "junit.xml").read_text("utf-8")
    assert 'name="cce_finding" value="***"' in text
    if not workers:
        assert 'value="suite ***"' in text
        assert 'classname="class ***"' in text


def test_a_property_that_is_named_like_ours_is_not_taken_for_ours(watched: Run) -> None:
    source = """
def test_it(cce_contract, record_property):
    print(TOKEN)
    for name in ("mode", "finding", "run", "cassette", "live", "allowed", "accepted", "target"):
        record_property(f"cce_{name}", "no JSON")
"""
    watched(source, *ALL, "-o", "junit_family=xunit1", "--cce-history=history.sqlite", status=0).assert_outcomes(
        passed=1
    )


# ---- what is accepted

ACCEPTS: Final = """
@pytest.mark.cce_allow("PRE305", reason=f"marked {TOKEN}")
@pytest.mark.cce_allow("PRE306", reason=f"expired {TOKEN}", until="2020-01-01")
def test_it(cce_contract): pass
"""


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "workers"])
def test_the_reason_of_an_acceptance(watched: Run, pytester: pytest.Pytester, workers: tuple[str, ...]) -> None:
    reports = [f"--cce-report=report.{ending}" for ending in ("json", "md", "html")]
    reports += ["--report-log=log.jsonl"] if importlib.util.find_spec("pytest_reportlog") else []
    result = watched(
        ACCEPTS, *ALL, *workers, *reports, f"--cce-accept=PRE309: given {SECRET}", "--cce-history=h.sqlite"
    )
    result.assert_outcomes(passed=1)
    for ending in ("json", "md", "html"):
        text = (pytester.path / f"report.{ending}").read_text("utf-8").replace("\\*", "*")
        assert [said for said in ("marked ***", "expired ***", "given ***") if said not in text] == []


# ---- logs and differences


def test_live_logs_and_the_log_file(watched: Run, pytester: pytest.Pytester) -> None:
    source = "def test_it(): __import__('logging').warning('logged %s', TOKEN)"
    result = watched(source, "-o", "log_cli=true", "--log-file=run.log", "--log-level=DEBUG", status=0)
    assert "logged ***" in result.stdout.str()
    assert "logged ***" in (pytester.path / "run.log").read_text("utf-8")


@pytest.mark.parametrize("more", [(), ("--color=yes",), ("--color=yes", "-vv"), ("-vv",)], ids=" ".join)
def test_the_difference_of_an_assertion(watched: Run, more: tuple[str, ...]) -> None:
    source = """
import base64, html, textwrap

SAID = {"authorization": f"Basic {base64.b64encode(b'user:' + TOKEN.encode()).decode()}", "b": TOKEN.encode() * 3}
PAGE = html.escape(TOKEN)

def test_dict(): assert SAID == {"authorization": "", "b": b""}
def test_bytes(): assert TOKEN.encode() * 3 == TOKEN.encode() * 2 + b"x"
def test_page(): assert PAGE in ["x" * 90]
def test_lines(): assert [*textwrap.wrap("x" * 40 + TOKEN, 44)] == ["x"]
def test_repr(): assert ("x" * 200 + TOKEN) == ("x" * 200)
def test_coded():
    coded = base64.encodebytes(b"user:" + TOKEN.encode() * 3)
    assert coded == b"x"
"""
    watched(source, "--tb=long", "--showlocals", *more, status=1).assert_outcomes(failed=6)


# ---- ends


@pytest.mark.parametrize("style", ["auto", "long", "native"])
def test_a_run_that_is_interrupted_shows_no_local(watched: Run, style: str) -> None:
    source = """
def inner(headers, token):
    text = f"{headers} and {token}"
    print("printed", token)
    raise KeyboardInterrupt(token)

def test_it(): inner({"X-Auth-Token": TOKEN, "long": "x" * 300 + TOKEN}, TOKEN)
"""
    watched(source, *ALL, "--full-trace", f"--tb={style}", status=2, apart=True)


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "workers"])
def test_an_internal_error(watched: Run, workers: tuple[str, ...]) -> None:
    if workers:
        require_module("xdist")
    conftest = "def pytest_runtest_logfinish(nodeid): local = TOKEN; raise RuntimeError(f'reason {TOKEN}')"
    watched("def test_it(): pass", *ALL, *workers, conftest=conftest, shown="reason ***", apart=True)


def test_a_worker_that_crashes(watched: Run) -> None:
    require_module("xdist")
    source = """
@pytest.mark.parametrize("value", [TOKEN])
def test_it(value):
    print(TOKEN, flush=True)
    os._exit(3)
"""
    result = watched(source, *ALL, "-n", "1", "--max-worker-restart=0", shown="test_it[***]")
    assert "crashed" in result.stdout.str()


def test_a_summary_that_somebody_adds(watched: Run) -> None:
    conftest = """
def pytest_report_header(): return f"header {TOKEN}"
def pytest_terminal_summary(terminalreporter): terminalreporter.write_sep("=", f"summary {TOKEN}")
"""
    watched("def test_it(): pass", conftest=conftest, shown="summary ***", status=0)


# ---- other people's frames

VENDOR: Final = """
import requests

def test_it(cce_sdk_client, monkeypatch):
    from huaweicloudsdkcce.v3 import ListAddonPrecheckTasksRequest

    def interrupted(*_, **__): raise KeyboardInterrupt

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", interrupted)
    cce_sdk_client.list_addon_precheck_tasks(ListAddonPrecheckTasksRequest(cluster_id="c"))
"""


def test_a_run_that_is_interrupted_in_the_vendors_sdk(watched: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    require_module("huaweicloudsdkcce")
    rng = random.Random(2)
    keys = {"AK": made_up(rng, 20), "SK": made_up(rng, 40), "SECURITY_TOKEN": made_up(rng, 90)}
    for name, text in keys.items():
        monkeypatch.setenv(f"HUAWEICLOUD_SDK_{name}", text)
    result = watched(VENDOR, *ALL, "--full-trace", status=2, apart=True)
    assert leaks([("x", result.stdout.str())], keys.values()) == []


def test_a_simulated_run_shows_what_it_is_told(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCE_AUTH_TOKEN", SECRET)
    pytester.makepyfile(KNOWS_THE_SECRET + "def test_it(cce_client): warnings.warn('as it is: ' + TOKEN)")
    result = pytester.runpytest_inprocess("-p", "no:randomly")
    assert f"as it is: {SECRET}" in result.stdout.str()
