"""``mock-tts``: an ElevenLabs text-to-speech server for tests, on this machine."""

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer

from mock_tts.catalog import PLANS
from mock_tts.errors import UsageError
from mock_tts.faults import load_faults
from mock_tts.profile import load_profile
from mock_tts.server import serve as run_server
from mock_tts.service import Service
from mock_tts.settings import OverLimit, Settings, parse_choices

_EXAMPLES = """
Examples:

  mock-tts serve --port 8880

  mock-tts serve --port 0 --profile instant --seed 7

  mock-tts serve --tls-port 8443 --plan creator --over-limit reject --faults faults.toml
"""

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


_WrongUsage: Any = typer.BadParameter.__mro__[2]
"""Base of what typer raises for wrong arguments: click's exception, or that of its own copy of click."""


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mock-tts {version('voice-soak')}")
        raise typer.Exit


@app.callback(epilog=_EXAMPLES)
def root(
    _shown: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Stands in for ElevenLabs text-to-speech, so that real clients can be soaked on one machine."""


@app.command(epilog=_EXAMPLES)
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port for HTTP and WebSocket; 0 takes a free one.")
    ] = 8880,
    tls_port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port for HTTPS and WSS; prints the path of its CA certificate."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides audio, jitter, ids and which requests a fault rate hits.")] = 0,
    profile: Annotated[str, typer.Option(help="realistic, instant, slow, or a TOML file.")] = "realistic",
    faults: Annotated[Path | None, typer.Option(help="TOML file with [[fault]] tables.")] = None,
    key: Annotated[list[str] | None, typer.Option(help="Accept only this API key; repeatable. Default: any.")] = None,
    strict_voices: Annotated[bool, typer.Option("--strict-voices", help="Accept only the listed voices.")] = False,
    plan: Annotated[str | None, typer.Option(help=f"Concurrency and formats of a plan: {', '.join(PLANS)}.")] = None,
    over_limit: Annotated[
        OverLimit, typer.Option(help="Above the plan's concurrency: wait, or 429 at once.")
    ] = OverLimit.QUEUE,
    queue_length: Annotated[int, typer.Option(min=0, help="Requests that may wait; above it 429.")] = 100,
    quota: Annotated[int | None, typer.Option(min=0, help="Credits of the account. Default: endless.")] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="name=value for an open point of the protocol; see the docs.")
    ] = None,
) -> None:
    """Serves until it is told to stop; prints one line when it is ready."""
    if plan is not None and plan not in PLANS:
        raise UsageError(f"--plan: expected one of {', '.join(PLANS)}, found {plan!r}; name one of these")
    if key is not None and not all(one.strip() for one in key):
        raise UsageError("--key: expected a key, found an empty one; leave --key out to accept any")
    settings = Settings(
        seed=seed,
        profile=load_profile(profile),
        keys=None if not key else frozenset(key),
        strict_voices=strict_voices,
        plan=None if plan is None else PLANS[plan],
        over_limit=over_limit,
        queue_length=queue_length,
        quota_credits=quota,
        choices=parse_choices(option or []),
    )
    service = Service(settings, () if faults is None else load_faults(faults))
    run_server(service, host, port, tls_port, lambda text: print(text, flush=True))


def main() -> None:
    """Entry point: 0 after an orderly stop, 2 with one line on stderr for wrong usage."""
    try:
        app(standalone_mode=False)
    except UsageError as error:
        print(f"mock-tts: {error}", file=sys.stderr)
        sys.exit(2)
    except _WrongUsage as error:
        problem = " ".join(error.format_message().split()).rstrip(".")
        print(f"mock-tts: {problem}; see mock-tts serve --help", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
