"""Tests of ``voice_backend.duplicates``."""

import pytest

from voice_backend.duplicates import REMEMBERED_LIMIT, DuplicateWindow
from voice_backend.faults import Switch


class Clock:
    """A clock that a test moves."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def make(clock: Clock, strength: float = 0.0, time_scale: float = 1.0) -> DuplicateWindow:
    return DuplicateWindow(process_again=Switch(strength), clock=clock, time_scale=time_scale)


def test_the_second_post_17_ms_later_is_not_processed() -> None:
    """Recognised by dialogue and text; another text or another dialogue is a query of its own."""
    clock = Clock()
    window = make(clock)
    first = window.accept("d1", "hello", ongoing=False)
    clock.now_s += 0.017

    assert first
    assert not window.accept("d1", "hello", ongoing=True)
    assert window.accept("d1", "hello!", ongoing=True)
    assert window.accept("d2", "hello", ongoing=False)


def test_before_the_fix_it_is_processed_twice() -> None:
    """With the fault every duplicate counts."""
    window = make(Clock(), strength=1.0)

    assert [window.accept("d1", "hello", ongoing=True) for _ in range(3)] == [True] * 3


def test_the_same_question_later_is_a_new_one() -> None:
    """After the window, and at once after the dialogue has ended (but for the double post itself)."""
    clock = Clock()
    window = make(clock)
    window.accept("d1", "hello", ongoing=False)
    clock.now_s += 0.04
    double_post = window.accept("d1", "hello", ongoing=False)
    clock.now_s += 0.02
    ended = window.accept("d1", "hello", ongoing=False)
    clock.now_s += 2.1
    later = window.accept("d1", "hello", ongoing=True)

    assert (double_post, ended, later) == (False, True, True)


@pytest.mark.parametrize(
    ("time_scale", "after_s", "accepted"),
    [(10, 0.19, False), (10, 0.21, True), (1000, 0.017, False), (1000, 0.068, False)],
)
def test_the_window_follows_the_time_scale_down_to_a_burst(time_scale: float, after_s: float, accepted: bool) -> None:
    """2 s divided by the scale, but never so short that a real double post, or the fifth of a burst, slips through."""
    clock = Clock()
    window = make(clock, time_scale=time_scale)
    window.accept("d1", "hello", ongoing=False)
    clock.now_s += after_s

    assert window.accept("d1", "hello", ongoing=True) is accepted


def test_what_is_remembered_is_bounded() -> None:
    """At any rate of queries within the window."""
    clock = Clock()
    window = make(clock)
    for number in range(REMEMBERED_LIMIT + 500):
        window.accept("d", str(number), ongoing=True)

    assert len(window._accepted_at) <= REMEMBERED_LIMIT + 1


def test_a_dialogue_and_text_are_not_confused_with_another_split() -> None:
    """``ab`` + ``c`` is not ``a`` + ``bc``."""
    window = make(Clock())
    window.accept("ab", "c", ongoing=False)

    assert window.accept("a", "bc", ongoing=False)
