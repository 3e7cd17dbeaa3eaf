"""Timestamps as the endpoint writes them: RFC 3339 with an offset and up to nine fractional digits.

``datetime.fromisoformat`` is not enough: it cuts to microseconds, and accepts ``+0800`` and no offset at all.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final

from pytest_cce_precheck._text import excerpt

_SHAPE: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
_DAY: Final = 86_400
_BILLION: Final = 1_000_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY: Final = _EPOCH.toordinal()
_DATE: Final = r"\d{4}-\d\d-\d\d"
_TIME: Final = r"\d\d:\d\d:\d\d"
_FRACTION: Final = r"(?:\.\d+)?"
_OFFSET: Final = r"(?:[Zz]|[+-]\d\d:\d\d)"
# if a text does not have the shape, the first pattern that matches says what is wrong with it
_COMMON_MISTAKES: Final = (
    (r"", "it is empty"),
    (r"\s.*|.*\s", "it begins or ends with white space"),
    (r"-?\d+(\.\d+)?", "it is a number, not a date and time"),
    (_DATE, "it is a date without a time"),
    (rf"{_DATE}[^Tt]{_TIME}.*", "the letter T must be between date and time"),
    (rf"{_DATE}[Tt]{_TIME}{_FRACTION}", "it has no offset; Z, or one such as +08:00, must follow the time"),
    (rf"{_DATE}[Tt]\d\d:\d\d{_OFFSET}?", "it has no seconds"),
    (rf"{_DATE}[Tt]{_TIME}\.\d{{10,}}{_OFFSET}", "it has more than nine fractional digits"),
    (rf"{_DATE}[Tt]{_TIME},\d+{_OFFSET}", "a point, not a comma, must be before the fraction"),
    (rf"{_DATE}[Tt]{_TIME}\.{_OFFSET}?", "no digit follows the point"),
    (rf"{_DATE}[Tt]{_TIME}{_FRACTION}[+-]\d\d?(:?\d\d?)?", "an offset is two digits, a colon and two digits"),
    (rf"{_DATE}[Tt]{_TIME}{_FRACTION}.*", "Z, or an offset such as +08:00, must end it"),
)


@dataclass(frozen=True, order=True, slots=True)
class Timestamp:
    """An instant, and how it was written. Instants are compared to the nanosecond, whatever their spelling.

    ``seconds`` counts from 1970-01-01T00:00:00Z without leap seconds. ``nanoseconds`` is below 1,000,000,000, except
    within a leap second, where it continues from there. ``digits`` is the number of fractional digits.

    >>> parse_timestamp("2024-01-01T08:00:00.1+08:00") == parse_timestamp("2024-01-01T00:00:00.100Z")
    True
    """

    seconds: int
    nanoseconds: int = 0
    offset_minutes: int = field(default=0, compare=False)
    digits: int = field(default=0, compare=False)

    def agrees_with(self, other: Timestamp) -> bool:
        """Whether both can be the same instant, one of them written with fewer digits.

        >>> parse_timestamp("2024-01-01T00:00:00.123456789Z").agrees_with(parse_timestamp("2024-01-01T00:00:00.123Z"))
        True
        """
        unit = 10 ** (9 - min(self.digits, other.digits))
        return self.seconds == other.seconds and self.nanoseconds // unit == other.nanoseconds // unit

    @classmethod
    def from_datetime(cls, moment: datetime, nanoseconds: int = 0, offset_minutes: int = 0) -> Timestamp:
        """Return the timestamp of an aware datetime plus ``nanoseconds``, with no more digits than it needs.

        >>> midnight = datetime(2024, 1, 1, tzinfo=UTC)
        >>> format_timestamp(Timestamp.from_datetime(midnight, nanoseconds=120, offset_minutes=480))
        '2024-01-01T08:00:00.00000012+08:00'
        """
        if moment.utcoffset() is None:
            raise ValueError("the datetime has no time zone; expected an aware one, such as datetime.now(UTC)")
        since = moment - _EPOCH
        carry, fraction = divmod(since.microseconds * 1000 + nanoseconds, _BILLION)
        digits = len(f"{fraction:09d}".rstrip("0"))
        return cls(since.days * _DAY + since.seconds + carry, fraction, offset_minutes, digits)

    @property
    def instant(self) -> str:
        """The instant alone, as a text that is equal for equal ones, however they were written."""
        return f"{self.seconds}.{self.nanoseconds:09d}"

    @property
    def datetime(self) -> datetime:
        """The instant at its offset, cut to microseconds; in a leap second, the last one before it."""
        zone = timezone(timedelta(minutes=self.offset_minutes))
        microseconds = min(self.nanoseconds, _BILLION - 1) // 1000
        # in local time: in UTC, the first and the last hours of the calendar may be outside of it
        local = timedelta(seconds=self.seconds + self.offset_minutes * 60, microseconds=microseconds)
        return (_EPOCH + local).replace(tzinfo=zone)


# the same tasks are read again and again, up to 20,000 of them
@lru_cache(maxsize=1 << 16)
def parse_timestamp(text: str) -> Timestamp:
    """Parse an RFC 3339 timestamp; raises `ValueError` that says what is wrong with it.

    ``t`` and ``z`` may be lower case and ``-00:00`` is an offset (RFC 3339, 4.3 and 5.6). Second 60 is accepted only
    at 23:59:60 UTC on the last day of a month (5.7).

    >>> parse_timestamp("2024-02-30T08:00:00Z")
    Traceback (most recent call last):
    ValueError: '2024-02-30T08:00:00Z' is not an RFC 3339 timestamp: day 30 is not in month 2 of 2024
    """
    match = _SHAPE.fullmatch(text)
    if match is None:
        raise _error(text, _mistake(text))
    fraction, sign = match[7], match[8]
    hour, minute, second = int(match[4]), int(match[5]), int(match[6])
    offset = 0
    if sign:
        offset_hours, offset_rest = int(match[9]), int(match[10])
        if offset_hours > 23 or offset_rest > 59:
            raise _error(text, f"there is no offset {sign}{match[9]}:{match[10]}; at most 23:59 is one")
        offset = (offset_hours * 60 + offset_rest) * (-1 if sign == "-" else 1)
    if hour > 23 or minute > 59 or second > 60:
        raise _error(text, f"there is no time {match[4]}:{match[5]}:{match[6]}")
    days = _days(text, int(match[1]), int(match[2]), int(match[3]))
    seconds = days * _DAY + hour * 3600 + minute * 60 + second - offset * 60
    nanoseconds = int(fraction.ljust(9, "0")) if fraction else 0
    if second == 60:
        if not _ends_a_month(seconds):
            raise _error(text, "second 60 is only at 23:59:60 UTC on the last day of a month")
        seconds -= 1
        nanoseconds += _BILLION
    return Timestamp(seconds, nanoseconds, offset, len(fraction) if fraction else 0)


def format_timestamp(stamp: Timestamp) -> str:
    """Return ``stamp`` as RFC 3339, at its offset and with its number of fractional digits.

    >>> format_timestamp(Timestamp(0, 5_000_000, offset_minutes=-90, digits=3))
    '1969-12-31T22:30:00.005-01:30'
    """
    local = _EPOCH + timedelta(seconds=stamp.seconds + stamp.offset_minutes * 60)
    text = local.replace(tzinfo=None).isoformat()
    leap, nanoseconds = divmod(stamp.nanoseconds, _BILLION)
    if leap:
        text = text[:-2] + "60"
    if stamp.digits:
        text += f".{nanoseconds:09d}"[: stamp.digits + 1]
    if not stamp.offset_minutes:
        return text + "Z"
    hours, minutes = divmod(abs(stamp.offset_minutes), 60)
    return f"{text}{'-' if stamp.offset_minutes < 0 else '+'}{hours:02d}:{minutes:02d}"


def _days(text: str, year: int, month: int, day: int) -> int:
    try:
        return date(year, month, day).toordinal() - _EPOCH_DAY
    except ValueError:
        pass
    if year == 0:
        raise _error(text, "there is no year 0000")
    if not 1 <= month <= 12:
        raise _error(text, f"there is no month {month:02d}")
    raise _error(text, f"day {day} is not in month {month} of {year}")


def _ends_a_month(seconds: int) -> bool:
    days, rest = divmod(seconds, _DAY)
    last = _EPOCH_DAY + days - 1
    # with its offset, it may be outside of the calendar
    if rest or not 1 <= last <= date.max.toordinal():
        return False
    day = date.fromordinal(last)
    return day.day == monthrange(day.year, day.month)[1]


def _error(text: str, mistake: str) -> ValueError:
    shown = text if len(text) <= 60 else excerpt(text, 0, 60) + "…"
    return ValueError(f"{shown!r} is not an RFC 3339 timestamp: {mistake}")


def _mistake(text: str) -> str:
    for character in text:
        if character.isdigit() and not character.isascii():
            return f"{character!r} is not one of the ASCII digits 0 to 9"
    for pattern, mistake in _COMMON_MISTAKES:
        if re.fullmatch(pattern, text, re.ASCII | re.DOTALL):
            return mistake
    return "it is not of the form 2006-01-02T15:04:05+08:00"
