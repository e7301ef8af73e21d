"""What sampling costs: against psrecord, mprof and procpath, on ten targets, and to the target itself.

Method. The other tools are installed from PyPI into an environment of their own and run as their manuals say, at the
same rate on the same targets at the same time as the harness's own parts, so that a busy machine is equally busy for
all. The cost of a sample is the processor time that the tool's processes took (``schedstat``, children included) over
the rows that it wrote, both counted from the same moment for all, ten seconds after all were started: starting up and
importing are excluded alike. A row is one reading of one target. psrecord and mprof follow one target each, so ten
targets are ten of them; procpath and the harness follow all in one process. The harness writes every row at once.

Waking up is most of what one sample of one target costs anybody, so three small programs run beside the tools to show
where the time goes: one that only sleeps, one that also reads, one that reads and writes in a dozen lines.

    python benchmarks/sampler_cost.py            # 15 minutes
    python benchmarks/sampler_cost.py --quick    # 3 minutes
    python benchmarks/sampler_cost.py --only slowdown
"""

from __future__ import annotations

import argparse
import bisect
import csv
import math
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from harness.probes.process import ADVISORY_DUTY_RATIO

RATE_HZ = 20.0
START_UP_S = 10.0
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
    role, waits = Role.TARGET, False
    columns = (Column("rss_bytes", Unit.BYTES, ColumnKind.GAUGE, ""),)
    def __init__(self, pid, period_s):
        self.name, self.files, self.period_s = f"target-{pid}", ProcessFiles(int(pid), hold=True), period_s
    def check(self): return None
    def identity(self): return None
    def read(self): return {"rss_bytes": self.files.memory().rss_bytes}
    def close(self): self.files.close()
out, period_s, *pids = sys.argv[1:]
probes = [RssProbe(pid, float(period_s)) for pid in pids]
manifest = Manifest("2026-01-01T00:00:00Z", "benchmark", None, tuple(describe(probe) for probe in probes))
writer = RunWriter.create(Path(out), manifest)
"""
"""The same with the one figure that the other tools read."""

SMALLEST = """
import os, sys, time
what, out, period_s, *pids = sys.argv[1:]
held = [os.open(f"/proc/{pid}/statm", os.O_RDONLY) for pid in pids] if what != "sleep" else []
row_file = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
started_s = due_s = time.monotonic()
while True:
    due_s += float(period_s)
    time.sleep(max(0.0, due_s - time.monotonic()))
    for descriptor in held:
        rss_bytes = int(os.pread(descriptor, 256, 0).split(None, 2)[1]) * 4096
        if what == "write":
            os.write(row_file, b"%.3f,%d\\n" % (due_s - started_s, rss_bytes))
"""
"""The least that a Python process can do for a sample: no store, no events, no errors, nothing else."""

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

OFTEN_WALKED = """
import harness.probes.process as process
process._WALK_PERIOD_S, process.ADVISORY_DUTY_RATIO = 1.0, 0.05
"""
ANNOUNCED = """
started_s = time.monotonic()
print("up", started_s, sep="\\n", flush=True)
Sampler(probes, writer, started_s=started_s).run(lambda: False, time.sleep)
"""

ALLOCATING = """
import random, sys, time
held = [bytearray(b"x" * (1 << 20)) for _ in range(int(sys.argv[1]))]
print("up", flush=True)
chance = random.Random(1)
count = 0
while True:
    until = time.monotonic() + 0.01
    while time.monotonic() < until:
        held[chance.randrange(len(held))] = bytearray(b"y" * (1 << 20))  # above malloc's threshold: a map and an unmap
        count += 1
    sys.stdout.write(f"{time.monotonic()} {count}\\n")
    sys.stdout.flush()
