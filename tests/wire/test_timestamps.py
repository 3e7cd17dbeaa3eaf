from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rfc3339_validator import validate_rfc3339

from pytest_cce_precheck.wire.timestamps import Timestamp, format_timestamp, parse_timestamp

VALID = "2024-02-29T10:11:12.123456789+08:00"

# a day short of the calendar's ends, so that every offset stays within it
clock_readings = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30))  # noqa: DTZ001  zones are drawn apart
moments = clock_readings.map(lambda moment: moment.replace(microsecond=0))
offsets = st.integers(-1439, 1439)
fractions = st.text("0123456789", max_size=9)


def offset_text(minutes: int) -> str:
    if minutes == 0:
        return "Z"
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def written(moment: datetime, fraction: str, offset: int) -> str:
    return moment.isoformat() + (f".{fraction}" if fraction else "") + offset_text(offset)


texts = st.builds(written, moments, fractions, offsets)


@given(texts)
@example("0001-01-01T00:00:00+23:59")
@example("9999-12-31T23:59:59.999999999-23:59")
@example("2016-12-31T23:59:60.999999999Z")
@example("1990-12-31T15:59:60-08:00")
def test_a_timestamp_is_written_as_it_was_read(text: str) -> None:
    assert format_timestamp(parse_timestamp(text)) == text


@given(st.integers(-62_000_000_000, 253_000_000_000), st.integers(0, 999_999_999), offsets)
def test_a_timestamp_is_read_as_it_was_written(seconds: int, nanoseconds: int, offset: int) -> None:
    stamp = Timestamp(seconds, nanoseconds, offset, digits=9)
    found = parse_timestamp(format_timestamp(stamp))
    assert (found.seconds, found.nanoseconds, found.offset_minutes, found.digits) == (
        seconds,
        nanoseconds,
        offset,
        9,
    )


@given(moments, fractions, offsets)
def test_the_fields_are_those_of_the_text(moment: datetime, fraction: str, offset: int) -> None:
    stamp = parse_timestamp(written(moment, fraction, offset))
    instant = moment.replace(tzinfo=timezone(timedelta(minutes=offset)))
    assert stamp.seconds == (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    assert Fraction(stamp.nanoseconds, 10**9) == Fraction(int(fraction or 0), 10 ** len(fraction))
    assert (stamp.offset_minutes, stamp.digits) == (offset, len(fraction))


@given(clock_readings, offsets)
def test_datetimes_go_there_and_back(moment: datetime, offset: int) -> None:
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=offset)))
    assert parse_timestamp(aware.isoformat()).datetime == aware
    assert parse_timestamp(aware.isoformat()).datetime.utcoffset() == aware.utcoffset()
    assert Timestamp.from_datetime(aware).datetime == aware
    assert Timestamp.from_datetime(aware) == parse_timestamp(aware.isoformat())


@given(texts, texts)
def test_timestamps_are_ordered_by_their_instant(one: str, other: str) -> None:
    def instant(text: str) -> Fraction:
        stamp = parse_timestamp(text)
        return stamp.seconds + Fraction(stamp.nanoseconds, 10**9)

    first, second = parse_timestamp(one), parse_timestamp(other)
    assert (first < second, first == second) == (
        instant(one) < instant(other),
        instant(one) == instant(other),
    )


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("2024-01-01T00:00:00.123456788Z", "2024-01-01T08:00:00.123456789+08:00"),
        ("2024-01-01T08:00:00.123456788+08:00", "2024-01-01T00:00:00.123456789Z"),
        ("2024-01-01T23:30:00-01:00", "2024-01-02T00:30:00.000000001Z"),
        ("2024-01-01T09:00:00+09:00", "2024-01-01T00:00:00.1Z"),
        ("2016-12-31T23:59:59.999999999Z", "2016-12-31T23:59:60Z"),
        ("2016-12-31T23:59:60.999999999Z", "2017-01-01T00:00:00Z"),
    ],
)
def test_an_earlier_timestamp_is_less_to_the_nanosecond(earlier: str, later: str) -> None:
    assert parse_timestamp(earlier) < parse_timestamp(later)


