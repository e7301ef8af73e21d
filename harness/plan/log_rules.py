"""``[[log_rules]]``: what the target's log must and must not say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from harness.errors import UsageError
from harness.plan.fields import NotNegative, Section
from harness.plan.gate_rules import GateRule, Judged
from harness.store.schema import is_probe_name

VALUE_GROUP = "value"
"""A pattern's group of this name holds a number of bytes, of which the sum is kept."""


def _pattern(value: str) -> str:
    try:
        expression = re.compile(value.encode())
    except re.error as error:
        raise ValueError(f"expected a regular expression, found {value!r}: {error}") from None
    if expression.match(b""):
        raise ValueError(f"expected an expression that needs some text, found {value!r}, which every line matches")
    return value


def _rule_name(value: str) -> str:
    if not is_probe_name(value):
        raise ValueError(f"expected a name of letters, digits, '-' and '_', found {value!r}")
    return value


class LogRule(Section):
    """Lines to look for in a service's log, and how many of them there may be.

    ``max = 0`` forbids, ``min = 1`` expects, ``max_per_query`` and ``min_per_query`` count by query that ended; without
    a bound the lines are only counted. With a group ``(?P<value>...)`` in the pattern, ``min_share_of_answers`` is the
    part of all bytes received that those bytes (as base64) must explain.
    """

    name: Annotated[str, AfterValidator(_rule_name)]
    contains: Annotated[str, Field(min_length=1)] | None = None
    pattern: Annotated[str, AfterValidator(_pattern)] | None = None
    service: str = "target"
    means: str = ""
    max: NotNegative | None = None
    min: NotNegative | None = None
    max_per_query: NotNegative | None = None
    min_per_query: NotNegative | None = None
    min_share_of_answers: NotNegative | None = None

    @model_validator(mode="after")
    def _one_text(self) -> LogRule:
        if (self.contains is None) == (self.pattern is None):
            raise ValueError(f"expected either contains or pattern in log rule {self.name!r}")
        if self.min_share_of_answers is not None and VALUE_GROUP not in self.expression().groupindex:
            raise ValueError(f"expected a group (?P<{VALUE_GROUP}>[0-9]+) in the pattern of log rule {self.name!r}")
        return self

    def expression(self) -> re.Pattern[bytes]:
        """What a line is searched for, as UTF-8."""
        text = self.pattern.encode() if self.pattern is not None else re.escape((self.contains or "").encode())
        return re.compile(text, re.MULTILINE)


INCIDENT_RULES = (
    LogRule(
        name="thinking-sound",
        contains="Including thinking sound",
        max=0,
        means="no answer carries the sound",
    ),
    LogRule(
        name="one-post",
        pattern=r"ElevenLabs generated [0-9]+ bytes for chunk 0\b",
        max_per_query=1.02,
        means="each query is processed once, however often it was posted",
    ),
    LogRule(
        name="session-cleanup",
        contains="[Voice Cleanup] Cleared",
        min_per_query=0.98,
        means="a cleanup line for each session",
    ),
    LogRule(
        name="stale-dialogues",
        pattern=r"\[Memory Cleanup\] Cleaned up [1-9]",
        max=0,
        means="no dialogue is left to go stale",
    ),
    LogRule(
        name="speech-chunks",
        pattern=r"ElevenLabs generated (?P<value>[0-9]+) bytes",
        min_share_of_answers=0.9,
        means="the speech generated, as base64, explains what was received",
    ),
    LogRule(
        name="tracker-alarm",
        contains="MEMORY LEAK DETECTED",
        max=0,
        means="the built-in tracker raises no alarm",
    ),
)
"""How the authors of the incident meant to check their fixes, as rules. Per-query bounds leave 2 % for what is under
way when the run ends."""

PRESETS = {"incident": INCIDENT_RULES}


def gates_of(rules: Iterable[LogRule]) -> tuple[GateRule, ...]:
    """The bounds of ``rules`` as gates, so that a run fails by them as by any other."""
    gates = []
    for rule in rules:
        for bound, unit, at_least in (
            (rule.max, "count", False),
            (rule.min, "count", True),
            (rule.max_per_query, "count_per_query", False),
            (rule.min_per_query, "count_per_query", True),
            (rule.min_share_of_answers, "ratio", True),
        ):
            if bound is not None:
                gates.append(GateRule("log_rules", Judged.LOG_MATCHES, bound, unit, rule.name, at_least=at_least))
    return tuple(gates)


def rules_of_config(config: Mapping[str, Any]) -> tuple[LogRule, ...]:
    """The rules that a manifest's config names; what is no rule of ours is left out. Raises UsageError for one of ours
    that cannot be read any more: it may have a bound, and no gate is left out in silence."""
    stored = config.get("log_rules")
    rules = []
    for entry in stored if isinstance(stored, list | tuple) else ():
        try:
            rules.append(LogRule.model_validate(entry))
        except ValidationError as error:
            if not isinstance(entry, Mapping) or entry.keys().isdisjoint(("contains", "pattern")):
                continue
            what = "; ".join(problem["msg"] for problem in error.errors())
            raise UsageError(f"expected log rules in the manifest's config, found {entry!r:.200}: {what}") from None
    return tuple(rules)


def require_counted_alike(asked: Iterable[LogRule], counted: Iterable[LogRule]) -> None:
    """Raises UsageError where a rule in ``asked`` looks for another text than the one of its name in ``counted``."""
    by_name = {rule.name: rule for rule in counted}
    for rule in asked:
        was = by_name.get(rule.name, rule)
        if (was.service, was.expression()) != (rule.service, rule.expression()):
            raise UsageError(
                f"expected the log rule {rule.name!r} as the run counted it, {was.pattern or was.contains!r} in the "
                f"log of {was.service}, found {rule.pattern or rule.contains!r} in that of {rule.service}; "
                "give the new rule a new name"
            )


def _expanded(value: Any) -> Any:
    """The rules with each ``{preset = "incident"}`` replaced by the preset's own."""
    if not isinstance(value, list | tuple):
        return value
    rules: list[Any] = []
    for entry in value:
        if not isinstance(entry, dict) or "preset" not in entry:
            rules.append(entry)
            continue
        if len(entry) > 1 or entry["preset"] not in PRESETS:
            raise ValueError(f"expected preset = one of {', '.join(PRESETS)}, alone in its entry, found {entry!r:.80}")
        rules += PRESETS[entry["preset"]]
    return tuple(rules)


def _named_once(rules: tuple[LogRule, ...]) -> tuple[LogRule, ...]:
    names = [rule.name for rule in rules]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"expected every log rule once, found {name!r} again")
    return rules


LogRules = Annotated[tuple[LogRule, ...], BeforeValidator(_expanded), AfterValidator(_named_once)]
