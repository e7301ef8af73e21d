"""``[gates]``: what the run is judged against."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from harness.errors import UsageError
from harness.model import Limits
from harness.plan.fields import (
    STORED,
    BytesPerQuery,
    DurationS,
    NotNegative,
    RateBytesPerH,
    Section,
    SizeBytes,
    not_negative,
)
from harness.plan.gate_rules import GateRule, Judged
from harness.store.schema import unit_of_column
from harness.units import PER_H, parse_rate_bytes_per_h, parse_size_bytes

DEFAULT_MAX_ERRORS = 0.5
"""Where most queries fail the target was not soaked, and memory that stays level says nothing; so a run in which
certainly more than half of the queries failed does not pass unless the plan says that this is expected."""

_PERCENT = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*%\s*")
_COUNT_RATE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*/\s*(s|min|h|day)\s*")


def _ratio(value: Any) -> Any:
    """``"1 %"`` as 0.01."""
    if not isinstance(value, str):
        return value
    match = _PERCENT.fullmatch(value)
    if match is None:
        raise ValueError(f"expected a share such as 0.01 or '1 %', found {value!r}")
    return float(match[1]) / 100


def _count_per_h(value: Any) -> Any:
    """``"10/h"`` as 10.0; a number is per hour."""
    if not isinstance(value, str):
        return value
    match = _COUNT_RATE.fullmatch(value)
    if match is None:
        raise ValueError(f"expected a number per hour such as 10 or '10/h' (/s /min /h /day), found {value!r}")
    return float(match[1]) * PER_H[match[2]]


def _share(value: float) -> float:
    if not 0 <= value <= 1:
        raise ValueError(f"expected a share from 0 to 1, found {value:g}")
    return value


Share = Annotated[float, BeforeValidator(_ratio), AfterValidator(_share)]
CountPerH = Annotated[NotNegative, BeforeValidator(_count_per_h)]
Text = str | float


class MetricGates(Section):
    """Limits on one metric, named in full (``app.cache_count``) or by its column; sizes and rates as text or number."""

    max: Text | None = None
    max_growth: Text | None = None
    max_after_drain: Text | None = None
    max_per_query: NotNegative | None = None


_OF_VERDICT = ("max_growth", "max_growth_per_query", "max_memory")


class GatesSection(Section):
    """Limits as the user gave them; none given means the defaults of the verdict."""

    max_growth: RateBytesPerH | None = None
    max_growth_per_query: BytesPerQuery | None = None
    max_memory: SizeBytes | None = None
    max_growth_at_production: RateBytesPerH | None = None
    max_idle_growth: RateBytesPerH | None = None
    max_detectable: RateBytesPerH | None = None
    min_time_to_limit: DurationS | None = None
    max_errors: Share = DEFAULT_MAX_ERRORS
    min_completeness: Share | None = None
    max_latency_drift: Annotated[float, Field(gt=0)] | None = None
    max_answer_bytes: SizeBytes | None = None
    max_tts_calls_per_query: NotNegative | None = None
    max_active_dialogues: NotNegative | None = None
    max_fds_growth: CountPerH | None = None
    max_threads_growth: CountPerH | None = None
    max_sockets_growth: CountPerH | None = None
    kinds: dict[str, BytesPerQuery] = Field(default_factory=dict)
    log_rules: dict[str, NotNegative] = Field(default_factory=dict)
    metrics: dict[str, MetricGates] = Field(default_factory=dict)

    def limits(self) -> Limits:
        """The three limits that the verdict itself knows."""
        return Limits(
            max_growth_bytes_per_h=self.max_growth,
            max_growth_bytes_per_query=self.max_growth_per_query,
            max_memory_bytes=self.max_memory,
        )

    def to_config(self) -> dict[str, Any]:
        """The section for a manifest: the verdict's limits as ``Limits`` names them, the rest under ``further``."""
        further = self.model_dump(mode="json", exclude_unset=True, exclude=set(_OF_VERDICT))
        return asdict(self.limits()) | ({"further": further} if further else {})

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> GatesSection:
        """The gates beside the verdict's limits that a manifest names; what is no gate of ours is left out."""
        further = config.get("further")
        known = {name: config[name] for name in cls.model_fields if name in config}
        known |= dict(further) if isinstance(further, Mapping) else {}
        try:
            beside = {name: value for name, value in known.items() if name not in _OF_VERDICT}
            return cls.model_validate(beside, context=STORED)
        except ValidationError:
            return cls()

    def rules(self) -> tuple[GateRule, ...]:
        """Every other gate. Raises UsageError for a limit on a metric that cannot be read in its unit."""
        rules = [rule for name, rule in _simple(self).items() if getattr(self, name) is not None]
        rules += [
            GateRule("kinds", Judged.KIND_GROWTH, limit, "bytes_per_query", kind) for kind, limit in self.kinds.items()
        ]
        rules += [
            GateRule("log_rules", Judged.LOG_MATCHES, limit, "count", rule) for rule, limit in self.log_rules.items()
        ]
        for metric, gates in self.metrics.items():
            rules += _metric_rules(metric, gates)
        return tuple(rules)


