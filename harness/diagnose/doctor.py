"""What can be sampled and captured on this machine and target; for each no the reason and the command that changes it.

Each check only looks: nothing is started, signalled or changed. A check that itself fails is a "no" with its error.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import psutil

from harness.diagnose.node_capture import find_node, snapshot_signal, wants_usual_port
from harness.errors import ProbeError
from harness.probes.node_port import ANY_INSPECTOR_PORT, INSPECTOR_PORT, has_inspector_open
from harness.units import format_bytes

FILES_WANTED = 8192
PORTS_WANTED = 10_000
"""A load of 100 conversations a second with two connections each, which linger for a minute, needs about 12,000."""
CORES_WANTED = 2
CLOCK_TRIES = 200
CLOCK_WANTED_S = 1e-3
_PROC = Path("/proc")


class Answer(StrEnum):
    """``NO`` costs a feature, ``WARN`` may cost precision; neither stops a run by itself."""

    YES = "yes"
    WARN = "warn"
    NO = "no"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; ``fix`` is the command that would change a no."""

    what: str
    answer: Answer
    found: str
    fix: str = ""

    def to_json(self) -> dict[str, str]:
        return asdict(self)


def examine(pid: int | None = None, node: str | None = None, container: str | None = None) -> list[Finding]:
    """Every check of this machine, and those of the target where ``pid`` or ``container`` names one."""
    checks: list[tuple[str, Callable[[], Finding]]] = [
        ("memory of own processes", own_memory),
        ("memory of other users' processes", others_memory),
        ("ptrace", ptrace),
        ("cgroup memory", cgroup),
        ("container engine", engine),
        ("open files", open_files),
        ("ports for the load", port_range),
        ("clock", clock),
        ("swap", swap),
        ("cores", cores),
        ("free memory", free_memory),
        ("Node.js inspector port", lambda: inspector_port(node)),
    ]
    findings = [_answered(what, check) for what, check in checks]
    if container is not None:
        contained, pid = contained_target(container)
        findings.append(contained)
    elif pid is not None:
        findings.append(_answered("target", lambda: target(pid)))
    if pid is not None:
        findings.append(_answered("memory map of the target", lambda: target_map(pid)))
        findings.append(_answered("heap snapshot of the target", lambda: target_heap(pid)))
    return findings


