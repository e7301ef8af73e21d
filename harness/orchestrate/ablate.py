"""The troubleshooting ladder as an experiment: the target as it is, and with its switches thrown, one at a time.

Knows what a switch is and how a plan takes it; the runs are ``harness.orchestrate.experiment``'s.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from harness.errors import UsageError
from harness.orchestrate.experiment import Arm
from harness.plan.document import Plan

BASE = "base"
REFERENCE_SWITCHES = (
    "thinking_sound: FIX_THINKING_SOUND=true",
    "duplicate_requests: FIX_DUPLICATE_REQUESTS=true",
    "tts_chunk_refs: FIX_TTS_CHUNK_REFS=true",
    "dialogue_state: FIX_DIALOGUE_STATE=true",
    "memory_tracker: FIX_MEMORY_TRACKER=true",
)
"""The five fixes of the reference backend: the incident's ladder."""

_LABEL = re.compile(r"([A-Za-z0-9][A-Za-z0-9 _.-]*):\s+(.+)")
_VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)")


@dataclass(frozen=True, slots=True)
class Switch:
    """Variables for the target's environment, or words for its command line, and what to call them."""

    name: str
    variables: dict[str, str]
    flags: tuple[str, ...]


def parse_switch(text: str) -> Switch:
    """``NAME=VALUE``, ``--flag`` or several with blanks between, after ``label: `` if wanted. Raises UsageError."""
    labelled = _LABEL.fullmatch(text.strip())
    label, words = (labelled[1].strip(), labelled[2].split()) if labelled else (None, text.split())
    variables: dict[str, str] = {}
    flags: list[str] = []
    for word in words:
        variable = _VARIABLE.fullmatch(word)
        if word.startswith("-") or (flags and variable is None):
            flags.append(word)
        elif variable is not None:
            variables[variable[1]] = variable[2]
        else:
            raise UsageError(
                f"expected a switch such as 'DISABLE_MEMORY_TRACKER=true' or '--no-cache', found {text!r}; "
                "a name for it may stand before it: 'tracker: DISABLE_MEMORY_TRACKER=true'"
            )
    if not variables and not flags:
        raise UsageError("expected a switch such as 'DISABLE_MEMORY_TRACKER=true', found an empty text")
    return Switch(label or " ".join(words), variables, tuple(flags))


def arms_for(plan: Plan, switches: Sequence[Switch]) -> list[Arm]:
    """The target as it is, and once with each switch. Raises UsageError."""
    names = [BASE, *(switch.name for switch in switches)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"expected every switch once and none called {BASE!r}, found {twice[0]!r} again")
    if len(names) < 2:
        raise UsageError("expected at least one --switch such as 'DISABLE_MEMORY_TRACKER=true', found none")
    return [Arm(BASE, plan), *(Arm(switch.name, thrown(plan, switch)) for switch in switches)]


def thrown(plan: Plan, switch: Switch) -> Plan:
    """``plan`` with ``switch`` thrown. Raises UsageError where the target is not started by the run."""
    if plan.container is not None and plan.container.image is not None:
        container = plan.container
        if switch.flags:
            command = (*(container.command or ()), *switch.flags)
            container = container.model_copy(update={"command": command})
        container = container.model_copy(update={"env": {**container.env, **switch.variables}})
        return plan.model_copy(update={"container": container})
    target = plan.target
    runs_already = [n for n in ("pid", "container") if getattr(target, n) is not None]
    if runs_already or (target.base_url is not None and target.command is None and target.reference is None):
        raise UsageError(
            "expected a target that each run starts anew ([target] command, reference, or [container] image), found "
            f"one that runs already ({', '.join(runs_already) or 'base-url'}): its switches cannot be thrown"
        )
    update: dict[str, object] = {"env": {**target.env, **switch.variables}}
    if switch.flags:
        if target.command is None:
            raise UsageError(f"expected variables for the reference backend, found {' '.join(switch.flags)!r}")
        update["command"] = f"{target.command} {' '.join(switch.flags)}"
    return plan.model_copy(update={"target": target.model_copy(update=update)})
