"""Projects to run pytest in, and an environment that holds none of our settings."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

import pytest_cce_precheck.cli.serve

# runpytest_inprocess forgets modules that are first imported inside it, and their classes would get a second identity
import pytest_cce_precheck.plugin.ending
import pytest_cce_precheck.plugin.validation
import pytest_cce_precheck.suite.conftest
import pytest_cce_precheck.suite.selftest  # noqa: F401
from pytest_cce_precheck.plugin import hookspecs, session  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., pytest.RunResult]

OURS = ("CCE_", "HUAWEICLOUD_", "CLOUD_SDK_")
PYTESTS = ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "PYTEST_CURRENT_TEST")
CI = ("CI", "BUILD_NUMBER", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY")
# every warning is an error, save one of the vendor's SDK about its own clock, from Python 3.12 on
STRICT = ("-W", "error", "-W", "ignore:datetime.datetime.utcnow:DeprecationWarning:huaweicloudsdkcore.signer.signer")
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")

# a shell starts what runs in the background deaf to Ctrl-C, and tests that send it would wait for ever
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if (name.startswith(OURS) and name != "CCE_REQUIRE_TOOLCHAINS") or name in (*PYTESTS, *CI, *PROXIES):
            monkeypatch.delenv(name)


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    """Run pytest in this process, warnings being errors."""

    def run(*arguments: str) -> pytest.RunResult:
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:randomly", *STRICT, *arguments)

    return run


@pytest.fixture
def run_apart(pytester: pytest.Pytester) -> Run:
    """Run pytest in a process of its own, warnings being errors."""

    def run(*arguments: str) -> pytest.RunResult:
        words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:randomly", *STRICT]
        return pytester.run(*words, *arguments, timeout=120)

    return run
