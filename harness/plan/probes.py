"""``[[probes]]``: what is read besides the target's own process or container.

An entry names its columns; a column's name ends in its unit (``_bytes _s _ms _count _ratio _per_s``).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from harness.model import Column, ColumnKind, Role, Unit
from harness.plan.fields import DurationS, Section
from harness.plan.target import HttpUrl
from harness.probes.base import Probe
from harness.store.schema import LOAD_ROWS, READ_COLUMN, TIME_COLUMN, is_probe_name, unit_of_column

_RESERVED_COLUMNS = (TIME_COLUMN, READ_COLUMN, "lateness_ms")
MIN_PERIOD_S = 0.01
"""Times are stored to the millisecond; faster than this, lateness would be most of a period."""


def _probe_name(value: str) -> str:
    if not is_probe_name(value) or value == LOAD_ROWS:
        raise ValueError(f"expected a name of letters, digits, '-' and '_' other than {LOAD_ROWS!r}, found {value!r}")
    return value


def column_name(value: str) -> str:
    """``value``, if a column can have it for a name. Raises ValueError."""
    if unit_of_column(value) is None or value in _RESERVED_COLUMNS:
        units = " ".join(f"_{unit.value}" for unit in Unit)
        raise ValueError(f"expected a column name that ends in its unit ({units}), found {value!r}")
    if not value.replace("_", "").isalnum() or not value.isascii():
        raise ValueError(f"expected a column name of letters, digits and '_', found {value!r}")
    return value


def is_column_name(value: str) -> bool:
    """Whether a column can be called ``value``."""
    try:
        column_name(value)
    except ValueError:
        return False
    return True


def _period(value: float) -> float:
    if value < MIN_PERIOD_S:
        raise ValueError(f"expected a period of at least {MIN_PERIOD_S * 1000:.0f} ms, found {value * 1000:g} ms")
    return value


ColumnName = Annotated[str, AfterValidator(column_name)]


class _Entry(Section):
    """What every probe has."""

    name: Annotated[str, AfterValidator(_probe_name)]
    role: Role = Role.TARGET
    period: Annotated[DurationS, AfterValidator(_period)] = 1.0


class ProcessEntry(_Entry):
    """A process and its children, by pid."""

    kind: Literal["process"]
    pid: Annotated[int, Field(gt=0)]

    def build(self) -> Probe:
        from harness.probes.process import ProcessTreeProbe

        return ProcessTreeProbe(self.name, self.role, self.pid, self.period)


class ContainerEntry(_Entry):
    """A container, by name, id, compose service or label (``key=value``)."""

    kind: Literal["container"]
    container: Annotated[str, Field(min_length=1)]

    def build(self) -> Probe:
        from harness.probes.container import ContainerProbe

        return ContainerProbe(self.container, name=self.name, role=self.role, period_s=self.period)


class NodeEntry(_Entry):
    """A Node.js process, over its inspector at ``address``, or the one that SIGUSR1 opens in process ``pid``.

    ``allow_remote`` lets ``address`` be another machine: an inspector runs any code it is sent.
    """

    kind: Literal["node"]
    address: str | None = None
    pid: Annotated[int, Field(gt=0)] | None = None
    allow_remote: bool = False

    @model_validator(mode="after")
    def _reachable(self) -> NodeEntry:
        if self.address is None and self.pid is None:
            raise ValueError(
                "expected address = 'HOST:PORT' of an inspector, or the pid of a Node.js process, found neither"
            )
        return self

    def build(self) -> Probe:
        from harness.probes.node import NodeProbe

        return NodeProbe(self.name, self.role, self.address, self.period, pid=self.pid, allow_remote=self.allow_remote)


class _HttpEntry(_Entry):
    """What the probes over HTTP share: ``counters`` names the columns that only ever go up."""

    url: HttpUrl
    counters: tuple[ColumnName, ...] = ()

    def _columns(self, sources: dict[str, str]) -> tuple[Column, ...]:
        return tuple(column(name, source, name in self.counters) for name, source in sources.items())


class PrometheusEntry(_HttpEntry):
    """Series of a ``/metrics`` page: column name to ``metric`` or ``metric{label="value"}``; matches add up."""

    kind: Literal["prometheus"]
    series: Annotated[dict[ColumnName, str], Field(min_length=1)]

    def build(self) -> Probe:
        from harness.probes.prometheus import PrometheusProbe

        return PrometheusProbe(self.name, self.role, self.url, self.period, self._columns(self.series), self.series)


class JsonEntry(_HttpEntry):
    """Numbers of a JSON document: column name to dotted path (``heap.used``, ``workers.0.rss``)."""

    kind: Literal["json"]
    fields_: Annotated[dict[ColumnName, str], Field(min_length=1, alias="fields")]

    def build(self) -> Probe:
        from harness.probes.json_http import JsonHttpProbe

        return JsonHttpProbe(self.name, self.role, self.url, self.period, self._columns(self.fields_), self.fields_)


ProbeEntry = Annotated[
    ProcessEntry | ContainerEntry | NodeEntry | PrometheusEntry | JsonEntry, Field(discriminator="kind")
]


def column(name: str, source: str, counter: bool) -> Column:
    """The column ``name`` read from ``source``; its unit is the one its name ends in. Raises ValueError without one."""
    unit = unit_of_column(name)
    if unit is None:
        raise ValueError(f"expected a column name that ends in its unit, found {name!r}")
    return Column(name, unit, ColumnKind.COUNTER if counter else ColumnKind.GAUGE, source)
