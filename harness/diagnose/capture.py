"""Looks into a target after its run was judged: two looks with more of the same load between them, and what differs.

During the run it only reads logs for the plan's rules and, where evidence is wanted at all, the memory map at drained
moments. Everything else comes after the verdict is stored, is bounded in time and disk, and can fail without changing
verdict or exit code.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import psutil

from harness.diagnose.command_capture import CommandCapture
from harness.diagnose.logs import LogWatch
from harness.diagnose.node_capture import NodeCapture, find_node
from harness.diagnose.python_capture import PythonCapture, trim
from harness.diagnose.room import Capture, Moment, Room
from harness.diagnose.smaps import DrainedMaps, MapGrowth, MemoryMap, map_growth, read_map
from harness.diagnose.suspects import Case, Finding, idle_growth, leaking_kinds, mappings_remark, suspects
from harness.errors import ProbeError, SoakError
from harness.model import SCHEMA, Event, EventName
from harness.plan.diagnose import DiagnoseSection
from harness.plan.log_rules import LogRule
from harness.probes.node import is_loopback
from harness.store.schema import DIAGNOSIS_FILE, EVENTS_FILE, LOGS_FOLDER
from harness.store.whole import write_whole
from harness.units import format_bytes

DIAGNOSIS_FOLDER = "diagnosis"
SETTLE_LIMIT_S = 20
SETTLED_CPU_S = 0.05
"""Processor time in a second of an idle service, its timers and probes included."""
_T = TypeVar("_T")


class Scene(Protocol):
    """A run that is over, with its target alive; what ``harness.orchestrate`` calls Standing."""

    @property
    def path(self) -> Path: ...
    @property
    def base_url(self) -> str: ...
    @property
    def target_pid(self) -> int | None: ...
    @property
    def kinds(self) -> tuple[str, ...]: ...
    @property
    def drive(self) -> Callable[[tuple[str, ...], float, Path], int]: ...
    @property
    def check(self) -> Callable[[], None]: ...
    @property
    def now_s(self) -> Callable[[], float]: ...


class Onlooker:
    """What happens during the run: log rules, and the memory map at drained moments where ``maps`` are wanted."""

    def __init__(self, rules: Sequence[LogRule], *, maps: bool) -> None:
        self._rules, self._wants_maps = rules, maps
        self._logs: LogWatch | None = None
        self.maps: DrainedMaps | None = None

    def begin(self, run_dir: Path, target_pid: Callable[[], int | None]) -> None:
        """The run's directory is open."""
        self._logs = LogWatch(self._rules, run_dir / LOGS_FOLDER) if self._rules else None

        self.maps = DrainedMaps(lambda t_s: _map_of(target_pid(), lambda: t_s)) if self._wants_maps else None

    def drained(self, t_s: float) -> None:
        """Reads the memory map, where that is wanted and its budget allows."""
        if self.maps is not None:
            self.maps.drained(t_s)

    def poll(self, t_s: float) -> Iterable[Event]:
        """What the log rules have found."""
        return self._logs.poll(t_s) if self._logs is not None else ()

    def finish(self, t_s: float) -> Iterable[Event]:
        """What they have not told yet, and the last map of the run."""
        self.drained(t_s)
        return self._logs.finish(t_s) if self._logs is not None else ()


@dataclass(slots=True)
class Diagnosis:
    """What was found, as ``diagnosis.json`` has it."""

    seconds: float = 0.0
    queries_count: int = 0
    kinds: tuple[str, ...] = ()
    run_map: MapGrowth | None = None
    map: MapGrowth | None = None
    map_cost_ms: float = 0.0
    trimmed: dict[str, Any] = field(default_factory=dict)
    evidence: dict[str, Any] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    rules: list[dict[str, Any]] = field(default_factory=list)
    suspects: list[dict[str, Any]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "suspects": self.suspects,
            "remarks": self.remarks,
            "between": {
                "seconds": round(self.seconds, 1),
                "queries_count": self.queries_count,
                "kinds": list(self.kinds),
            },
            "log_rules": self.rules,
            "memory_map": {
                "over_the_run": None if self.run_map is None else self.run_map.to_json(),
                "between": None if self.map is None else self.map.to_json(),
                "cost_ms": round(self.map_cost_ms, 1),
                "trim": self.trimmed,
            },
            "evidence": self.evidence,
            "not_captured": self.problems,
        }


