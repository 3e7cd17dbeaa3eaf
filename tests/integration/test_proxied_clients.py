"""Programs in several languages through the proxy: recorded against a service of its own, replayed without it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests import processes
from tests.integration.conftest import ROOT
from tests.proxies import environment, proxy
from tests.toolchains import require_module, require_program

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.proxies import RunningProxy

SDK: Final = """
import os
from huaweicloudsdkcce.v3 import CceClient, ListAddonPrecheckTasksRequest
from huaweicloudsdkcce.v3.region.cce_region import CceRegion
from huaweicloudsdkcore.auth.provider import EnvCredentialProvider

keys = EnvCredentialProvider("basic").get_credentials()
client = CceClient.new_builder().with_credentials(keys).with_region(CceRegion.value_of("cn-north-4")).build()
request = ListAddonPrecheckTasksRequest(cluster_id=os.environ["CCE_CLUSTER_ID"], type="addonStatic")
print(*[task.metadata.task_id for task in client.list_addon_precheck_tasks(request).items])
"""
HTTPX: Final = """
import os, httpx
url = "{CCE_ENDPOINT}/api/v3/projects/{CCE_PROJECT_ID}/clusters/{CCE_CLUSTER_ID}/addons/precheck/tasks"
headers = {"X-Auth-Token": os.environ["CCE_AUTH_TOKEN"]}
answer = httpx.get(url.format(**os.environ), params={"type": "addonStatic"}, headers=headers)
print(*[task["metadata"]["taskID"] for task in answer.json()["items"]])
"""
FETCH: Final = """
const { CCE_ENDPOINT, CCE_PROJECT_ID, CCE_CLUSTER_ID, CCE_AUTH_TOKEN } = process.env
const path = `/api/v3/projects/${CCE_PROJECT_ID}/clusters/${CCE_CLUSTER_ID}/addons/precheck/tasks?type=addonStatic`
const answer = await fetch(CCE_ENDPOINT + path, { headers: { "X-Auth-Token": CCE_AUTH_TOKEN } })
console.log((await answer.json()).items.map((task) => task.metadata.taskID).join(" "))
"""
CURL: Final = (
    'curl -sS -H "X-Auth-Token: $CCE_AUTH_TOKEN" "$CCE_ENDPOINT/api/v3/projects/$CCE_PROJECT_ID/clusters/'
    '$CCE_CLUSTER_ID/addons/precheck/tasks?type=addonStatic"'
)


@dataclass(frozen=True)
class Client:
    """A program that prints the ids of the inspections; ``needs`` is a program or a Python module."""

    words: tuple[str, ...]
    program: str = ""
    module: str = ""

    def listed(self, variables: Mapping[str, str]) -> list[str]:
        words = list(self.words)
        if self.module:
            require_module(self.module)
        if self.program:
            words[0] = require_program(self.program)
        ran = subprocess.run(
            words, env=environment(**variables), capture_output=True, text=True, timeout=120, check=False
        )
        assert ran.returncode == 0, ran.stderr
        if ran.stdout.startswith("{"):
            return sorted(task["metadata"]["taskID"] for task in json.loads(ran.stdout)["items"])
        return sorted(ran.stdout.split())


CLIENTS: Final = {
    "vendor's Python SDK": Client((sys.executable, "-c", SDK), module="huaweicloudsdkcce.v3"),
    "httpx": Client((sys.executable, "-c", HTTPX), module="httpx"),
    "curl": Client(("sh", "-c", CURL)),
    "fetch": Client(("node", "--input-type=module", "-e", FETCH), program="node"),
}


def variables_of(running: RunningProxy, begun: Mapping[str, Any], ids: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of one test's program, which has the credentials of its test."""
    return {
        **running.facts["environment"],
        "CCE_PROJECT_ID": ids["project_id"], "HUAWEICLOUD_SDK_PROJECT_ID": ids["project_id"],
        "CCE_CLUSTER_ID": ids["cluster_id"], "CCE_AUTH_TOKEN": begun["token"],
        "HUAWEICLOUD_SDK_AK": begun["access_key"], "HUAWEICLOUD_SDK_SK": begun["secret_key"],
    }  # fmt: skip