"""


@dataclass(frozen=True, slots=True)
class Tool:
    """A sampler to compare: its processes, and where their rows go (empty: RATE_HZ of each target)."""

    commands: list[list[str]]
    outputs: list[Path]

    def rows_count(self) -> int:
        """Lines or records written so far, of files and of those in folders."""
        return sum(_rows_of(output) for output in self.outputs)


def _rows_of(output: Path) -> int:
    if output.suffix == ".sqlite":
        with closing(sqlite3.connect(f"file:{output}?mode=ro", uri=True)) as database:
            return int(database.execute("SELECT COUNT(*) FROM record").fetchone()[0])
    files = output.rglob("*.csv") if output.is_dir() else [output]
    return sum(file.read_bytes().count(b"\n") for file in files)


@contextmanager
def running(
    words: Sequence[str], *, cpu: int | None = None, announces: bool = False
) -> Iterator[subprocess.Popen[str]]:
    """A child process, pinned to ``cpu`` where given, ended with the context."""
    pinned = ["taskset", "-c", str(cpu), *words] if cpu is not None else list(words)
    stdout = subprocess.PIPE if announces else subprocess.DEVNULL
    child = subprocess.Popen(pinned, stdout=stdout, stderr=subprocess.DEVNULL, text=True)
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
    """An environment with the other tools, made where there is none; its ``bin``."""
    if not (folder / "bin" / "procpath").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        pip = [str(folder / "bin" / "pip"), "install", "--quiet", *TOOLS]
        subprocess.run(pip, check=True, stderr=subprocess.DEVNULL)
    return folder / "bin"


def compare_tools(scratch: Path, tools_folder: Path, seconds: float) -> None:
    """Prints processor time per sample of every tool, all at once: of one target, of ten, and as fast as each can."""
    bin_folder = install_tools(tools_folder)
    with targets([50 << 20] * 10) as pids:
        for count in (1, 10):
            costs_us = _measure(_paced(bin_folder, scratch / f"paced-{count}", pids[:count]), seconds, count)
            _print_costs(f"CPU per sample, {RATE_HZ:g} Hz, targets: {count}", costs_us)
        fast_us = _measure(_unpaced(bin_folder, scratch / "fast", pids[0]), seconds / 2, 1)
        _print_costs("CPU per sample, as fast as each can (no waking up, warm caches)", fast_us)


@contextmanager
def targets(sizes_bytes: Sequence[int]) -> Iterator[list[str]]:
    """Idle processes that hold so much; their pids."""
    with ExitStack() as stack:
        words = [[sys.executable, "-c", TARGET, str(size)] for size in sizes_bytes]
        yield [str(stack.enter_context(running(command, announces=True)).pid) for command in words]


def _print_costs(title: str, costs_us: dict[str, float]) -> None:
    best_us = min(cost for name, cost in costs_us.items() if name in ("psrecord", "mprof", "procpath"))
    print(f"\n{title}")
    for name, cost_us in costs_us.items():
        print(f"  {name:<24} {cost_us:8.1f} µs   {cost_us / best_us:6.3f} of the best other tool")


def _paced(bin_folder: Path, scratch: Path, pids: Sequence[str]) -> dict[str, Tool]:
    scratch.mkdir()
    period = str(1 / RATE_HZ)
    logs = [scratch / f"psrecord-{pid}" for pid in pids]
    dats = [scratch / f"mprof-{pid}" for pid in pids]
    database, rss, full = scratch / "procpath.sqlite", scratch / "rss", scratch / "full"
    procpath = ["--logging-level", "ERROR", "record", "-i", period, "-p", ",".join(pids), "-f", "stat"]
    psrecord = [
        [f"{bin_folder}/psrecord", pid, "--interval", period, "--log", str(log)]
        for pid, log in zip(pids, logs, strict=True)
    ]
    mprof = [
        [f"{bin_folder}/mprof", "attach", "-T", period, "-o", str(dat), pid]
        for pid, dat in zip(pids, dats, strict=True)
    ]
    tools = {
        "psrecord": Tool(psrecord, logs),
        "mprof": Tool(mprof, dats),
        "procpath": Tool([[f"{bin_folder}/procpath", *procpath, "-d", str(database)]], [database]),
        "soak, RSS only": Tool([[sys.executable, "-c", RSS_ONLY + PACED, str(rss), period, *pids]], [rss]),
        "soak, every column": Tool([[sys.executable, "-c", SAMPLER + PACED, str(full), period, *pids]], [full]),
    }
    for what in ("sleep", "read", "write"):
        command = [sys.executable, "-c", SMALLEST, what, str(scratch / what), period, *pids]
        tools[f"(smallest program: {what})"] = Tool([command], [])
    return tools


def _unpaced(bin_folder: Path, scratch: Path, pid: str) -> dict[str, Tool]:
    scratch.mkdir()
    log, dat, rss, full = (scratch / name for name in ("psrecord", "mprof", "rss", "full"))
    return {
        "psrecord": Tool([[f"{bin_folder}/psrecord", pid, "--log", str(log)]], [log]),
        "mprof": Tool([[f"{bin_folder}/mprof", "attach", "-T", "0.000001", "-o", str(dat), pid]], [dat]),
        "soak, RSS only": Tool([[sys.executable, "-c", RSS_ONLY + UNPACED, str(rss), "1.0", pid]], [rss]),
        "soak, every column": Tool([[sys.executable, "-c", SAMPLER + UNPACED, str(full), "1.0", pid]], [full]),
    }


def _measure(tools: dict[str, Tool], seconds: float, targets_count: int) -> dict[str, float]:
    """Microseconds of processor time per sample that was really written, once all have started up."""
    with ExitStack() as stack:
        pids = {
            name: [stack.enter_context(running(command)).pid for command in tool.commands]
            for name, tool in tools.items()
        }
        time.sleep(START_UP_S)
        costs_us = {}
        before = {
            name: (sum(map(cpu_s, pids[name])), tool.rows_count(), time.monotonic()) for name, tool in tools.items()
        }
        time.sleep(seconds)
        for name, tool in tools.items():
            cpu_before_s, rows_before, started_s = before[name]
            spent_s = sum(map(cpu_s, pids[name])) - cpu_before_s
            expected = RATE_HZ * (time.monotonic() - started_s) * targets_count
            costs_us[name] = spent_s / (tool.rows_count() - rows_before if tool.outputs else expected) * 1e6
    return costs_us


def ten_targets(scratch: Path, seconds: float) -> None:
    """Prints the share of a core that ten targets take at 1 Hz with every column and PSS."""
    sizes_mib = (10, 10, 20, 20, 50, 50, 100, 100, 200, 200)
    with targets([size << 20 for size in sizes_mib]) as pids:
        words = [sys.executable, "-c", SAMPLER + PACED, str(scratch / "ten"), "1.0", *pids]
        with running(words) as sampler:
            time.sleep(START_UP_S)
            before_s, started_s = cpu_s(sampler.pid), time.monotonic()
            time.sleep(seconds)
            share = (cpu_s(sampler.pid) - before_s) / (time.monotonic() - started_s)
            rss_mib = _rss_mib(sampler.pid)
    print(f"\nTen targets of {min(sizes_mib)} to {max(sizes_mib)} MiB, 1 Hz, PSS on, {seconds:g} s")
    print(f"  {share * 100:.3f} % of a core (wanted: under 0.3 %), sampler resident {rss_mib:.1f} MiB")


def slowdown(scratch: Path, seconds: float) -> None:
    """Prints what samples and walks take from an allocating target of 2 GiB on a core of its own.

    Sampling does nothing between its ticks, so what it takes shows as fewer allocations around a tick than before and
    after it. The machine's own noise, several per cent from one second to the next, is the same for both; comparing
    windows with and without a sampler, which was tried, leaves it in (+0.5 % with an interval of -1.6 to +2.3 %).
    Walks are rare by default, so here they are done as often as 5 % of the time allows, and counted for themselves.
    """
    out = scratch / "slow"
    words = [sys.executable, "-c", SAMPLER + OFTEN_WALKED + ANNOUNCED, str(out), "1.0"]
    with running([sys.executable, "-c", ALLOCATING, "2048"], cpu=1, announces=True) as target:
        with running([*words, str(target.pid)], cpu=0, announces=True) as sampler:
            assert target.stdout is not None
            assert sampler.stdout is not None
            started_s = float(sampler.stdout.readline())
            lines: list[list[float]] = []
            while not lines or lines[-1][0] < started_s + seconds:
                lines.append([float(field) for field in target.stdout.readline().split()])
    at_s, done = [line[0] for line in lines], [line[1] for line in lines]
    (rows_file,) = out.rglob("target-*.csv")
    with rows_file.open() as rows_text:
        rows = [(started_s + float(row["t_s"]), row["pss_read_ms"]) for row in csv.DictReader(rows_text)]
    taken_s: dict[bool, list[float]] = {False: [], True: []}
    for (tick_s, _), (_, walk_ms) in pairwise(rows):  # so large a walk goes on beside its tick and is in the next row
        if at_s[0] + 1 < tick_s < at_s[-1] - 1:
            taken_s[walk_ms != ""].append(_taken_s(at_s, done, tick_s, 0.35 if walk_ms else 0.1))
    walk_cost_s = statistics.fmean(float(walk_ms) / 1000 for _, walk_ms in rows if walk_ms)
    _print_taken(taken_s[False], taken_s[True], walk_cost_s)


def _taken_s(at_s: Sequence[float], done: Sequence[float], tick_s: float, length_s: float) -> float:
    """Seconds of the target's work that are missing in ``length_s`` from a tick on, by its pace before and after."""
    after_s = tick_s + length_s + 0.05
    around_s, beside_s = (tick_s - 0.01, tick_s + length_s), ((tick_s - 0.4, tick_s - 0.05), (after_s, after_s + 0.35))

    def work(window_s: tuple[float, float]) -> float:
        return _at(at_s, done, window_s[1]) - _at(at_s, done, window_s[0])

    pace = sum(map(work, beside_s)) / sum(end - start for start, end in beside_s)
    return around_s[1] - around_s[0] - work(around_s) / pace


