"""Labelled memory series of shapes that the dictionary foresees, and what they are made of: the classes of the method
study (its sections 4.1 and 4.2), and waves with corners.

An hour at 1 Hz, in bytes. A shape takes a generator and a leak in bytes per second.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from harness.analysis.facts import Setting
from harness.analysis.segments import Phase
from harness.analysis.usage import Load, running_totals

Floats = NDArray[np.float64]
MB = 1e6
LENGTH_S = 3600
QUERIES_PER_S = 1.2


@dataclass(frozen=True, slots=True)
class Series:
    """One labelled run: ``slope`` is the true growth at its end in bytes per second, ``per_query`` the truth by
    kind."""

    t_s: Floats
    y: Floats
    slope: float
    setting: Setting = field(default_factory=Setting)
    per_query: dict[str, float] = field(default_factory=dict)


def ar(rng: np.random.Generator, count: int, phi: float, sd: float) -> Floats:
    """Stationary first-order autoregression."""
    shocks = rng.normal(size=count) * sd * np.sqrt(1.0 - phi * phi)
    shocks[0] = rng.normal() * sd
    return np.asarray(lfilter([1.0], [1.0, -phi], shocks))


def clock() -> Floats:
    return np.arange(float(LENGTH_S))


def base(rng: np.random.Generator) -> Floats:
    return 200 * MB + ar(rng, LENGTH_S, 0.9, 5 * MB)


def sawtooth(rng: np.random.Generator, period_s: float, amplitude: float, jitter: float = 0.25) -> Floats:
    """Linear rises of random length, sudden falls to a noisy floor."""
    out = np.empty(LENGTH_S)
    at, floor = 0, 0.0
    while at < LENGTH_S:
        length = max(int(period_s * (1.0 + jitter * rng.normal())), 6)
        stop = min(at + length, LENGTH_S)
        out[at:stop] = floor + amplitude * np.arange(stop - at) / period_s
        floor = rng.normal() * 0.03 * amplitude
        at = stop
    return out


def white(rng: np.random.Generator, b: float) -> Series:
    t = clock()
    return Series(t, 200 * MB + rng.normal(size=t.size) * 5 * MB + b * t, b)


def ar9(rng: np.random.Generator, b: float) -> Series:
    t = clock()
    return Series(t, base(rng) + b * t, b)


def ar99(rng: np.random.Generator, b: float) -> Series:
    t = clock()
    return Series(t, 200 * MB + ar(rng, t.size, 0.99, 10 * MB) + b * t, b)


def saw(rng: np.random.Generator, b: float) -> Series:
    t = clock()
    y = 200 * MB + sawtooth(rng, 60.0, 50 * MB) + ar(rng, t.size, 0.5, 1 * MB) + b * t
    return Series(t, y, b)


def nested(rng: np.random.Generator, b: float) -> Series:
    t = clock()
    y = 200 * MB + sawtooth(rng, 20.0, 20 * MB) + sawtooth(rng, 330.0, 60 * MB) + ar(rng, t.size, 0.5, 1 * MB) + b * t
    return Series(t, y, b)


def warm(rng: np.random.Generator, b: float) -> Series:
    t = clock()
    tau, size = rng.uniform(60, 300), rng.uniform(50, 200) * MB
    rise = size * (1.0 - np.exp(-t / tau))
    return Series(t, base(rng) + rise + b * t, b + end_slope(t, rise))


def log_plateau(rng: np.random.Generator, b: float) -> Series:
    t = clock()
    tau, full = rng.uniform(20, 90), rng.uniform(0.3, 0.6) * LENGTH_S
    rise = rng.uniform(60, 150) * MB * np.log1p(np.minimum(t, full) / tau) / np.log1p(full / tau)
    return Series(t, base(rng) + rise + b * t, b)


def step(rng: np.random.Generator, b: float) -> Series:
    t = clock()
    at, size = rng.uniform(0.2, 0.8) * LENGTH_S, rng.uniform(15, 60) * MB
    return Series(t, base(rng) + size * (t > at) + b * t, b)


def three_steps(rng: np.random.Generator, b: float) -> Series:
    t = clock()
    y = base(rng) + b * t
    for at in rng.uniform(0.1, 0.9, 3) * LENGTH_S:
        y = y + rng.uniform(15, 60) * MB * (t > at)
    return Series(t, y, b)


def restart(rng: np.random.Generator, b: float) -> Series:
    t = clock()
    at = float(int(rng.uniform(0.3, 0.7) * LENGTH_S))
    since = np.where(t < at, t, t - at)
    tau, size = rng.uniform(30, 150), rng.uniform(30, 100) * MB
    rise = size * (1.0 - np.exp(-since / tau))
    y = 150 * MB + ar(rng, t.size, 0.9, 5 * MB) + rise + b * since
    return Series(t, y, b, Setting(cuts_s=(at,)))


def missing(rng: np.random.Generator, b: float) -> Series:
    t = clock()
    y = base(rng) + b * t
    keep = rng.uniform(size=t.size) > 0.2
    for at in rng.integers(0, LENGTH_S - 200, 4):
        keep[at : at + int(rng.integers(30, 200))] = False
    return Series(t[keep], y[keep], b)


def cycle(rng: np.random.Generator, b: float) -> Series:
    t = clock()
    wave = rng.uniform(10, 30) * MB * np.sin(2 * np.pi * (rng.uniform(2, 5) * t / LENGTH_S + rng.uniform()))
    return Series(t, base(rng) + wave + b * t, b)


def partial_cycle(rng: np.random.Generator, b: float) -> Series:
    t = clock()
    wave = rng.uniform(10, 30) * MB * np.sin(2 * np.pi * (rng.uniform(0.3, 0.9) * t / LENGTH_S + rng.uniform()))
    return Series(t, base(rng) + wave + b * t, b)


def random_walk(rng: np.random.Generator, b: float) -> Series:
    t = clock()
    return Series(t, 200 * MB + np.cumsum(rng.normal(size=t.size)) * 0.7 * MB + b * t, b)


def plan(rng: np.random.Generator, length_s: float = 600.0) -> tuple[Load, tuple[Phase, ...], dict[str, Floats]]:
    """idle / text / voice in phases, each order at random; times of completion by kind."""
    phases, done = [], {"text": [np.empty(0)], "voice": [np.empty(0)]}
    at, cycle_number = 0.0, 0
    while at < LENGTH_S:
        for kind in rng.permutation(["idle", "text", "voice"]).tolist():
            stop = min(at + length_s, float(LENGTH_S))
            if stop > at:
                phases.append(Phase(f"{kind}-{cycle_number}", kind, cycle_number, at, stop, kind == "idle"))
                if kind != "idle":
                    done[kind].append(rng.uniform(at, stop, rng.poisson(QUERIES_PER_S * (stop - at))))
            at = stop
        cycle_number += 1
    times = {kind: np.sort(np.concatenate(parts)) for kind, parts in done.items()}
    return load_of(times), tuple(phases), times


def load_of(times: dict[str, Floats]) -> Load:
    """One row a second and kind with traffic, as ``load.csv`` has them."""
    rows = []
    for kind, at in times.items():
        seconds, counts = np.unique(np.ceil(at), return_counts=True)
        rows += [(float(s), kind, float(n)) for s, n in zip(seconds, counts, strict=True)]
    rows.sort()
    amounts: Floats = np.array([row[2] for row in rows])
    kinds = np.array([row[1] for row in rows])
    return running_totals(np.array([row[0] for row in rows]), kinds, amounts, amounts, np.zeros(amounts.size))


def _leaked(t: Floats, times: Floats, each: Floats) -> Floats:
    total = np.concatenate([[0.0], np.cumsum(each)])
    return np.asarray(total[np.searchsorted(times, t, side="right")])


def load_coupled(rng: np.random.Generator, b: float) -> Series:
    t = clock()
    load, phases, times = plan(rng, 300.0)
    active = np.zeros(t.size)
    for at in times.values():
        active += np.bincount(np.minimum(at.astype(int), t.size - 1), minlength=t.size)
    held = lfilter([1.0 / 50.0], [1.0, -(1.0 - 1.0 / 50.0)], active) * 20 * MB
    y = base(rng) + held + b * t
    return Series(t, y, b, Setting(load=load, phases=phases), {"text": 0.0, "voice": 0.0})


def polled_garbage(rng: np.random.Generator, b: float) -> Series:
    """Garbage of a target that is asked for its memory while idle: it rises steadily, and the next load collects it."""
    t = clock()
    load, phases, _ = plan(rng, 60.0)
    loaded_until_s = np.maximum.accumulate([0.0 if phase.idle else phase.end_s for phase in phases])
    number = np.searchsorted([phase.end_s for phase in phases], t, side="right")
    garbage = np.maximum(t - loaded_until_s[number], 0.0)
    y = 200 * MB + ar(rng, LENGTH_S, 0.9, MB) + garbage * rng.uniform(0.5, 5.0) * MB / 60.0 + b * t
    return Series(t, y, b, Setting(load=load, phases=phases), {"text": 0.0, "voice": 0.0})


def bursts(rng: np.random.Generator, b: float) -> Series:
    t = clock()
    y = base(rng) + b * t
    for at in rng.uniform(0, LENGTH_S, 12):
        y = y + rng.uniform(20, 80) * MB * np.exp(-np.maximum(t - at, 0.0) / 40.0) * (t > at)
    return Series(t, y, b)


def _staircase(rng: np.random.Generator, b: float, noise: Floats) -> Series:
    t = clock()
    load, phases, times = plan(rng)
    loaded_s = sum(p.length_s for p in phases if p.loaded)
    each = b * LENGTH_S / max(times["voice"].size, 1)
    size = rng.uniform(0.5, 1.5, times["voice"].size) * each
    y = noise + _leaked(t, times["voice"], size)
    mean = float(np.mean(size)) if size.size else 0.0
    slope = mean * times["voice"].size / loaded_s
    return Series(t, y, slope, Setting(load=load, phases=phases), {"text": 0.0, "voice": mean})


def staircase(rng: np.random.Generator, b: float) -> Series:
    return _staircase(rng, b, base(rng))


def staircase_saw(rng: np.random.Generator, b: float) -> Series:
    return _staircase(rng, b, 200 * MB + sawtooth(rng, 60.0, 50 * MB) + ar(rng, LENGTH_S, 0.5, 1 * MB))


def accelerating(rng: np.random.Generator, b: float) -> Series:
    t = clock()
    rise = b * LENGTH_S * (t / LENGTH_S) ** 2
    return Series(t, base(rng) + rise, end_slope(t, rise))


def late(rng: np.random.Generator, b: float) -> Series:
    t = clock()
    at = rng.uniform(0.4, 0.7) * LENGTH_S
    steep = b / (1.0 - at / LENGTH_S)
    return Series(t, base(rng) + steep * np.maximum(t - at, 0.0), steep)


def compound(rng: np.random.Generator, b: float) -> Series:
    """Growth that feeds itself, as much in all as the others."""
    t = clock()
    foldings = rng.uniform(3.0, 9.0)
    rise = b * LENGTH_S * np.expm1(foldings * t / LENGTH_S) / np.expm1(foldings)
    return Series(t, base(rng) + rise, end_slope(t, rise))


def paused(rng: np.random.Generator, b: float) -> Series:
    """It grows, stands still for a while and goes on."""
    t = clock()
    begin, end = rng.uniform(0.25, 0.4) * LENGTH_S, rng.uniform(0.55, 0.7) * LENGTH_S
    steep = b / (1.0 - (end - begin) / LENGTH_S)
    return Series(t, base(rng) + steep * (t - np.clip(t - begin, 0.0, end - begin)), steep)


def ramp(rng: np.random.Generator, b: float) -> Series:
    """A rise that takes a while and is over long before the end."""
    t = clock()
    begin, width = rng.uniform(0.2, 0.6) * LENGTH_S, rng.uniform(0.02, 0.2) * LENGTH_S
    risen = rng.uniform(30.0, 120.0) * MB * np.clip((t - begin) / width, 0.0, 1.0)
    return Series(t, base(rng) + risen + b * t, b)


def end_slope(t: Floats, rise: Floats) -> float:
    first = int(0.75 * t.size)
    return float((rise[-1] - rise[first]) / (t[-1] - t[first]))


def square_wave(rng: np.random.Generator, b: float) -> Series:
    t = clock()
    period = rng.uniform(240, 700)
    wave = rng.uniform(10, 30) * MB * (np.floor(t / period + rng.uniform()) % 2)
    return Series(t, base(rng) + wave + b * t, b)


def jobs(rng: np.random.Generator, b: float) -> Series:
    """A job every few minutes that holds memory for a quarter of the time."""
    t = clock()
    turns = t / rng.uniform(300, 900) + rng.uniform()
    return Series(t, base(rng) + rng.uniform(20, 60) * MB * (turns % 1.0 < 0.25) + b * t, b)
