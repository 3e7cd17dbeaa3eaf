"""Draw filters for your own tasks, to test code that selects some of them; no request is sent."""

from hypothesis import given

from pytest_cce_precheck import strategies

TASKS = [
    {"type": "addonStatic", "task_id": "5f1c0a9e-1", "addon_instance_id": "c0ffee-1"},
    {"type": "addonUpgrade", "task_id": "5f1c0a9e-2", "addon_instance_id": "c0ffee-1"},
    {"type": "addonUpgrade", "task_id": "5f1c0a9e-3", "addon_instance_id": "c0ffee-2"},
]


def selected(tasks, asked):
    """Return the rows that a dashboard shows; this is the code under test."""
    return [task for task in tasks if all(task[name] == value for name, value in asked.items())]


@given(drawn=strategies.filters(tasks=TASKS))
def test_another_filter_never_adds_a_row(drawn):
    asked = {item.name: item.value for item in drawn}
    rows = selected(TASKS, asked)
    for name in asked:
        fewer = {other: value for other, value in asked.items() if other != name}
        assert all(row in selected(TASKS, fewer) for row in rows)
