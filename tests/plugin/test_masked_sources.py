"""A credential is masked wherever the run knows it from: the environment, a proxy, a variable that is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from pytest_cce_precheck.wire.credentials import SECRET_VARIABLES
from tests.plugin.projects import SECRET

if TYPE_CHECKING:
    from tests.conftest import Run

from tests.plugin.masked import ALL


@pytest.mark.parametrize("name", SECRET_VARIABLES)
def test_every_variable_for_credentials_is_known(watched: Run, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for variable in ("AK", "SK"):
        monkeypatch.setenv(f"HUAWEICLOUD_SDK_{variable}", f"another {variable}")
    monkeypatch.setenv("CCE_AUTH_TOKEN", "another-token")
    monkeypatch.setenv(name, SECRET)
    watched("def test_it(): assert TOKEN == 5".replace("TOKEN", f"os.environ[{name!r}]"), *ALL, status=1)


def test_a_credential_is_known_when_it_has_left_the_environment(watched: Run) -> None:
    source = """
def test_it():
    del os.environ["CCE_AUTH_TOKEN"]
    print("printed", TOKEN)
    assert TOKEN == 5
"""
    watched(source, *ALL, shown="printed ***", status=1)


def test_a_credential_is_known_when_a_conftest_took_it_from_the_environment(watched: Run) -> None:
    conftest = "pytest.kept = TOKEN; os.environ['CCE_AUTH_TOKEN'] = 'another-token'"
    source = "def test_it(): print('printed', pytest.kept); assert pytest.kept == TOKEN"
    watched(source, *ALL, conftest=conftest, shown="printed ***", status=1, apart=True)


def test_the_password_of_a_proxy(watched: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCE_AUTH_TOKEN", "another-token")
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:{quote(SECRET, safe='')}@127.0.0.1:9")
    watched(f"def test_it(): assert {SECRET!r} == 5", *ALL, "--tb=line", shown="assert '***' == 5", status=1)


def test_the_name_of_junits_suite(watched: Run, pytester: pytest.Pytester) -> None:
    watched("def test_it(): pass", *ALL, "-o", f"junit_suite_name=suite-{SECRET}", shown="suite-***", status=0)
    assert 'name="suite-***"' in (pytester.path / "junit.xml").read_text("utf-8")