@pytest.mark.parametrize("name", CLIENTS)
def test_what_a_client_asked_is_recorded_and_replayed_when_the_service_is_gone(name: str, tmp_path: Path) -> None:
    client = CLIENTS[name]
    if name == "curl":
        require_program("curl")
    with processes.service() as served:
        real = {"HUAWEICLOUD_SDK_AK": served["access_key"], "HUAWEICLOUD_SDK_SK": served["secret_key"]}
        with proxy(tmp_path, "--mode=record", "--to", served["endpoint"], **real) as running:
            begun = running.begin(name)
            # another test is open: its own credentials tell to which one a call belongs
            running.begin("another")
            recorded = client.listed(variables_of(running, begun, served))
            assert running.end(name)["kept"] is True
    assert recorded
    with proxy(tmp_path, "--mode=replay") as running:
        begun = running.begin(name)
        assert begun["cluster_id"] == served["cluster_id"]
        assert client.listed(variables_of(running, begun, begun)) == recorded
        assert running.end(name)["problems"] == []


GO_TESTS: Final = """package own

import (
	"encoding/json"
	"net/http"
	"os"
	"testing"

	"cce-driver/ccetest"

	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/auth/provider"
	cce "github.com/huaweicloud/huaweicloud-sdk-go-v3/services/cce/v3"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/services/cce/v3/model"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/services/cce/v3/region"
)

func TestVendorSDK(t *testing.T) {
	service := ccetest.Start(t)
	credentials, err := provider.BasicCredentialEnvProvider().GetCredentials()
	if err != nil {
		t.Fatal(err)
	}
	place, err := region.SafeValueOf("cn-north-4")
	if err != nil {
		t.Fatal(err)
	}
	client := cce.NewCceClient(cce.CceClientBuilder().WithRegion(place).WithCredential(credentials).Build())
	answer, err := client.ListAddonPrecheckTasks(&model.ListAddonPrecheckTasksRequest{ClusterId: service.ClusterID})
	if err != nil {
		t.Fatal(err)
	}
	if len(*answer.Items) == 0 {
		t.Error("no task is listed")
	}
}

func TestParallel(t *testing.T) {
	for _, kind := range []string{"addonStatic", "addonUpgrade"} {
		kind := kind
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			service := ccetest.StartParallel(t)
			path := "/api/v3/projects/" + service.ProjectID + "/clusters/" + service.ClusterID
			request, _ := http.NewRequest("GET", service.URL+path+"/addons/precheck/tasks?type="+kind, nil)
			request.Header.Set("X-Auth-Token", service.Token)
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			var listed struct{ Items []struct{ Metadata struct{ Type string } } }
			if err := json.NewDecoder(response.Body).Decode(&listed); err != nil || response.StatusCode != 200 {
				t.Fatal(response.Status, err)
			}
			for _, task := range listed.Items {
				if task.Metadata.Type != kind {
					t.Error(task.Metadata.Type)
				}
			}
		})
	}
}

func TestMiss(t *testing.T) {
	if os.Getenv("ASK_MORE") == "" {
		t.Skip()
	}
	service := ccetest.Start(t)
	request, _ := http.NewRequest("GET", service.URL+"/api/v3/x", nil)
	request.Header.Set("X-Auth-Token", service.Token)
	_, _ = http.DefaultClient.Do(request)
}
"""


