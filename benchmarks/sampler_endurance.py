"""Whether the sampler lasts: its memory over a million samples, its schedule under full load, and a hundred kills.

python benchmarks/sampler_endurance.py            # 12 minutes, most of it ticks at 20 Hz
python benchmarks/sampler_endurance.py --quick    # 1 minute
python benchmarks/sampler_endurance.py --only kills
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness.errors import RunFormatError
from harness.model import Column, ColumnKind, Role, Unit
from harness.store.reader import read_run
from harness.store.schema import Manifest, ProbeInfo

PERIOD_S = 0.05

MEMORY = """
import os, sys, time
from pathlib import Path
from harness.model import Role
from harness.probes.process import ProcessTreeProbe
from harness.sampler import Sampler, describe
from harness.store.schema import Manifest
from harness.store.writer import RunWriter
class Clock:
    now_s = 0.0
    def __call__(self): return self.now_s
    def wait(self, seconds): self.now_s += seconds
clock = Clock()
probe = ProcessTreeProbe("target", Role.TARGET, os.getppid(), 1.0, children=False, clock=clock)
writer = RunWriter.create(Path(sys.argv[1]), Manifest("2026-01-01T00:00:00Z", "benchmark", None, (describe(probe),)))
sampler = Sampler([probe], writer, started_s=0.0, clock=clock, boottime=clock)
def resident(): return int(open("/proc/self/status").read().split("VmRSS:")[1].split()[0])
for count in map(int, sys.argv[2:]):
    sampler.run(lambda: clock.now_s >= count, clock.wait)
    print(count, resident(), flush=True)
"""

TICKS = """
import sys, time
from pathlib import Path
from harness.model import Role
from harness.probes.process import ProcessTreeProbe
from harness.sampler import Sampler, describe
from harness.store.schema import Manifest
from harness.store.writer import RunWriter
out, period_s, ticks, pid = sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
probe = ProcessTreeProbe("target", Role.TARGET, pid, period_s)
writer = RunWriter.create(Path(out), Manifest("2026-01-01T00:00:00Z", "benchmark", None, (describe(probe),)))
started_s = time.monotonic()
end_s = started_s + period_s * ticks
Sampler([probe], writer, started_s=started_s).run(lambda: time.monotonic() >= end_s, time.sleep)
"""

WRITE_FOREVER = """
import json, sys
from pathlib import Path
from harness.store.schema import Manifest
from harness.store.writer import RunWriter
writer = RunWriter.create(Path(sys.argv[1]), Manifest.from_json(json.loads(sys.argv[2])))
row = 0
while True:
    writer.sample("target", row * 0.01, {"anon_bytes": row * 4096}, 0.1)
    row += 1
    sys.stdout.write(f"{row}\\n")
    sys.stdout.flush()
"""


def memory(scratch: Path, counts: tuple[int, ...]) -> None:
    """Prints what the sampler's process holds after so many samples of every column, stored."""
    words = [sys.executable, "-c", MEMORY, str(scratch / "memory"), *map(str, counts)]
    lines = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split("\n")[:-1]
    print("\nResident memory of sampler and store (wanted: under 64 MiB, and under 1 MiB more at the end)")
    first_kib = int(lines[0].split()[1])
    for line in lines:
        count, kib = map(int, line.split())
        print(f"  {count:>9,} samples   {kib / 1024:6.2f} MiB   {(kib - first_kib) / 1024:+.2f} MiB")


def schedule(scratch: Path, ticks: int, nice: int) -> None:
    """Prints how late rows are read while both cores are busy, and whether it adds up."""
    burners = [
        subprocess.Popen(["nice", "-n", str(nice), sys.executable, "-c", "while True: pass"])
        for _ in range(os.cpu_count() or 1)
    ]
    try:
        words = [sys.executable, "-c", TICKS, str(scratch / "ticks"), str(PERIOD_S), str(ticks), str(os.getpid())]
        subprocess.run(words, check=True)
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
    (directory,) = (scratch / "ticks").iterdir()
    run = read_run(directory)
    target = run.probes["target"]
    late_ms = sorted(target.columns["lateness_ms"])
    due_s = target.t_s - target.columns["lateness_ms"] / 1000  # the schedule that the rows say they follow
    drift_ms = [((due - due_s[0]) - round((due - due_s[0]) / PERIOD_S) * PERIOD_S) * 1000 for due in due_s]
    gaps = sum(event.event == "gap" for event in run.events)
    print(f"\n{len(late_ms):,} rows for {ticks:,} ticks at {1 / PERIOD_S:g} Hz, all cores busy (nice {nice})")
    print(
        f"  drift of the schedule: mean {statistics.fmean(map(abs, drift_ms)):.3f} ms, at the last row "
        f"{drift_ms[-1]:+.3f} ms (wanted: mean under 1 ms); times are stored to the millisecond"
    )
    print(
        f"  lateness: median {statistics.median(late_ms):.2f} ms, mean {statistics.fmean(late_ms):.2f} ms, "
        f"99 % under {late_ms[int(len(late_ms) * 0.99)]:.1f} ms, most {late_ms[-1]:.1f} ms; gaps {gaps}"
    )


def kills(scratch: Path, count: int) -> None:
    """Prints how many runs killed at random moments are readable and what they lost of what was acknowledged."""
    column = Column("anon_bytes", Unit.BYTES, ColumnKind.GAUGE, "")
    manifest = Manifest("2026-01-01T00:00:00Z", "kill", None, (ProbeInfo("target", Role.TARGET, 1.0, None, (column,)),))
    chance = random.Random(6)
    readable, lost_rows = 0, []
    for number in range(count):
        out = scratch / f"kill-{number}"
        words = [sys.executable, "-c", WRITE_FOREVER, str(out), json.dumps(manifest.to_json())]
        child = subprocess.Popen(words, stdout=subprocess.PIPE)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(chance.uniform(0.0, 0.1))
        child.kill()
        # Everything that it said before the kill is still in the pipe; only a whole line is an acknowledgement.
        said = child.communicate()[0].rpartition(b"\n")[0].split()
        acknowledged = int(said[-1]) if said else 1
        (directory,) = out.iterdir()
        try:
            rows = len(read_run(directory).probes["target"].t_s)
        except RunFormatError as error:
            print(f"  not readable: {error}")
            continue
        readable += 1
        lost_rows.append(max(0, acknowledged - rows))
    print(f"\n{count} runs killed with SIGKILL at random moments")
    print(f"  {readable} readable; acknowledged rows lost: {sum(lost_rows)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer of everything")
    parser.add_argument("--only", choices=["memory", "schedule", "kills"])
    parser.add_argument("--nice", type=int, default=0, help="of the processes that keep the cores busy")
    arguments = parser.parse_args()
    quick, only = arguments.quick, arguments.only
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        if only in (None, "memory"):
            memory(scratch, (1_000, 10_000, 50_000) if quick else (1_000, 10_000, 100_000, 500_000, 1_000_000))
        if only in (None, "schedule"):
            schedule(scratch, 400 if quick else 10_000, arguments.nice)
        if only in (None, "kills"):
            kills(scratch, 10 if quick else 100)


if __name__ == "__main__":
    main()
