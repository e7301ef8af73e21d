"""Several runs that belong together: arms, replicated and interleaved, stored in one folder, resumable.

Runs of one arm in a row would put whatever changes on the machine meanwhile into the difference between arms; so every
replicate plays all arms, in a seeded order of its own, with the same load.
"""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from harness.errors import RunFormatError, UsageError
from harness.model import SCHEMA, EndReason
from harness.orchestrate.run import Finished
from harness.plan.document import Plan
from harness.store.whole import write_whole

EXPERIMENT_FILE = "experiment.json"


@dataclass(frozen=True, slots=True)
class Arm:
    """One variant of the target under one plan."""

    name: str
    plan: Plan


@dataclass(frozen=True, slots=True)
class Trial:
    """One run to be made, or made: ``folder`` is its run directory's name in the experiment's."""

    arm: str
    replicate: int
    folder: str | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """What comes next, and how long all that is left will take; None before the first run has been timed."""

    number: int
    count: int
    trial: Trial
    left_s: float | None


@dataclass(frozen=True, slots=True)
class Results:
    """What an experiment has: run directories by arm, in the order of the replicates. Complete unless interrupted."""

    path: Path
    runs: dict[str, tuple[Path, ...]]
    complete: bool


def order(arms: Sequence[str], replicates: int, seed: int) -> list[Trial]:
    """Every arm once a replicate, in a seeded order that differs from replicate to replicate."""
    trials: list[Trial] = []
    for replicate in range(replicates):
        shuffled = random.Random(f"experiment {seed} {replicate // 2}").sample(list(arms), k=len(arms))
        if replicate % 2:
            shuffled.reverse()  # what drifts over a pair of replicates then falls on all arms alike
        trials += [Trial(arm, replicate) for arm in shuffled]
    return trials


class Experiment:
    """An experiment on disk. ``run_one`` carries a plan out."""

    def __init__(
        self,
        path: Path,
        arms: Sequence[Arm],
        trials: Sequence[Trial],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = path
        self._arms = {arm.name: arm for arm in arms}
        self._trials = list(trials)
        self._clock = clock

    @classmethod
    def begin(cls, out_dir: Path, what: str, arms: Sequence[Arm], replicates: int) -> Experiment:
        """A new experiment in a folder of its own in ``out_dir``. Raises UsageError."""
        if replicates < 1:
            raise UsageError(f"expected at least one run a side, found {replicates}")
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        path = out_dir / f"{stamp}-{what}-{uuid4().hex[:4]}"
        try:
            path.mkdir(parents=True)
        except OSError as error:
            raise UsageError(
                f"expected a folder to store runs in at --out {out_dir}, found: {error.strerror or error}; name another"
            ) from error
        seed = arms[0].plan.run.seed
        experiment = cls(path, arms, order([arm.name for arm in arms], replicates, seed))
        experiment._save()
        return experiment

    @classmethod
    def resume(cls, path: Path, arms: Sequence[Arm]) -> Experiment:
        """Goes on where an interruption left ``path``. Raises RunFormatError, UsageError for other plans."""
        stored = _read(path)
        known = {entry["name"]: entry["digest"] for entry in stored["arms"]}
        given = {arm.name: digest(arm.plan) for arm in arms}
        if known != given:
            changed = sorted(name for name in {*known, *given} if known.get(name) != given.get(name))
            raise UsageError(
                f"expected the plans with which {path} was begun, found others ({', '.join(changed)}); "
                "resume with the same plan and switches, or begin anew"
            )
        trials = [Trial(str(t["arm"]), int(t["replicate"]), t["folder"]) for t in stored["trials"]]
        return cls(path, arms, trials)

    def carry_out(self, run_one: Callable[[Plan], Finished], tell: Callable[[Progress], None]) -> Results:
        """Makes the runs that are missing, and notes each as soon as it is there; stops at an interrupted one."""
        spent_s, made = 0.0, 0
        for index, trial in enumerate(self._trials):
            if trial.folder is not None:
                continue
            left = sum(1 for other in self._trials if other.folder is None)
            tell(Progress(index + 1, len(self._trials), trial, spent_s / made * left if made else None))
            began_s = self._clock()
            finished = run_one(self._plan(trial))
            if finished.reason is EndReason.INTERRUPTED:
                return self.results(complete=False)
            spent_s, made = spent_s + self._clock() - began_s, made + 1
            self._trials[index] = Trial(trial.arm, trial.replicate, finished.path.name)
            self._save()
        return self.results(complete=True)

    def results(self, *, complete: bool) -> Results:
        runs: dict[str, tuple[Path, ...]] = {}
        for name in self._arms:
            mine = [t for t in self._trials if t.arm == name and t.folder is not None]
            runs[name] = tuple(self.path / str(t.folder) for t in sorted(mine, key=lambda t: t.replicate))
        return Results(self.path, runs, complete)

    def _plan(self, trial: Trial) -> Plan:
        """The arm's plan, whole (an early end would leave arms of unequal length), with the replicate's own load."""
        plan = self._arms[trial.arm].plan
        run = plan.run.model_copy(
            update={"out": self.path, "early_stop": False, "seed": plan.run.seed + trial.replicate}
        )
        return plan.model_copy(update={"run": run})

    def _save(self) -> None:
        stored = {
            "schema": SCHEMA,
            "arms": [{"name": arm.name, "digest": digest(arm.plan)} for arm in self._arms.values()],
            "trials": [{"arm": t.arm, "replicate": t.replicate, "folder": t.folder} for t in self._trials],
        }
        write_whole(self.path / EXPERIMENT_FILE, (json.dumps(stored, indent=1) + "\n").encode())


def digest(plan: Plan) -> str:
    """A fingerprint of what matters to the runs; the plan itself may hold secrets and is not stored."""
    settings = plan.model_dump(mode="json", exclude_defaults=True)
    for name in ("out", "early_stop"):
        settings.get("run", {}).pop(name, None)
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def _read(path: Path) -> dict[str, Any]:
    try:
        stored = json.loads((path / EXPERIMENT_FILE).read_text(encoding="utf-8"))
        known = stored["schema"] == SCHEMA and isinstance(stored["arms"], list) and isinstance(stored["trials"], list)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunFormatError(
            f"expected an experiment to resume at {path}, found none that can be read ({error}); "
            "name the folder that the interrupted command printed"
        ) from error
    if not known:
        raise RunFormatError(f"expected schema {SCHEMA} in {path / EXPERIMENT_FILE}; begin a new experiment")
    return dict(stored)
