"""Half an hour of made memory, as facts and as an outcome under given limits."""

from __future__ import annotations

import numpy as np

from harness.analysis.facts import Facts, Setting, analyse
from harness.analysis.regression import Floats
from harness.model import Limits, Outcome
from harness.rules.circumstances import Circumstances
from harness.rules.gates import judge_gates
from harness.rules.obstacles import obstacles_of, outcome_of

T_S = np.arange(1800.0)
MB_PER_MIN = 1e6 / 60.0
_NOISE = 3e5 * np.random.default_rng(5).normal(size=T_S.size)


def facts_of(y: Floats) -> Facts:
    """Of memory that does ``y`` (n,) bytes, at most half an hour, on top of 200 MB and noise."""
    return analyse(T_S[: y.size], 2e8 + y + _NOISE[: y.size], Setting(material=1e3))


def outcome(facts: Facts, circumstances: Circumstances) -> Outcome:
    gates = judge_gates(facts, circumstances)
    return outcome_of(gates, obstacles_of(facts, gates, circumstances), circumstances.invalid)


def said(facts: Facts) -> list[str]:
    """What forbids a pass under the default limits."""
    circumstances = Circumstances(Limits())
    return [obstacle.says for obstacle in obstacles_of(facts, judge_gates(facts, circumstances), circumstances)]


FLAT = facts_of(0.0 * T_S)
LEAK = facts_of(5 * MB_PER_MIN * T_S)
BETWEEN = facts_of(0.5 * MB_PER_MIN * T_S)
