"""Somebody else's project: the same tests by requests, httpx, aiohttp and the vendor's SDKs, in each mode."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from tests.integration.conftest import ROOT, execute
from tests.toolchains import require_module, require_program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CLIENTS: Final = '''
"""What a project may call the service with: each returns the status and the ids of the tasks."""

import asyncio
import json
import os
import subprocess
import sys


def listing(service):
    return f"{service.url}/api/v3/projects/{service.project_id}/clusters/{service.cluster_id}/addons/precheck/tasks"


def ids(status, document):
    return status, sorted(task["metadata"]["taskID"] for task in document.get("items", []))


def by_requests(service, **filters):
    import requests

    answer = requests.get(listing(service), params=filters, headers=service.headers(), timeout=10)
    return ids(answer.status_code, answer.json())


def by_httpx(service, **filters):
    import httpx

    # signed with the keys
    url = httpx.URL(listing(service), params=filters)
    answer = httpx.get(url, headers=service.headers("GET", str(url)))
    return ids(answer.status_code, answer.json())


def by_aiohttp(service, **filters):
    import aiohttp

    async def ask():
        async with aiohttp.ClientSession(headers=service.headers()) as session:
            async with session.get(listing(service), params=filters) as answer:
                return ids(answer.status, await answer.json())

    return asyncio.run(ask())


def by_sdk(service, **filters):
    return by_program(service, [sys.executable, __file__], **filters)


def by_go(service, **filters):
    return by_program(service, [os.environ["GO_PROGRAM"], service.region], **filters)


def by_program(service, words, **filters):
    # nothing but the environment says where the service is
    ran = subprocess.run(
        [*words, json.dumps(filters)], env=service.environment, capture_output=True, text=True, check=True, timeout=60
    )
    return 200, sorted(ran.stdout.split())


if __name__ == "__main__":
    from huaweicloudsdkcce.v3 import CceClient, ListAddonPrecheckTasksRequest
    from huaweicloudsdkcce.v3.region.cce_region import CceRegion
    from huaweicloudsdkcore.auth.provider import EnvCredentialProvider

    keys = EnvCredentialProvider("basic").get_credentials()
    client = CceClient.new_builder().with_credentials(keys).with_region(CceRegion.value_of("cn-north-4")).build()
    asked = ListAddonPrecheckTasksRequest(os.environ["CCE_CLUSTER_ID"], **json.loads(sys.argv[1]))
    print(*(task.metadata.task_id for task in client.list_addon_precheck_tasks(asked).items))
'''
TESTS: Final = """
import os

import pytest

import clients

ask = getattr(clients, "by_" + os.environ["CLIENT"])
ASKED = "addonUpgrade"


def test_the_types_share_the_tasks_among_them(cce_service):
    status, everything = ask(cce_service)
    static, upgrade = (ask(cce_service, type=each)[1] for each in ("addonStatic", "addonUpgrade"))
    assert (status, sorted(static + upgrade)) == (200, everything)
    assert static and upgrade
    assert ask(cce_service, task_id=static[0], type="addonStatic") == (200, static[:1])


def test_what_a_client_asked_is_judged(cce_service, cce_contract, cce_exchanges):
    ask(cce_service, type=ASKED)
    [exchange] = cce_exchanges
    cce_contract.verify(exchange)
    assert exchange.request.params == (("type", ASKED),)
