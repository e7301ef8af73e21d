"""What other metrics say against the memory held."""

from __future__ import annotations

import numpy as np

from harness.agreement import disagreements, grown_observers, self_growth
from harness.analysis.facts import Facts, Setting, analyse
from harness.analysis.regression import Floats
from harness.analysis.stream import Reduced
from harness.model import ColumnKind, Role, Unit
from harness.recorded import Series

T_S = np.arange(900.0)
RNG = np.random.default_rng(3)


def _series(metric: str, y: Floats, role: Role = Role.TARGET) -> tuple[Series, Facts]:
    noisy = y + 1e5 * RNG.normal(size=T_S.size)
    reduced = Reduced(T_S, noisy, 0.0, T_S.size, float(noisy.max()))
    column = metric.split(".")[1]
    series = Series(metric, column, Unit.BYTES, ColumnKind.GAUGE, role, reduced)
    return series, analyse(T_S, noisy, Setting(material=1e3))


def _says(held: Floats, others: dict[str, Floats]) -> dict[str, str]:
    made = {name: _series(name, y) for name, y in {"target.anon_bytes": held, **others}.items()}
    series = {name: s for name, (s, _) in made.items()}
    facts = {name: f for name, (_, f) in made.items() if name != "target.anon_bytes"}
    found = disagreements(series, "target.anon_bytes", made["target.anon_bytes"][1], facts)
    return {d.metric: d.says for d in found}


def test_a_counter_that_grows_alone_is_named() -> None:
    """The incident's phantom: V8's external memory grows, what the operating system holds does not."""
    says = _says(8.1e8 + 0 * T_S, {"node.external_bytes": 1e8 + 2e5 * T_S})

    assert says["node.external_bytes"].startswith("grows 12.0 MB/min while the memory held does not grow")


def test_a_counter_that_claims_more_than_is_held_is_named() -> None:
    """2,566 MB of a process that holds 810."""
    says = _says(8.1e8 + 0 * T_S, {"node.external_bytes": 2.566e9 + 0 * T_S})

    assert says["node.external_bytes"] == "counts 2.57 GB while the memory held is 810 MB"


def test_flat_heaps_under_growing_memory_suspect_the_allocator() -> None:
    """With the experiment that would tell."""
    says = _says(2e8 + 1e5 * T_S, {"node.heap_used_bytes": 5e7 + 0 * T_S})

    assert "MALLOC_ARENA_MAX" in says["target.anon_bytes"]


def test_metrics_that_agree_say_nothing() -> None:
    """Heap and memory growing together are one leak."""
    assert _says(2e8 + 1e5 * T_S, {"node.heap_used_bytes": 5e7 + 1e5 * T_S}) == {}


def test_the_observer_is_a_suspect() -> None:
    """A harness that grows by 60 MB a minute is in the verdict and makes it invalid; a quiet one is only in it."""
    harness, facts = _series("harness.anon_bytes", 5e7 + 1e6 * T_S, Role.HARNESS)
    mock, quiet = _series("mock.anon_bytes", 5e7 + 0 * T_S, Role.MOCK)
    series = {s.metric: s for s in (harness, mock)}
    all_facts = {"harness.anon_bytes": facts, "mock.anon_bytes": quiet}

    grown = self_growth(series, all_facts)
    assert grown.harness_bytes_per_h is not None
    assert grown.harness_bytes_per_h > 3e9
    assert grown.generator_bytes_per_h is None
    assert [reason.split()[1] for reason in grown_observers(series, all_facts)] == ["harness"]
