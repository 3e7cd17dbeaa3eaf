"""Who has a mock of `responses` already lets it answer from a cassette in one call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
import requests
import responses

from pytest_cce_precheck import add_recordings
from pytest_cce_precheck.cassette.format import Recording, dumps
from pytest_cce_precheck.errors import CassetteCorruptError, CassetteMissError, CassetteMissingError
from pytest_cce_precheck.wire.exchange import Headers, Response
from tests.recordings import ENDPOINT, PATH, answered, asked, failed, origin

if TYPE_CHECKING:
    from pathlib import Path

URL: Final = f"{ENDPOINT}{PATH}"


def put_down(path: Path, *recordings: Recording, **about: Any) -> Path:
    path.write_text(dumps(origin(**about), recordings, redacted=True), "utf-8")
    return path


@pytest.fixture
def cassette(tmp_path: Path) -> Path:
    return put_down(tmp_path / "a.json", answered(body=b'{"n":1}'), answered(body=b'{"n":2}'), answered("type=x"))


def test_a_mock_answers_what_was_recorded_and_says_what_nobody_asked_for(cassette: Path) -> None:
    with responses.RequestsMock() as mock:
        playback = add_recordings(mock, cassette)
        assert [requests.get(URL, timeout=1).json() for _ in range(2)] == [{"n": 1}, {"n": 2}]
    assert playback.unused == (2,)


def test_a_path_may_be_a_text(cassette: Path) -> None:
    with responses.RequestsMock() as mock:
        add_recordings(mock, str(cassette))
        answer = requests.get(URL, params={"type": "x"}, timeout=1)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")


def test_a_mock_that_wants_every_answer_used_is_told_when_none_was(cassette: Path) -> None:
    mock = responses.RequestsMock(assert_all_requests_are_fired=True)
    add_recordings(mock, cassette)
    with pytest.raises(AssertionError, match="Not all requests have been executed"), mock:
        pass


@responses.activate
def test_the_mock_of_the_decorator_takes_recordings_too(cassette: Path) -> None:
    add_recordings(responses.mock, cassette)
    assert requests.get(URL, timeout=1).json() == {"n": 1}
    assert [call.request.url for call in responses.calls] == [URL]


def test_every_method_that_was_recorded_is_answered(tmp_path: Path) -> None:
    body = b'{"kind":"AddonCheck"}'
    created = Recording(asked(method="POST", body=body), Response(201, Headers([("A", "1"), ("A", "2")]), b"[]"))
    deleted = Recording(asked(method="DELETE"), Response(405, Headers(), b""))
    path = put_down(tmp_path / "a.json", created, deleted)
    with responses.RequestsMock() as mock:
        playback = add_recordings(mock, path)
        answer = requests.post(URL, data=body, timeout=1)
        assert (answer.status_code, answer.headers["A"], answer.json()) == (201, "1, 2", [])
        assert requests.delete(URL, timeout=1).status_code == 405
    assert playback.unused == ()


def test_what_was_not_recorded_is_a_miss_that_says_so(cassette: Path) -> None:
    with responses.RequestsMock() as mock:
        add_recordings(mock, cassette)
        with pytest.raises(CassetteMissError, match=r"no recording for GET .*type=y"):
            requests.get(URL, params={"type": "y"}, timeout=1)
        with pytest.raises(CassetteMissError, match="no recording for GET /api/v3/projects/p/clusters/other"):
            requests.get(URL.replace("/c/", "/other/"), timeout=1)
        with pytest.raises(CassetteMissError) as raised:
            requests.put(URL, timeout=1)
    assert raised.value.reason == "no-such-request"


def test_a_failure_is_met_as_requests_own(tmp_path: Path) -> None:
    path = put_down(tmp_path / "a.json", failed(reason="timeout", detail="no answer"))
    with responses.RequestsMock() as mock:
        add_recordings(mock, path)
        with pytest.raises(requests.Timeout, match="no answer"):
            requests.get(URL, timeout=1)


def test_what_else_the_mock_answers_stays_its_own(cassette: Path) -> None:
    with responses.RequestsMock() as mock:
        mock.get("https://elsewhere.example/", json={"n": 8})
        playback = add_recordings(mock, cassette)
        mock.get(f"{ENDPOINT}/api/v3/projects/p/clusters", json={"n": 9})
        for _ in range(2):
            assert requests.get("https://elsewhere.example/", timeout=1).json() == {"n": 8}
            assert requests.get(f"{ENDPOINT}/api/v3/projects/p/clusters", timeout=1).json() == {"n": 9}
        assert requests.get(URL, timeout=1).json() == {"n": 1}
        with pytest.raises(requests.ConnectionError, match="no call to this path was recorded"):
            requests.get(f"{ENDPOINT}/other", timeout=1)
        with pytest.raises(requests.ConnectionError, match="URL does not match the recorded service"):
            requests.get("https://third.example/", timeout=1)
    assert playback.unused == (1, 2)


def test_two_cassettes_of_one_service_answer_side_by_side(cassette: Path, tmp_path: Path) -> None:
    other = put_down(tmp_path / "b.json", answered("type=z", b'{"n":3}'), answered(body=b'{"n":4}'))
    with responses.RequestsMock() as mock:
        first, second = add_recordings(mock, cassette), add_recordings(mock, other)
        urls = [URL, f"{URL}?type=z", URL, URL]
        assert [requests.get(url, timeout=1).json()["n"] for url in urls] == [1, 3, 2, 4]
        with pytest.raises(CassetteMissError):
            requests.get(URL, timeout=1)
    assert (first.unused, second.unused) == ((2,), ())


def test_cassettes_of_two_services_answer_each_for_its_own(cassette: Path, tmp_path: Path) -> None:
    other = put_down(tmp_path / "b.json", answered(body=b'{"n":5}'), endpoint="https://second.example")
    with responses.RequestsMock() as mock:
        add_recordings(mock, cassette)
        add_recordings(mock, other)
        assert requests.get(f"https://second.example{PATH}", timeout=1).json() == {"n": 5}
        assert requests.get(URL, timeout=1).json() == {"n": 1}


def test_a_cassette_that_is_not_there_or_is_none_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("<html>")
    mock = responses.RequestsMock()
    with pytest.raises(CassetteMissingError):
        add_recordings(mock, tmp_path / "nowhere.json")
    with pytest.raises(CassetteCorruptError):
        add_recordings(mock, tmp_path / "bad.json")
    assert mock.registered() == []
