"""A stored run played again: its rows come as they came, and the judge looks when it would have looked."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.judge.bench import Bench
from harness.ledger_truth import Truth, ledger_truth
from harness.model import IDLE_KIND, WARMUP_PHASE, EventName, Outcome
from harness.store.reader import StoredRun, read_run
from harness.store.schema import EVENTS_FILE, LOAD_FILE, SAMPLES_FOLDER


@dataclass(frozen=True, slots=True)
class Replayed:
    """``outcome`` is None where the judge never ended the run; ``at_s`` is then its length."""

    name: str
    at_s: float
    outcome: Outcome | None
    wanted: Outcome


def replay(path: Path, scratch: Path) -> Replayed:
    """Plays the run directory ``path`` again in ``scratch``, which is made and removed."""
    run, last_s = read_run(path), float(json.loads((path / "end.json").read_text())["t_s"])
    name, wanted = path.parent.name, wanted_of(run)
    scratch.mkdir(parents=True)
    try:
        bench = None
        feeds = [feed(file, scratch / file.relative_to(path), when) for file, when in files_of(path)]
        shutil.copy(path / "manifest.json", scratch)
        now_s = 2.0
        while now_s < last_s:
            for advance in feeds:
                advance(now_s)
            bench = bench or Bench(scratch, float(run.manifest.config["run"]["duration_s"]), rates_of(run))
            found = bench.look()
            if found.stop:
                return Replayed(name, now_s, found.outcome, wanted)
            now_s += max(2.0, 0.02 * now_s)
        return Replayed(name, last_s, None, wanted)
    finally:
        shutil.rmtree(scratch)


def files_of(path: Path) -> Iterator[tuple[Path, Callable[[str], float]]]:
    """The files that grow, and how a line of each says its time in seconds."""
    for file in (*sorted((path / SAMPLES_FOLDER).glob("*.csv")), path / LOAD_FILE):
        yield file, lambda line: float(line.partition(",")[0])
    yield path / EVENTS_FILE, lambda line: float(json.loads(line)["t_s"])


def feed(source: Path, copy: Path, time_of: Callable[[str], float]) -> Callable[[float], None]:
    """Appends to ``copy`` what ``source`` had at a time; call it with times that grow."""
    copy.parent.mkdir(exist_ok=True)
    lines = source.read_text().splitlines(keepends=True)
    place = 0

    def advance(now_s: float) -> None:
        nonlocal place
        end = place
        while end < len(lines) and _time(lines[end], time_of) <= now_s:
            end += 1
        with copy.open("a") as file:
            file.writelines(lines[place:end])
        place = end

    return advance


def _time(line: str, time_of: Callable[[str], float]) -> float:
    try:
        return time_of(line)
    except ValueError:
        return 0.0  # the head of a table


def rates_of(run: StoredRun) -> dict[str, float]:
    """Queries of each kind over loaded time, the warm-up left out: the mix of the plan as it was driven."""
    starts = [event for event in run.events if event.event == EventName.PHASE_START]
    ends = [*(event.t_s for event in starts[1:]), run.load.t_s[-1] if run.load is not None else 0.0]
    spans = [
        (event.t_s, float(end))
        for event, end in zip(starts, ends, strict=True)
        if event.fields.get("kind") != IDLE_KIND and event.fields.get("phase") != WARMUP_PHASE
    ]
    loaded_s = sum(end - start for start, end in spans)
    if run.load is None or loaded_s <= 0.0:
        return {}
    inside = sum(((run.load.t_s > start) & (run.load.t_s <= end) for start, end in spans), run.load.t_s < 0.0)
    started = run.load.columns["started_count"]
    counts = {kind: float(started[inside & (run.load.codes == code)].sum()) for code, kind in enumerate(run.load.kinds)}
    return {kind: count / loaded_s for kind, count in counts.items() if count > 0.0}


def wanted_of(run: StoredRun) -> Outcome:
    """What the ledger says of the run's own limits."""
    truth, gates = ledger_truth(run), run.manifest.config["gates"]
    if truth is None:
        raise ValueError(f"expected a ledger among the probes of {run.manifest.run_id}, found none")
    over = growth_of(truth, rates_of(run)) > gates["max_growth_bytes_per_h"] or any(
        value > gates["max_growth_bytes_per_query"] for value in truth.bytes_per_query.values()
    )
    return Outcome.FAIL if over else Outcome.PASS


def growth_of(truth: Truth, rates_per_s: dict[str, float]) -> float:
    """Bytes an hour at the mix of the plan."""
    by_use = sum(rate * truth.bytes_per_query.get(kind, 0.0) for kind, rate in rates_per_s.items())
    return 3600.0 * by_use + truth.time_bytes_per_h
