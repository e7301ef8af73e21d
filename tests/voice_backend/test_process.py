"""Tests of ``voice_backend.process``: the command as a real process, from its first line to its end."""

import signal
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest

from voice_backend.faults import Fault, Switch
from voice_backend.process import bind, make_sound, make_switches
from voice_backend.settings import Settings, SettingsError
from voice_backend.thinking_sound import CachedSound, NoSound, SoundReadEveryTime


def settings(strength: float = 0.0, *, cached: bool = False) -> Settings:
    return Settings("127.0.0.1", 0, "http://127.0.0.1:1", "key", {Fault.THINKING_SOUND: strength}, cached_sound=cached)


def test_a_port_in_use_and_an_unknown_host_are_named() -> None:
    """One sentence that says what to choose instead."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=rf"cannot listen on 127.0.0.1:{port}: .*choose another --port"):
            bind("127.0.0.1", port)
    with pytest.raises(SettingsError, match="choose another --host"):
        bind("no such host", 0)


def test_every_fault_gets_a_switch() -> None:
    """Those not named are off."""
    switches = make_switches(settings(0.5))

    assert set(switches) == set(Fault)
    assert switches[Fault.THINKING_SOUND].strength == 0.5
    assert switches[Fault.DIALOGUE_STATE].strength == 0.0


def test_the_sound_follows_the_fault_and_the_cached_fix(tmp_path: Path) -> None:
    """Fixed: none. Faulty: a file, read again. Fix 1b: cached, whatever the fault says."""
    assert isinstance(make_sound(settings(), Switch(0), tmp_path), NoSound)
    assert isinstance(make_sound(settings(1), Switch(1), tmp_path), SoundReadEveryTime)
    assert isinstance(make_sound(settings(1, cached=True), Switch(1), tmp_path), CachedSound)
    assert (tmp_path / "thinking.wav").stat().st_size == 230_478


@pytest.mark.slow
@pytest.mark.parametrize(("with_signal", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_it_in_time_with_streams_open_and_readers_stalled(
    command: Any, upstream: Any, with_signal: int, code: int
) -> None:
    """Under two seconds, without a traceback, and nothing but the contract's lines in the log."""
    backend = command("--preset", "before", "--tts-url", upstream.url)
    port = int(backend.url.rsplit(":", 1)[1])
    with (
        httpx.Client(base_url=backend.url, trust_env=False) as client,
        socket.create_connection(("127.0.0.1", port)) as stalled,
        client.stream("GET", "/api/voice/open-stream?dialogueId=open") as response,
    ):
        stalled.sendall(b"GET /api/voice/open-stream?dialogueId=stalled HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert next(response.iter_lines()) == "event: ping"
        for number in range(30):
            body = {"text": str(number), "dialogueId": "stalled"}
            client.post("/api/voice/converse", json=body).raise_for_status()
        took_s = backend.stop(with_signal)

    assert took_s < 2
    assert backend.process.returncode == code
    assert not [line for line in backend.lines[1:] if not line.startswith(("[Voice Converse] ", "🎤 ", "🧹 "))]


@pytest.mark.slow
def test_the_log_of_one_conversation_is_the_contracts(command: Any, upstream: Any) -> None:
    """One line for the answer, one a chunk, one for the end; each query adds exactly six."""
    backend = command("--preset", "after", "--tts-url", upstream.url)
    with httpx.Client(base_url=backend.url, trust_env=False) as client:
        for number in range(2):
            client.post("/api/voice/converse", json={"text": "hi", "dialogueId": str(number)}).raise_for_status()
            with client.stream("GET", f"/api/voice/open-stream?dialogueId={number}") as response:
                next(line for line in response.iter_lines() if line == "event: done")
        while client.get("/health").json()["activeDialogues"]:
            pass
        backend.stop()

    # The order across conversations is the network's: a goodbye may be seen after the next query.
    assert sorted(backend.lines[1:]) == sorted(
        2
        * [
            "[Voice Converse] 🎵 Client will play local thinking sound (0 bytes transferred)",
            *(f"🎤 ElevenLabs generated 50618 bytes for chunk {index}" for index in range(4)),
            "🧹 [Voice Cleanup] Cleared 7 buffered messages",
        ]
    )


@pytest.mark.slow
def test_the_switches_of_the_environment_reach_the_service(command: Any, upstream: Any) -> None:
    """The preset, one fix, the time scale and the tracker's switch, all by variable."""
    backend = command(
        VOICE_BACKEND_PRESET="before",
        FIX_TTS_CHUNK_REFS="true",
        VOICE_BACKEND_TIME_SCALE="1000",
        DISABLE_MEMORY_TRACKER="true",
        TTS_URL=upstream.url,
    )
    with httpx.Client(base_url=backend.url, trust_env=False) as client:
        answer = client.post("/api/voice/converse", json={"text": "hi", "dialogueId": "d1"}).json()
        with client.stream("GET", "/api/voice/open-stream?dialogueId=d1") as response:
            next(line for line in response.iter_lines() if line == "event: done")
        ledger = client.get("/debug/ledger").json()
        samples = client.get("/debug/memory").json()["trackerSamples"]
    backend.stop()

    assert "thinkingSound" in answer
    assert ledger["tts_chunk_refs"]["retainedBytes"] == 0
    assert samples == 0
