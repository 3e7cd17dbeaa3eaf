"""The files of causes that a run found, kept to be asked for again: each is a cassette with its answers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck import _files
from pytest_cce_precheck._text import did_you_mean
from pytest_cce_precheck.cassette import files
from pytest_cce_precheck.cassette.format import Origin, Recording, dumps
from pytest_cce_precheck.client import checked_endpoint
from pytest_cce_precheck.config.options import Mode
from pytest_cce_precheck.contract.schema import breach
from pytest_cce_precheck.errors import CassetteCorruptError, CassetteMissingError, ConfigurationError
from pytest_cce_precheck.redaction.recordings import Redaction
from pytest_cce_precheck.redaction.scan import SecretInCassetteError, refuse
from pytest_cce_precheck.redaction.texts import in_every_text
from pytest_cce_precheck.schema_files import KEPT_FAILURE
from pytest_cce_precheck.suite.rerun import KeptCause
from pytest_cce_precheck.wire.credentials import Credentials, Secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from pytest_cce_precheck.suite.inspection import Inspection

FOLDER: Final = Path(".cce-precheck", "failures")
"""Where causes are kept, below the directory that the run was started in."""
# an answer that is larger is left out; what is asked again needs none
_LARGEST: Final = 256 * 1024
_ANSWERS: Final = 3
_NOTES: Final = "failure"


@dataclass(frozen=True)
class KeptFailure:
    """A cause with where it was found; ``settings`` are those of the run that a rerun needs again."""

    name: str
    path: Path
    cause: KeptCause
    origin: Origin
    settings: Mapping[str, Any]

    @property
    def place(self) -> tuple[str, str, str]:
        """The endpoint, project and cluster."""
        return self.origin.endpoint, self.origin.project_id or "", self.origin.cluster_id or ""

    @property
    def mode(self) -> Mode:
        """The mode of the run that found it."""
        return Mode(self.settings["mode"])

    @property
    def found_at(self) -> str:
        """Where it was found, in words."""
        return "the simulator" if self.mode.is_simulated else self.origin.endpoint

    @classmethod
    def read(cls, path: Path) -> KeptFailure:
        """Read a file; raises `ConfigurationError` if it is not one."""
        way_out = "delete it; the next run of the suite keeps what it finds"
        try:
            origin = files.read(path).origin
            if wrong := breach({"notes": origin.notes}, KEPT_FAILURE):
                raise ValueError(wrong)
            checked_endpoint(origin.endpoint, Credentials())
            cause = KeptCause.from_dict(origin.notes[_NOTES])
            return cls(path.stem, path, cause, origin, origin.notes["settings"])
        except (ValueError, ConfigurationError, CassetteCorruptError) as error:
            raise ConfigurationError(f"{_files.shown(path)} is not a kept failure ({error}): {way_out}") from None


def as_text(
    kept: KeptCause,
    run: Inspection,
    *,
    found_by: str,
    mode: str,
    faults: Iterable[str],
    secrets: Iterable[str],
    now: datetime,
    tool: str,
) -> str | None:
    """Return the file's text, redacted and scanned as a cassette is; None if it would hold a secret all the same.

    ``found_by`` is the check that found the cause, ``faults`` are the simulator's, ``tool`` is what writes the file.
    """
    client, settings = run.client, run.settings
    redaction = Redaction(client.credentials, also=secrets)
    again = {"seed": settings.seed, "budget": settings.budget, "lag": int(settings.lag), **asdict(settings.neighbours)}
    notes = {_NOTES: kept.to_dict(), "settings": {"mode": mode, "fault": [*faults], **again}}
    origin = Origin(
        tool=tool,
        recorded_at=now,
        endpoint=client.endpoint,
        test=f"test_{found_by}",
        project_id=redaction.text(client.project_id),
        cluster_id=redaction.text(client.cluster_id),
        credentials=client.credentials.names,
        notes=in_every_text(notes, redaction.text),
    )
    answers = [
        redaction.recording(Recording(each.request, each.response))
        for each in kept.finding.exchanges[:_ANSWERS]
        # the text of a refusal may hold secrets that this run does not know
        if each.status < HTTPStatus.BAD_REQUEST and len(each.response.body) <= _LARGEST
    ]
    known = (client.credentials, *(Credentials(token=Secret(each)) for each in secrets if each))
    for recordings in (answers, []):
        text = dumps(origin, recordings, redacted=True)
        try:
            for each in known:
                refuse(text, each, "a kept failure")
        except SecretInCassetteError:
            continue
        return text
    return None


def write(folder: Path, name: str, text: str) -> None:
    """Keep a cause under its name; raises `ConfigurationError` if that is impossible."""
    ignored = folder.parent / ".gitignore"
    if not ignored.exists():
        # what a service answered is not for a repository
        _files.write(ignored, b"*\n", f"the file {ignored}", make_folders=True)
    files.write(files.place(folder, name), text)


def kept_failures(folder: Path) -> Iterator[KeptFailure]:
    """Yield every cause that is kept; raises `ConfigurationError` for a file that is none."""
    return map(KeptFailure.read, files.cassettes(folder))


def chosen(folder: Path, names: Iterable[str]) -> list[KeptFailure]:
    """Return the causes of these names, all if there are none; raises `ConfigurationError` for an unknown name."""
    known = {path.stem.lower(): path for path in files.cassettes(folder)}
    if not known:
        raise ConfigurationError(
            f"{_files.shown(folder)} holds no failure: a run of the suite keeps each cause that it finds there, and"
            " removes what a later run shows to be fixed"
        )
    for name in names:
        if name.lower() not in known:
            near = did_you_mean(name, [path.stem for path in known.values()])
            there = ", ".join(path.stem for path in known.values())
            raise ConfigurationError(f"there is no kept failure {name!r}{near or f'; there are: {there}'}")
    try:
        return [KeptFailure.read(known[name.lower()]) for name in dict.fromkeys(names)] or list(kept_failures(folder))
    except CassetteMissingError as error:
        raise ConfigurationError(str(error)) from None
