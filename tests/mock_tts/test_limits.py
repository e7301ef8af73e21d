"""Slots, credits and tokens."""

from mock_tts.limits import MAX_TOKENS, TOKEN_LIFE_S, Credits, Slots, Tokens


def test_slots_are_counted_by_group() -> None:
    """A full group refuses, another does not; no limit never refuses."""
    slots = Slots()

    assert [slots.try_enter("fast", 2) for _ in range(3)] == [True, True, False]
    assert slots.try_enter("slow", 1)
    assert slots.try_enter("fast", None)
    slots.leave("fast")
    slots.leave("fast")
    assert slots.try_enter("fast", 2)


def test_credits_run_out() -> None:
    """What cannot be paid is not taken."""
    credits = Credits(10)

    assert [credits.spend(4) for _ in range(3)] == [True, True, False]
    assert credits.left == 2
    assert Credits(None).spend(10**9)


def test_tokens_are_good_once_and_not_for_long() -> None:
    """Consumed on first use, void after 15 minutes, and never more than a fixed number."""
    tokens = Tokens()
    for name in ("a", "b"):
        tokens.issue(name, 0.0)

    assert [tokens.consume("a", 1.0), tokens.consume("a", 1.0)] == [True, False]
    assert [tokens.is_known("a"), tokens.is_known("z")] == [True, False]
    tokens.issue("for listening", 0.0, speaks=False)
    assert not tokens.consume("for listening", 1.0)
    assert not tokens.consume("b", TOKEN_LIFE_S + 1)
    for number in range(MAX_TOKENS + 5):
        tokens.issue(str(number), 0.0)
    assert not tokens.consume("0", 1.0)
