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
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
OUTPUT = ROOT / "reports" / "benchmarks.md"
LIMIT_S = 600.0
"""A benchmark that takes longer in its quick form is ended and said to have been."""
RECORDED = "RECORDED"
"""Stands for the folder of real runs, which the first benchmark makes and later ones judge."""
BENCHMARKS = (
    ("record_runs", "--quick", "--out", RECORDED),
    ("accuracy", "--quick", "--jobs", "2", "--recorded", RECORDED),
    ("attribution", RECORDED),
    ("settling", RECORDED, "--jobs", "2"),
    ("young_services", "--quick", "--jobs", "3"),
    ("time_to_verdict", "--quick", "--jobs", "2", "--recorded", RECORDED),
    ("analysis_speed", "--quick"),
    ("sampler_cost", "--quick"),
    ("sampler_endurance", "--quick"),
    ("mock_throughput", "--quick"),
    ("mock_soak", "--quick"),
    ("load_throughput", "--quick"),
    ("incident_table", "--quick"),
    ("backend_abuse", "--quick"),
    ("workers",),
)
IMAGE = "voice-soak-harness"


def main() -> None:
    machine = f"{os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}"
    sections = [f"# Benchmarks\n\nQuick forms on {machine}. Compare ratios, not times: machines are noisy.\n"]
    failed = []
    with TemporaryDirectory() as recorded:
        for number, (name, *arguments) in enumerate(BENCHMARKS, start=1):
            print(f"{number} of {len(BENCHMARKS)}: {name}", flush=True)
            section, code = section_of(name, arguments, recorded)
            print(section, flush=True)
            if code != 0:
                failed.append(name)
            sections.append(section)
            OUTPUT.write_text("\n".join(sections), encoding="utf-8")  # a round that is cut keeps what it has
    print(f"written to {OUTPUT.relative_to(ROOT)}")
    if failed:
        sys.exit(f"expected every benchmark to end well, found otherwise: {', '.join(failed)}")


def section_of(name: str, arguments: list[str], recorded: str) -> tuple[str, int]:
    """What the page says of one benchmark, and its exit code; 0 where there is nothing to run it on."""
    if name == "workers" and (reason := no_images()):
        return f"## {name}\n\nNot run: {reason}.\n", 0
    started_s = time.monotonic()
    code, text = run(name, [recorded if word == RECORDED else word for word in arguments])
    took_s = time.monotonic() - started_s
    state = "" if code == 0 else f" – ended with code {code}"
    command = " ".join(("python", f"benchmarks/{name}.py", *arguments))
    text = text.replace(recorded, RECORDED).rstrip()
    return f"## {name}\n\n`{command}`, {took_s:.0f} s{state}\n\n```\n{text}\n```\n", code


def no_images() -> str | None:
    """Why nothing can be measured in containers here, if so."""
    try:
        found = subprocess.run(
            ["docker", "image", "inspect", IMAGE], capture_output=True, timeout=15.0, check=False
        ).returncode
    except (OSError, subprocess.TimeoutExpired):
        found = 1
    return (
        None
        if found == 0
        else f"expected a container engine with the image {IMAGE}; docker/engine.sh and docker/images.sh make them"
    )


def run(name: str, arguments: list[str]) -> tuple[int, str]:
    """Exit code and output; 124 where the time limit ended it."""
    command = [sys.executable, str(ROOT / "benchmarks" / f"{name}.py"), *arguments]
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
