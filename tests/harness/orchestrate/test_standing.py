"""Tests of ``harness.orchestrate.standing``: what is handed over fits those who take it."""

from __future__ import annotations

from pathlib import Path

from harness.cli.evidence import Evidence
from harness.diagnose.capture import Scene
from harness.model import EndReason
from harness.orchestrate.standing import Standing, Witness
from harness.plan.document import Plan


def test_a_run_that_stands_is_a_scene_and_evidence_is_a_witness(tmp_path: Path) -> None:
    """The type checker holds the parts together that must not import one another."""
    standing = Standing(
        path=tmp_path,
        reason=EndReason.COMPLETED,
        base_url="http://127.0.0.1:1",
        target_pid=None,
        kinds=("normal",),
        drive=lambda kinds, seconds, folder: 0,
        check=lambda: None,
        now_s=lambda: 1.0,
    )
    scene: Scene = standing
    witness: Witness = Evidence(Plan(), lambda run_dir: (_ for _ in ()).throw(AssertionError), None, quiet=True)  # type: ignore[arg-type]

    witness.after_play(standing)  # capture is "never": it does not even judge
    assert scene.kinds == ("normal",)