def test_the_same_instant_is_equal_however_it_is_written() -> None:
    texts = (
        "2024-01-01T00:00:00Z",
        "2024-01-01t00:00:00.000z",
        "2024-01-01T08:00:00+08:00",
        "2023-12-31T23:59:00-00:01",
    )
    assert len({parse_timestamp(text) for text in texts}) == 1


@pytest.mark.parametrize("text", ["2024-01-01T00:00:00-00:00", "2024-01-01T00:00:00+00:00", "2024-01-01t00:00:00z"])
def test_every_spelling_of_utc_is_read(text: str) -> None:
    assert parse_timestamp(text) == Timestamp(1_704_067_200)
    assert format_timestamp(parse_timestamp(text)) == "2024-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("", "it is empty"),
        (" 2024-01-01T00:00:00Z", "it begins or ends with white space"),
        ("2024-01-01T00:00:00Z\n", "it begins or ends with white space"),
        ("1704067200", "it is a number, not a date and time"),
        ("2024-01-01", "it is a date without a time"),
        ("2024-01-01 00:00:00Z", "the letter T must be between date and time"),
        ("2023-11-01 10:11:12.1 +0000 UTC", "the letter T must be between date and time"),
        ("2024-01-01_00:00:00Z", "the letter T must be between date and time"),
        ("2024-01-01T00:00:00", "it has no offset; Z, or one such as +08:00, must follow the time"),
        ("2024-01-01T00:00:00.123", "it has no offset; Z, or one such as +08:00, must follow the time"),
        ("2024-01-01T00:00Z", "it has no seconds"),
        ("2024-01-01T00:00:00.1234567890Z", "it has more than nine fractional digits"),
        ("2024-01-01T00:00:00,5Z", "a point, not a comma, must be before the fraction"),
        ("2024-01-01T00:00:00.Z", "no digit follows the point"),
        ("2024-01-01T00:00:00.", "no digit follows the point"),
        ("2024-01-01T00:00:00+0800", "an offset is two digits, a colon and two digits"),
        ("2024-01-01T00:00:00+08", "an offset is two digits, a colon and two digits"),
        ("2024-01-01T00:00:00+8:00", "an offset is two digits, a colon and two digits"),
        ("2024-01-01T00:00:00 Z", "Z, or an offset such as +08:00, must end it"),
        ("2024-01-01T00:00:00UTC", "Z, or an offset such as +08:00, must end it"),
        ("2024-01-01T00:00:00−08:00", "Z, or an offset such as +08:00, must end it"),
        ("٢٠٢٤-01-01T00:00:00Z", "'٢' is not one of the ASCII digits 0 to 9"),
        ("2024-01-01T00:00:0０Z", "'０' is not one of the ASCII digits 0 to 9"),
        ("Thu, 01 Jan 2024 00:00:00 GMT", "it is not of the form 2006-01-02T15:04:05+08:00"),
        ("2024-01-01T00:00:00Z\nand more", "Z, or an offset such as +08:00, must end it"),
        ("24-01-01T00:00:00Z", "it is not of the form 2006-01-02T15:04:05+08:00"),
        ("20240101T000000Z", "it is not of the form 2006-01-02T15:04:05+08:00"),
        ("0000-01-01T00:00:00Z", "there is no year 0000"),
        ("2024-13-01T00:00:00Z", "there is no month 13"),
        ("2024-00-01T00:00:00Z", "there is no month 00"),
        ("2024-02-30T00:00:00Z", "day 30 is not in month 2 of 2024"),
        ("2023-02-29T00:00:00Z", "day 29 is not in month 2 of 2023"),
        ("2024-01-00T00:00:00Z", "day 0 is not in month 1 of 2024"),
        ("2024-01-01T24:00:00Z", "there is no time 24:00:00"),
        ("2024-01-01T00:60:00Z", "there is no time 00:60:00"),
        ("2024-01-01T00:00:61Z", "there is no time 00:00:61"),
        ("2024-01-01T00:00:00+24:00", "there is no offset +24:00; at most 23:59 is one"),
        ("2024-01-01T00:00:00-08:60", "there is no offset -08:60; at most 23:59 is one"),
        ("2016-12-31T23:58:60Z", "second 60 is only at 23:59:60 UTC on the last day of a month"),
        ("2016-12-31T23:59:60+08:00", "second 60 is only at 23:59:60 UTC on the last day of a month"),
        (
            "9999-12-31T23:59:60-23:59",
            "second 60 is only at 23:59:60 UTC on the last day of a month",
        ),
        (
            "0001-01-01T23:59:60+23:59",
            "second 60 is only at 23:59:60 UTC on the last day of a month",
        ),
        ("2016-12-30T23:59:60Z", "second 60 is only at 23:59:60 UTC on the last day of a month"),
    ],
)
def test_a_bad_timestamp_is_told_what_is_wrong_with_it(text: str, mistake: str) -> None:
    with pytest.raises(ValueError, match="is not an RFC 3339 timestamp") as caught:
        parse_timestamp(text)
    assert str(caught.value) == f"{text!r} is not an RFC 3339 timestamp: {mistake}"