"""
GO: Final = """package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/auth/provider"
	cce "github.com/huaweicloud/huaweicloud-sdk-go-v3/services/cce/v3"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/services/cce/v3/model"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/services/cce/v3/region"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	credentials, err := provider.BasicCredentialEnvProvider().GetCredentials()
	check(err)
	place, err := region.SafeValueOf(os.Args[1])
	check(err)
	asked := model.ListAddonPrecheckTasksRequest{ClusterId: os.Getenv("CCE_CLUSTER_ID")}
	var filters map[string]string
	check(json.Unmarshal([]byte(os.Args[2]), &filters))
	if value, found := filters["task_id"]; found {
		asked.TaskId = &value
	}
	if value, found := filters["type"]; found {
		var kind model.ListAddonPrecheckTasksRequestType
		check(json.Unmarshal([]byte("\\""+value+"\\""), &kind))
		asked.Type = &kind
	}
	client := cce.NewCceClient(cce.CceClientBuilder().WithRegion(place).WithCredential(credentials).Build())
	answer, err := client.ListAddonPrecheckTasks(&asked)
	check(err)
	for _, task := range *answer.Items {
		fmt.Println(task.Metadata.TaskID)
	}
}
"""
MODULES: Final = {"sdk": "huaweicloudsdkcce.v3", "httpx": "httpx", "aiohttp": "aiohttp"}
# each replays what the next one recorded, too
NEXT: Final = {"requests": "httpx", "httpx": "aiohttp", "aiohttp": "sdk", "sdk": "requests"}


class Project:
    """The project in a folder of its own, with an environment that knows neither this checkout nor any service."""

    def __init__(self, folder: Path, site: Path) -> None:
        self.folder = folder
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1",
        }  # fmt: skip
        (folder / "clients.py").write_text(CLIENTS, encoding="utf-8")
        (folder / "test_own.py").write_text(TESTS, encoding="utf-8")

    def run(self, client: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:randomly", "-q", "--tb=short"]
        return execute([*words, *arguments], self.folder, {**self.environment, "CLIENT": client, **more})

    def passes(self, client: str, *arguments: str, **more: str) -> str:
        ran = self.run(client, *arguments, **more)
        assert (ran.returncode, " passed" in ran.stdout) == (0, True), ran.stdout + ran.stderr
        return ran.stdout


class Served:
    """``cce-precheck serve`` in a process of its own."""

    def __init__(self, *arguments: str) -> None:
        words = [sys.executable, "-m", "pytest_cce_precheck.cli", "serve", "--json", *arguments]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.facts = json.loads(self.process.stdout.readline())
        ids = (f"--cce-{name.replace('_', '-')}={self.facts[name]}" for name in ("project_id", "cluster_id"))
        self.options = (f"--cce-endpoint={self.facts['endpoint']}", *ids)
        self.token = {"CCE_AUTH_TOKEN": self.facts["token"]}
        self.keys = {"HUAWEICLOUD_SDK_AK": self.facts["access_key"], "HUAWEICLOUD_SDK_SK": self.facts["secret_key"]}

    def stop(self) -> None:
        if self.process.returncode is None:
            self.process.terminate()
            self.process.communicate()


@pytest.fixture
def served() -> Iterator[Served]:
    service = Served()
    yield service
    service.stop()


@pytest.fixture
def project(tmp_path: Path, site: Path) -> Project:
    return Project(tmp_path, site)


@pytest.mark.parametrize("client", ["requests", "httpx", "aiohttp", "sdk"])
def test_the_same_tests_pass_in_every_mode_whatever_they_call_with(
    project: Project, served: Served, client: str
) -> None:
    for name in {client, NEXT[client]} & MODULES.keys():
        require_module(MODULES[name])
    assert "no real service was contacted" in project.passes(client)
    # the client has a token or keys of the fixture's own, whatever the run has
    assert "5 requests" in project.passes(client, "--cce-mode=record", *served.options, **served.keys)
    assert "5 requests" in project.passes(client, "--cce-mode=live", *served.options, **served.token)
    served.stop()
    for each in (client, NEXT[client]):
        project.passes(each, "--cce-mode=replay", "--cce-block-network")
    kept = "".join(path.read_text() for path in project.folder.rglob("cce-cassettes/**/*.json"))
    assert kept.count('"request"') == 5
    for secret in (*served.token.values(), *served.keys.values(), "LOCAL-"):
        assert secret not in kept


def test_a_go_program_with_the_vendors_sdk_is_told_by_its_environment(
    project: Project, served: Served, tmp_path: Path
) -> None:
    go = require_program("go")
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "main.go").write_text(GO, encoding="utf-8")
    for name in ("go.mod", "go.sum"):
        shutil.copy(ROOT / "drivers" / "go" / name, folder)
    # only what has been downloaded before
    offline = {**os.environ, "GOPROXY": "off", "GOFLAGS": "-mod=mod", "GONOSUMDB": "*"}
    built = subprocess.run(
        [go, "build", "-o", "program", "."], cwd=folder, env=offline, capture_output=True, text=True, timeout=240
    )
    if built.returncode and os.environ.get("CCE_REQUIRE_TOOLCHAINS") != "1":
        pytest.skip(f"the vendor's Go SDK cannot be built here: {built.stderr[:200]}")
    assert built.returncode == 0, built.stderr
    program = {"GO_PROGRAM": str(folder / "program")}
    project.passes("go", **program)
    project.passes("go", "--cce-mode=record", *served.options, **served.token, **program)
    project.passes("go", "--cce-mode=live", *served.options, **served.keys, **program)
    served.stop()
    project.passes("go", "--cce-mode=replay", "--cce-block-network", **program)
    project.passes("requests", "--cce-mode=replay", "--cce-block-network")


def test_workers_of_xdist_have_a_service_each(project: Project, served: Served) -> None:
    require_module("xdist")
    project.passes("requests", "-n2", "--cce-mode=record", *served.options, **served.token)
    served.stop()
    project.passes("requests", "-n2", "--cce-mode=replay")


def test_the_command_of_a_miss_records_the_test_when_it_is_pasted(project: Project, served: Served) -> None:
    project.passes("requests", "--cce-mode=record", *served.options, **served.token)
    test = project.folder / "test_own.py"
    test.write_text(TESTS.replace('ASKED = "addonUpgrade"', 'ASKED = "addonStatic"'), encoding="utf-8")
    below = project.folder / "below"
    below.mkdir()
    missed = execute(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--cce-mode=replay", ".."],
        below, {**project.environment, "CLIENT": "requests"},
    )  # fmt: skip
    assert (missed.returncode, "1 failed, 1 passed" in missed.stdout) == (1, True), missed.stdout
    lines = missed.stdout.splitlines()
    assert any("asked at: " in line and "clients.py:" in line for line in lines), missed.stdout
    [command] = {line.strip() for line in lines if "pytest --cce-mode=record" in line}
    words = [sys.executable, "-m", *shlex.split(command), "-p", "no:cacheprovider"]
    without = execute(words, below, {**project.environment, "CLIENT": "requests"})
    assert "credentials in the environment: CCE_AUTH_TOKEN" in without.stdout + without.stderr
    pasted = execute(words, below, {**project.environment, "CLIENT": "requests", **served.token})
    assert pasted.returncode == 0, pasted.stdout + pasted.stderr
    served.stop()
    project.passes("requests", "--cce-mode=replay")
