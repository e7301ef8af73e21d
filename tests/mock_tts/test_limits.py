"""Slots, credits and tokens."""

from mock_tts.limits import LATE_S, MAX_TOKENS, TOKEN_LIFE_S, Credits, Slots, Tokens


def test_slots_are_counted_by_group() -> None:
    """A full group refuses, another does not; no limit never refuses."""
    slots = Slots()

    assert [slots.try_enter("fast", 2, 0.0) for _ in range(3)] == [True, True, False]
    assert slots.try_enter("slow", 1, 0.0)
    assert slots.try_enter("fast", None, 0.0)
    slots.leave("fast")
    slots.leave("fast")
    assert slots.try_enter("fast", 2, 0.0)


def test_slots_are_given_in_turn() -> None:
    """Whoever waits longest gets the next free slot, not whoever comes just then; who does not ask loses its turn."""
    slots = Slots()
    slots.try_enter("fast", 1, 0.0)
    slots.wait("fast", 1, "first", 0.1)
    slots.wait("fast", 1, "second", 0.1)
    slots.wait("fast", 1, "first", 0.2)
    slots.leave("fast")

    assert [slots.try_enter("fast", 1, 0.2, ticket) for ticket in (None, "second", "first")] == [False, False, True]
    slots.leave("fast")
    assert not slots.try_enter("fast", 1, 0.1 + LATE_S)
    assert slots.try_enter("fast", 1, 0.2 + LATE_S)
    assert slots.waiting == 1
    slots.give_up("fast", "second")
    assert slots.waiting == 0


def test_stricter_limit_holds_up_nobody() -> None:
    """A fault may allow some requests fewer slots; those that wait for it let the others pass."""
    slots = Slots()
    slots.wait("fast", 0, "never", 1e9)

    assert slots.try_enter("fast", 2, 0.0)
    assert slots.try_enter("slow", 1, 0.0)


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
