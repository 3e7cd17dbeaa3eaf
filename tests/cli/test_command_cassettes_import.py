"""``cce-precheck cassettes import`` and ``export``: HAR, vcrpy's files, and back."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_cce_precheck.cassette.files import read
from pytest_cce_precheck.cassette.importers import conversion
from pytest_cce_precheck.cli.main import main
from tests.cli.put_down import DATA, TOKEN, asked, put_down
from tests.contract.answers import listing
from tests.contract.documents import STATUS, put
from tests.recordings import REPLAY, failed

if TYPE_CHECKING:
    from tests.cli.put_down import Cassettes


def test_files_of_several_tools_become_one_cassette(cassettes: Cassettes, tmp_path: Path) -> None:
    names = [
        shutil.copy(DATA / name, tmp_path)
        for name in ("vcrpy-9.yaml", "vcrpy-4.yaml", "vcrpy-9.json", "mitmproxy-11.har")
    ]
    status, out, err = cassettes("import", *(Path(name).name for name in names), "--out", "sub/all.json")
    assert (status, err) == (0, "")
    assert out == (
        "sub/all.json: 20 recordings of http://127.0.0.1:18998 (vcr and har, 2026-11-24); 4 other calls left out\n"
    )
    cassette = read(tmp_path / "sub" / "all.json")
    assert (len(cassette), cassette.origin.source, cassette.sealed) == (20, "vcr and har", True)
    assert cassette.origin.project_id
    assert cassette.origin.cluster_id
    assert cassette.origin.credentials == ("token",)
    assert "made-up-token-of-a-test" not in (tmp_path / "sub" / "all.json").read_text()
    assert cassettes("verify", "sub/all.json")[:2] == (0, "sub/all.json: nothing breaks the contract\n")


@pytest.mark.parametrize("name", ["vcrpy-4.yaml", "mitmproxy-11.har"])
def test_what_was_imported_is_replayed_like_what_was_recorded(pytester: pytest.Pytester, name: str) -> None:
    assert main(["cassettes", "import", str(DATA / name), "--out", "cassettes/tasks.json"]) == 0
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.cce(cassette="tasks")
        def test_the_list(cce_client, cce_contract):
            exchange = cce_client.list_tasks()
            cce_contract.verify(exchange)
            assert exchange.document["items"][0]["metadata"]["addonTemplateName"] == "coredns"
        """
    )
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", *REPLAY)
    result.assert_outcomes(passed=1)


def test_a_byte_order_mark_and_the_kind_of_credentials_are_understood(cassettes: Cassettes, tmp_path: Path) -> None:
    real = json.loads((DATA / "mitmproxy-11.har").read_text())
    signed = [{"name": "Authorization", "value": "SDK-HMAC-SHA256 Access=A, SignedHeaders=host, Signature=0"}]
    signed.append({"name": "X-Security-Token", "value": "made-up-temporary-token"})
    for number in range(6):
        real = put(real, "log", "entries", number, "request", "headers", signed)
    (tmp_path / "a.har").write_bytes(b"\xef\xbb\xbf" + json.dumps(real).encode())
    assert cassettes("import", "a.har", "--out", "a.json")[0] == 0
    assert read(tmp_path / "a.json").origin.credentials == ("access_key", "secret_key", "security_token")


def test_a_credential_of_the_files_own_headers_is_kept_nowhere(cassettes: Cassettes, tmp_path: Path) -> None:
    secret = "correct-horse-battery-staple"
    har = json.loads((DATA / "mitmproxy-11.har").read_text())
    first = ("log", "entries", 0)
    har = put(har, *first, "request", "headers", [{"name": "Cookie", "value": f"session={secret}; a=b"}])
    har = put(har, *first, "response", "content", {"size": 1, "text": json.dumps({"errorMessage": f"no {secret}"})})
    (tmp_path / "a.har").write_text(json.dumps(har))
    assert cassettes("import", "a.har", "--out", "a.json")[0] == 0
    text = (tmp_path / "a.json").read_text()
    assert '"errorMessage":"no ***"' in text
    assert secret not in text


def test_an_id_that_a_cookie_names_too_is_no_secret(cassettes: Cassettes, tmp_path: Path) -> None:
    har = json.loads((DATA / "mitmproxy-11.har").read_text())
    project = har["log"]["entries"][0]["request"]["url"].split("/")[6]
    cookie = {"name": "Cookie", "value": f"projectId={project}; session=0123456789abcdefghij"}
    har = put(har, "log", "entries", 0, "request", "headers", [cookie])
    (tmp_path / "a.har").write_text(json.dumps(har))
    assert cassettes("import", "a.har", "--out", "a.json")[0] == 0
    assert read(tmp_path / "a.json").origin.project_id == project


