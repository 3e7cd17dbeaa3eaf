"""Test code that reports on upgrade checks; ``cce-precheck challenge`` shows what these tests do not notice."""

import json
import urllib.error
import urllib.request

import pytest


def upgrade_report(url, project_id, cluster_id, headers):
    """Return one row for each upgrade check, by its id; this is the code under test."""
    path = f"/api/v3/projects/{project_id}/clusters/{cluster_id}/addons/precheck/tasks?type=addonUpgrade"
    with urllib.request.urlopen(urllib.request.Request(url + path, headers=headers), timeout=5) as answer:
        document = json.load(answer)
    if document["pageInfo"]["currentCount"] < len(document["items"]):
        raise ValueError("the answer counts fewer tasks than it lists")
    return {
        task["metadata"]["taskID"]: {
            "addon": task["metadata"]["addonTemplateName"],
            "version": task.get("spec", {}).get("addonTargetVersion"),
            "state": task["status"]["status"],
            "message": task["status"]["message"],
            "until": task["metadata"].get("expireTimeStamp"),
            "risks": [(risk["riskName"], risk["level"], risk["status"]) for risk in task["status"].get("riskList", [])],
        }
        for task in document["items"]
    }


@pytest.fixture
def report(cce_service):
    return lambda: upgrade_report(
        cce_service.url, cce_service.project_id, cce_service.cluster_id, cce_service.headers()
    )


COREDNS = {"id": "check-1", "template": "coredns", "type": "addonUpgrade", "target_version": "1.30.6"}


@pytest.mark.cce(mode="simulate", tasks=[{**COREDNS, "state": "Failed", "risks": [("AddonValidate", "Fatal")]}])
def test_a_failed_check_shows_its_risks(report):
    row = report()["check-1"]

    assert (row["addon"], row["version"]) == ("coredns", "1.30.6")
    assert row["state"] == "Failed"
    assert row["risks"] == [("AddonValidate", "Fatal", "Failed")]


@pytest.mark.cce(mode="simulate", tasks=[{**COREDNS, "state": "Running"}, {"template": "npd", "type": "addonStatic"}])
def test_a_running_check_does_not_expire(report):
    rows = report()

    assert list(rows) == ["check-1"]
    assert rows["check-1"]["until"] is None


@pytest.mark.cce(mode="simulate", tasks=[])
def test_without_checks_there_are_no_rows(report):
    assert report() == {}


@pytest.mark.cce(mode="simulate")
def test_each_upgrade_check_of_the_cluster_is_a_row(report, cce_client, cce_contract):
    exchange = cce_client.list_tasks()
    cce_contract.verify(exchange)
    tasks = [task for task in exchange.document["items"] if task["metadata"]["type"] == "addonUpgrade"]

    rows = report()

    assert {each: (row["addon"], row["state"]) for each, row in rows.items()} == {
        task["metadata"]["taskID"]: (task["metadata"]["addonTemplateName"], task["status"]["status"]) for task in tasks
    }
    assert all((row["until"] is None) == (row["state"] in ("Init", "Running")) for row in rows.values())


@pytest.mark.cce(mode="simulate", faults=["always-throttled"])
def test_throttling_is_no_empty_report(report):
    with pytest.raises(urllib.error.HTTPError, match="429"):
        report()


@pytest.mark.cce(mode="simulate")
def test_what_the_report_is_made_from_follows_the_contract(report, cce_exchanges, cce_contract):
    report()

    cce_contract.verify(*cce_exchanges)
