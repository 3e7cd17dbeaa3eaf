"""What the command tells pytest to do, and what pytest tells the command: two files in a folder of theirs."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck import _files
from pytest_cce_precheck.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

VARIABLE: Final = "CCE_PRECHECK_CHALLENGE"
"""The environment variable that has the folder."""
_PLAN: Final = "plan.json"
_MESSAGES: Final = "messages.jsonl"
_LEAST_SECONDS: Final = 10.0
_TIMES_AS_LONG: Final = 3.0


@dataclass(frozen=True)
class Plan:
    """The names of the faults and variations to try, ``jobs`` at a time, until the time ``ends``.

    ``hidden`` are the environment variables of a service that is only there for other commands than pytest.
    """

    folder: str
    names: Sequence[str]
    jobs: int
    ends: float
    hidden: Sequence[str]

    def write(self) -> None:
        """Write the plan."""
        _files.write(Path(self.folder, _PLAN), json.dumps(asdict(self)).encode(), "the plan")

    @classmethod
    def read(cls, folder: str) -> Plan:
        """Return the plan of a folder; raises `ConfigurationError` if there is none."""
        try:
            return cls(**json.loads(_files.read_text(Path(folder, _PLAN), "the plan")))
        except (ConfigurationError, ValueError, TypeError):
            raise ConfigurationError(
                f"{VARIABLE} is for cce-precheck challenge, which sets it itself: unset it"
            ) from None

    @property
    def remaining(self) -> float:
        """How many seconds are left."""
        return max(0.0, self.ends - time.time())

    def tell(self, kind: str, data: Any = None) -> None:
        """Send the command a message."""
        line = json.dumps({"kind": kind, "data": data}) + "\n"
        _files.append(Path(self.folder, _MESSAGES), line.encode(), "the messages")

    def told(self) -> Iterator[tuple[str, Any]]:
        """Yield what pytest has told."""
        path = Path(self.folder, _MESSAGES)
        text = _files.read_text(path, "the messages") if path.exists() else ""
        # the last line may not be there in full
        for line in text.rpartition("\n")[0].splitlines():
            entry = json.loads(line)
            yield entry["kind"], entry["data"]


def patience(seconds: float) -> float:
    """Return how long tests may take on a fault that take so many seconds without."""
    return _LEAST_SECONDS + _TIMES_AS_LONG * seconds