def test_without_a_date_the_day_of_the_file_is_taken_and_named(cassettes: Cassettes, tmp_path: Path) -> None:
    text = re.sub(r"Date:\n      - .*\n", "Data:\n      - x\n", (DATA / "vcrpy-9.yaml").read_text())
    (tmp_path / "a.yaml").write_text(text)
    os.utime(tmp_path / "a.yaml", (1_700_000_000, 1_700_000_000))
    _, out, _ = cassettes("import", "a.yaml", "--out", "a.json")
    assert "(vcr, 2023-11-14, the day of the file: no answer has a Date)" in out
    assert read(tmp_path / "a.json").origin.recorded_at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def test_a_cassette_that_is_there_is_replaced(cassettes: Cassettes, tmp_path: Path) -> None:
    path = put_down(tmp_path / "a.json")
    shutil.copy(DATA / "vcrpy-9.yaml", tmp_path)
    assert cassettes("import", "vcrpy-9.yaml", "--out", "a.json")[0] == 0
    assert len(read(path)) == 5


def test_what_is_exported_can_be_imported_again(cassettes: Cassettes, tmp_path: Path) -> None:
    put_down(tmp_path / "a.json", asked("type=addonStatic"), failed(), asked(document=b"\xff<html>", status=502))
    assert cassettes("export", "a.json", "--har", "a.har") == (0, "a.har: 3 recordings of a.json, as HAR 1.2\n", "")
    assert cassettes("import", "a.har", "--out", "b.json")[0] == 0
    first, second = read(tmp_path / "a.json"), read(tmp_path / "b.json")
    assert [(each.request.url, each.outcome) for each in first] == [(each.request.url, each.outcome) for each in second]
    assert second.origin.recorded_at == first.origin.recorded_at


@pytest.mark.parametrize("there", ["{}", "nothing like it", '{"log": ', b"\xff"])
def test_an_export_replaces_an_older_one_and_nothing_else(
    cassettes: Cassettes, tmp_path: Path, there: str | bytes
) -> None:
    before = put_down(tmp_path / "a.json", asked("type=addonStatic")).read_bytes()
    assert [cassettes("export", "a.json", "--har", "a.har")[0] for _ in range(2)] == [0, 0]
    (tmp_path / "mine.txt").write_bytes(there if isinstance(there, bytes) else there.encode())
    for name, kept in (("a.json", before), ("mine.txt", (tmp_path / "mine.txt").read_bytes())):
        status, out, err = cassettes("export", "a.json", "--har", name)
        assert (status, out, err) == (
            *(2, ""),
            f"cce-precheck: {name} exists and is not a HAR, so it is not replaced\n",
        )
        assert (tmp_path / name).read_bytes() == kept


def test_a_pipe_is_read_to_its_end_and_no_further_than_any_file(
    cassettes: Cassettes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    har = (DATA / "mitmproxy-11.har").read_bytes()
    for most, status in ((len(har), 0), (len(har) - 1, 2)):
        monkeypatch.setattr(conversion, "MAX_CASSETTE", most)
        reads, writes = os.pipe()
        feeding = threading.Thread(target=lambda end=writes: feed(end, har))
        feeding.start()
        ended = cassettes("import", f"/dev/fd/{reads}", "--out", "a.json")
        os.close(reads)
        feeding.join()
        assert ended[0] == status, ended
    assert ended[2].endswith(
        f"it has more than {len(har) - 1:,} bytes; expected no more; give a HAR, or a cassette of vcrpy\n"
    )


def feed(end: int, data: bytes) -> None:
    with contextlib.suppress(BrokenPipeError), os.fdopen(end, "wb") as file:
        file.write(data)


def test_a_cassette_with_a_secret_is_not_exported(
    cassettes: Cassettes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CCE_AUTH_TOKEN", TOKEN)
    put_down(tmp_path / "a.json", asked(document=put(listing(), *STATUS, "message", TOKEN)))
    status, out, err = cassettes("export", "a.json", "--har", "a.har")
    assert (status, out) == (2, "")
    assert err.startswith("cce-precheck: a.har is not written: it would hold 1 secret")
    assert not (tmp_path / "a.har").exists()