def _answered(what: str, check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except Exception as error:
        return Finding(what, Answer.NO, f"could not be looked at: {type(error).__name__}: {error}")


def own_memory(proc: Path = _PROC) -> Finding:
    """RSS, PSS and anonymous memory of processes of this user."""
    what = "memory of own processes"
    for name in ("statm", "status", "smaps_rollup", "smaps"):
        try:
            (proc / "self" / name).read_bytes()
        except OSError as error:
            fix = "mount -t proc proc /proc" if name in ("statm", "status") else "use a kernel of 4.14 or newer"
            return Finding(what, Answer.NO, f"/proc/self/{name}: {error.strerror}", fix)
    return Finding(what, Answer.YES, "RSS, PSS, USS, anonymous memory and the memory map")


def others_memory() -> Finding:
    """PSS and the memory map of another user's process need root."""
    what = "memory of other users' processes"
    if os.geteuid() == 0:
        return Finding(what, Answer.YES, "running as root")
    return Finding(
        what,
        Answer.WARN,
        "RSS only; PSS and the memory map need root",
        "sudo -E soak ... (or run as the target's user)",
    )


def ptrace(proc: Path = _PROC) -> Finding:
    """Whether a debugger (gdb, py-spy, memray attach) may look into a process that it did not start."""
    what = "ptrace"
    path = proc / "sys/kernel/yama/ptrace_scope"
    if not path.exists():
        return Finding(what, Answer.YES, "not restricted (no Yama)")
    scope = path.read_text().strip()
    if scope == "0" or (scope in ("1", "2") and os.geteuid() == 0):
        return Finding(what, Answer.YES, f"ptrace_scope {scope}")
    fix = "sudo sysctl kernel.yama.ptrace_scope=0" if scope != "3" else "reboot with kernel.yama.ptrace_scope=0"
    return Finding(what, Answer.NO, f"ptrace_scope {scope}: debuggers cannot attach to processes that run", fix)


def cgroup(root: Path = Path("/sys/fs/cgroup")) -> Finding:
    """Where a container's memory can be read from files."""
    what = "cgroup memory"
    if (root / "cgroup.controllers").exists():
        if "memory" in (root / "cgroup.controllers").read_text().split():
            return Finding(what, Answer.YES, "version 2, with the memory controller")
        return Finding(what, Answer.NO, "version 2 without the memory controller", _enable_memory(root))
    if (root / "memory").is_dir():
        return Finding(what, Answer.YES, "version 1: no memory.peak, and swap only where swapaccount is on")
    return Finding(what, Answer.NO, f"no memory controller under {root}", "mount -t cgroup2 none /sys/fs/cgroup")


def _enable_memory(root: Path) -> str:
    return f"echo +memory | sudo tee {root}/cgroup.subtree_control (or boot with cgroup_enable=memory)"


def engine() -> Finding:
    """Whether containers can be started, watched and inspected."""
    what = "container engine"
    from contextlib import closing

    from harness.probes.engine import DockerEngine

    try:
        with closing(DockerEngine()) as found:
            now_s = found.now_s()
    except Exception as error:
        reason = str(error)
        fix = (
            "sudo usermod -aG docker $USER (then log in again)"
            if "ermission" in reason
            else "sudo systemctl start docker"
        )
        return Finding(what, Answer.NO, reason, fix)
    skew_s = abs(now_s - time.time())
    if skew_s > 1:
        return Finding(what, Answer.WARN, f"answers; its clock differs by {skew_s:.1f} s", "sudo chronyc makestep")
    return Finding(what, Answer.YES, "answers")


def open_files() -> Finding:
    """How many connections the load may hold."""
    what = "open files"
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= FILES_WANTED:
        return Finding(what, Answer.YES, f"ulimit -n {soft}")
    enough = hard == resource.RLIM_INFINITY or hard >= FILES_WANTED
    fix = (
        f"ulimit -n {FILES_WANTED}"
        if enough
        else f"echo '* hard nofile {FILES_WANTED}' | sudo tee -a /etc/security/limits.conf"
    )
    return Finding(what, Answer.WARN, f"ulimit -n {soft}: about {max(0, soft - 100) // 2} conversations at a time", fix)


def port_range(proc: Path = _PROC) -> Finding:
    """How many connections to one address may be in use or linger."""
    what = "ports for the load"
    low, high = map(int, (proc / "sys/net/ipv4/ip_local_port_range").read_text().split())
    count = high - low + 1
    if count >= PORTS_WANTED:
        return Finding(what, Answer.YES, f"{count:,} ({low} to {high})")
    return Finding(
        what, Answer.WARN, f"only {count:,} ({low} to {high})", "sudo sysctl net.ipv4.ip_local_port_range='15000 65000'"
    )


def clock() -> Finding:
    """Whether the monotonic clock is fine enough, and cheap to read."""
    what = "clock"
    steps = []
    for _ in range(CLOCK_TRIES):
        began_s = time.monotonic()
        while (now_s := time.monotonic()) == began_s:
            pass
        steps.append(now_s - began_s)
    step_s = sorted(steps)[len(steps) // 2]
    source = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")
    name = source.read_text().strip() if source.exists() else "unknown source"
    if step_s > CLOCK_WANTED_S:
        return Finding(
            what, Answer.WARN, f"steps of {step_s * 1e3:.1f} ms ({name})", "echo tsc | sudo tee " + str(source)
        )
    return Finding(what, Answer.YES, f"steps of {step_s * 1e6:.2f} µs ({name})")


def swap() -> Finding:
    """Memory that is swapped out is still held, but reading it disturbs what is measured."""
    what = "swap"
    found = psutil.swap_memory()
    if found.total == 0:
        return Finding(what, Answer.YES, "none: what is held stays in memory")
    if found.percent > 25:
        return Finding(
            what, Answer.WARN, f"{found.percent:.0f} % of {found.total / 1e9:.1f} GB in use", "sudo swapoff -a"
        )
    return Finding(
        what, Answer.YES, f"{found.total / 1e9:.1f} GB, {found.percent:.0f} % in use; swapped memory is counted"
    )


def cores() -> Finding:
    """Target, mock, load and harness share them."""
    what = "cores"
    count = len(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    if count < CORES_WANTED:
        return Finding(
            what,
            Answer.WARN,
            f"{count}: the load competes with the target",
            "run the load elsewhere: --expect-workers N",
        )
    if load > count:
        return Finding(
            what, Answer.WARN, f"{count}, busy already (load average {load:.1f})", "end what else runs: see `top`"
        )
    return Finding(what, Answer.YES, f"{count}, load average {load:.1f}")


def free_memory() -> Finding:
    """A target that leaks on purpose needs room to do so."""
    what = "free memory"
    available = psutil.virtual_memory().available
    if available < 2e9:
        return Finding(
            what,
            Answer.WARN,
            f"{available / 1e9:.1f} GB",
            "end what else runs, or set a limit with [container] memory-limit",
        )
    return Finding(what, Answer.YES, f"{available / 1e9:.1f} GB")


def inspector_port(node: str | None = None) -> Finding:
    """Whether a Node.js target could open its inspector; or whether the one at ``node`` answers."""
    what = "Node.js inspector port"
    if node is not None:
        from harness.probes.http_page import HttpPage

        page = HttpPage(f"http://{node}/json/version", 2.0)
        try:
            page.fetch()
        finally:
            page.close()
        return Finding(what, Answer.YES, f"the inspector at {node} answers")
    if (holder := inspector_port_holder()) is not None:
        return Finding(
            what,
            Answer.WARN,
            f"{INSPECTOR_PORT} is in use by process {holder}",
            f"{ANY_INSPECTOR_PORT}, or name the target's own inspector with --node HOST:PORT",
        )
    return Finding(what, Answer.YES, f"{INSPECTOR_PORT} is free: SIGUSR1 can open an inspector there")


def inspector_port_holder() -> int | str | None:
    """Who listens on Node.js's usual port of this machine's network, None where nobody does."""
    with suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and getattr(connection.laddr, "port", 0) == INSPECTOR_PORT:
                return connection.pid or "of another user"
    return None


def target(pid: int) -> Finding:
    """Whether it is there, and whose it is."""
    what = "target"
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            found = f"{process.name()} of {process.username()}, {len(process.children(recursive=True))} children"
    except psutil.NoSuchProcess:
        return Finding(what, Answer.NO, f"no process {pid}", "ps -e, then name its pid")
    return Finding(what, Answer.YES, found)


def contained_target(container: str) -> tuple[Finding, int | None]:
    """Whether it runs and how its memory is read; its main process where that is one of this machine."""
    from contextlib import closing

    from harness.probes.container import STATISTICS_PERIOD_S, local_pid
    from harness.probes.engine import DockerEngine

    what = "target"
    try:
        with closing(DockerEngine()) as found:
            state = found.state(container)
    except ProbeError as error:
        return Finding(what, Answer.NO, str(error), "docker ps --all, then name one"), None
    if not state.running:
        return Finding(what, Answer.NO, state.why_not_running(), f"docker start {state.name}"), None
    limit_bytes = state.memory_limit_bytes
    limit = "without a limit of its own" if limit_bytes is None else f"limit {format_bytes(limit_bytes)}"
    pid = local_pid(state)
    if pid is None:
        return Finding(
            what,
            Answer.WARN,
            f"container {state.name}, {limit}; its control group cannot be seen from here: the engine is asked, every "
            f"{STATISTICS_PERIOD_S:g} s at most, and no memory map or heap snapshot can be had",
            "run soak on the engine's own machine, outside a container",
        ), None
    return Finding(what, Answer.YES, f"container {state.name}, {limit}, process {pid} here; read from its files"), pid


def target_map(pid: int, proc: Path = _PROC) -> Finding:
    """Whether its growth can be told apart by mapping."""
    what = "memory map of the target"
    try:
        with (proc / str(pid) / "smaps").open("rb") as file:
            file.read(1)
    except PermissionError:
        return Finding(what, Answer.NO, "no permission", "sudo -E soak ... (or run as the target's user)")
    except OSError as error:
        return Finding(what, Answer.NO, f"{error.strerror}", "ps -e, then name its pid")
    return Finding(what, Answer.YES, "smaps can be read")


def target_heap(pid: int) -> Finding:
    """Whether two heap snapshots can be had from it."""
    what = "heap snapshot of the target"
    node = find_node(pid)
    if node is None:
        return Finding(
            what,
            Answer.WARN,
            "no Node.js process: `/debug/objects` is asked for, or a command of yours is run",
            'set [diagnose] command = "..." in soak.toml',
        )
    owner = psutil.Process(node).uids().effective
    if os.geteuid() not in (0, owner):
        return Finding(
            what,
            Answer.NO,
            f"process {node} is another user's",
            "sudo -E soak ... (or run as the target's user)",
        )
    number = snapshot_signal(node)
    if number is not None:
        return Finding(what, Answer.YES, f"process {node} writes one on {number.name}")
    if has_inspector_open(node):
        return Finding(what, Answer.YES, f"process {node} has its inspector open")
    if wants_usual_port(node) and (holder := inspector_port_holder()) is not None:
        found = f"process {node} cannot open its inspector: port {INSPECTOR_PORT} is in use by process {holder}"
        return Finding(what, Answer.NO, found, ANY_INSPECTOR_PORT)
    return Finding(what, Answer.YES, f"process {node} opens its inspector on SIGUSR1")
