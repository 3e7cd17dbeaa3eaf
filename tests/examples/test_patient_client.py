"""The staging service in a test: a client that retries gets its answer, whatever the gateway does."""

from pytest_cce_precheck import InProcessTransport, PrecheckClient
from pytest_cce_precheck.simulator.staging.service import Staging


def test_a_client_that_waits_as_it_is_told_is_answered():
    service = Staging("throttled", seed=1)
    client = PrecheckClient(
        InProcessTransport(service),
        endpoint=service.endpoint,
        project_id=service.project_id,
        cluster_id=service.cluster_id,
        credentials=service.credentials,
    )

    for _ in range(200):
        while (exchange := client.list_tasks()).status == 429:
            service.clock.advance(1)
        assert exchange.status == 200

    assert service.happened["throttled"] > 0