def _at(at_s: Sequence[float], done: Sequence[float], when_s: float) -> float:
    """Allocations done by ``when_s``, between the lines that say so."""
    index = bisect.bisect_right(at_s, when_s)
    before_s, after_s = at_s[index - 1], at_s[index]
    return done[index - 1] + (done[index] - done[index - 1]) * (when_s - before_s) / (after_s - before_s)


def _print_taken(ticks_s: Sequence[float], walks_s: Sequence[float], walk_cost_s: float) -> None:
    every_s = max(10.0, walk_cost_s / ADVISORY_DUTY_RATIO)
    (tick_s, tick_error_s), (walk_s, walk_error_s) = map(_mean_and_error, (ticks_s, walks_s))
    slower, error = tick_s + walk_s / every_s, math.hypot(tick_error_s, walk_error_s / every_s)
    print("\nAllocating target of 2 GiB, 1 Hz, PSS on; taken from its work, mean and 95 % interval")
    print(f"  by a sample  {tick_s * 1000:+.3f} ms ± {tick_error_s * 1000:.3f} ms ({len(ticks_s)} samples)")
    print(f"  by a walk    {walk_s * 1000:+.3f} ms ± {walk_error_s * 1000:.3f} ms ({len(walks_s)} walks)")
    print(f"  slower, with a sample a second and a walk every {every_s:.0f} s, by {slower:+.3%} ± {error:.3%}", end="")
    print(" (wanted: under 0.5 %)")


def _mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """The mean and half its 95 % interval."""
    return statistics.fmean(values), 1.96 * statistics.stdev(values) / math.sqrt(len(values))


def _rss_mib(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="shorter, noisier")
    parser.add_argument("--only", choices=["tools", "targets", "slowdown"])
    parser.add_argument("--tools", type=Path, help="where the other tools are kept; without it they are thrown away")
    arguments = parser.parse_args()
    quick, only = arguments.quick, arguments.only
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        if only in (None, "tools"):
            compare_tools(scratch, arguments.tools or scratch / "tools", 20.0 if quick else 60.0)
        if only in (None, "targets"):
            ten_targets(scratch, 20.0 if quick else 120.0)
        if only in (None, "slowdown"):
            slowdown(scratch, 60.0 if quick else 300.0)


if __name__ == "__main__":
    main()