def diagnose(
    scene: Scene, section: DiagnoseSection, verdict: Mapping[str, Any], onlooker: Onlooker, rules: Sequence[LogRule]
) -> Path:
    """Captures, compares, and writes ``diagnosis.json``; the verdict must be stored. Returns the file's path.

    What one capture could not do stands in the file with its reason. Raises what ``scene.check`` raises, and OSError.
    """
    folder = scene.path / DIAGNOSIS_FOLDER
    folder.mkdir(exist_ok=True)
    _mark_perturbed(scene)
    room = Room(folder, time.monotonic() + section.timeout_s, section.max_disk, scene.check)
    found = Diagnosis(kinds=_kinds(scene, verdict), rules=_rule_results(scene.path, rules, verdict))
    if onlooker.maps is not None:
        found.run_map, found.map_cost_ms = onlooker.maps.growth(), onlooker.maps.cost_ms
        if onlooker.maps.problem is not None:
            found.problems["memory map during the run"] = onlooker.maps.problem
    work = _Work(scene, section, room, found, _captures(scene, section, found))
    try:
        work.carry_out(verdict)
    finally:
        work.close()
        findings = [finding for capture in work.done for finding in capture.findings()]
        case = Case(verdict, found.queries_count, findings, _map_findings(found), _rule_findings(found.rules))
        named = suspects(case)
        found.suspects = [suspect.to_json() for suspect in named]
        found.remarks = mappings_remark(named, case, [one.name for one in work.done if one.name != CommandCapture.name])
        found.remarks += [remark for capture in work.done for remark in capture.remarks()]
        path = _write(scene.path / DIAGNOSIS_FILE, found.to_json())
    return path


