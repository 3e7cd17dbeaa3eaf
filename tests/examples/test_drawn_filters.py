"""Draw combinations of filters with hypothesis; on replay, draw the recorded ones."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


# the speed of the service is not tested here
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_every_listed_task_has_the_values_asked_for(cce_client, cce_contract, cce_filters, data):
    asked = data.draw(cce_filters())

    exchange = cce_client.list_tasks(**{item.name: item.value for item in asked})

    cce_contract.verify(exchange)
    for task in exchange.document.get("items", []):
        # the contract does not specify what an empty value means
        for item in (item for item in asked if item.value):
            assert task["metadata"][item.name.field] == item.value
