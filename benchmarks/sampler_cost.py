"""What sampling costs: against psrecord, mprof and procpath, on ten targets, and to the target itself.

The other tools are installed from PyPI into a throw-away environment. Everything that is compared runs at the same time
on the same targets, so that a busy machine is equally busy for all.

    python benchmarks/sampler_cost.py            # 12 minutes
    python benchmarks/sampler_cost.py --quick    # 2 minutes
    python benchmarks/sampler_cost.py --only slowdown
"""

from __future__ import annotations

import argparse
import math
import os
import select
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

RATE_HZ = 20.0
TOOLS = ("psrecord", "memory_profiler", "procpath")

SAMPLER = """
import sys, time
from pathlib import Path
from harness.model import Role
from harness.probes.process import ProcessTreeProbe
from harness.sampler import Sampler, describe
from harness.store.schema import Manifest
from harness.store.writer import RunWriter
out, period_s, *pids = sys.argv[1:]
probes = [ProcessTreeProbe(f"target-{pid}", Role.TARGET, int(pid), float(period_s)) for pid in pids]
manifest = Manifest("2026-01-01T00:00:00Z", "benchmark", None, tuple(describe(probe) for probe in probes))
writer = RunWriter.create(Path(out), manifest)
"""
"""The harness's own parts as a run uses them: every column, PSS within its budget, each row stored at once."""

RSS_ONLY = """
import os, sys, time
from pathlib import Path
from harness.probes.procfs import ProcessFiles
from harness.model import Column, ColumnKind, Role, Unit
from harness.sampler import Sampler, describe
from harness.store.schema import Manifest
from harness.store.writer import RunWriter
class RssProbe:
    name, role, waits = "target", Role.TARGET, False
    columns = (Column("rss_bytes", Unit.BYTES, ColumnKind.GAUGE, ""),)
    def __init__(self, pid, period_s): self.files, self.period_s = ProcessFiles(pid, hold=True), period_s
    def check(self): return None
    def identity(self): return None
    def read(self): return {"rss_bytes": self.files.rss_bytes()}
    def close(self): self.files.close()
out, period_s, pid = sys.argv[1:]
probe = RssProbe(int(pid), float(period_s))
probes = [probe]
writer = RunWriter.create(Path(out), Manifest("2026-01-01T00:00:00Z", "benchmark", None, (describe(probe),)))
"""
"""The same with the one figure that the other tools read."""

PACED = "Sampler(probes, writer, started_s=time.monotonic()).run(lambda: False, time.sleep)"
UNPACED = """
class Clock:
    now_s = 0.0
    def __call__(self): return self.now_s
    def wait(self, seconds): self.now_s += seconds
clock = Clock()
Sampler(probes, writer, started_s=0.0, clock=clock, boottime=clock).run(lambda: False, clock.wait)
"""
"""Time that passes at once: one sample after the other, on the schedule of one a second."""

TARGET = "import sys, time; kept = b'x' * int(sys.argv[1]); print('up', flush=True); time.sleep(1e6)"

ALLOCATING = """
import mmap, random, sys, time
held = [bytearray(b"x" * (1 << 20)) for _ in range(int(sys.argv[1]))]
print("up", flush=True)
chance = random.Random(1)
count = 0
while True:
    until = time.perf_counter() + 0.05
    while time.perf_counter() < until:
        held[chance.randrange(len(held))] = bytearray(b"y" * (1 << 20))  # above malloc's threshold: a map and an unmap
        count += 1
    sys.stdout.write(f"{time.perf_counter()} {time.process_time()} {count}\\n")
    sys.stdout.flush()
"""


@dataclass(frozen=True, slots=True)
class Tool:
    """A sampler to compare: what to run, and where its rows go (None: it keeps to RATE_HZ)."""

    words: list[str]
    output: Path | None

    def rows_count(self) -> int:
        """Lines written so far, of the one file or of those in the folder."""
        assert self.output is not None
        files = self.output.rglob("*.csv") if self.output.is_dir() else [self.output]
        return sum(file.read_bytes().count(b"\n") for file in files)


@contextmanager
def running(
    words: Sequence[str], *, cpu: int | None = None, announces: bool = False
) -> Iterator[subprocess.Popen[str]]:
    """A child process, pinned to ``cpu`` where given, ended with the context."""
    pinned = ["taskset", "-c", str(cpu), *words] if cpu is not None else list(words)
    child = subprocess.Popen(pinned, stdout=subprocess.PIPE if announces else subprocess.DEVNULL, text=True)
    try:
        if announces:
            assert child.stdout is not None
            child.stdout.readline()
        yield child
    finally:
        child.kill()
        child.communicate()


