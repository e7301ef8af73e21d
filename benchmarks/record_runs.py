"""Records real runs of the reference backend, leaking and clean, with its ledger beside them: truth for
``accuracy.py`` and ``time_to_verdict.py``.

Ten seeds of every fault alone, of all five together and of none, at several rates; weak leaks and longer clean runs
beside them. One command makes them all: ``python benchmarks/record_runs.py --out FOLDER``; runs that are there already
are not made again, so it may be stopped. Eighty runs of two to five minutes take about an hour, four at a time;
``--quick`` makes four. Load stays on 127.0.0.1.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from harness.orchestrate.launch import free_port

FAULTS = ("tts_chunk_refs", "dialogue_state", "duplicate_requests", "memory_tracker", "thinking_sound")
RATES = (40, 60, 90)
QUICK = ("dialogue_state-1", "thinking_sound-1", "all-1", "clean-1")
LEDGER = ("tts_chunk_refs", "dialogue_state", "memory_tracker")


@dataclass(frozen=True, slots=True)
class Recipe:
    """One run: which faults at which strength, how fast, how long."""

    name: str
    faults: tuple[str, ...]
    speedup: int
    duration_s: int
    seed: int


def recipes() -> list[Recipe]:
    """Runs of one length lie together, so that those made at the same time end at the same time."""
    out: list[Recipe] = []
    for seed in range(1, 11):
        rate = RATES[seed % len(RATES)]
        out += [Recipe(f"{fault}-{seed}", (fault,), rate, 150, seed) for fault in FAULTS]
        out.append(Recipe(f"all-{seed}", FAULTS, rate, 150, seed))
        out.append(Recipe(f"clean-{seed}", (), rate, 150, seed))
    for strength in ("0.05", "0.1", "0.3"):
        out += [
            Recipe(f"{fault}-weak-{strength}", (f"{fault}={strength}",), 120, 150, 200 + number)
            for number, fault in enumerate(FAULTS[:2])
        ]
    return out + [Recipe(f"clean-long-{rate}", (), rate, 300, 400 + rate) for rate in (40, 80, 120, 160)]


def plan_text(recipe: Recipe, folder: Path, port: int) -> str:
    """The plan of one run, with the ledger as a probe of its own."""
    names = ",".join(fault.split("=")[0] for fault in recipe.faults) or "none"
    strengths = " ".join(f"--fault {fault}" for fault in recipe.faults if "=" in fault)
    serve = f"{sys.executable} -m voice_backend serve --port {{port}} --tts-url {{tts_url}} --time-scale 8"
    command = f"{serve} --faults {names} {strengths}"
    fields = "\n".join(f'{fault}_bytes = "{fault}.retainedBytes"' for fault in LEDGER)
    return f"""
[run]
scenario = "mixed"
duration = "{recipe.duration_s}s"
speedup = {recipe.speedup}
seed = {recipe.seed}
out = "{folder}"
early_stop = false

[target]
command = "{command}"
base_url = "http://127.0.0.1:{port}"

[gates]
max_growth = "10 MB/min"
max_growth_per_query = "16 KiB"

[[probes]]
name = "ledger"
kind = "json"
url = "http://127.0.0.1:{port}/debug/ledger"

[probes.fields]
{fields}
"""


def record(recipe: Recipe, out: Path) -> None:
    folder = out / recipe.name
    if any(folder.glob("*/end.json")):
        print(f"{recipe.name}: there already", flush=True)
        return
    folder.mkdir(parents=True, exist_ok=True)
    plan = folder / "soak.toml"
    plan.write_text(plan_text(recipe, folder, free_port()))
    done = subprocess.run(
        [sys.executable, "-m", "harness", "run", "--config", str(plan), "--quiet"],
        capture_output=True,
        text=True,
        check=False,
    )
    outcome, reason, *_ = [line.strip() for line in (done.stdout or done.stderr).splitlines() if line.strip()] + [
        "",
        "",
    ]
    print(f"{recipe.name}: exit {done.returncode}, {outcome}: {reason}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "recorded")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--jobs", type=int, default=4, help="runs at a time")
    arguments = parser.parse_args()
    wanted = [recipe for recipe in recipes() if recipe.name in QUICK or not arguments.quick]
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for _ in pool.map(lambda recipe: record(recipe, arguments.out), wanted):
            pass


if __name__ == "__main__":
    main()
