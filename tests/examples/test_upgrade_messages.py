"""A test that notices messages which are cut, as ``cce-precheck challenge`` suggested."""

import pytest
from test_upgrade_report import COREDNS, report  # noqa: F401  a fixture


@pytest.mark.cce(mode="simulate", tasks=[{**COREDNS, "state": "Running", "message": "3 of 7 items are checked"}])
def test_the_message_is_shown_as_it_is(report):  # noqa: F811
    assert report()["check-1"]["message"] == "3 of 7 items are checked"
