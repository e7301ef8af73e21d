"""Tests of ``voice_backend.log``: the contract's lines, letter by letter."""

import io
import sys

import pytest

from voice_backend import log


def test_the_lines_are_those_of_the_contract(capsys: pytest.CaptureFixture[str]) -> None:
    """One line each."""
    log.client_plays_sound()
    log.sound_included()
    log.speech_generated(50_618, 2)
    log.voice_cleanup(7)
    log.memory_cleanup(3, 2)
    log.leak_detected(66_468_000_000, 518_000_000, 500_100_000.0)

    assert capsys.readouterr().out.splitlines() == [
        "[Voice Converse] 🎵 Client will play local thinking sound (0 bytes transferred)",
        "[Voice Converse] 🔊 Including thinking sound in POST response (230478 bytes)",
        "🎤 ElevenLabs generated 50618 bytes for chunk 2",
        "🧹 [Voice Cleanup] Cleared 7 buffered messages",
        "🧹 [Memory Cleanup] Cleaned up 3 stale dialogues (2 remaining)",
        "🚨 [Memory Leak Tracker] MEMORY LEAK DETECTED current: 66468.0 MB, growth: 518.0 MB, rate: 500.1 MB/min",
    ]


def test_a_reader_that_has_gone_does_not_stop_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken pipe or a closed stream is no error of the service."""

    class Broken(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Broken())

    log.voice_cleanup(1)
