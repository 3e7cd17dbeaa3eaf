"""Use the staging service in a test: a client that retries gets its answer in spite of the gateway."""

from pytest_cce_precheck import InProcessTransport, PrecheckClient
from pytest_cce_precheck.simulator.staging.service import Staging


def test_a_client_that_waits_after_429_gets_its_answer():
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
