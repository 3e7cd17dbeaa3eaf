"""The vendor's Python SDK, in process and over HTTP: every combination of filters comes back as asked."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from pytest_cce_precheck import Simulator, SimulatorServer
from tests.toolchains import require_module

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Run

core = require_module("huaweicloudsdkcore.auth.credentials")
exceptions = require_module("huaweicloudsdkcore.exceptions.exceptions")
cce = require_module("huaweicloudsdkcce.v3")


def sdk(simulator: Simulator, endpoint: str, secret_key: str | None = None) -> Any:
    keys = simulator.credentials
    assert keys.access_key is not None
    assert keys.secret_key is not None
    signer = core.BasicCredentials(
        keys.access_key.reveal(), secret_key or keys.secret_key.reveal(), simulator.project_id
    )
    return cce.CceClient.new_builder().with_credentials(signer).with_endpoint(endpoint).build()


def every_combination_comes_back_as_asked(client: Any, cluster_id: str) -> int:
    """Ask for each combination of the values that the cluster shows, matching each other or not; give their number."""

    def ask(**filters: str | None) -> list[Any]:
        request = cce.ListAddonPrecheckTasksRequest(cluster_id=cluster_id, **filters)
        tasks: list[Any] = client.list_addon_precheck_tasks(request).items
        return tasks

    everything = ask()
    assert len(everything) == 12
    types = (None, "addonStatic", "addonUpgrade")
    # three tasks and three instances: of each, one that fits a given other value and one that does not
    task_ids = (None, *(task.metadata.task_id for task in everything[::5]))
    instances = (None, *sorted({task.metadata.addon_instance_id for task in everything})[:3])
    asked = list(product(types, task_ids, instances))
    for task_type, task_id, instance in asked:
        shown = ask(type=task_type, task_id=task_id, addon_instance_id=instance)
        expected = [
            task
            for task in everything
            if task_type in (None, task.metadata.type)
            and task_id in (None, task.metadata.task_id)
            and instance in (None, task.metadata.addon_instance_id)
        ]
        assert sorted(map(str, shown)) == sorted(map(str, expected)), (task_type, task_id, instance)
    return len(asked)


@pytest.fixture
def server() -> Iterator[SimulatorServer]:
    with SimulatorServer(Simulator()) as server:
        yield server


def test_over_http_every_combination_comes_back_as_asked(server: SimulatorServer) -> None:
    client = sdk(server.simulator, server.endpoint)
    assert every_combination_comes_back_as_asked(client, server.simulator.cluster_id) == 48


def test_over_http_a_wrong_secret_is_refused_with_401(server: SimulatorServer) -> None:
    client = sdk(server.simulator, server.endpoint, secret_key="not-the-secret")
    with pytest.raises(exceptions.ClientRequestException) as caught:
        client.list_addon_precheck_tasks(cce.ListAddonPrecheckTasksRequest(server.simulator.cluster_id))
    assert caught.value.status_code == 401
    assert caught.value.error_code
    assert caught.value.error_msg
    assert "not-the-secret" not in str(caught.value)


def test_over_http_the_sdk_reads_the_services_own_words_of_a_fault() -> None:
    with SimulatorServer(Simulator(faults=["type-and-instance-never-available"])) as server:
        client = sdk(server.simulator, server.endpoint)
        request = cce.ListAddonPrecheckTasksRequest(
            server.simulator.cluster_id, type="addonStatic", addon_instance_id="x"
        )
        with pytest.raises(exceptions.ServiceResponseException) as caught:
            client.list_addon_precheck_tasks(request)
    assert caught.value.status_code == 503
    assert caught.value.error_code


def test_in_process_the_fixtures_intercept_the_sdk(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        """
        import pytest
        from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException
        from tests.integration.test_vendor_python_sdk import cce, every_combination_comes_back_as_asked, sdk

        def test_right_keys(cce_simulator):
            client = sdk(cce_simulator, cce_simulator.endpoint)
            assert every_combination_comes_back_as_asked(client, cce_simulator.cluster_id) == 48

        def test_a_wrong_secret(cce_simulator):
            client = sdk(cce_simulator, cce_simulator.endpoint, secret_key="not-the-secret")
            with pytest.raises(ClientRequestException) as caught:
                client.list_addon_precheck_tasks(cce.ListAddonPrecheckTasksRequest(cce_simulator.cluster_id))
            assert (caught.value.status_code, bool(caught.value.error_code)) == (401, True)

        @pytest.mark.cce(faults=["create-timestamp-spelling"])
        def test_a_fault(cce_simulator):
            client = sdk(cce_simulator, cce_simulator.endpoint)
            tasks = client.list_addon_precheck_tasks(cce.ListAddonPrecheckTasksRequest(cce_simulator.cluster_id)).items
            assert {task.metadata.create_time_stamp for task in tasks} == {None}
        """
    )
    run().assert_outcomes(passed=3)
