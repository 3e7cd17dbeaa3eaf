"""What can go wrong outside the contract: misuse of the tool, and answers that never arrived.

Nothing here is a verdict on the service; verdicts are findings (``contract.findings``). This module imports
nothing of the project, so that everything else may import it.
"""

from __future__ import annotations

from typing import Literal

TransportReason = Literal[
    "unreachable", "name-not-found", "timeout", "tls", "connection-lost", "truncated", "too-large", "not-http"
]

MissReason = Literal["no-such-request", "used-up", "no-test"]


class CcePrecheckError(Exception):
    """Base of every error that this project raises on purpose."""


class ConfigurationError(CcePrecheckError):
    """An option, file or argument cannot be used as given."""


class MissingFileError(ConfigurationError):
    """There is no file where one is needed."""


class UnsafeCredentialsError(ConfigurationError):
    """Credentials would travel in the clear, or to a host that they are not meant for."""


class MissingCredentialsError(ConfigurationError):
    """A call needs credentials and none are configured."""


class WriteRefusedError(ConfigurationError):
    """A request could change something in a real service, and the run has no permission to send it."""


class BudgetExhaustedError(CcePrecheckError):
    """The run has sent as many requests as its budget allows, or its time is over.

    ``was_sent`` tells that the request in question was, and its answer was cut off.
    """

    was_sent: bool = False


class BodyError(CcePrecheckError):
    """A body is not the strict UTF-8 JSON that the endpoint promises; ``reason`` is for programs."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class CassetteError(CcePrecheckError):
    """A recording cannot be used."""


class CassetteMissingError(CassetteError):
    """There is no recording where one is needed."""


class CassetteCorruptError(CassetteError):
    """A file is no cassette that can be read; the message says where it stops being one."""


class CassetteMissError(CassetteError):
    """A request was made that the cassette has no answer for; ``reason`` is for programs."""

    def __init__(self, reason: MissReason, message: str) -> None:
        super().__init__(message)
        self.reason: MissReason = reason
