"""Tests of ``harness.diagnose.capture``: two looks at a real process, bounded, and never in the verdict's way."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness.diagnose import capture
from harness.diagnose.capture import Onlooker, diagnose
from harness.diagnose.room import Moment, Room
from harness.diagnose.suspects import Finding
from harness.model import Event
from harness.plan.diagnose import DiagnoseSection
from harness.plan.log_rules import LogRule
from tests.support.target_processes import python_process, tell

FAILED: dict[str, Any] = {
    "outcome": "fail",
    "kinds": {"normal": {"bytes_per_query": {"estimate": 1e6, "low": 9e5, "high": 2e6}}},
    "gates": [{"name": "max_growth_per_query", "kind": "normal", "outcome": "fail", "limit": 4096.0}],
}
KEEPER = (
    "import sys\nprint('ready')\nkept = []\n"
    "for line in sys.stdin:\n    kept.append(bytearray(b'x' * int(line)))\n    print('ok')\n"
)
NOBODY = "http://127.0.0.1:1"


@dataclass
class FakeScene:
    """A run that is over; driving it makes the target keep ten megabytes."""

    path: Path
    child: subprocess.Popen[str] | None
    base_url: str = NOBODY
    kinds: tuple[str, ...] = ("normal", "disconnect")
    driven: list[tuple[str, ...]] = field(default_factory=list)
    interrupted: Callable[[], None] = lambda: None

    @property
    def target_pid(self) -> int | None:
        return self.child.pid if self.child is not None else None

    @property
    def drive(self) -> Callable[[tuple[str, ...], float, Path], int]:
        def drive(kinds: tuple[str, ...], seconds: float, folder: Path) -> int:
            if kinds:
                self.driven.append(kinds)
                if self.child is not None:
                    tell(self.child, "10000000")
            return 10 if kinds else 0

        return drive

    @property
    def check(self) -> Callable[[], None]:
        return self.interrupted

    @property
    def now_s(self) -> Callable[[], float]:
        return lambda: 61.5


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    (tmp_path / "events.jsonl").write_text(
        '{"t_s": 1, "event": "log_match", "rule": "alarm", "count": 2, "lines": ["LEAK 1", "LEAK 2"]}\n'
        '{"t_s": 2, "event": "note", "text": "log_match"}\n'
        '{"t_s": 3, "event": "log_match", "rule": "alarm", "count": 1}\n'
    )
    (tmp_path / "verdict.json").write_text("{}")
    return tmp_path


@pytest.fixture
def keeper() -> Iterator[subprocess.Popen[str]]:
    with python_process(KEEPER) as child:
        yield child


def _diagnose(scene: FakeScene, verdict: dict[str, Any] = FAILED, *rules: LogRule, **settings: Any) -> dict[str, Any]:
    section = DiagnoseSection(**({"load_s": 1.0} | settings))
    path = diagnose(scene, section, verdict, Onlooker(rules, maps=False), rules)
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_a_target_that_tells_nothing_is_known_by_its_mappings(run_dir: Path, keeper: subprocess.Popen[str]) -> None:
    """Only the kinds that leak are driven again; what could not be captured has its reason."""
    scene = FakeScene(run_dir, keeper)
    found = _diagnose(scene)
    (suspect,) = found["suspects"]

    assert scene.driven == [("normal",)]
    assert suspect["what"] == "anonymous mappings"
    assert suspect["held_bytes"] == pytest.approx(10_000_000, rel=0.05)
    assert suspect["sentence"].startswith("normal leaks 1.00 MB a query; 10.0 MB more (1.00 MB a query) in anonymous")
    assert "expected a JSON answer" in found["not_captured"]["python objects"]
    assert found["remarks"] == []
    assert found["between"]["queries_count"] == 10


@dataclass
class _Costly:
    """A capture whose first look costs the target three megabytes, as a heap snapshot does."""

    child: subprocess.Popen[str]
    name: str = "costly"

    def take(self, moment: Moment, room: Room) -> None:
        if moment is Moment.BEFORE:
            tell(self.child, "3000000")

    def compare(self, room: Room) -> dict[str, Any]:
        return {}

    def findings(self) -> list[Finding]:
        return []

    def remarks(self) -> list[str]:
        return []

    def close(self) -> None: ...


def test_what_a_capture_costs_the_target_is_no_growth(
    run_dir: Path, keeper: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mappings are compared from behind the first look on."""
    monkeypatch.setattr(capture, "_captures", lambda *rest: [_Costly(keeper)])
    found = _diagnose(FakeScene(run_dir, keeper))
    (suspect,), (remark,) = found["suspects"], found["remarks"]

    assert suspect["held_bytes"] == pytest.approx(10_000_000, rel=0.05)
    assert "although they were looked into (costly: nothing grew there)" in remark