def _simple(section: GatesSection) -> dict[str, GateRule]:
    """Field to rule, for the fields that hold one limit (0 where none is given)."""
    rows: tuple[tuple[str, Judged, str, str, float], ...] = (
        ("max_growth_at_production", Judged.PRODUCTION_GROWTH, "bytes_per_h", "", 1),
        ("max_idle_growth", Judged.IDLE_GROWTH, "bytes_per_h", "", 1),
        ("max_detectable", Judged.DETECTABLE, "bytes_per_h", "", 1),
        ("min_time_to_limit", Judged.TIME_TO_LIMIT, "h", "", 1 / 3600),
        ("max_errors", Judged.ERRORS, "ratio", "", 1),
        ("min_completeness", Judged.COMPLETENESS, "ratio", "", 1),
        ("max_latency_drift", Judged.LATENCY_DRIFT, "factor", "", 1),
        ("max_answer_bytes", Judged.ANSWER_BYTES, "bytes_per_query", "", 1),
        ("max_tts_calls_per_query", Judged.METRIC_PER_QUERY, "count_per_query", "tts_calls_count", 1),
        ("max_active_dialogues", Judged.METRIC_DRAINED, "count", "active_dialogues_count", 1),
        ("max_fds_growth", Judged.METRIC_GROWTH, "count_per_h", "fds_count", 1),
        ("max_threads_growth", Judged.METRIC_GROWTH, "count_per_h", "threads_count", 1),
        ("max_sockets_growth", Judged.METRIC_GROWTH, "count_per_h", "sockets_count", 1),
    )
    return {
        name: GateRule(
            name,
            judged,
            (getattr(section, name) or 0.0) * factor,
            unit,
            subject,
            at_least=name.startswith("min_"),
            assumed=name == "max_errors" and name not in section.model_fields_set,
        )
        for name, judged, unit, subject, factor in rows
    }


def _metric_rules(metric: str, gates: MetricGates) -> list[GateRule]:
    unit = unit_of_column(metric)
    if unit is None:
        raise UsageError(f"expected a metric whose name ends in its unit in gates.metrics, found {metric!r}")
    named = unit.value
    rules = []
    for field, judged, rule_unit in (
        ("max", Judged.METRIC_PEAK, named),
        ("max_growth", Judged.METRIC_GROWTH, f"{named}_per_h"),
        ("max_after_drain", Judged.METRIC_DRAINED, named),
        ("max_per_query", Judged.METRIC_PER_QUERY, f"{named}_per_query"),
    ):
        value = getattr(gates, field)
        if value is not None:
            limit = _metric_limit(value, rule_unit, f"gates.metrics.{metric}.{field}")
            rules.append(GateRule(f"metrics.{field}", judged, limit, rule_unit, metric))
    return rules


def _metric_limit(value: Text, unit: str, where: str) -> float:
    """The limit in ``unit``. Raises UsageError."""
    try:
        return not_negative(_in_unit(value, unit))
    except (UsageError, ValueError) as error:
        raise UsageError(f"{where}: {error}") from None


def _in_unit(value: Text, unit: str) -> float:
    if isinstance(value, str):
        if unit == "bytes":
            return parse_size_bytes(value)
        if unit == "bytes_per_h":
            return parse_rate_bytes_per_h(value)
        try:
            return float(_count_per_h(value) if unit.endswith("_per_h") else value)
        except ValueError:
            raise UsageError(f"expected a number of {unit}, found {value!r}") from None
    return float(value)
