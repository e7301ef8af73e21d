"""Whether a young service of another runtime is failed while its heap finds its size and its cache fills.

    python benchmarks/young_services.py [--quick] [--jobs 2]

Soaks of clean Node.js and Go services with a cache of 15 MB, fresh for each, of one to five minutes at several rates;
every one is judged as though it had ended after 20, 35, 50 ... seconds, under the default limits. Any FAIL is wrong. A
service that keeps 1 MB of each vanished client beside it: a PASS is wrong. A runtime that is not installed (``node``,
``go``) is left out. Load stays on 127.0.0.1.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from settling import looks

HERE = Path(__file__).parent
LEAK_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Soak:
    """One fresh service, soaked."""

    runtime: str
    queries_per_h: int
    duration_s: int
    leak_bytes: int = 0

    @property
    def name(self) -> str:
        kind = "leaking" if self.leak_bytes else "clean"
        return f"{self.runtime}, {kind}, {self.queries_per_h} queries/h, {self.duration_s} s"


def soaks_of(runtime: str, *, quick: bool) -> tuple[Soak, ...]:
    """Clean ones and leaking ones."""
    if quick:
        leaking = Soak(runtime, 20_000, 90, LEAK_BYTES)
        return (Soak(runtime, 3600, 90), Soak(runtime, 20_000, 90), leaking)
    return (
        *(Soak(runtime, rate, 60) for rate in (3600, 20_000)),
        *(Soak(runtime, rate, 120) for rate in (1800, 3600, 7200, 20_000)),
        *(Soak(runtime, rate, 300) for rate in (3600, 20_000)),
        *(Soak(runtime, rate, 180, LEAK_BYTES) for rate in (3600, 20_000)),
    )


def commands(folder: Path) -> dict[str, str]:
    """What starts the service of each runtime that is installed; Go's is built in ``folder``."""
    found = {}
    if shutil.which("node") is not None:
        found["node"] = f"node {HERE / '_node_service.js'}"
    if shutil.which("go") is not None:
        program = folder / "service"
        shutil.copy(HERE / "_go_service.go", folder / "service.go")
        subprocess.run(["go", "build", "-o", program, folder / "service.go"], check=True, cwd=folder)
        found["go"] = str(program)
    return found


def plan_text(soak: Soak, command: str, folder: Path) -> str:
    """The plan of a service whose wire is not the default one."""
    return f"""
[run]
scenario = "mixed"
duration = "{soak.duration_s}s"
out = {json.dumps(str(folder))}
early_stop = false

[target]
command = {json.dumps(command)}
env = {{ LEAK_BYTES = "{soak.leak_bytes}" }}
ready_path = "/health"

[load]
queries_per_h = {soak.queries_per_h}
converse_path = "/ask"
stream_path = "/events?conversation={{dialogue}}"
text_field = "say"
dialogue_field = "conversation"
event_field = "type"
data_field = ""
audio_event = "audio"
audio_field = "pcm"
index_field = "n"
final_field = "last"
done_event = "[DONE]"
endings = ["reset_midway"]
"""


def record(soak: Soak, command: str) -> tuple[Counter[str], str]:
    """Outcomes at each length, and the reason of the last one."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        plan = folder / "soak.toml"
        plan.write_text(plan_text(soak, command, folder))
        words = [sys.executable, "-m", "harness", "run", "--config", str(plan), "--quiet"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        ends = list(folder.glob("*/end.json"))
        if not ends:
            sys.exit(f"{soak.name}: expected a run, found exit {done.returncode}: {done.stderr or done.stdout}")
        verdict = json.loads((ends[0].parent / "verdict.json").read_text())
        return looks(ends[0].parent), f"{verdict['outcome']}: {verdict['reasons'][0]}"


def measure(soaks: tuple[Soak, ...], command: str, jobs_count: int) -> bool:
    """Soaks a runtime's service and prints what was found; whether nothing was judged wrongly."""
    clean: Counter[str] = Counter()
    missed = 0
    with ThreadPoolExecutor(jobs_count) as pool:
        for soak, (found, says) in zip(soaks, pool.map(lambda each: record(each, command), soaks), strict=True):
            print(f"{soak.name}: " + ", ".join(f"{count} {what}" for what, count in found.items()), flush=True)
            print(f"  {says}", flush=True)
            if soak.leak_bytes:
                missed += found["pass"]
            else:
                clean += found
    runtime = soaks[0].runtime
    print(f"{runtime}: clean: {clean['fail']} of {clean.total()} looks failed; leaking: {missed} passed", flush=True)
    return not clean["fail"] and not missed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="three soaks of 90 s for each runtime")
    parser.add_argument("--jobs", type=int, default=2, help="soaks at a time")
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        found = commands(Path(folder))
        if not found:
            print("Not run: expected Node.js or Go, found neither; apt-get install nodejs golang-go")
            return
        right = [
            measure(soaks_of(runtime, quick=arguments.quick), command, arguments.jobs)
            for runtime, command in found.items()
        ]
    if not all(right):
        sys.exit(1)


if __name__ == "__main__":
    main()
