"""Timing profiles."""

from pathlib import Path

import pytest

from mock_tts.errors import UsageError
from mock_tts.profile import PROFILES, load_profile, timing


def test_pieces_are_due_at_the_speed_of_generation() -> None:
    """The first piece after the first byte's time, later ones as fast as audio is generated; instant has no delay."""
    when = timing(PROFILES["realistic"], "flash", b"digest")

    assert 0.22 * 0.85 <= when.first_byte_s <= 0.22 * 1.15
    assert when.due_s(24.0) == pytest.approx(when.first_byte_s + 1.0)
    assert timing(PROFILES["instant"], "flash", b"digest").due_s(100.0) == 0.0


def test_jitter_is_seeded() -> None:
    """The same utterance always waits as long, another one does not."""
    first = timing(PROFILES["slow"], "v3", b"a")

    assert first == timing(PROFILES["slow"], "v3", b"a") != timing(PROFILES["slow"], "v3", b"b")


def test_profile_from_a_file(tmp_path: Path) -> None:
    """TOML with the same names; what is wrong is told in one line."""
    path = tmp_path / "mine.toml"
    path.write_text("realtime_factor = 2\n[first_byte_s]\nflash=1\nturbo=1\nmultilingual=1\nv3=1\n", encoding="utf-8")
    assert load_profile(str(path)).realtime_factor == 2.0

    path.write_text("realtime_factor = -1", encoding="utf-8")
    with pytest.raises(UsageError, match="first_byte_s: Field required"):
        load_profile(str(path))
    with pytest.raises(UsageError, match="expected realistic, instant, slow or a TOML file"):
        load_profile("nothing")
