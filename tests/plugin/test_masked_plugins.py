"""A credential is masked in what other plugins write about a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.toolchains import require_module

if TYPE_CHECKING:
    from tests.conftest import Run

# some of all that a report may be made of
TALKATIVE: Final = """
import collections, logging, types

@pytest.fixture
def broken(): raise RuntimeError(f"reason {TOKEN}")

@pytest.fixture(scope="session")
def at_the_end():
    yield
    raise RuntimeError(f"reason {TOKEN}")

def test_locals():
    headers = {"X-Auth-Token": TOKEN}
    print("printed", TOKEN)
    print("printed", TOKEN, file=sys.stderr)
    logging.getLogger().warning("logged %s", TOKEN, extra={"more": TOKEN})
    assert headers == {"X-Auth-Token": TOKEN * 2}

@pytest.mark.parametrize("value", [TOKEN])
def test_value(value, record_property):
    record_property("mine", value)
    record_property("other", collections.OrderedDict(a=types.SimpleNamespace(b=TOKEN)))
    warnings.warn(value)

@pytest.mark.xfail(reason=f"marked {TOKEN}")
def test_expected(): raise KeyError(TOKEN)

@pytest.mark.xfail(reason=f"marked {TOKEN}", strict=True)
def test_strict(): pass

def test_given_up(): pytest.xfail(TOKEN)

def test_skipped(): pytest.skip(TOKEN)

def test_setup(broken): pass

def test_teardown(at_the_end): pass
"""
LOUD: Final = ("-vv", "--showlocals")


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "workers"])
@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("pytest_jsonreport", ("--json-report", "--json-report-file=report.json")),
        ("pytest_html", ("--html=report.html", "--self-contained-html")),
        ("pytest_reportlog", ("--report-log=report.jsonl",)),
        ("pytest_rerunfailures", ("--reruns=1",)),
    ],
)
def test_a_report_of_a_whole_run(
    pytester: pytest.Pytester, watched: Run, module: str, words: tuple[str, ...], workers: tuple[str, ...]
) -> None:
    pytest.importorskip(module)
    watched(TALKATIVE, *LOUD, *words, *workers, shown="printed ***", status=1)
    assert [path for path in pytester.path.iterdir() if path.name.startswith("report.")] or "--reruns=1" in words


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("pytest_jsonreport", ("--json-report", "--json-report-file=report.json")),
        ("pytest_html", ("--html=report.html", "--self-contained-html")),
    ],
)
def test_what_others_add_to_a_report(watched: Run, module: str, words: tuple[str, ...]) -> None:
    pytest.importorskip(module)
    conftest = """
def pytest_report_teststatus(report):
    if report.when == "call":
        return f"category {TOKEN}", "x", "word"

@pytest.hookimpl(optionalhook=True)
def pytest_json_modifyreport(json_report): json_report["mine"] = [f"added {TOKEN}"]

@pytest.hookimpl(optionalhook=True)
def pytest_html_report_title(report): report.title = f"added {TOKEN}"

@pytest.hookimpl(optionalhook=True)
def pytest_html_results_summary(prefix): prefix.append(f"<p>added {TOKEN}")

@pytest.hookimpl(optionalhook=True)
def pytest_html_results_table_row(cells): cells.insert(1, f"<td>added {TOKEN}</td>")
"""
    watched("def test_it(): pass", *words, conftest=conftest, shown="added ***")


@pytest.mark.parametrize(
    "conftest",
    [
        "def pytest_metadata(metadata): metadata[f'key {TOKEN}'] = f'value {TOKEN}'",
        (
            "from pytest_metadata.plugin import metadata_key\n"
            "def pytest_configure(config): config.stash[metadata_key]['mine'] = {'inner': [TOKEN]}"
        ),
        (
            "from pytest_metadata.plugin import metadata_key\n"
            "def pytest_sessionstart(session): session.config.stash[metadata_key]['mine'] = TOKEN"
        ),
        "def test_it(metadata): metadata['mine'] = TOKEN",
    ],
    ids=["hook", "configure", "session start", "test"],
)
def test_the_table_of_pytest_metadata(watched: Run, conftest: str) -> None:
    pytest.importorskip("pytest_html")
    source = conftest if "test_it" in conftest else "def test_it(): pass"
    watched(source, "--html=report.html", "--self-contained-html", conftest=conftest, apart=True)


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "workers"])
def test_the_results_of_allure(pytester: pytest.Pytester, watched: Run, workers: tuple[str, ...]) -> None:
    require_module("allure_pytest")
    source = """
import allure

def test_steps():
    allure.dynamic.title(f"title {TOKEN}")
    allure.dynamic.description(TOKEN)
    allure.dynamic.parameter("mine", TOKEN)
    allure.dynamic.link(f"https://h.test/?t={TOKEN}")
    allure.attach(TOKEN, name=TOKEN)
    allure.attach(b"\\xff" + TOKEN.encode(), "octets")
    with allure.step(f"step {TOKEN}"):
        assert not TOKEN
"""
    watched(TALKATIVE + source, *LOUD, "--alluredir=results", *workers, shown="step ***", status=1)
    results = [path.read_text("utf-8") for path in (pytester.path / "results").glob("*-result.json")]
    assert any("title ***" in text for text in results)


def test_the_annotations_of_another_plugin(watched: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pytest_github_actions_annotate_failures")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    result = watched(TALKATIVE, *LOUD, status=1, apart=True)
    assert "::error" in result.stdout.str() + result.stderr.str()


@pytest.mark.parametrize("method", ["signal", "thread"])
def test_a_test_that_takes_too_long(watched: Run, method: str) -> None:
    require_module("pytest_timeout")
    source = """
def test_it():
    headers = {"X-Auth-Token": TOKEN}
    print("printed", TOKEN)
    print("printed", TOKEN, file=sys.stderr)
    threading.Event().wait()
"""
    words = ("--timeout=0.3", f"--timeout-method={method}")
    watched(source, *LOUD, *words, shown="printed ***", status=1, apart=True)


def test_a_text_that_is_sent_to_a_pastebin(watched: Run) -> None:
    conftest = """
import urllib.request

def pytest_configure(config):
    import _pytest.pastebin
    def create_new_paste(contents):
        with open("pasted.txt", "wb") as file:
            file.write(contents if isinstance(contents, bytes) else contents.encode())
        return "https://paste.test"
    _pytest.pastebin.create_new_paste = create_new_paste
"""
    watched(TALKATIVE, *LOUD, "--pastebin=all", conftest=conftest, shown="printed ***", status=1, apart=True)
