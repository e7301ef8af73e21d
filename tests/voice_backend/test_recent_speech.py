"""Tests of ``voice_backend.recent_speech``."""

from voice_backend.recent_speech import RecentSpeech


def test_the_cache_fills_to_its_cap_and_stops() -> None:
    """It grows with every chunk, and never passes the cap."""
    cache = RecentSpeech(1_000)
    sizes = []
    for _ in range(30):
        cache.add(bytes(90))
        sizes.append(cache.held_bytes)

    assert sizes[:11] == [90 * count for count in range(1, 12)]
    assert sizes[11:] == [990] * 19


def test_without_a_cap_nothing_is_kept() -> None:
    """The default is no cache; a chunk larger than the cap is not kept either."""
    cache = RecentSpeech(0)
    cache.add(b"x")

    assert cache.held_bytes == 0