def cpu_s(pid: int) -> float:
    """Processor time of ``pid`` and its children so far, to the nanosecond (ticks would be far too coarse)."""
    total_ns = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        total_ns += int((thread / "schedstat").read_text().split()[0])
        total_ns += sum(round(cpu_s(int(child)) * 1e9) for child in (thread / "children").read_text().split())
    return total_ns / 1e9


def install_tools(folder: Path) -> Path:
    """A throw-away environment with the other tools; its ``bin``."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    subprocess.run([str(folder / "bin" / "pip"), "install", "--quiet", *TOOLS], check=True, stderr=subprocess.DEVNULL)
    return folder / "bin"


def compare_tools(scratch: Path, seconds: float) -> None:
    """Prints processor time per sample of every tool on one target, all at once: paced, then as fast as each can.

    Waking up costs the same for whoever samples, and on a busy machine it is most of the cost, with caches that others
    have emptied; so a process that only sleeps runs beside them, and the second table leaves waking out altogether.
    """
    bin_folder = install_tools(scratch / "venv")
    with running([sys.executable, "-c", TARGET, str(50 << 20)], announces=True) as target:
        paced = _measure(_paced(bin_folder, scratch / "paced", str(target.pid)), seconds)
        fast = _measure(_unpaced(bin_folder, scratch / "fast", str(target.pid)), seconds / 2)
    asleep_us = paced.pop("asleep")
    _print_costs(f"CPU per sample, {RATE_HZ:g} Hz, of which waking up is {asleep_us:.0f} µs", paced)
    _print_costs("CPU per sample, as fast as each can (no waking up, warm caches)", fast)


def _print_costs(title: str, costs_us: dict[str, float]) -> None:
    best_us = min(cost for name, cost in costs_us.items() if not name.startswith("soak"))
    print(f"\n{title}")
    for name, cost_us in costs_us.items():
        print(f"  {name:<20} {cost_us:8.0f} µs   {cost_us / best_us:6.2f} of the best other tool")


def _paced(bin_folder: Path, scratch: Path, pid: str) -> dict[str, Tool]:
    scratch.mkdir()
    period = str(1 / RATE_HZ)
    log, dat, rss, full, db = (scratch / name for name in ("psrecord", "mprof", "rss", "full", "procpath"))
    procpath = ["--logging-level", "ERROR", "record", "-i", period, "-p", pid, "-f", "stat", "-d", str(db)]
    return {
        "asleep": Tool([sys.executable, "-c", f"import time\nwhile True: time.sleep({period})"], None),
        "psrecord": Tool([f"{bin_folder}/psrecord", pid, "--interval", period, "--log", str(log)], log),
        "mprof": Tool([f"{bin_folder}/mprof", "attach", "-T", period, "-o", str(dat), pid], dat),
        "procpath": Tool([f"{bin_folder}/procpath", *procpath], None),
        "soak, RSS only": Tool([sys.executable, "-c", RSS_ONLY + PACED, str(rss), period, pid], rss),
        "soak, every column": Tool([sys.executable, "-c", SAMPLER + PACED, str(full), period, pid], full),
    }


def _unpaced(bin_folder: Path, scratch: Path, pid: str) -> dict[str, Tool]:
    scratch.mkdir()
    log, dat, rss, full = (scratch / name for name in ("psrecord", "mprof", "rss", "full"))
    return {
        "psrecord": Tool([f"{bin_folder}/psrecord", pid, "--log", str(log)], log),
        "mprof": Tool([f"{bin_folder}/mprof", "attach", "-T", "0.000001", "-o", str(dat), pid], dat),
        "soak, RSS only": Tool([sys.executable, "-c", RSS_ONLY + UNPACED, str(rss), "1.0", pid], rss),
        "soak, every column": Tool([sys.executable, "-c", SAMPLER + UNPACED, str(full), "1.0", pid], full),
    }


def _measure(tools: dict[str, Tool], seconds: float) -> dict[str, float]:
    """Microseconds of processor time per sample that was really written, once all have started up."""
    children = {
        name: subprocess.Popen(tool.words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for name, tool in tools.items()
    }
    try:
        time.sleep(8.0)
        started_s = time.monotonic()
        before = {name: (cpu_s(child.pid), _rows(tools[name], 0.0)) for name, child in children.items()}
        time.sleep(seconds)
        elapsed_s = time.monotonic() - started_s
        after = {name: (cpu_s(child.pid), _rows(tools[name], elapsed_s)) for name, child in children.items()}
    finally:
        for child in children.values():
            child.kill()
            child.wait()
    return {
        name: (cpu_after_s - before[name][0]) / (rows_after - before[name][1]) * 1e6
        for name, (cpu_after_s, rows_after) in after.items()
    }


def _rows(tool: Tool, elapsed_s: float) -> float:
    return RATE_HZ * elapsed_s if tool.output is None else tool.rows_count()


def ten_targets(scratch: Path, seconds: float) -> None:
    """Prints the share of a core that ten targets take at 1 Hz with every column and PSS."""
    sizes_mib = (10, 10, 20, 20, 50, 50, 100, 100, 200, 200)
    contexts = [running([sys.executable, "-c", TARGET, str(size << 20)], announces=True) for size in sizes_mib]
    targets = [context.__enter__() for context in contexts]
    try:
        words = [
            sys.executable,
            "-c",
            SAMPLER + PACED,
            str(scratch / "ten"),
            "1.0",
            *(str(target.pid) for target in targets),
        ]
        with running(words) as sampler:
            time.sleep(6.0)
            before_s, started_s = cpu_s(sampler.pid), time.monotonic()
            time.sleep(seconds)
            share = (cpu_s(sampler.pid) - before_s) / (time.monotonic() - started_s)
            rss_mib = _rss_mib(sampler.pid)
    finally:
        for context in contexts:
            context.__exit__(None, None, None)
    print(f"\nTen targets of {min(sizes_mib)} to {max(sizes_mib)} MiB, 1 Hz, PSS on, {seconds:g} s")
    print(f"  {share * 100:.3f} % of a core (wanted: under 0.3 %), sampler resident {rss_mib:.1f} MiB")


def slowdown(scratch: Path, pairs_count: int, window_s: float) -> None:
    """Prints how much slower an allocating target of 2 GiB is while it is sampled, window by window on and off.

    By the clock, which is what matters and on a busy machine is noise, and by its own processor time.
    """
    with running([sys.executable, "-c", ALLOCATING, "2048"], cpu=1, announces=True) as target:
        words = [sys.executable, "-c", SAMPLER + PACED, str(scratch / "slow"), "1.0", str(target.pid)]
        changes: dict[str, list[float]] = {"by the clock": [], "by processor time": []}
        for number in range(pairs_count):
            rates = {}
            for sampled in (number % 2 == 0, number % 2 == 1):
                with running(words, cpu=0) if sampled else nullcontext():
                    time.sleep(2.0)
                    rates[sampled] = _rates(target, window_s)
            for index, name in enumerate(changes):
                changes[name].append(1.0 - rates[True][index] / rates[False][index])
    print(f"\nAllocating target of 2 GiB, sampled at 1 Hz with PSS or not, {pairs_count} pairs of {window_s:g} s")
    for name, values in changes.items():
        low, high = _median_interval(values)
        median = statistics.median(values)
        print(f"  slower {name} by {median:+.2%} (median; 95 % {low:+.2%} to {high:+.2%}), wanted: under 0.5 %")


def _rates(target: subprocess.Popen[str], window_s: float) -> tuple[float, float]:
    """Allocations a second, and a second of its processor time, over the next ``window_s``."""
    assert target.stdout is not None
    while select.select([target.stdout], [], [], 0)[0]:  # what it said before
        os.read(target.stdout.fileno(), 1 << 16)
    lines: list[list[float]] = []
    until_s = time.perf_counter() + window_s
    while time.perf_counter() < until_s:
        lines.append([float(field) for field in target.stdout.readline().split()])
    first, last = lines[1], lines[-1]  # the very first may be the rest of a line
    return (last[2] - first[2]) / (last[0] - first[0]), (last[2] - first[2]) / (last[1] - first[1])


def _median_interval(values: Sequence[float]) -> tuple[float, float]:
    """95 % interval of the median from the order statistics."""
    ordered = sorted(values)
    half = 0.98 * math.sqrt(len(ordered))
    return ordered[max(0, int(len(ordered) / 2 - half))], ordered[min(len(ordered) - 1, int(len(ordered) / 2 + half))]


def _rss_mib(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="shorter, noisier")
    parser.add_argument("--only", choices=["tools", "targets", "slowdown"])
    arguments = parser.parse_args()
    quick, only = arguments.quick, arguments.only
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        if only in (None, "tools"):
            compare_tools(scratch, 20.0 if quick else 60.0)
        if only in (None, "targets"):
            ten_targets(scratch, 20.0 if quick else 120.0)
        if only in (None, "slowdown"):
            slowdown(scratch, 5 if quick else 40, 3.0 if quick else 6.0)


if __name__ == "__main__":
    main()
