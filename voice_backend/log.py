"""The service's log: the contract's lines on stdout, one line each, UTF-8, nothing else.

When the reader of stdout has gone, the lines go nowhere and the service goes on. No line holds a client's words.
"""

import sys

from voice_backend.thinking_sound import SOUND_BYTES


def _write(line: str) -> None:
    try:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except (OSError, ValueError):
        # A broken pipe or a closed stream: whoever asked for the log no longer reads it.
        return


def client_plays_sound() -> None:
    """An answer went out without the thinking sound."""
    _write("[Voice Converse] 🎵 Client will play local thinking sound (0 bytes transferred)")


def sound_included() -> None:
    """An answer went out with the thinking sound in it."""
    _write(f"[Voice Converse] 🔊 Including thinking sound in POST response ({SOUND_BYTES} bytes)")


def speech_generated(audio_bytes: int, chunk_index: int) -> None:
    """The speech of one chunk arrived from upstream."""
    _write(f"🎤 ElevenLabs generated {audio_bytes} bytes for chunk {chunk_index}")


def voice_cleanup(messages: int) -> None:
    """A dialogue ended with its last client or by a close."""
    _write(f"🧹 [Voice Cleanup] Cleared {messages} buffered messages")


def memory_cleanup(dialogues: int, remaining: int) -> None:
    """The sweep ended stale dialogues."""
    _write(f"🧹 [Memory Cleanup] Cleaned up {dialogues} stale dialogues ({remaining} remaining)")


def leak_detected(current_bytes: int, growth_bytes: int, rate_bytes_per_min: float) -> None:
    """The tracker saw growth above its limit; sizes in MB of 10⁶ bytes."""
    _write(
        "🚨 [Memory Leak Tracker] MEMORY LEAK DETECTED "
        f"current: {current_bytes / 1e6:.1f} MB, growth: {growth_bytes / 1e6:.1f} MB, "
        f"rate: {rate_bytes_per_min / 1e6:.1f} MB/min"
    )
