"""The exit statuses of the command, beside 1: the contract does not hold."""

from __future__ import annotations

from typing import Final

OK: Final = 0
MISUSE: Final = 2
INCOMPLETE: Final = 3
NOT_REACHABLE: Final = 4
INTERNAL: Final = 5
INTERRUPTED: Final = 130
# as a shell says of what SIGPIPE ended
UNREAD: Final = 141
