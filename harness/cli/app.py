"""The command line put together. Turns every error into one line on stderr and an exit code.

Only the module of the command that is asked for is imported: those that drive a run need a second to load, and judging
a stored one does not need them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any

import typer

from harness import __version__
from harness.errors import SoakError
from harness.model import ExitCode

TRACEBACK_VARIABLE = "SOAK_TRACEBACK"
"""Set, an unexpected error is raised instead of told: Python's own exit code for one, 1, means a failed gate here."""

_WrongUsage: Any = typer.BadParameter.__mro__[2]
"""Base of what typer raises for wrong arguments: click's exception, or that of its own copy of click."""

COMMANDS = {
    name: f"harness.cli.{name}"
    for name in "run attach analyze report gate compare ablate plan demo list doctor init".split()
}
"""Module of each command, in the order of the help; its function has the command's name but for ``_FUNCTIONS``."""
_FUNCTIONS = {"list": "list_runs"}


_EPILOG = """\
Examples:

  soak demo

  soak run mixed --duration 10m --speedup 20 --target-command "node server.js"

  soak attach --pid 4242 --duration 30m

  soak gate reports/20261122T131500Z-mixed-1a2b --max-growth "5 MB/min"

Exit codes: 0 pass, 1 a gate failed, 2 wrong usage, 3 inconclusive, 4 invalid run, 130 interrupted.
"""


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"soak {__version__}")
        raise typer.Exit


def command_line(names: Iterable[str]) -> typer.Typer:
    """The command line with these of ``COMMANDS``, whose modules are imported."""
    app = typer.Typer(
        name="soak",
        help="Soak tests that tell the truth about memory: drive a voice backend, sample what the operating system "
        "holds for it, and say with an interval whether it leaks, how fast, and which kind of use grows it.",
        epilog=_EPILOG,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    )

    @app.callback()
    def _root(
        version: bool = typer.Option(
            False, "--version", callback=_print_version, is_eager=True, help="Print the version and leave."
        ),
    ) -> None:
        pass

    for name in names:
        app.command(name)(getattr(import_module(COMMANDS[name]), _FUNCTIONS.get(name, name)))
    return app


def _asked_for(arguments: Sequence[str]) -> Iterable[str]:
    """The command that ``arguments`` name; all where they name none, for the help and for what was meant."""
    first = next((argument for argument in arguments if not argument.startswith("-")), None)
    return [first] if first in COMMANDS else COMMANDS


def run_command_line(arguments: Sequence[str]) -> int:
    """Carries out one command line; the exit code of the contract."""
    try:
        app = command_line(_asked_for(arguments))
        result = app(list(arguments), prog_name="soak", standalone_mode=False)
    except _WrongUsage as error:
        return _complain(_told(error), ExitCode.USAGE)
    except SoakError as error:
        return _complain(str(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _complain("interrupted", ExitCode.INTERRUPTED)
    except SystemExit:  # the parser's way with a pipe that broke; its code, 1, means a failed gate here
        return _complain("expected a reader at the other end of a pipe, found it closed", ExitCode.INVALID)
    except Exception as error:
        if os.environ.get(TRACEBACK_VARIABLE):
            raise
        what = f"expected no {type(error).__name__} here, found one: {error}"
        return _complain(f"{what}; a mistake of soak's own: {TRACEBACK_VARIABLE}=1 shows where", ExitCode.INVALID)
    if result == ExitCode.INTERRUPTED and not isinstance(result, ExitCode):
        return _complain("interrupted", ExitCode.INTERRUPTED)  # the newer parsers' own word for Ctrl-C
    return int(result) if isinstance(result, int) else ExitCode.PASS


def _told(error: Any) -> str:
    """What the parser found, and whose help says more."""
    context = getattr(error, "ctx", None)
    command = "soak" if context is None else context.command_path
    message = error.format_message().rstrip(".")
    if message == "Missing command":
        message = f"expected a command ({' '.join(COMMANDS)}), found none"
    return f"{message}; see `{command} --help`"


def _complain(message: str, code: ExitCode) -> int:
    one_line = " ".join(message.split())
    sys.stderr.write(f"soak: {one_line}\n")
    return code
