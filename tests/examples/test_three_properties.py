"""Three properties of filters that are worth copying, in every mode."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FEW = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def listed(client, asked):
    """Return the tasks that are listed for these filters."""
    return client.list_tasks(**{item.name: item.value for item in asked}).document["items"]


@FEW
@given(data=st.data())
def test_each_listed_task_has_the_values_that_were_asked_for(cce_client, cce_filters, data):
    asked = data.draw(cce_filters(existing=True, at_least=1))

    for task in listed(cce_client, asked):
        assert [task["metadata"].get(item.name.field) for item in asked] == [item.value for item in asked]


@FEW
@given(data=st.data())
def test_a_filtered_list_is_what_the_unfiltered_list_has_of_it(cce_client, cce_filters, data):
    asked = data.draw(cce_filters(existing=True, at_most=2))

    found = listed(cce_client, asked)

    fitting = [
        task
        for task in listed(cce_client, ())
        if all(task["metadata"].get(item.name.field) == item.value for item in asked)
    ]
    # the contract does not specify the order of the tasks
    assert sorted(found, key=str) == sorted(fitting, key=str)


@FEW
@given(data=st.data())
def test_the_order_of_the_parameters_does_not_matter(cce_client, cce_filters, data):
    asked = data.draw(cce_filters(existing=True, at_least=2, weights={"type+task_id": 20}))

    one, other = (
        cce_client.send(cce_client.list_request("&".join(f"{item.name}={item.value}" for item in pairs)))
        for pairs in (asked, asked[::-1])
    )

    assert one.document["items"] == other.document["items"]
