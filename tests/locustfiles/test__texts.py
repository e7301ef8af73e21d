"""What is asked."""

from __future__ import annotations

from locustfiles._texts import text_of


def test_no_two_queries_are_equal_and_the_same_seed_asks_the_same() -> None:
    """So no honest query falls into a backend's duplicate window, and runs can be compared."""
    texts = [text_of(number, 3) for number in range(1000)]

    assert len(set(texts)) == 1000
    assert texts == [text_of(number, 3) for number in range(1000)]
    assert texts[0] != text_of(0, 4)
    assert all(1 <= len(text) <= 5000 for text in texts)


def test_questions_of_the_users_own_are_made_unique() -> None:
    """By the placeholder where there is one, else at the end."""
    assert text_of(7, 0, ("What about {n}?",)) == "What about 7?"
    assert text_of(7, 0, ("And now?",)) == "And now? (0/7)"
