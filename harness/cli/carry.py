"""What ``run`` and ``demo`` share: carry a plan out under a view, then judge and report what was stored."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from harness.cli.evidence import Evidence, require_diagnosable
from harness.cli.outcome import keep_verdict, print_outcome
from harness.model import EXIT_CODE_OF_OUTCOME, EndReason, Event, EventName, ExitCode, Outcome
from harness.orchestrate.containers import Request
from harness.orchestrate.interrupts import Interrupted
from harness.orchestrate.launch import LOOPBACK, Launch
from harness.orchestrate.run import Finished, carry_out, prepare, worker_command
from harness.orchestrate.session import Tick
from harness.plan.document import Plan
from harness.report.live import LiveFacts, LiveState, LiveView
from harness.report.live_file import LiveFile

if TYPE_CHECKING:
    from harness.report.web import LivePage


def carry_out_with_view(plan: Plan, *, quiet: bool, stream: TextIO) -> Finished:
    """Carries ``plan`` out, showing progress on ``stream``. Raises SoakError and KeyboardInterrupt."""
    require_diagnosable(plan)
    preparation = prepare(plan)
    limit = plan.gates.limits().max_growth_bytes_per_h
    facts = LiveFacts(preparation.load.scenario, preparation.load.duration_s, "target.anon_bytes", limit)
    shown = Shown(LiveView(stream, facts, quiet=quiet), for_page=preparation.web_port is not None)
    if preparation.web_port is not None:  # also with --quiet: nothing else says where it is
        stream.write(f"live page: http://{LOOPBACK}:{preparation.web_port}\n")
    if not quiet:
        stream.write(f"{_opening(preparation.launch)}\n")
        if (command := worker_command(preparation)) is not None:
            stream.write(f"waiting for {plan.load.expect_workers} load workers, each started by: {command}\n")
    evidence = Evidence(plan, judge_and_report, stream, quiet=quiet, before_writing=shown.leave_terminal)
    try:
        finished = carry_out(preparation, _Progress(shown, plan.load.expect_workers), evidence)
        return replace(finished, judged=evidence.judged is not None)
    except Interrupted as error:
        raise KeyboardInterrupt from error
    finally:
        shown.close()


def _opening(launch: Launch) -> str:
    """What is started and what is found, in one line."""
    starts = launch.target is not None or isinstance(launch.container, Request)
    target = "starting the target" if starts else "using the target that runs"
    mock = f", with the mock at {launch.tts_url}" if launch.mock is not None else ""
    return f"{target} at {launch.base_url}{mock}"


class Shown:
    """A run's state on the terminal and, ``for_page``, in its directory for a page; ``page`` is one of our own."""

    def __init__(self, view: LiveView, *, for_page: bool, page: LivePage | None = None) -> None:
        self._view = view
        self._for_page = for_page
        self._page = page
        self._file: LiveFile | None = None

    def update(self, run_dir: Path, state: LiveState) -> None:
        """Call once a tick."""
        self._view.update(state)
        if not self._for_page:
            return
        if self._file is None:
            self._file = LiveFile(run_dir, self._view.duration_s)
            if self._page is not None:
                self._page.show(run_dir)
        self._file.update(state)

    def leave_terminal(self) -> None:
        """Others may write there now; a page goes on."""
        self._view.close()

    def close(self) -> None:
        """Ends everything; may be called twice."""
        self.leave_terminal()
        if self._page is not None:
            self._page.close()
            self._page = None
        if self._file is not None:
            self._file.close()


class _Progress:
    """Turns ticks and events into what is shown."""

    def __init__(self, shown: Shown, expected_workers_count: int) -> None:
        self._shown = shown
        self._expected_workers_count = expected_workers_count
        self._begun_s: float | None = None
        self._phase: Event | None = None
        self._problem: str | None = None

    def __call__(self, tick: Tick) -> None:
        for event in tick.new_events:
            if event.event == EventName.PHASE_START:
                self._phase = event
                self._begun_s = event.t_s if self._begun_s is None else self._begun_s
            elif event.event == EventName.GENERATOR_SATURATED:
                self._problem = str(event.fields.get("reason"))
        fields = self._phase.fields if self._phase is not None else self._before_the_first()
        begun_s = tick.t_s if self._begun_s is None else self._begun_s
        so_far = tick.so_far
        self._shown.update(
            tick.run_dir,
            LiveState(
                t_s=tick.t_s,
                memory_bytes=tick.memory_bytes,
                phase=fields.get("phase"),
                kind=fields.get("kind"),
                cycle=fields.get("cycle"),
                growth_bytes_per_h=so_far.growth_bytes_per_h if so_far is not None else None,
                outcome=so_far.outcome if so_far is not None else None,
                waits_for=so_far.waits_for if so_far is not None else None,
                queries_per_s=tick.load.completed_count / max(tick.t_s - begun_s, 1.0),
                completed_count=tick.load.completed_count,
                failed_count=tick.load.failed_count,
                dropped_count=tick.load.dropped_count,
                generator_problem=self._problem,
                begun_s=begun_s,
            ),
        )

    def _before_the_first(self) -> dict[str, Any]:
        count = self._expected_workers_count
        return {"phase": f"waiting for {count} load workers"} if count else {}


def conclude(finished: Finished, *, as_json: bool, quiet: bool) -> ExitCode:
    """Judges and reports a stored run, prints the outcome, and gives the command's exit code."""
    try:
        code, verdict = judgement(finished)
    except KeyboardInterrupt:
        again = f"soak analyze {finished.path} && soak report {finished.path}"
        sys.stderr.write(f"soak: interrupted; the run is stored, and judged and reported by: {again}\n")
        return ExitCode.INTERRUPTED
    if as_json:
        sys.stdout.write(json.dumps({**verdict, "run": str(finished.path)}, allow_nan=False) + "\n")
    print_outcome(finished.path, verdict, sys.stderr if as_json or quiet else sys.stdout)
    return ExitCode.INTERRUPTED if finished.reason is EndReason.INTERRUPTED else code


def judgement(finished: Finished) -> tuple[ExitCode, dict[str, object]]:
    """The run's outcome: judged now, unless that was done before the target was looked into."""
    if not finished.judged:
        return judge_and_report(finished.path)
    from harness.verdict import read_verdict

    verdict = read_verdict(finished.path)
    return EXIT_CODE_OF_OUTCOME[Outcome(str(verdict["outcome"]))], verdict


def judge_and_report(run_dir: Path) -> tuple[ExitCode, dict[str, object]]:
    """Writes verdict.json and the report; a report that cannot be drawn does not change the outcome."""
    from harness.gate.judge import judge_run

    assessment = judge_run(run_dir)
    if not keep_verdict(run_dir, assessment.verdict):
        return EXIT_CODE_OF_OUTCOME[assessment.verdict.outcome], assessment.verdict.to_json()
    try:
        from harness.report.render import render

        render(run_dir, assessment)
    except Exception as error:  # whatever goes wrong in a drawing, the judgement is stored and decides
        sys.stderr.write(f"soak: the report could not be drawn: {error}; the verdict stands\n")
    return EXIT_CODE_OF_OUTCOME[assessment.verdict.outcome], assessment.verdict.to_json()
