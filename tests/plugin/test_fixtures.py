from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Run


def test_verify_raises_and_findings_only_tells(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        """
        import pytest
        from pytest_cce_precheck import ContractViolation

        @pytest.mark.cce(faults=["final-without-expiry"])
        def test_both(cce_client, cce_contract):
            exchange = cce_client.list_tasks()
            [finding] = cce_contract.findings(exchange)
            assert finding.code == "PRE302"
            with pytest.raises(ContractViolation, match="^PRE302 ") as caught:
                cce_contract.verify(exchange)
            assert [each.code for each in caught.value.findings] == ["PRE302"]
            assert isinstance(caught.value, AssertionError)

        @pytest.mark.cce(faults=["final-without-expiry"])
        def test_several_exchanges_give_each_fact_once(cce_client, cce_contract):
            with pytest.raises(ContractViolation) as caught:
                cce_contract.verify(cce_client.list_tasks(), cce_client.list_tasks(type="addonStatic"))
            assert len(caught.value.findings) == 1

        def test_nothing_to_find(cce_client, cce_contract):
            cce_contract.verify()
            cce_contract.verify(cce_client.list_tasks(), cce_client.list_tasks(task_id="nobody-has-this"))
        """
    )
    run().assert_outcomes(passed=3)


def test_the_client_lists_and_creates_and_the_simulator_knows_its_ids(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        """
        def test_round_trip(cce_client, cce_simulator, cce_contract):
            assert cce_client.project_id == cce_simulator.project_id
            assert cce_client.cluster_id == cce_simulator.cluster_id
            first = cce_client.list_tasks().document["items"][0]["metadata"]
            created = cce_client.create_tasks([{
                "addonTemplateName": first["addonTemplateName"],
                "addonInstanceID": first["addonInstanceID"],
                "type": "addonStatic",
            }])
            assert created.status == 201
            cce_contract.verify(created)
            [task] = created.document["status"]["items"]
            asked = cce_client.list_tasks(task_id=task["metadata"]["taskID"])
            assert [each["metadata"]["taskID"] for each in asked.document["items"]] == [task["metadata"]["taskID"]]
        """
    )
    run().assert_outcomes(passed=1)


def test_the_server_answers_over_http_with_the_tests_faults(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        """
        import json
        import urllib.error
        import urllib.request

        import pytest

        def get(endpoint, simulator, token):
            path = f"/api/v3/projects/{simulator.project_id}/clusters/{simulator.cluster_id}/addons/precheck/tasks"
            request = urllib.request.Request(endpoint + path, headers={"X-Auth-Token": token})
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)

        @pytest.mark.cce(faults=["page-info-missing"])
        def test_http(cce_server, cce_simulator):
            answer = get(cce_server.endpoint, cce_simulator, cce_simulator.credentials.token.reveal())
            assert answer["kind"] == "AddonCheck"
            assert "pageInfo" not in answer
            with pytest.raises(urllib.error.HTTPError) as caught:
                get(cce_server.endpoint, cce_simulator, "wrong")
            with caught.value:
                assert caught.value.code == 401
        """
    )
    run().assert_outcomes(passed=1)


def test_exchanges_are_those_of_the_running_test(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        """
        def test_one(cce_client, cce_exchanges):
            assert cce_exchanges == []
            exchange = cce_client.list_tasks(type="addonStatic")
            assert cce_exchanges == [exchange]

        def test_another(cce_client, cce_exchanges):
            cce_client.list_tasks()
            cce_client.list_tasks()
            assert [each.request.query for each in cce_exchanges] == ["", ""]
        """
    )
    run().assert_outcomes(passed=2)


def test_overridden_credentials_are_what_requests_carry(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makeconftest(
        """
        import pytest
        from pytest_cce_precheck import Credentials, Secret

        @pytest.fixture(scope="session")
        def cce_credentials():
            return Credentials(token=Secret("a-token-of-nobody"))
        """
    )
    pytester.makepyfile(
        """
        def test_refused(cce_client, cce_contract):
            exchange = cce_client.list_tasks()
            assert exchange.request.headers["X-Auth-Token"] == "a-token-of-nobody"
            assert exchange.status == 401
            cce_contract.verify(exchange)
        """
    )
    run().assert_outcomes(passed=1)


def test_the_settings_can_be_read(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        """
        def test_settings(cce_config):
            assert (cce_config.mode, cce_config.seed, cce_config.source("seed")) == ("simulate", 5, "option")
        """
    )
    run("--cce-seed=5").assert_outcomes(passed=1)


@pytest.mark.parametrize("scope", ["function", "module", "session"])
def test_the_client_works_in_fixtures_of_every_scope_and_when_asked_for_by_name(
    pytester: pytest.Pytester, run: Run, scope: str
) -> None:
    pytester.makepyfile(
        f"""
        import pytest

        @pytest.fixture(scope="{scope}")
        def tasks(cce_client):
            return cce_client.list_tasks().document["items"]

        def test_tasks(tasks):
            assert tasks

        def test_by_name(request):
            assert request.getfixturevalue("cce_client").list_tasks().status == 200
        """
    )
    run().assert_outcomes(passed=2)


def test_the_client_may_be_used_in_a_hypothesis_test(pytester: pytest.Pytester, run_apart: Run) -> None:
    pytester.makepyfile(
        """
        from hypothesis import HealthCheck, given, settings
        from pytest_cce_precheck import strategies

        @settings(database=None, max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(asked=strategies.filters({}, at_least=1))
        def test_drawn_questions(cce_client, asked):
            assert cce_client.list_tasks(task_id="x").status in (200, 404)
        """
    )
    run_apart().assert_outcomes(passed=1)


def test_other_hosts_are_not_intercepted(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        """
        import http.server
        import threading

        import pytest
        import requests

        @pytest.fixture
        def elsewhere():
            class Handler(http.server.BaseHTTPRequestHandler):
                def do_GET(self):
                    self.send_response(200)
                    self.send_header("Content-Length", "2")
                    self.end_headers()
                    self.wfile.write(b"hi")

                def log_message(self, *_): pass

            with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
                thread = threading.Thread(target=server.serve_forever)
                thread.start()
                yield f"http://127.0.0.1:{server.server_port}"
                server.shutdown()
                thread.join()

        def test_a_real_call_beside_a_simulated_one(cce_client, elsewhere):
            with requests.get(elsewhere, timeout=10) as answer:
                assert answer.text == "hi"
            assert cce_client.list_tasks().status == 200
        """
    )
    run().assert_outcomes(passed=1)
