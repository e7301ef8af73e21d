"""Runs every benchmark in its quick form, one after the other, and writes what they print to reports/benchmarks.md.

Each can be run by itself, without ``--quick`` for the figures that README quotes.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OUTPUT = ROOT / "reports" / "benchmarks.md"
LIMIT_S = 600.0
"""A benchmark that takes longer in its quick form is ended and said to have been."""
BENCHMARKS = (
    "accuracy",
    "analysis_speed",
    "time_to_verdict",
    "sampler_cost",
    "sampler_endurance",
    "mock_throughput",
    "mock_soak",
    "load_throughput",
    "incident_table",
    "backend_abuse",
)


def main() -> None:
    machine = f"{os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}"
    sections = [f"# Benchmarks\n\nQuick forms on {machine}. Compare ratios, not times: machines are noisy.\n"]
    failed = []
    for number, name in enumerate(BENCHMARKS, start=1):
        print(f"{number} of {len(BENCHMARKS)}: {name}", flush=True)
        started_s = time.monotonic()
        code, text = run(name)
        took_s = time.monotonic() - started_s
        print(text, flush=True)
        if code != 0:
            failed.append(name)
        state = "" if code == 0 else f" – ended with code {code}"
        sections.append(
            f"## {name}\n\n`python benchmarks/{name}.py --quick`, {took_s:.0f} s{state}\n\n```\n{text.rstrip()}\n```\n"
        )
        OUTPUT.write_text("\n".join(sections), encoding="utf-8")
    print(f"written to {OUTPUT.relative_to(ROOT)}")
    if failed:
        sys.exit(f"expected every benchmark to end well, found otherwise: {', '.join(failed)}")


def run(name: str) -> tuple[int, str]:
    """Exit code and output; 124 where the time limit ended it."""
    command = [sys.executable, str(ROOT / "benchmarks" / f"{name}.py"), "--quick"]
    try:
        done = subprocess.run(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        output = error.stdout or b""
        return 124, output.decode(errors="replace") if isinstance(output, bytes) else output
    return done.returncode, done.stdout


if __name__ == "__main__":
    main()
