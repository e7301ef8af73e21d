"""Several metrics at once: which of them grow, at an error rate held over all of them (Holm 1979, Scand. J. Stat.
6:65)."""

from __future__ import annotations


def holm(p_values: list[float], alpha: float) -> list[bool]:
    """Which hypotheses are rejected, in the order given, with the chance of any wrong rejection at most ``alpha``."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    rejected = [False] * len(p_values)
    for rank, i in enumerate(order):
        if p_values[i] > alpha / (len(p_values) - rank):
            break
        rejected[i] = True
    return rejected
