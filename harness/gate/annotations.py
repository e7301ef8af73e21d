"""What a CI server is told beside the exit code: GitHub's annotations and step summary.

Nothing is printed or written unless the environment says that this runs there.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.model import Outcome
from harness.report.story import HEADLINES, gate_limit, gate_title, gate_value, why
from harness.report.text import printable
from harness.verdict import Verdict

_LEVELS = {Outcome.FAIL: "error", Outcome.INVALID: "error", Outcome.INCONCLUSIVE: "warning", Outcome.PASS: "notice"}
_MOST_ANNOTATIONS = 10
"""GitHub shows ten of each level a step."""


def github_commands(verdict: Verdict, environment: Mapping[str, str]) -> list[str]:
    """Workflow commands, one a line: the outcome first, then each gate that does not pass. None outside GitHub."""
    if environment.get("GITHUB_ACTIONS") != "true":
        return []
    lines = [_command(_LEVELS[verdict.outcome], HEADLINES[verdict.outcome], why(verdict))]
    for gate in verdict.gates:
        if gate.outcome is not Outcome.PASS:
            message = f"measured {gate_value(gate)}; limit {gate_limit(gate)}"
            lines.append(_command(_LEVELS[gate.outcome], f"{gate_title(gate)}: {gate.outcome.value}", message))
    return lines[:_MOST_ANNOTATIONS]


def append_summary(markdown: str, environment: Mapping[str, str]) -> Path | None:
    """Adds ``markdown`` to the step summary; the path written to, None where there is none. Raises OSError."""
    name = environment.get("GITHUB_STEP_SUMMARY")
    if not name:
        return None
    path = Path(name)
    with path.open("a", encoding="utf-8") as file:
        file.write(markdown + "\n")
    return path


def _command(level: str, title: str, message: str) -> str:
    return f"::{level} title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    """A message: a percent sign or a line end in it would begin another command."""
    return printable(text, 2000).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """A property: colons and commas end it as well."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
