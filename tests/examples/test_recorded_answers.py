"""Load a cassette into a `responses` mock of your own, in one call."""

from pathlib import Path

import requests
import responses

from pytest_cce_precheck import add_recordings

CASSETTE = Path(__file__).with_name("recorded_answers.json")
URL = "https://cce.staging.example.com/api/v3/projects/a-project/clusters/a-cluster/addons/precheck/tasks"


def test_the_static_checks_are_answered_from_the_cassette():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        playback = add_recordings(mock, CASSETTE)
        mock.get("https://elsewhere.example.com", body="your own answers work too")

        answer = requests.get(URL, params={"type": "addonStatic"}, timeout=10)

    assert {task["metadata"]["type"] for task in answer.json()["items"]} == {"addonStatic"}
    assert playback.unused == ()
