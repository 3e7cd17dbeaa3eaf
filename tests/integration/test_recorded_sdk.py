"""The vendor's Python SDK, recorded through itself and replayed to itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_cce_precheck import Simulator, SimulatorServer
from pytest_cce_precheck.cassette.files import cassettes, read
from tests.recordings import REPLAY, files_in, recording_from
from tests.servers import Handler, serving
from tests.toolchains import require_module

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_cce_precheck.cassette.format import Recording
    from tests.conftest import Run

require_module("huaweicloudsdkcce.v3")

# signs with keys of its own, on replay with others than when it was recorded
SDK = """
import os
import pytest
from huaweicloudsdkcce.v3 import CceAsyncClient, CceClient, ListAddonPrecheckTasksRequest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.exceptions import exceptions

def built(cce_client, kind=CceClient):
    keys = BasicCredentials(os.environ["SDK_AK"], os.environ["SDK_SK"], cce_client.project_id)
    return kind.new_builder().with_credentials(keys).with_endpoint(cce_client.endpoint).build()

@pytest.fixture
def sdk(cce_client):
    return built(cce_client)

def ask(cce_client, **filters):
    return ListAddonPrecheckTasksRequest(cce_client.cluster_id, **filters)
"""
ASKS = (
    SDK
    + """
def test_sdk(sdk, cce_client):
    everything = sdk.list_addon_precheck_tasks(ask(cce_client)).items
    assert len(everything) == 12
    for task in everything[:3]:
        found = sdk.list_addon_precheck_tasks(ask(cce_client, task_id=task.metadata.task_id)).items
        assert list(map(str, found)) == [str(task)]
    static = sdk.list_addon_precheck_tasks(ask(cce_client, type="addonStatic"))
    assert {task.metadata.type for task in static.items} == {"addonStatic"}

def test_sdk_and_our_client_side_by_side(sdk, cce_client):
    ours = cce_client.list_tasks(type="addonUpgrade")
    theirs = sdk.list_addon_precheck_tasks(ask(cce_client, type="addonUpgrade")).items
    assert [task.metadata.task_id for task in theirs] == [
        task["metadata"]["taskID"] for task in ours.document["items"]
    ]

def test_sdk_that_answers_later(cce_client):
    client = built(cce_client, CceAsyncClient)
    kinds = ("addonUpgrade", "addonStatic")
    answers = [client.list_addon_precheck_tasks_async(ask(cce_client, type=kind)) for kind in kinds]
    for kind, answer in zip(kinds, answers):
        assert {task.metadata.type for task in answer.result().items} == {kind}

def test_sdk_is_refused(sdk, cce_client):
    with pytest.raises(exceptions.ClientRequestException) as caught:
        sdk.list_addon_precheck_tasks(ListAddonPrecheckTasksRequest("no-such-cluster"))
    assert (caught.value.status_code, bool(caught.value.error_code)) == (404, True)
"""
)
ASKS_OTHERWISE = (
    SDK
    + """
def test_sdk(sdk, cce_client):
    sdk.list_addon_precheck_tasks(ask(cce_client, type="addonUpgrade"))

def test_sdk_and_our_client_side_by_side(sdk, cce_client):
    try:
        sdk.list_addon_precheck_tasks(ask(cce_client, type="addonStatic"))
    except Exception:
        pass
"""
)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatorServer]:
    with SimulatorServer(Simulator()) as server:
        keys = server.simulator.credentials
        assert keys.access_key is not None
        assert keys.secret_key is not None
        for prefix in ("HUAWEICLOUD_SDK", "SDK"):
            monkeypatch.setenv(f"{prefix}_AK", keys.access_key.reveal())
            monkeypatch.setenv(f"{prefix}_SK", keys.secret_key.reveal())
        yield server


@pytest.fixture
def replay(run: Run, service: SimulatorServer, monkeypatch: pytest.MonkeyPatch) -> Run:
    def replay(*arguments: str) -> pytest.RunResult:
        service.close()
        for name in ("HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("SDK_AK", "another-key")
        monkeypatch.setenv("SDK_SK", "another-secret")
        return run(*REPLAY, *arguments)

    return replay


def kept(pytester: pytest.Pytester) -> list[Recording]:
    return [recording for path in cassettes(pytester.path / "cassettes") for recording in read(path)]


def test_the_sdk_is_recorded_and_replayed_whatever_it_signs_with(
    pytester: pytest.Pytester, run: Run, service: SimulatorServer, replay: Run
) -> None:
    pytester.makepyfile(test_it=ASKS)
    run(*recording_from(service)).assert_outcomes(passed=4)
    # both clients ask in the same form, and no signature is kept of either
    assert {recording.request.path.partition("/clusters/")[0] for recording in kept(pytester)} == {
        f"/api/v3/projects/{service.simulator.project_id}"
    }
    contents = b"".join(files_in(pytester.path / "cassettes").values())
    for word in (b"Authorization", b"Signature", *map(str.encode, service.simulator.credentials.secrets)):
        assert word not in contents
    result = replay()
    result.assert_outcomes(passed=4)
    assert "recordings were not used" not in result.stdout.str()


def test_a_changed_filter_is_a_miss_even_if_the_sdk_or_the_test_would_hide_it(
    pytester: pytest.Pytester, run: Run, service: SimulatorServer, replay: Run
) -> None:
    pytester.makepyfile(test_it=ASKS)
    run(*recording_from(service), "-k", "test_sdk").assert_outcomes(passed=4)
    pytester.makepyfile(test_it=ASKS_OTHERWISE)
    result = replay()
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "no recording for GET */tasks[?]type=addonUpgrade",
            "  differs:  the parameter type is 'addonUpgrade', recorded 'addonStatic'",
            "the test passed, but a request had no recording:",
            "no recording for GET */tasks[?]type=addonStatic",
            "  differs:  the parameter type is 'addonStatic', recorded 'addonUpgrade'",
        ]
    )


THROTTLED = (
    SDK
    + """
def test_sdk(sdk, cce_client):
    with pytest.raises(exceptions.ClientRequestException) as caught:
        sdk.list_addon_precheck_tasks(ask(cce_client))
    assert caught.value.status_code == 429
"""
)


def throttled(handler: Handler) -> None:
    handler.reply(429, b'{"errorCode":"CCE.02429001","errorMsg":"slow down"}', Retry_After="0")


@pytest.mark.parametrize("mode", ["live", "record"])
def test_an_sdk_that_is_throttled_fails_alike_live_recorded_and_replayed(
    pytester: pytest.Pytester, run: Run, service: SimulatorServer, replay: Run, mode: str
) -> None:
    pytester.makepyfile(test_it=THROTTLED)
    with serving(throttled) as server:
        ids = ("--cce-project-id=p", "--cce-cluster-id=c", "--cce-cassette-dir=cassettes")
        run(f"--cce-mode={mode}", f"--cce-endpoint={server.endpoint}", *ids).assert_outcomes(passed=1)
    if mode == "record":
        assert [recording.exchange is not None for recording in kept(pytester)] == [True]
        replay().assert_outcomes(passed=1)
