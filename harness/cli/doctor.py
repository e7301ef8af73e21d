"""``soak doctor``: what works on this machine and what does not, why, and what would change it."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from harness.errors import UsageError
from harness.model import ExitCode


def doctor(
    pid: Annotated[int | None, typer.Option(envvar="SOAK_PID", help="A target that runs.", metavar="N")] = None,
    container: Annotated[
        str | None, typer.Option(help="A container that runs: name, id, Compose service or label.", metavar="NAME")
    ] = None,
    node: Annotated[str | None, typer.Option(help="A Node.js inspector, HOST:PORT.", metavar="HOST:PORT")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout, no more.")] = False,
) -> ExitCode:
    """Tell what can be sampled and captured here, and for each no the reason and the command that would change it.

    Always leaves with 0: a "no" is an answer, not a failure. Examples:

      soak doctor

      soak doctor --pid 4242 --json

      soak doctor --container voice-1
    """
    from harness.diagnose.doctor import examine

    if pid is not None and container is not None:
        raise UsageError("expected one target, found --pid and --container; name one")
    findings = examine(pid, node, container)
    if as_json:
        sys.stdout.write(json.dumps({"checks": [finding.to_json() for finding in findings]}) + "\n")
        return ExitCode.PASS

    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    for head in ("", "what", "found", "what would change it"):
        table.add_column(head, overflow="fold")
    for finding in findings:
        table.add_row(*(Text(cell) for cell in (finding.answer.value, finding.what, finding.found, finding.fix)))
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 120)
    console.print(table)
    return ExitCode.PASS
