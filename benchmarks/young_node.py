"""Whether a young Node.js service is failed while its heap finds its size and its cache fills.

    python benchmarks/young_node.py [--quick] [--jobs 2]

Soaks of a clean service with a cache of 15 MB, fresh for each, of one to five minutes at several rates; every one is
judged as though it had ended after 20, 35, 50 ... seconds, under the default limits. Any FAIL is wrong. A service that
keeps 1 MB of each vanished client beside it: a PASS is wrong. Needs Node.js. Load stays on 127.0.0.1.
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

SERVICE = Path(__file__).parent / "_node_service.js"
LEAK_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Soak:
    """One fresh service, soaked."""

    queries_per_h: int
    duration_s: int
    leak_bytes: int = 0

    @property
    def name(self) -> str:
        kind = "leaking" if self.leak_bytes else "clean"
        return f"{kind}, {self.queries_per_h} queries/h, {self.duration_s} s"


QUICK = (Soak(3600, 90), Soak(20_000, 90), Soak(20_000, 90, LEAK_BYTES))
WHOLE = (
    *(Soak(rate, 60) for rate in (3600, 20_000)),
    *(Soak(rate, 120) for rate in (1800, 3600, 7200, 20_000)),
    *(Soak(rate, 300) for rate in (3600, 20_000)),
    *(Soak(rate, 180, LEAK_BYTES) for rate in (3600, 20_000)),
)


def plan_text(soak: Soak, folder: Path) -> str:
    """The plan of a service whose wire is not the default one."""
    command = f"node {SERVICE}"
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


def record(soak: Soak) -> tuple[Counter[str], str]:
    """Outcomes at each length, and the reason of the last one."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        plan = folder / "soak.toml"
        plan.write_text(plan_text(soak, folder))
        command = [sys.executable, "-m", "harness", "run", "--config", str(plan), "--quiet"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        ends = list(folder.glob("*/end.json"))
        if not ends:
            sys.exit(f"{soak.name}: expected a run, found exit {done.returncode}: {done.stderr or done.stdout}")
        verdict = json.loads((ends[0].parent / "verdict.json").read_text())
        return looks(ends[0].parent), f"{verdict['outcome']}: {verdict['reasons'][0]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="three soaks of 90 s")
    parser.add_argument("--jobs", type=int, default=2, help="soaks at a time")
    arguments = parser.parse_args()
    if shutil.which("node") is None:
        print("Not run: expected Node.js as node, found none; apt-get install nodejs")
        return
    clean: Counter[str] = Counter()
    missed = 0
    soaks = QUICK if arguments.quick else WHOLE
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for soak, (found, says) in zip(soaks, pool.map(record, soaks), strict=True):
            print(f"{soak.name}: " + ", ".join(f"{count} {what}" for what, count in found.items()), flush=True)
            print(f"  {says}", flush=True)
            if soak.leak_bytes:
                missed += found["pass"]
            else:
                clean += found
    print(f"clean: {clean['fail']} of {clean.total()} looks failed; leaking: {missed} passed")
    if clean["fail"] or missed:
        sys.exit(1)


if __name__ == "__main__":
    main()
