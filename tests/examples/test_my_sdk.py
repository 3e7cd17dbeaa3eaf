"""Test an SDK: its objects contain everything that the answer contains."""

import pytest

from pytest_cce_precheck import assert_lossless

# without --cce-driver, the vendor's Python SDK is tested (extra `[sdk]`)
cce = pytest.importorskip("huaweicloudsdkcce.v3")


@pytest.mark.parametrize("case", ["every-field", "time-of-nine-digits", "message-unicode", "risk-list-empty"])
def test_a_case_of_the_corpus_is_read_without_loss(cce_sdk, case):
    assert_lossless(cce_sdk, case)


def test_an_answer_of_my_own_is_read_without_loss(cce_sdk):
    assert_lossless(cce_sdk, {"kind": "AddonCheck", "apiVersion": "v3", "pageInfo": {"currentCount": 0}, "items": []})


def test_the_python_client_calls_the_service_of_the_mode(cce_sdk_client, cce_client):
    request = cce.ListAddonPrecheckTasksRequest(cluster_id=cce_client.cluster_id, type="addonStatic")

    answer = cce_sdk_client.list_addon_precheck_tasks(request)

    assert {task.metadata.type for task in answer.items} == {"addonStatic"}