def test_the_run_is_marked_as_disturbed_after_its_end_and_the_verdict_is_not_touched(run_dir: Path) -> None:
    """The event is the last line; verdict.json stays as it was."""
    before = (run_dir / "verdict.json").stat()
    _diagnose(FakeScene(run_dir, None))
    last = json.loads((run_dir / "events.jsonl").read_text().splitlines()[-1])

    assert last == {"t_s": 61.5, "event": "perturbed", "by": "diagnosis"}
    assert (run_dir / "verdict.json").stat() == before


def test_without_anything_to_look_at_nothing_is_driven(run_dir: Path) -> None:
    """A target on another machine: the reasons are all there is."""
    scene = FakeScene(run_dir, None)
    found = _diagnose(scene)

    assert scene.driven == []
    assert found["suspects"] == []
    assert set(found["not_captured"]) == {"memory map", "python objects"}


def test_broken_rules_are_named_with_their_lines(run_dir: Path) -> None:
    """What the gates say is broken, counted over all events."""
    verdict = FAILED | {"gates": [{"name": "log_rules", "kind": "alarm", "outcome": "fail"}]}
    found = _diagnose(FakeScene(run_dir, None), verdict, LogRule(name="alarm", contains="LEAK", max=0, means="none"))

    assert found["log_rules"] == [
        {"rule": "alarm", "means": "none", "broken": True, "count": 3, "first_lines": ["LEAK 1", "LEAK 2"]}
    ]
    assert [suspect["what"] for suspect in found["suspects"]] == ["log rule alarm broken (none): 3 lines"]


def test_the_time_is_bounded_and_what_was_found_is_kept(run_dir: Path, keeper: subprocess.Popen[str]) -> None:
    """With no time at all every step says so, and the file is written."""
    found = _diagnose(FakeScene(run_dir, keeper), timeout_s=1e-9)

    assert found["suspects"] == []
    assert "diagnose.timeout" in found["not_captured"]["memory map"]


def test_an_interruption_goes_through_and_the_file_is_written(run_dir: Path, keeper: subprocess.Popen[str]) -> None:
    """The user's end is the user's end."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _diagnose(FakeScene(run_dir, keeper, interrupted=interrupted))
    assert (run_dir / "diagnosis.json").is_file()


def test_the_users_command_is_run_at_both_moments(run_dir: Path, keeper: subprocess.Popen[str]) -> None:
    """Its outputs lie in the diagnosis' folder."""
    found = _diagnose(FakeScene(run_dir, keeper), command="echo {moment} {pid}")

    assert found["evidence"]["command"]["before"] == {"file": "command-before.txt", "exit_code": 0}
    assert (run_dir / "diagnosis" / "command-after.txt").read_text() == f"after {keeper.pid}\n"


def test_a_remote_inspector_is_refused(run_dir: Path) -> None:
    """It runs any code it is sent."""
    found = _diagnose(FakeScene(run_dir, None), node="198.51.100.7:9229")

    assert "this machine" in found["not_captured"]["node heap"]


def test_where_only_time_leaks_it_is_only_waited(run_dir: Path, keeper: subprocess.Popen[str]) -> None:
    """No query is needed to see it."""
    idle = {"outcome": "fail", "kinds": {"idle": {"bytes_per_h": {"estimate": 5e7, "low": 4e7, "high": 6e7}}}}
    scene = FakeScene(run_dir, keeper)
    found = _diagnose(scene, idle)

    assert scene.driven == []
    assert found["between"]["kinds"] == []


def test_during_a_run_it_only_reads_logs_and_maps(tmp_path: Path, keeper: subprocess.Popen[str]) -> None:
    """The maps only where evidence is wanted; rules always."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "target.log").write_text("LEAK\n")
    rule = LogRule(name="alarm", contains="LEAK")
    events: list[Event] = []
    for maps in (True, False):
        onlooker = Onlooker([rule], maps=maps)
        onlooker.begin(tmp_path, lambda: keeper.pid)
        onlooker.drained(10.0)
        events += onlooker.poll(11.0)
        tell(keeper, "5000000")
        events += onlooker.finish(900.0)
        growth = onlooker.maps.growth() if onlooker.maps is not None else None
        assert (growth is not None) == maps
        if growth is not None:
            assert growth.total.held_bytes == pytest.approx(5_000_000, rel=0.1)

    assert [event.fields["rule"] for event in events] == ["alarm", "alarm"]
