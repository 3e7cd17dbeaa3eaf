"""Accept a finding in one test: with a reason, and until a day."""

import pytest


@pytest.mark.cce(mode="simulate", faults=["final-without-expiry"])
@pytest.mark.cce_allow("final-without-expiry", reason="staging is one release behind", until="2099-12-31")
def test_the_tasks_can_be_listed(cce_client, cce_contract):
    cce_contract.verify(cce_client.list_tasks())
