"""Tests of ``voice_backend.thinking_sound``."""

import base64
import gc
import io
import wave
from pathlib import Path

from voice_backend.thinking_sound import (
    CachedSound,
    NoSound,
    SoundReadEveryTime,
    _Reading,
    make_thinking_sound,
)


def test_the_asset_is_a_wav_of_the_incidents_size_and_length() -> None:
    """230,478 bytes, 2,300 ms, readable by the standard library, and not silent."""
    sound = make_thinking_sound()

    with wave.open(io.BytesIO(sound)) as reader:
        seconds = reader.getnframes() / reader.getframerate()
        frames = reader.readframes(reader.getnframes())

    assert len(sound) == 230_478
    assert seconds == 2.3
    assert len(set(frames)) > 100
    assert int.from_bytes(sound[4:8], "little") == len(sound) - 8


def test_before_the_fix_the_file_is_read_again_for_every_answer(tmp_path: Path) -> None:
    """A changed file is in the next answer, with all fields of the contract."""
    path = tmp_path / "sound.wav"
    source = SoundReadEveryTime(path, lambda: True)
    path.write_bytes(b"one")
    first = source.for_answer()
    path.write_bytes(b"two")

    assert first == {"audio": base64.b64encode(b"one").decode(), "duration": 2300, "loop": True, "format": "wav"}
    assert source.for_answer() == {**first, "audio": base64.b64encode(b"two").decode()}


def test_a_reading_goes_only_when_the_collector_runs(tmp_path: Path) -> None:
    """The request's objects sit in a cycle: there after the answer, gone after a collection."""
    path = tmp_path / "sound.wav"
    path.write_bytes(b"x")
    gc.collect()
    gc.disable()
    try:
        SoundReadEveryTime(path, lambda: True).for_answer()
        left = sum(isinstance(tracked, _Reading) for tracked in gc.get_objects())
        gc.collect()
        collected = sum(isinstance(tracked, _Reading) for tracked in gc.get_objects())
    finally:
        gc.enable()

    assert (left, collected) == (1, 0)


def test_a_partly_fixed_sound_is_left_out_where_the_fault_does_not_strike(tmp_path: Path) -> None:
    """Strength below one: some answers carry it, others nothing."""
    path = tmp_path / "sound.wav"
    path.write_bytes(b"x")
    strikes = iter([True, False])
    source = SoundReadEveryTime(path, lambda: next(strikes))

    assert [source.for_answer() is None for _ in range(2)] == [False, True]


def test_the_cached_sound_is_one_object_and_the_fix_sends_none() -> None:
    """Fix 1b sends the same text each time; the fix sends nothing."""
    cached = CachedSound(b"wav")
    first, second = cached.for_answer(), cached.for_answer()

    assert first is not None
    assert second is not None
    assert first["audio"] is second["audio"]
    assert NoSound().for_answer() is None
