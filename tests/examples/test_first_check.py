"""A first test: list with a filter, check the answer against the contract, then assert what your own code needs."""


def test_the_upgrade_checks_can_be_listed(cce_client, cce_contract):
    exchange = cce_client.list_tasks(type="addonUpgrade")

    cce_contract.verify(exchange)

    assert exchange.status == 200
    assert {item["metadata"]["type"] for item in exchange.document["items"]} <= {"addonUpgrade"}
