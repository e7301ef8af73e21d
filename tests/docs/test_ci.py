"""The scripts of docs/ci.md, run by a shell with a `soak` that leaves as it is told."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.documents import ROOT

SOAK = """#!/bin/sh
if [ "$1" = compare ]; then exit $COMPARED; fi
mkdir -p runs/20261122T131500Z-mixed-1a2b
"""


def _page() -> str:
    return (ROOT / "docs/ci.md").read_text(encoding="utf-8")


def _of_gitlab() -> str:
    """The nightly job's script."""
    job = _page().partition("soak-nightly:\n")[2].partition("```")[0]
    return "\n".join(re.findall(r"^    - (.*)$", job, re.MULTILINE))


def _of_github() -> str:
    """The step that compares."""
    step = _page().partition("- name: compare with the baseline\n")[2].partition("      - ")[0]
    return re.sub(r"\$\{\{.*?\}\}", "runs/x", step.partition("run: |")[2])


def _leaves_with(script: str, folder: Path, compared: int) -> int:
    program = folder / "soak"
    program.write_text(SOAK)
    program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "COMPARED": str(compared)}
    return subprocess.run(["bash", "-e", "-c", script], cwd=folder, env=environment, timeout=20).returncode


@pytest.mark.parametrize(("compared", "leaves"), [(0, 0), (1, 1), (2, 0), (3, 3), (4, 4)])
def test_only_a_run_that_is_no_worse_or_cannot_be_compared_becomes_the_baseline(
    compared: int, leaves: int, tmp_path: Path
) -> None:
    """A comparison that is refused (2: another machine or plan) would be refused every night."""
    (tmp_path / "baseline" / "old").mkdir(parents=True)

    assert _leaves_with(_of_github(), tmp_path, compared) == leaves
    assert _leaves_with(_of_gitlab(), tmp_path, compared) == leaves
    kept = "old" if leaves else "20261122T131500Z-mixed-1a2b"
    assert [run.name for run in (tmp_path / "baseline").iterdir()] == [kept]


def test_the_first_night_has_nothing_to_compare_with(tmp_path: Path) -> None:
    """Its run becomes the baseline."""
    assert _leaves_with(_of_gitlab(), tmp_path, 9) == 0
    assert (tmp_path / "baseline" / "20261122T131500Z-mixed-1a2b").is_dir()


def test_each_job_of_gitlab_says_when_it_runs() -> None:
    """A job without rules would run in the night as well."""
    jobs = re.split(r"^(?=soak)", _page().partition("## GitLab")[2].split("```")[1], flags=re.MULTILINE)[1:]

    assert [re.findall(r'_SOURCE == "([a-z_]+)"', job) for job in jobs] == [["merge_request_event"], ["schedule"]]
