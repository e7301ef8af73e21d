"""Foreign text is shown in one safe line of bounded length."""

from __future__ import annotations

import pytest

from harness.report.text import distinct, printable, short


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain", "plain"),
        ("red\x1b[31m", "red\\x1b[31m"),
        ("nul\x00", "nul\\x00"),
        ("two\nlines", "two lines"),
        ("user\u202egpj.exe", "user\\u202egpj.exe"),
        ("\ud800", "\\ud800"),
        ("\ufffe", "\\ufffe"),
        ("<b>&amp;", "<b>&amp;"),
        ("Füße 🎤", "Füße 🎤"),
        (None, "None"),
    ],
)
def test_control_characters_are_spelled_out(raw: object, shown: str) -> None:
    """What could move a cursor or break XML is shown as its escape; ordinary letters stay."""

    assert printable(raw) == shown


def test_ten_thousand_characters_are_cut_and_counted() -> None:
    """A very long text keeps its beginning and says how much is missing."""
    shown = printable("x" * 10_000, 100)

    assert shown == "x" * 100 + " … (9,900 more characters)"


def test_labels_that_begin_alike_show_where_they_differ() -> None:
    """A cut label that would stand for two texts begins later; every other one is as short as ever."""
    texts = ["kind number 1 of use", "kind number 12 of use", "normal", "a kind with a very long name"]
    labels = distinct(texts, 11)

    assert len(set(labels.values())) == 4
    assert labels["kind number 1 of use"].startswith("…")
    assert labels["normal"] == "normal"
    assert labels[texts[3]] == short(texts[3], 11)
    assert max(map(len, labels.values())) <= 11
