"""The command ``voice-backend``: reads flags and environment, prints, exits."""

import os
import sys
from importlib.metadata import version
from typing import Annotated, Any

import typer

from voice_backend import process
from voice_backend.settings import (
    Preset,
    Settings,
    SettingsError,
    check_time_scale,
    check_tts_url,
    read_strengths,
    read_switch,
)
from voice_backend.tts_client import SpeechTransport

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_WrongUsage: Any = typer.BadParameter.__mro__[2]
"""What typer raises for wrong arguments: click's ClickException, or that of the copy of click that newer typers
carry."""

SERVE_HELP = """Serve the voice backend of the incident, before or after its fixes.

\b
Examples:
  voice-backend serve --tts-url http://127.0.0.1:8880
  voice-backend serve --preset after --port 0
  voice-backend serve --faults tts_chunk_refs,dialogue_state
  voice-backend serve --preset after --fault dialogue_state=0.1
  FIX_TTS_CHUNK_REFS=true voice-backend serve --preset before

\b
Environment: VOICE_BACKEND_<NAME> for every option (also PORT, TTS_URL), ELEVENLABS_API_KEY,
FIX_<FAULT>=true turns one fault off, DISABLE_MEMORY_TRACKER=true runs without the tracker.
Faults: thinking_sound duplicate_requests tts_chunk_refs dialogue_state memory_tracker
"""


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"voice-backend {version('voice-soak')}")
        raise typer.Exit


@app.callback()
def voice_backend(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """The voice backend of a real incident: five memory faults, five fixes, and the truth about each.

    \b
    Example:
      voice-backend serve --preset before --tts-url http://127.0.0.1:8880
    """


@app.command(help=SERVE_HELP)
def serve(
    host: Annotated[str, typer.Option(envvar="VOICE_BACKEND_HOST", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(envvar=["VOICE_BACKEND_PORT", "PORT"], min=0, max=65535, help="Port, 0 for a free one.")
    ] = 8200,
    tts_url: Annotated[
        str, typer.Option(envvar=["VOICE_BACKEND_TTS_URL", "TTS_URL"], help="Base URL of ElevenLabs, or of mock-tts.")
    ] = "http://127.0.0.1:8880",
    preset: Annotated[
        Preset, typer.Option(envvar="VOICE_BACKEND_PRESET", help="All faults on, or all off.")
    ] = Preset.BEFORE,
    faults: Annotated[
        str | None,
        typer.Option(
            envvar="VOICE_BACKEND_FAULTS", help="Faults that are on, a,b; replaces the preset; none for none."
        ),
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(envvar="VOICE_BACKEND_FAULT", help="name=0.1: strength of one fault; may be repeated."),
    ] = None,
    time_scale: Annotated[
        float, typer.Option(envvar="VOICE_BACKEND_TIME_SCALE", help="Every timer runs this many times faster.")
    ] = 1.0,
    workers: Annotated[
        int,
        typer.Option(
            envvar="VOICE_BACKEND_WORKERS", min=1, max=64, help="Forked processes that fetch the speech; 1: none."
        ),
    ] = 1,
    plateau_cache: Annotated[
        float,
        typer.Option(envvar="VOICE_BACKEND_PLATEAU_CACHE", min=0, max=1e6, help="MB of a cache that fills and stops."),
    ] = 0.0,
    tts_transport: Annotated[
        SpeechTransport, typer.Option(envvar="VOICE_BACKEND_TTS_TRANSPORT", help="How speech is fetched.")
    ] = SpeechTransport.HTTP,
    cached_sound: Annotated[
        bool,
        typer.Option(
            "--cached-sound/--no-cached-sound",
            envvar="VOICE_BACKEND_CACHED_SOUND",
            help="Fix 1b: send one cached copy of the sound.",
        ),
    ] = False,
) -> None:
    """Serve until SIGTERM or SIGINT."""
    if faults is None:
        # Read here too: the parser takes an empty variable for none at all, but it means "no fault".
        faults = os.environ.get("VOICE_BACKEND_FAULTS")
    settings = Settings(
        host=host,
        port=port,
        tts_url=check_tts_url(tts_url),
        api_key=os.environ.get("ELEVENLABS_API_KEY") or "local-development-key",
        strengths=read_strengths(preset, faults, fault or (), os.environ),
        time_scale=check_time_scale(time_scale),
        workers=workers,
        plateau_cache_bytes=round(plateau_cache * 1e6),
        tts_transport=tts_transport,
        cached_sound=cached_sound,
        tracker_enabled=not read_switch("DISABLE_MEMORY_TRACKER", os.environ.get("DISABLE_MEMORY_TRACKER", "")),
    )
    raise typer.Exit(process.run(settings, _announce))


def _announce(url: str) -> None:
    sys.stdout.write(f"voice-backend listening on {url}\n")
    sys.stdout.flush()


def main() -> None:
    """Runs the command; wrong input is one line on stderr and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        code = app(standalone_mode=False)
    except typer.Abort:
        sys.exit(130)
    except _WrongUsage as exc:
        problem = " ".join(exc.format_message().split()).rstrip(".")
        sys.stderr.write(f"voice-backend: {problem}; see voice-backend serve --help\n")
        sys.exit(2)
    except SettingsError as exc:
        sys.stderr.write(f"voice-backend: {exc}\n")
        sys.exit(2)
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
