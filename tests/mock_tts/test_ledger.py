"""Counts, bounded in size."""

from mock_tts.ledger import JOURNAL_ENTRIES, TEXTS, Entry, Ledger, text_hash


def test_sizes_are_bounded() -> None:
    """However much is asked for, journal and texts keep the last ones only."""
    ledger = Ledger()
    for number in range(3 * TEXTS):
        ledger.count_text("convert", f"text {number}", 5)
        ledger.note(Entry(0.0, "convert", "v", "h", 1, 200, 1, str(number)))

    assert len(ledger._texts) == TEXTS
    assert len(ledger.journal()) == JOURNAL_ENTRIES
    assert [entry["request_id"] for entry in ledger.journal(2)] == ["5998", "5999"]
    assert ledger.journal(0) == []


def test_repeated_texts_come_first() -> None:
    """What was asked for most often on one route leads the list; single texts are not on it."""
    ledger = Ledger()
    for route, text in (("a", "x"), ("a", "x"), ("b", "x"), ("a", "y"), ("a", "y"), ("a", "y")):
        ledger.count_text(route, text_hash(text), len(text))

    assert [(row["text_hash"], row["count"]) for row in ledger.repeated_texts()] == [
        (text_hash("y"), 3),
        (text_hash("x"), 2),
    ]


def test_reset_forgets_the_past_but_not_what_is_open() -> None:
    """Gauges belong to streams that still run."""
    ledger = Ledger()
    ledger.requests["convert"] += 1
    ledger.gauges.open_streams += 1
    ledger.reset()

    assert ledger.stats()["requests_total"] == 0
    assert ledger.stats()["open_streams"] == 1
