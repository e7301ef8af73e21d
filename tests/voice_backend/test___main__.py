"""Tests of ``voice_backend.__main__``: flags, variables and what wrong ones say."""

import sys
from collections.abc import Callable
from typing import Any

import pytest

from voice_backend import __main__, process
from voice_backend.faults import Fault
from voice_backend.settings import Settings
from voice_backend.tts_client import SpeechTransport


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, list[Settings]]]:
    """Runs the command without serving: its exit code, and the settings that it would have served."""

    def call(*arguments: str, **variables: str) -> tuple[int, list[Settings]]:
        served: list[Settings] = []

        def serve(settings: Settings, announce: Any) -> int:
            served.append(settings)
            announce("http://127.0.0.1:1")
            return 0

        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(process, "run", serve)
        monkeypatch.setattr(sys, "argv", ["voice-backend", *arguments])
        with pytest.raises(SystemExit) as ended:
            __main__.main()
        assert isinstance(ended.value.code, int)
        return ended.value.code, served

    return call


def test_the_defaults_are_the_leaking_build_on_this_machine_only(
    run: Callable[..., tuple[int, list[Settings]]], capsys: pytest.CaptureFixture[str]
) -> None:
    """All five faults, loopback, one process, HTTP; and the line that says it is ready."""
    code, (settings,) = run("serve")

    assert code == 0
    assert settings.host == "127.0.0.1"
    assert dict(settings.strengths) == dict.fromkeys(Fault, 1.0)
    assert (settings.time_scale, settings.workers, settings.plateau_cache_bytes) == (1.0, 1, 0)
    assert settings.tts_transport is SpeechTransport.HTTP
    assert capsys.readouterr().out == "voice-backend listening on http://127.0.0.1:1\n"


def test_every_switch_can_be_a_flag(run: Callable[..., tuple[int, list[Settings]]]) -> None:
    """As the command's table names them."""
    _, (settings,) = run(
        *("serve", "--host", "::1", "--port", "0", "--tts-url", "http://tts:1", "--preset", "after"),
        *("--fault", "dialogue_state=0.1", "--time-scale", "60", "--workers", "3", "--plateau-cache", "1.5"),
        *("--tts-transport", "websocket", "--cached-sound"),
    )

    assert (settings.host, settings.port, settings.tts_url) == ("::1", 0, "http://tts:1")
    assert settings.strengths[Fault.DIALOGUE_STATE] == 0.1
    assert sum(settings.strengths.values()) == 0.1
    assert (settings.time_scale, settings.workers, settings.plateau_cache_bytes) == (60.0, 3, 1_500_000)
    assert settings.tts_transport is SpeechTransport.WEBSOCKET
    assert settings.cached_sound


def test_every_switch_can_be_a_variable(run: Callable[..., tuple[int, list[Settings]]]) -> None:
    """``VOICE_BACKEND_<NAME>``, and the incident's own."""
    _, (settings,) = run(
        "serve",
        PORT="0",
        TTS_URL="http://tts:1",
        VOICE_BACKEND_HOST="::1",
        VOICE_BACKEND_FAULTS="",
        VOICE_BACKEND_FAULT="dialogue_state=0.1,tts_chunk_refs=0.2",
        VOICE_BACKEND_TIME_SCALE="60",
        VOICE_BACKEND_WORKERS="3",
        VOICE_BACKEND_PLATEAU_CACHE="1.5",
        VOICE_BACKEND_TTS_TRANSPORT="websocket",
        VOICE_BACKEND_CACHED_SOUND="true",
        DISABLE_MEMORY_TRACKER="true",
        FIX_DIALOGUE_STATE="true",
        ELEVENLABS_API_KEY="sk_test",
    )

    assert (settings.host, settings.port, settings.tts_url) == ("::1", 0, "http://tts:1")
    assert {fault for fault, strength in settings.strengths.items() if strength} == {Fault.TTS_CHUNK_REFS}
    assert (settings.time_scale, settings.workers, settings.plateau_cache_bytes) == (60.0, 3, 1_500_000)
    assert (settings.cached_sound, settings.tracker_enabled, settings.api_key) == (True, False, "sk_test")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("frob",),
        ("serve", "--nope"),
        ("serve", "--port", "abc"),
        ("serve", "--port", "70000"),
        ("serve", "--preset", "during"),
        ("serve", "--faults", "tts"),
        ("serve", "--fault", "tts_chunk_refs=2"),
        ("serve", "--time-scale", "0"),
        ("serve", "--workers", "0"),
        ("serve", "--tts-url", "tts"),
        ("serve", "--tts-transport", "grpc"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(
    run: Callable[..., tuple[int, list[Settings]]], capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    """On stderr, nothing on stdout, nothing served."""
    code, served = run(*arguments)
    output = capsys.readouterr()

    assert (code, served, output.out) == (2, [], "")
    assert output.err.startswith("voice-backend: ")
    assert output.err.count("\n") == 1


def test_help_and_version(run: Callable[..., tuple[int, list[Settings]]], capsys: pytest.CaptureFixture[str]) -> None:
    """Help has examples and every fault; the version is the distribution's."""
    codes = [run("--version")[0], run("serve", "--help")[0], run("--help")[0]]
    output = capsys.readouterr().out

    assert codes == [0, 0, 0]
    assert output.startswith("voice-backend ")
    assert "voice-backend serve --preset after --fault dialogue_state=0.1" in output
    assert all(fault in output for fault in Fault)
