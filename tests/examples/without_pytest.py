"""Use the library in a plain script: no pytest, no network, no credentials."""

from pytest_cce_precheck import InProcessTransport, PrecheckClient, Simulator, check

service = Simulator(faults=["count-one-short"])
client = PrecheckClient(
    InProcessTransport(service),
    endpoint=service.endpoint,
    project_id=service.project_id,
    cluster_id=service.cluster_id,
    credentials=service.credentials,
)

for finding in check(client.list_tasks()):
    print(finding.code, finding.message)