@dataclass(slots=True)
class _Work:
    """The steps in time. A step that fails is noted and the others go on, as long as there is room."""

    scene: Scene
    section: DiagnoseSection
    room: Room
    found: Diagnosis
    captures: list[Capture]
    done: list[Capture] = field(default_factory=list)

    def carry_out(self, verdict: Mapping[str, Any]) -> None:
        pid = self.scene.target_pid
        look = partial(_map_of, pid, self.scene.now_s)
        self._take(Moment.BEFORE)
        # after the captures: what their first look takes in the target (a snapshot, traces) is no growth
        before = self._attempt("memory map", look)
        began_s = time.monotonic()
        if not self.captures and before is None:
            return
        self._attempt("load between the looks", lambda: self._drive(verdict))
        self._attempt("quiet after the load", self._settle)
        self.found.seconds = time.monotonic() - began_s
        after = self._attempt("memory map", look)
        if before is not None and after is not None:
            self.found.map = map_growth(before, after)
        self._take(Moment.AFTER)
        self.found.trimmed = self._attempt("trim", self._trim) or {}
        for capture in list(self.captures):
            evidence = self._attempt(capture.name, partial(capture.compare, self.room))
            if evidence is not None:
                self.found.evidence[capture.name] = evidence
                self.done.append(capture)

    def close(self) -> None:
        for capture in self.captures:
            with suppress(Exception):
                capture.close()

    def _take(self, moment: Moment) -> None:
        for capture in list(self.captures):
            if self._attempt(capture.name, partial(_taken, capture, moment, self.room)) is None:
                self.captures.remove(capture)
                with suppress(Exception):
                    capture.close()

    def _drive(self, verdict: Mapping[str, Any]) -> None:
        """The kinds that leak; where time alone leaks, idleness too."""
        seconds = min(self.section.load_s, self.room.left_s / 3)
        self.found.queries_count = self.scene.drive(self.found.kinds, seconds, self.room.folder / "load")
        if idle_growth(verdict) is not None and self.found.kinds:
            self.scene.drive((), seconds / 2, self.room.folder)

    def _settle(self) -> None:
        """Waits until the target is at rest: work in flight must not pass for something kept."""
        pid = self.scene.target_pid
        for _ in range(SETTLE_LIMIT_S):
            before_s = _cpu_s(pid)
            self.scene.drive((), 1.0, self.room.folder)
            if before_s is None or (_cpu_s(pid) or 0.0) - before_s < SETTLED_CPU_S:
                return
            self.room.check()

    def _trim(self) -> dict[str, Any]:
        if not any(isinstance(capture, PythonCapture) for capture in self.captures):
            return {}
        return trim(self.section.python_url or self.scene.base_url)

    def _attempt(self, name: str, step: Callable[[], _T]) -> _T | None:
        try:
            self.room.check()
            return step()
        except SoakError as error:
            self.found.problems[name] = str(error)
        except (OSError, MemoryError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            self.found.problems[name] = f"failed: {type(error).__name__}: {error}"
        return None


def _cpu_s(pid: int | None) -> float | None:
    """Processor time that the target has used so far, its children's included."""
    if pid is None:
        return None
    total_s = 0.0
    with suppress(psutil.Error):
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with suppress(psutil.Error):
                times = process.cpu_times()
                total_s += times.user + times.system
    return total_s


def _taken(capture: Capture, moment: Moment, room: Room) -> bool:
    capture.take(moment, room)
    return True


def _map_of(pid: int | None, now_s: Callable[[], float]) -> MemoryMap:
    if pid is None:
        raise ProbeError("expected a process of this machine as target, found none to read the map of")
    return read_map(pid, now_s())


def _kinds(scene: Scene, verdict: Mapping[str, Any]) -> tuple[str, ...]:
    """What is driven between the looks: the kinds that leak; only time, where only that leaks; else all."""
    leaking = leaking_kinds(verdict)
    if not leaking and verdict.get("outcome") == "fail" and idle_growth(verdict) is not None:
        return ()
    return tuple(kind for kind in scene.kinds if kind in leaking) or scene.kinds


def _captures(scene: Scene, section: DiagnoseSection, found: Diagnosis) -> list[Capture]:
    """The ways that this target may allow; those that it turns out not to are dropped at the first look."""
    captures: list[Capture] = []
    pid = scene.target_pid
    if section.command is not None:
        captures.append(CommandCapture(section.command, pid))
    node = find_node(pid) if pid is not None else None
    if section.node is not None or node is not None:
        if section.node is None or is_loopback(section.node):
            captures.append(NodeCapture(section.node, node, keep_files=section.keep_snapshots))
        else:
            found.problems["node heap"] = (
                f"expected an inspector on this machine, found {section.node}: tunnel to it (ssh -L)"
            )
    if node is None:
        captures.append(PythonCapture(section.python_url or scene.base_url))
    return captures


def _mark_perturbed(scene: Scene) -> None:
    """From here on the target is disturbed. The event lies after the run's last sample, so no judgement changes."""
    line = json.dumps(Event(scene.now_s(), EventName.PERTURBED, {"by": "diagnosis"}).to_json())
    with (scene.path / EVENTS_FILE).open("ab") as events:
        events.write(line.encode() + b"\n")


def _rule_results(run_dir: Path, rules: Sequence[LogRule], verdict: Mapping[str, Any]) -> list[dict[str, Any]]:
    """For each rule how many lines, the first of them, and whether the verdict has it broken."""
    counts: dict[str, int] = {}
    lines: dict[str, list[str]] = {}
    with (run_dir / EVENTS_FILE).open(encoding="utf-8", errors="replace") as events:
        for text in events:
            if EventName.LOG_MATCH in text:
                event = _event(text)
                name = str(event.get("rule"))
                counts[name] = counts.get(name, 0) + int(event.get("count", 0))
                lines.setdefault(name, []).extend(event.get("lines", ()))
    broken = {
        str(gate.get("kind"))
        for gate in verdict.get("gates", ())
        if gate.get("name") == "log_rules" and gate.get("outcome") == "fail"
    }
    return [
        {
            "rule": rule.name,
            "means": rule.means,
            "broken": rule.name in broken,
            "count": counts.get(rule.name, 0),
            "first_lines": lines.get(rule.name, []),
        }
        for rule in rules
    ]


def _event(text: str) -> dict[str, Any]:
    try:
        event = json.loads(text)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _rule_findings(rules: Iterable[Mapping[str, Any]]) -> list[Finding]:
    return [
        Finding(
            source="log rules",
            what=f"log rule {rule['rule']} broken ({rule['means'] or 'no meaning given'}): {rule['count']} lines",
            count=int(rule["count"]),
            held_bytes=0,
        )
        for rule in rules
        if rule["broken"]
    ]


def _map_findings(found: Diagnosis) -> list[Finding]:
    """The groups of mappings that grew between the looks, or else over the run."""
    growth = found.map if found.map is not None else found.run_map
    return [
        Finding("memory map", f"{name} mappings", amount.mappings_count, amount.held_bytes, (), _trimmed(found.trimmed))
        for name, amount in (growth.groups if growth is not None else ())
        if amount.held_bytes > 0
    ]


def _trimmed(answer: Mapping[str, Any]) -> tuple[str, ...]:
    """What the allocator gave back when asked: reserve, not a leak."""
    if not answer:
        return ()
    return (f"the allocator could give back {format_bytes(max(0, answer['before'] - answer['after']))}",)


def _write(path: Path, content: Mapping[str, Any]) -> Path:
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return write_whole(path, text.encode())
