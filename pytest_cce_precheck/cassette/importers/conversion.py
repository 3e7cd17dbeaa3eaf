"""Convert recordings: import those of other tools to a cassette, export a cassette as HAR."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from pytest_cce_precheck import _files
from pytest_cce_precheck._secret_patterns import names_a_secret
from pytest_cce_precheck._text import count_of, json_text
from pytest_cce_precheck.cassette import files
from pytest_cce_precheck.cassette.format import MAX_CASSETTE, Origin, Recording, dumps
from pytest_cce_precheck.cassette.importers.har import from_har, is_har, to_har
from pytest_cce_precheck.cassette.importers.vcr import from_vcr, is_vcr, load_yaml
from pytest_cce_precheck.errors import CassetteError, ConfigurationError
from pytest_cce_precheck.redaction.pseudonyms import asked_ids, ids_in
from pytest_cce_precheck.redaction.recordings import Redaction
from pytest_cce_precheck.redaction.scan import refuse
from pytest_cce_precheck.wire.exchange import Response
from pytest_cce_precheck.wire.vocabulary import SECURITY_TOKEN_HEADER, TOKEN_HEADER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_cce_precheck.cassette.importers.foreign import Foreign
    from pytest_cce_precheck.wire.credentials import Credentials

_IDS: Final = re.compile(r"/projects/(?P<project>[^/]+)/clusters/(?P<cluster>[^/]+)/")
# in a header with a credential, the other parts (a scheme, a name) are shorter
_SHORTEST_PART: Final = 16
_SHORTEST: Final = 8


def import_files(names: Sequence[str], out: Path, credentials: Credentials) -> str:
    """Make one cassette of several files, and return a summary.

    The recordings are redacted: ``credentials``, and the values of headers that hold secrets. Raises
    `ConfigurationError` and `SecretInCassetteError`; then nothing is written.
    """
    try:
        if out.exists():
            files.read(out)
    except CassetteError as error:
        raise ConfigurationError(f"{out} exists and is not a cassette, so it is not replaced: {error}") from None
    parsed = [_read(name) for name in names]
    recordings = [recording for each in parsed for recording in each.recordings]
    left_out = sum(each.left_out for each in parsed)
    if not recordings:
        raise ConfigurationError(
            f"{', '.join(names)}: no call to …/addons/precheck or …/addons/precheck/tasks, but"
            f" {count_of(left_out, 'other call')}"
        )
    redaction = Redaction(credentials, also=set(_secrets_of(recordings)))
    dates = [each.recorded_at for each in parsed if each.recorded_at is not None]
    changed = datetime.fromtimestamp(min(Path(name).stat().st_mtime for name in names), UTC)
    origin = _origin(parsed, recordings, redaction, min(dates, default=changed))
    text = dumps(origin, [redaction.recording(each) for each in recordings], redacted=True)
    refuse(text, credentials, str(out))
    files.write(out, text)
    others = f"; {count_of(left_out, 'other call')} left out" if left_out else ""
    when = f"{origin.recorded_at:%Y-%m-%d}" + ("" if dates else ", the day of the file: no answer has a Date")
    made = f"{count_of(len(recordings), 'recording')} of {origin.endpoint}"
    return f"{out}: {made} ({origin.source}, {when}){others}"


def export_har(cassette: Path, out: Path, credentials: Credentials) -> str:
    """Write a cassette as HAR and return a summary; raises `CassetteError` and `ConfigurationError`."""
    read = files.read(cassette)
    if out.is_file() and not _is_har_file(out):
        raise ConfigurationError(f"{out} exists and is not a HAR, so it is not replaced")
    text = json_text(to_har(read)) + "\n"
    refuse(text, credentials, str(out))
    _files.write(out, text.encode(), f"the HAR {out}", make_folders=True)
    return f"{out}: {count_of(len(read), 'recording')} of {cassette}, as HAR 1.2"


def _read(name: str) -> Foreign:
    document = _parsed(_text(name), name)
    if is_har(document):
        return from_har(document, name)
    if is_vcr(document):
        return from_vcr(document, name)
    if isinstance(document, dict) and "cassette" in document:
        raise ConfigurationError(f"{name} is a cassette already: use it as it is")
    raise ConfigurationError(f"{name} is neither HAR 1.2 nor a cassette of vcrpy (YAML or JSON), so it is not imported")


def _text(name: str) -> str:
    # some tools begin a HAR with a byte order mark
    return _files.read_text(
        Path(name), name, limit=MAX_CASSETTE, encoding="utf-8-sig", way_out="give a HAR, or a cassette of vcrpy"
    )


def _parsed(text: str, name: str) -> Any:
    if not text.lstrip().startswith(("{", "[")):
        return load_yaml(text, name)
    try:
        return json.loads(text)
    except RecursionError:
        raise ConfigurationError(f"{name} is nested too deep to be read") from None
    except ValueError as error:
        raise ConfigurationError(f"{name} is not valid JSON: {error}") from None


def _is_har_file(path: Path) -> bool:
    try:
        return is_har(_parsed(_text(str(path)), str(path)))
    except ConfigurationError:
        return False


def _origin(
    parsed: Sequence[Foreign], recordings: Sequence[Recording], redaction: Redaction, recorded_at: datetime
) -> Origin:
    endpoints = Counter(recording.request.endpoint for recording in recordings)
    if len(endpoints) > 1:
        found = ", ".join(f"{endpoint} ({number})" for endpoint, number in endpoints.most_common())
        raise ConfigurationError(
            f"the calls are to several services, and a cassette is of one: {found}; remove the others from the files"
        )
    ids = _IDS.search(next((each.request.path for each in recordings if _IDS.search(each.request.path)), ""))
    return Origin(
        tool=f"pytest-cce-precheck {version('pytest-cce-precheck')}",
        recorded_at=recorded_at.astimezone(UTC),
        endpoint=next(iter(endpoints)),
        source=" and ".join(dict.fromkeys(each.source for each in parsed)),
        project_id=redaction.text(unquote(ids["project"])) if ids else None,
        cluster_id=redaction.text(unquote(ids["cluster"])) if ids else None,
        credentials=tuple(_kinds(recordings)),
    )


def _kinds(recordings: Sequence[Recording]) -> Iterator[str]:
    """Yield the kinds of credentials that the calls were made with, named as in `Credentials.names`."""
    sent = {name.lower() for recording in recordings for name, _ in recording.request.headers.pairs}
    signed = "authorization" in sent
    # a tool may leave credentials out, and a replay must authenticate with something
    if TOKEN_HEADER.lower() in sent or not signed:
        yield "token"
    if signed:
        yield from ("access_key", "secret_key")
    if SECURITY_TOKEN_HEADER.lower() in sent:
        yield "security_token"


def _secrets_of(recordings: Sequence[Recording]) -> Iterator[str]:
    """Yield the secrets in headers, which a body or a path may hold too."""
    ids = {found for recording in recordings for found in _ids_of(recording)}
    for recording in recordings:
        outcome = recording.outcome
        received = outcome.headers.pairs if isinstance(outcome, Response) else ()
        for name, value in (*recording.request.headers.pairs, *received):
            if names_a_secret(name):
                parts = (part for part in re.split(r"[\s,;=]+", value) if len(part) >= _SHORTEST_PART)
                # a browser's cookies name the project too, which is not secret
                yield from (part for part in parts if part not in ids)
                yield from [value] if len(value) >= _SHORTEST else []


def _ids_of(recording: Recording) -> set[str]:
    answer = recording.outcome
    return asked_ids(recording.request) | (ids_in(answer.body) if isinstance(answer, Response) else set())