def test_a_long_text_is_cut_in_the_message() -> None:
    with pytest.raises(ValueError, match="not an RFC 3339") as caught:
        parse_timestamp("x" * 100_000)
    assert len(str(caught.value)) < 200


def accepts(text: str) -> bool:
    try:
        parse_timestamp(text)
    except ValueError:
        return False
    return True


@given(
    texts,
    st.integers(0, 40),
    st.sampled_from("0123456789+-:.TtZz ,\n٣"),
    st.sampled_from(["put", "insert", "drop"]),
)
@example(VALID, 40, "0", "insert")
def test_the_verdict_is_rfc3339_validators_where_the_two_should_agree(
    text: str, index: int, character: str, change: str
) -> None:
    inserted = "" if change == "drop" else character
    text = text[:index] + inserted + text[index + (change != "insert") :]
    # the validator knows no lower case, no leap second and no limit of digits, and lets a line break follow
    if not ({"t", "z", "\n"} & set(text) or ":60" in text or any(len(part) > 9 for part in digits_after_points(text))):
        assert accepts(text) == validate_rfc3339(text)


def digits_after_points(text: str) -> list[str]:
    return [part[: len(part) - len(part.lstrip("0123456789"))] for part in text.split(".")[1:]]


@given(st.text(max_size=40) | st.text("0123456789-:.TtZz+ ", max_size=40))
def test_any_text_is_read_or_refused_with_a_reason(text: str) -> None:
    accepts(text)


@pytest.mark.parametrize(
    ("nanoseconds", "offset", "text"),
    [
        (0, 0, "2024-01-01T00:00:00Z"),
        (500_000_000, 480, "2024-01-01T08:00:00.5+08:00"),
        (648_388_123, -210, "2023-12-31T20:30:00.648388123-03:30"),
        (1_000_000_001, 0, "2024-01-01T00:00:01.000000001Z"),
    ],
)
def test_a_datetime_is_written_with_as_few_digits_as_it_needs(nanoseconds: int, offset: int, text: str) -> None:
    assert format_timestamp(Timestamp.from_datetime(datetime(2024, 1, 1, tzinfo=UTC), nanoseconds, offset)) == text


def test_a_datetime_keeps_its_own_fraction() -> None:
    moment = datetime(1969, 12, 31, 23, 59, 59, 250_000, tzinfo=UTC)
    assert Timestamp.from_datetime(moment, nanoseconds=7) == Timestamp(-1, 250_000_007)


def test_a_datetime_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        Timestamp.from_datetime(datetime(2024, 1, 1))  # noqa: DTZ001  that is the point


def test_a_leap_second_gives_the_last_datetime_before_it() -> None:
    stamp = parse_timestamp("9999-12-31T23:59:60.5Z")
    assert stamp.datetime == datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


def test_a_timestamp_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        parse_timestamp(VALID).seconds = 0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        ("00.123456789Z", "00.123Z", True),
        ("00.12Z", "00.129Z", True),
        ("00Z", "00.9Z", True),
        ("00.1Z", "00.2Z", False),
        ("00.123Z", "00.124999Z", False),
        ("00.1Z", "01.1Z", False),
    ],
)
def test_two_timestamps_agree_if_one_can_be_the_other_cut(one: str, other: str, *, agree: bool) -> None:
    stamps = [parse_timestamp(f"2024-01-01T00:00:{each}") for each in (one, other)]
    assert stamps[0].agrees_with(stamps[1]) is stamps[1].agrees_with(stamps[0]) is agree
