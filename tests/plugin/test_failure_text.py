from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Run

FAILS = """
def test_static_checks(cce_client, cce_contract):
    cce_contract.verify(cce_client.list_tasks(type="addonStatic"))
"""


@pytest.fixture
def text(pytester: pytest.Pytester, run: Run) -> list[str]:
    """What pytest prints after ``E`` for a finished task without expiry."""
    pytester.makepyfile(FAILS)
    result = run("--cce-fault=final-without-expiry")
    result.assert_outcomes(failed=1)
    return [line.removeprefix("E").strip() for line in result.outlines if line.startswith("E ")]


def test_the_first_line_has_code_and_fact(text: list[str]) -> None:
    assert text[0].startswith("pytest_cce_precheck.ContractViolation: PRE302 A finished task has no `expireTimeStamp`")


def test_the_request_its_answer_and_its_id_are_named(text: list[str]) -> None:
    facts = {line.split()[0]: line for line in text[1:]}
    assert facts["request"].startswith("request   GET https://cce.simulated.example/api/v3/projects/")
    assert facts["request"].endswith("/addons/precheck/tasks?type=addonStatic")
    assert facts["answer"].startswith("answer    200, application/json, ")
    assert len(facts["id"].split()[1]) == 36


def test_the_place_in_the_body_the_contract_and_the_way_out_are_named(text: list[str]) -> None:
    facts = {line.split()[0]: line for line in text[1:]}
    assert facts["at"].startswith("at        $.items[")
    assert facts["at"].endswith(".metadata.expireTimeStamp")
    assert facts["deviation"].startswith("deviation D: ")
    assert facts["more"] == "more      cce-precheck explain PRE302"
    assert "remedy" in facts


def test_a_curl_line_repeats_the_request_without_credentials(text: list[str]) -> None:
    [curl] = [line.removeprefix("repeat").strip() for line in text if line.startswith("repeat")]
    assert curl.startswith("curl -sS -i ")
    assert "?type=addonStatic'" in curl
    assert '-H "X-Auth-Token: $CCE_AUTH_TOKEN"' in curl
    assert "SIMULATED" not in "\n".join(text)


def test_no_fact_stands_twice(text: list[str]) -> None:
    facts = [line.split(maxsplit=1)[-1] for line in text]
    assert len(facts) == len(set(facts))


def test_frames_of_ours_are_not_shown(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(FAILS)
    result = run("--cce-fault=final-without-expiry", "--tb=long", "--showlocals")
    assert "harness.py" not in result.stdout.str()
    assert "text.py" not in result.stdout.str()


def test_what_a_service_sends_is_shown_escaped_and_on_one_line(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        r"""
        from pytest_cce_precheck import Exchange, Request, Response
        from pytest_cce_precheck.wire.exchange import Headers

        def test_escape(cce_contract):
            body = b'{"kind": "\\u001b[31mred\\nPRE999 made up", "apiVersion": "v3", "items": []}'
            asked = Request("GET", "https://cce.example", "/api/v3/projects/p/clusters/c/addons/precheck/tasks")
            cce_contract.verify(Exchange(asked, Response(200, Headers({"X-Request-Id": "\x1b]0;title\x07"}), body)))
        """
    )
    result = run()
    result.assert_outcomes(failed=1)
    failure = [line for line in result.outlines if line.startswith("E ")]
    assert not any("\x1b" in line or "\x07" in line for line in failure)
    assert not any(line.removeprefix("E").strip().startswith("PRE999") for line in failure)
    assert any("PRE203" in line and "made up" in line for line in failure)
