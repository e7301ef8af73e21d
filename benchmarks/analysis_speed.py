"""What judging a stored run costs: seconds and memory against the length of the run, and the time of a re-judgement.

Writes runs at 1 Hz with six metrics and a load, judges each in a process of its own with ``soak analyze``, and prints
a table. ``--quick`` stops at a day.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

METRICS = ("anon_bytes", "rss_bytes", "heap_used_bytes", "heap_total_bytes", "external_bytes", "fds_count")
DAY_S = 86400
LENGTHS_S = {"1 h": 3600, "8 h": 8 * 3600, "1 d": DAY_S, "7 d": 7 * DAY_S, "30 d": 30 * DAY_S}
PHASE_S = 600


def write_run(path: Path, length_s: int, seed: int = 1) -> Path:
    """A run directory at 1 Hz: autocorrelated noise, a slow leak, alternating phases of two kinds and idle."""
    rng = np.random.default_rng(seed)
    (path / "samples").mkdir(parents=True)
    columns = [
        {"name": name, "unit": "count" if name == "fds_count" else "bytes", "kind": "gauge", "meaning": name}
        for name in METRICS
    ]
    identity = {"pid": 1, "start_time": 1.0}
    probe = {"name": "target", "role": "target", "period_s": 1.0, "identity": identity, "columns": columns}
    manifest = {
        "schema": 1,
        "run_id": path.name,
        "started_at": "2026-11-22T13:15:00Z",
        "scenario": "mixed",
        "seed": seed,
        "speedup": 1,
        "host": {},
        "versions": {},
        "commit": {},
        "config": {},
        "primary": "target.anon_bytes",
        "probes": [probe],
    }
    (path / "manifest.json").write_text(json.dumps(manifest))
    _write_samples(path / "samples" / "target.csv", length_s, rng)
    _write_load(path, length_s, rng)
    rows = {"target": length_s}
    (path / "end.json").write_text(json.dumps({"reason": "completed", "t_s": length_s, "rows": rows}))
    return path


def _write_samples(file: Path, length_s: int, rng: np.random.Generator) -> None:
    with file.open("w") as out:
        out.write("t_s," + ",".join(METRICS) + ",read_ms\n")
        level = np.zeros(len(METRICS))
        for start in range(0, length_s, DAY_S):
            t = np.arange(start, min(start + DAY_S, length_s))
            noise = rng.normal(size=(t.size, len(METRICS))) * 3e6
            walk = level + np.cumsum(rng.normal(size=(t.size, len(METRICS))) * 1e3, axis=0)
            level = walk[-1]
            values = np.abs(3e8 + 20.0 * t[:, None] + noise + walk).astype(np.int64)
            lines = [
                f"{a}.000,{','.join(map(str, row))},0.05" for a, row in zip(t.tolist(), values.tolist(), strict=True)
            ]
            out.write("\n".join(lines) + "\n")


def _write_load(path: Path, length_s: int, rng: np.random.Generator) -> None:
    """Rows once a second, once a minute in runs over twelve hours."""
    every_s = 1 if length_s <= 12 * 3600 else 60
    with (path / "load.csv").open("w") as load, (path / "events.jsonl").open("w") as events:
        load.write(
            "t_s,kind,started_count,completed_count,failed_count,dropped_count,users_count,bytes_in,bytes_out,"
            "first_byte_p50_ms,first_byte_p95_ms,total_p50_ms,total_p95_ms,total_p99_ms\n"
        )
        for cycle, start in enumerate(range(0, length_s, PHASE_S)):
            kind = ("normal", "idle", "disconnect", "idle")[cycle % 4]
            stop = min(start + PHASE_S, length_s)
            phase = {"phase": f"{kind}-{cycle}", "kind": kind, "cycle": cycle // 4}
            events.write(json.dumps({"t_s": float(start), "event": "phase_start", **phase}) + "\n")
            events.write(json.dumps({"t_s": float(stop), "event": "phase_end", **phase}) + "\n")
            if kind == "idle":
                continue
            for at in range(start + every_s, stop + 1, every_s):
                n = int(rng.poisson(1.2 * every_s))
                load.write(f"{at}.000,{kind},{n},{n},0,0,5,{200 * n},{50000 * n},5,9,100,150,180\n")


def judge(path: Path) -> tuple[float, float, float]:
    """Seconds, seconds of processor and peak MiB of ``soak analyze`` on ``path``."""
    script = (
        "import resource,sys; sys.argv = ['soak', 'analyze', sys.argv[1], '--no-write', '--json'];"
        "from harness.__main__ import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
    )
    # Modules are compiled once, as in any installation, and not before each judgement.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False, env=environment
    )
    took_s = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    busy_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return took_s, busy_s, int(done.stderr.split()[-1]) / 1024


def rejudge_ms(path: Path) -> float:
    """Milliseconds of one more look at an hour's samples of the primary metric, the best of five."""
    from harness.analysis.facts import analyse
    from harness.assess import setting_of
    from harness.recorded import read_recorded

    recorded = read_recorded(path)
    primary, setting = recorded.gauges[recorded.primary], setting_of(recorded)
    best = np.inf
    for _ in range(5):
        began = time.perf_counter()
        analyse(primary.t_s, primary.y, setting)
        best = min(best, time.perf_counter() - began)
    return float(best) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    lengths = dict(list(LENGTHS_S.items())[:3]) if arguments.quick else LENGTHS_S
    print(f"{'run':>5} {'samples':>10} {'seconds':>8} {'CPU s':>6} {'MiB':>6} {'x seconds':>10} {'x MiB':>6}")
    first: tuple[float, float] | None = None
    with tempfile.TemporaryDirectory() as folder:
        for name, length_s in lengths.items():
            path = write_run(Path(folder) / name.replace(" ", ""), length_s)
            took_s, busy_s, mib = min(judge(path) for _ in range(3))
            first = first or (took_s, mib)
            ratios = f"{took_s / first[0]:10.1f} {mib / first[1]:6.1f}"
            print(
                f"{name:>5} {length_s * len(METRICS):>10} {took_s:8.2f} {busy_s:6.2f} {mib:6.0f} {ratios}", flush=True
            )
        print(f"one more look at an hour: {rejudge_ms(Path(folder) / '1h'):.0f} ms")
    print(f"(this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB)")


if __name__ == "__main__":
    main()
