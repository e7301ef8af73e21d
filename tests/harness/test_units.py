"""Sizes, durations and rates as people write them."""

from __future__ import annotations

import pytest

from harness.errors import UsageError
from harness.units import (
    format_bytes,
    format_duration,
    format_rate_per_min,
    format_whole_bytes,
    parse_bytes_per_query,
    parse_duration_s,
    parse_rate_bytes_per_h,
    parse_size_bytes,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0 B", 0), ("1 kB", 1e3), ("50 MB", 50e6), ("1.5GB", 1.5e9), ("4 KiB", 4096), ("2 MiB", 2**21), ("2 GiB", 2**31)],
)
def test_a_size_takes_every_unit_of_the_contract(text: str, expected: float) -> None:
    """MB is a million bytes and MiB is two to the twentieth."""
    assert parse_size_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "50", "MB", "-1 MB", "1 mb", "1 TB", "1e3 MB", "1 MB/min", "nan MB", "1,5 MB"])
def test_a_bad_size_says_what_was_expected_and_found(text: str) -> None:
    """One sentence names an example and the text that was given."""
    with pytest.raises(UsageError, match=r"expected a size such as .* found") as caught:
        parse_size_bytes(text)

    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("250ms", 0.25), ("90s", 90), ("10m", 600), ("2h", 7200), ("1d", 86400), ("1h30m", 5400), ("1 h 30 m", 5400)],
)
def test_a_duration_takes_every_unit_and_their_sums(text: str, expected: float) -> None:
    """Units may be combined as people do."""
    assert parse_duration_s(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "90", "0s", "-5s", "5 min", "ten minutes", "1h30", "9" * 400 + "s"])
def test_a_bad_duration_is_refused(text: str) -> None:
    """No unit, nothing at all, or no number."""
    with pytest.raises(UsageError, match="expected a"):
        parse_duration_s(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("50 MB/min", 3e9), ("1 kB/s", 3.6e6), ("2 GiB/h", 2**31), ("24 MB/day", 1e6), ("0.1MB / min", 6e6)],
)
def test_a_rate_over_time_is_bytes_an_hour(text: str, expected: float) -> None:
    """Every denominator of the contract."""
    assert parse_rate_bytes_per_h(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["50 MB", "4 KiB/query", "50 MB/minute", "/min", "50/min"])
def test_a_rate_over_time_refuses_what_is_not_one(text: str) -> None:
    """A size alone and a size per query are something else."""
    with pytest.raises(UsageError, match="expected a rate"):
        parse_rate_bytes_per_h(text)


def test_what_no_memory_holds_is_refused() -> None:
    """Its square would be no number, nor would the verdict."""
    for parse, unit in ((parse_size_bytes, "B"), (parse_rate_bytes_per_h, "B/s"), (parse_bytes_per_query, "B/query")):
        with pytest.raises(UsageError, match=r"expected at most 1e\+24 bytes"):
            parse("9" * 300 + unit)


def test_bytes_per_query_come_with_or_without_their_denominator() -> None:
    """The flag's name says per query already."""
    assert parse_bytes_per_query("4 KiB") == parse_bytes_per_query("4 KiB/query") == 4096
    with pytest.raises(UsageError, match="expected a size per query"):
        parse_bytes_per_query("4 KiB/min")


def test_formats_read_well() -> None:
    """Three digits, decimal units, at most two units of time."""
    assert [format_bytes(n) for n in (0, 999, 1000, 307_000, 50e6, 2.5e9, -1200)] == [
        "0 B",
        "999 B",
        "1.00 kB",
        "307 kB",
        "50.0 MB",
        "2.50 GB",
        "-1.20 kB",
    ]
    assert format_rate_per_min(3e9) == "50.0 MB/min"
    assert [format_duration(s) for s in (0, 59.6, 90, 3600, 5400, 90000)] == [
        "0 s",
        "1 min",
        "1 min 30 s",
        "1 h",
        "1 h 30 min",
        "1 d 1 h",
    ]


def test_nothing_has_no_sign() -> None:
    """What rounds to zero is zero from either side."""
    assert format_rate_per_min(-1000.0) == format_rate_per_min(0.0) == "0.00 MB/min"
    assert format_bytes(-0.2) == "0 B"


def test_whole_sizes_are_said_as_they_are_written() -> None:
    """A limit of 4 KiB is not 4.10 kB; one of 500 kB is nothing in KiB, though it divides by 32."""
    sizes = (4096.0, 16 * 2.0**20, 1.5 * 2**30, 2.0**31, 512_000.0, 4097.0, 512.0, 0.0)

    assert [format_whole_bytes(size) for size in sizes] == [
        *("4 KiB", "16 MiB", "1536 MiB", "2 GiB"),
        *(None, None, None, None),
    ]
