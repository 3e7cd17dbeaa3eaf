"""Draw combinations of filters with hypothesis, from the ids that the endpoint itself shows."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_cce_precheck import check, strategies


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_every_listed_task_has_the_values_asked_for(cce_client, data):
    listed = [task["metadata"] for task in cce_client.list_tasks().document["items"]]
    known = {
        "type": ["addonStatic", "addonUpgrade"],
        "task_id": [metadata["taskID"] for metadata in listed],
        "addon_instance_id": [metadata["addonInstanceID"] for metadata in listed if "addonInstanceID" in metadata],
    }
    asked = data.draw(strategies.filters(known))

    exchange = cce_client.list_tasks(**{item.name: item.value for item in asked})

    assert [finding for finding in check(exchange) if finding.severity == "error"] == []
    for task in exchange.document.get("items", []):
        # what an empty value means, the contract leaves open
        for item in (item for item in asked if item.value):
            assert task["metadata"][item.name.field] == item.value