def go_test(project: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    go = require_program("go")
    caches = {name: os.environ[name] for name in ("HOME", "GOMODCACHE", "GOCACHE", "GOPATH") if name in os.environ}
    # only what has been downloaded before
    offline = {"GOPROXY": "off", "GOFLAGS": "-mod=mod", "GONOSUMDB": "*", **caches}
    command = f"{sys.executable} -m pytest_cce_precheck.cli"
    return subprocess.run(
        [go, "test", "-count=1", *arguments, "./own"], cwd=project,
        env=environment(**{**offline, "CCE_PRECHECK": command, **variables}),
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def test_a_go_project_is_recorded_replayed_and_judged_by_its_own_tests(tmp_path: Path) -> None:
    require_program("go")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "own_test.go").write_text(GO_TESTS, encoding="utf-8")
    for name in ("go.mod", "go.sum"):
        shutil.copy(ROOT / "drivers" / "go" / name, tmp_path)
    shutil.copytree(ROOT / "drivers" / "go" / "ccetest", tmp_path / "ccetest")
    built = go_test(tmp_path, "-run", "^$")
    if built.returncode and os.environ.get("CCE_REQUIRE_TOOLCHAINS") != "1":
        pytest.skip(f"the vendor's Go SDK cannot be built here: {built.stderr[:200]}")
    assert built.returncode == 0, built.stderr

    def ids_of(served: Mapping[str, Any]) -> dict[str, str]:
        return {"CCE_PROJECT_ID": served["project_id"], "CCE_CLUSTER_ID": served["cluster_id"]}

    missing = go_test(tmp_path, "-run", "Vendor")
    assert missing.returncode == 1
    assert "--cassette-dir=testdata/cassettes: there is no such folder to replay" in missing.stdout
    assert "record it: CCE_PROXY_MODE=record CCE_ENDPOINT=https://HOST CCE_PROJECT_ID=" in missing.stdout
    with processes.service() as served:
        real = {**ids_of(served), "CCE_AUTH_TOKEN": served["token"], "CCE_ENDPOINT": served["endpoint"]}
        for mode in ("record", "judge", "diff"):
            ran = go_test(tmp_path, CCE_PROXY_MODE=mode, **real)
            assert ran.returncode == 0, ran.stdout + ran.stderr
    found = sorted(str(path.relative_to(tmp_path)) for path in (tmp_path / "own").rglob("*.json"))
    names = ("TestParallel/addonStatic", "TestParallel/addonUpgrade", "TestVendorSDK")
    assert found == [f"own/testdata/cassettes/{name}.json" for name in names]
    ran = go_test(tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    more = go_test(tmp_path, ASK_MORE="1")
    assert more.returncode == 1
    assert "--- FAIL: TestMiss" in more.stdout
    assert "there is no cassette testdata/cassettes/TestMiss.json; record it: CCE_PROXY_MODE=record " in more.stdout
    assert "go test -count=1 -run '^TestMiss$' ./..." in more.stdout
    with processes.service("--fault=count-one-short") as served:
        real = {**ids_of(served), "CCE_AUTH_TOKEN": served["token"], "CCE_PROXY_TO": served["endpoint"]}
        judged = go_test(tmp_path, "-run", "Vendor", CCE_PROXY_MODE="judge", **real)
    assert (judged.returncode, "PRE309 currentCount is " in judged.stdout) == (1, True), judged.stdout


def test_a_java_project_replays_with_junit_and_fails_for_what_was_not_recorded(tmp_path: Path) -> None:
    maven = require_program("mvn")
    project = tmp_path / "ccetest"
    shutil.copytree(ROOT / "drivers" / "java" / "ccetest", project, ignore=lambda *_: {"target"})
    # only what has been downloaded before, unless CI says that everything must run
    offline = () if os.environ.get("CCE_REQUIRE_TOOLCHAINS") == "1" else ("-o",)

    def test() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [maven, "-q", "-B", *offline, "test"], cwd=project,
            env=environment(CCE_PRECHECK=f"{sys.executable} -m pytest_cce_precheck.cli"),
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip

    ran = test()
    if offline and "in offline mode" in ran.stdout:
        pytest.skip(f"JUnit has not been downloaded here: {ran.stdout[:200]}")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    [cassette] = (project / "src" / "test" / "resources").rglob("*.json")
    cassette.unlink()
    ran = test()
    assert ran.returncode == 1
    assert "there is no cassette src/test/resources/cce-cassettes/UpgradesTest/upgradesAreListed.json" in ran.stdout
