"""Labelled memory series of shapes outside the dictionary, which no constant of the analysis was chosen on."""

from __future__ import annotations

import numpy as np
from _known_shapes import LENGTH_S, MB, Series, ar, base, clock, end_slope, sawtooth
from scipy.signal import lfilter


def logistic(rng: np.random.Generator, b: float) -> Series:
    t = clock()
    rise = rng.uniform(50, 150) * MB / (1.0 + np.exp(-(t - rng.uniform(300, 900)) / rng.uniform(40, 120)))
    return Series(t, base(rng) + rise + b * t, b + end_slope(t, rise))


def cache_cap(rng: np.random.Generator, b: float) -> Series:
    t = clock()
    full, size = rng.uniform(0.15, 0.5) * LENGTH_S, rng.uniform(50, 200) * MB
    return Series(t, base(rng) + size * np.minimum(t / full, 1.0) + b * t, b)


def heavy_tails(rng: np.random.Generator, b: float) -> Series:
    t = clock()
    shocks = rng.standard_t(3, size=t.size) * 3 * MB * np.sqrt(1 - 0.81)
    return Series(t, 200 * MB + lfilter([1.0], [1.0, -0.9], shocks) + b * t, b)


def telegraph(rng: np.random.Generator, b: float) -> Series:
    t = clock()
    state = np.cumsum(rng.uniform(size=t.size) < 1 / 180.0) % 2
    return Series(t, base(rng) + 20 * MB * state + b * t, b)


def growing_saw(rng: np.random.Generator, b: float) -> Series:
    t = clock()
    y = 200 * MB + sawtooth(rng, 60.0, 30 * MB) * (1.0 + 1.5 * t / LENGTH_S) + ar(rng, t.size, 0.5, 1 * MB) + b * t
    return Series(t, y, b)


def two_warmups(rng: np.random.Generator, b: float) -> Series:
    t = clock()
    fast = rng.uniform(40, 100) * MB * (1.0 - np.exp(-t / rng.uniform(20, 60)))
    slow = rng.uniform(20, 60) * MB * (1.0 - np.exp(-t / rng.uniform(200, 400)))
    return Series(t, base(rng) + fast + slow + b * t, b + end_slope(t, slow))


def spikes(rng: np.random.Generator, b: float) -> Series:
    t = clock()
    y = base(rng) + b * t
    at = rng.integers(0, t.size, 40)
    y[at] += rng.uniform(50, 300, 40) * MB
    return Series(t, y, b)


def quantised(rng: np.random.Generator, b: float) -> Series:
    t = clock()
    return Series(t, np.round((base(rng) + b * t) / (8 * MB)) * 8 * MB, b)


def trimmed(rng: np.random.Generator, b: float) -> Series:
    t = clock()
    fall = -rng.uniform(20, 60) * MB * (1.0 - np.exp(-t / rng.uniform(100, 300)))
    return Series(t, base(rng) + fall + b * t, b + end_slope(t, fall))


def noisy_half(rng: np.random.Generator, b: float) -> Series:
    t = clock()
    y = 200 * MB + ar(rng, t.size, 0.9, 5 * MB) * np.where(t > rng.uniform(0.3, 0.7) * LENGTH_S, 3.0, 1.0) + b * t
    return Series(t, y, b)


def triangle_wave(rng: np.random.Generator, b: float) -> Series:
    t = clock()
    turns = rng.uniform(2, 6) * t / LENGTH_S + rng.uniform()
    wave = rng.uniform(15, 40) * MB * np.abs(2.0 * (turns % 1.0) - 1.0)
    return Series(t, base(rng) + wave + b * t, b)


def stretched_warmup(rng: np.random.Generator, b: float) -> Series:
    """Fast at first, with a long tail: neither an exponential nor a logarithm."""
    t = clock()
    rise = rng.uniform(50, 150) * MB * (1.0 - np.exp(-np.sqrt(t / rng.uniform(20, 60))))
    return Series(t, base(rng) + rise + b * t, b + end_slope(t, rise))


def two_memories(rng: np.random.Generator, b: float) -> Series:
    """Noise that forgets quickly on top of noise that forgets slowly: no autoregression of first order."""
    t = clock()
    return Series(t, 200 * MB + ar(rng, t.size, 0.9, 4 * MB) + ar(rng, t.size, 0.98, 6 * MB) + b * t, b)


def hiccups(rng: np.random.Generator, b: float) -> Series:
    """Growth that stops for minutes and makes up for it at once."""
    t = clock()
    grown = b * t
    for at in rng.uniform(0.15, 0.8, 3) * LENGTH_S:
        low, high = int(at), int(at + rng.uniform(120, 360))
        grown[low:high] = grown[low]
    return Series(t, base(rng) + grown, b)
