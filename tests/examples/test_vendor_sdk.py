"""Test the vendor's Python SDK (extra `[sdk]`) against the simulator, which verifies its signatures."""

import pytest

core = pytest.importorskip("huaweicloudsdkcore.auth.credentials")
cce = pytest.importorskip("huaweicloudsdkcce.v3")


@pytest.fixture
def sdk(cce_simulator):
    keys = cce_simulator.credentials
    credentials = core.BasicCredentials(keys.access_key.reveal(), keys.secret_key.reveal(), cce_simulator.project_id)
    return cce.CceClient.new_builder().with_credentials(credentials).with_endpoint(cce_simulator.endpoint).build()


def test_the_sdk_filters_by_type(sdk, cce_simulator):
    request = cce.ListAddonPrecheckTasksRequest(cluster_id=cce_simulator.cluster_id, type="addonStatic")

    answer = sdk.list_addon_precheck_tasks(request)

    assert {task.metadata.type for task in answer.items} == {"addonStatic"}


@pytest.mark.cce(mode="simulate", faults=["create-timestamp-spelling"])
def test_the_sdk_loses_the_other_spelling_of_the_creation_time(sdk, cce_simulator):
    request = cce.ListAddonPrecheckTasksRequest(cluster_id=cce_simulator.cluster_id)

    answer = sdk.list_addon_precheck_tasks(request)

    assert {task.metadata.create_time_stamp for task in answer.items} == {None}
