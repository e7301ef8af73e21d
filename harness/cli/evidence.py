"""``--capture``: judges a run while its target is still alive, and then, where that is asked for, looks into it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TextIO

from harness.diagnose.capture import Onlooker, diagnose
from harness.model import EndReason, Event, ExitCode
from harness.orchestrate.interrupts import Interrupted
from harness.orchestrate.standing import Standing
from harness.plan.document import Plan
from harness.report.text import printable

Judged = tuple[ExitCode, dict[str, Any]]
_SENTENCE_CHARACTERS = 600
_LOOKED_INTO = (EndReason.COMPLETED, EndReason.EARLY_STOP)


class Evidence:
    """The witness of a run: log rules during it; after it the verdict, and only then the diagnosis.

    ``before_writing`` is called before the terminal is written to. ``judged`` holds the verdict once it is stored; None
    where the run is still to be judged. Whatever goes wrong in the diagnosis is one line on ``stream``: verdict and
    exit code stay.
    """

    def __init__(
        self,
        plan: Plan,
        judge: Callable[[Path], Judged],
        stream: TextIO,
        *,
        quiet: bool,
        before_writing: Callable[[], object] = lambda: None,
    ) -> None:
        self._before_writing = before_writing
        self._plan, self._judge, self._stream, self._quiet = plan, judge, stream, quiet
        self._onlooker = Onlooker(plan.log_rules, maps=plan.run.capture != "never")
        self.judged: Judged | None = None

    def begin(self, run_dir: Path, target_pid: Callable[[], int | None]) -> None:
        """The run's directory is open."""
        self._onlooker.begin(run_dir, target_pid)

    def drained(self, t_s: float) -> None:
        """The load has drained."""
        self._onlooker.drained(t_s)

    def poll(self, t_s: float) -> Iterable[Event]:
        """What the log rules have found."""
        return self._onlooker.poll(t_s)

    def finish(self, t_s: float) -> Iterable[Event]:
        """What they have not told yet."""
        return self._onlooker.finish(t_s)

    def after_play(self, standing: Standing) -> None:
        """Judges; looks into a run that was played to its end, where the plan asks for it."""
        when = self._plan.run.capture
        if when == "never" or standing.reason not in _LOOKED_INTO:
            return
        self._before_writing()
        self.judged = self._judge(standing.path)
        if when == "on-fail" and self.judged[0] is not ExitCode.FAIL:
            return
        if not self._quiet:
            self._stream.write(f"judged {self.judged[1]['outcome']}; looking into the target for evidence\n")
        try:
            found = diagnose(standing, self._plan.diagnose, self.judged[1], self._onlooker, self._plan.log_rules)
            self._tell(found)
        except Interrupted:
            self._stream.write("soak: the diagnosis was interrupted; the verdict stands\n")
        except Exception as error:  # whatever goes wrong here, the judgement is stored and decides
            self._stream.write(f"soak: the diagnosis failed: {error}; the verdict stands\n")
        else:
            self._draw_again(standing.path)

    def _tell(self, diagnosis: Path) -> None:
        """The first suspect, and the first of what is remarked; the report has the rest."""
        if self._quiet:
            return
        found = json.loads(diagnosis.read_text(encoding="utf-8"))
        first = next((str(suspect["sentence"]) for suspect in found["suspects"]), "none; nothing grew enough")
        self._stream.write(f"suspect: {printable(first, _SENTENCE_CHARACTERS)}\n")
        for remark in found["remarks"][:1]:
            self._stream.write(f"  note: {printable(str(remark), _SENTENCE_CHARACTERS)}\n")

    def _draw_again(self, run_dir: Path) -> None:
        """The report with what was found; the verdict in it is the one that is stored."""
        try:
            from harness.gate.judge import judge_run
            from harness.report.render import render

            render(run_dir, judge_run(run_dir))
        except Exception as error:
            self._stream.write(f"soak: the report could not be drawn again: {error}; the verdict stands\n")


def require_diagnosable(plan: Plan) -> None:
    """Raises UsageError where what the plan asks for cannot be captured at all."""
    from harness.plan.diagnose import require_command

    require_command(plan.diagnose)
