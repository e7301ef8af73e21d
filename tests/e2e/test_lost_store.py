"""Runs that can no longer be stored: the disk is full, the folder is gone, or may not be written any more."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from harness.model import EndReason
from harness.store.reader import read_run
from tests.support.small_disk import fill, small_disk
from tests.support.target_processes import python_process

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

AS_ANYBODY = (
    "import ctypes, os, sys\n"
    "ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)\n"  # PR_CAPBSET_DROP, CAP_DAC_OVERRIDE: root may write anywhere
    "os.execv(sys.executable, [sys.executable, '-m', 'harness', *sys.argv[1:]])\n"
)
RUN = ["run", "mixed", "--duration", "60s", "--speedup", "60", "--no-early-stop", "--json"]


class Soak:
    """A ``soak`` in the middle of its run: its first samples are stored."""

    def __init__(self, out: Path, words: list[str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", AS_ANYBODY, *words, "--out", str(out)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline = time.monotonic() + 60
        while not any(file.stat().st_size > 1000 for file in out.glob("2*/samples/target.csv")):
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        self.run_dir = next(out.glob("2*"))
        self.children = psutil.Process(self.process.pid).children(recursive=True)

    def end(self) -> tuple[int, str]:
        """Its exit code and what it said on stderr, once it has ended by itself with all that it started."""
        _, errors = self.process.communicate(timeout=60)
        _, alive = psutil.wait_procs(self.children, timeout=5)
        assert alive == []
        return self.process.returncode, errors


def test_a_full_disk_ends_a_run_in_order(tmp_path: Path) -> None:
    """Exit 4, everything stopped, every stored row readable, and end.json says why; judged again when there is room."""
    with small_disk(tmp_path / "disk", "2m") as disk:
        soak = Soak(disk, RUN)
        assert len(soak.children) >= 4  # guardian, mock, target, load
        filler = fill(disk)
        code, errors = soak.end()
        filler.unlink()
        stored = read_run(soak.run_dir)
        judged = subprocess.run(
            [sys.executable, "-m", "harness", "analyze", str(soak.run_dir), "--json"], capture_output=True, timeout=60
        )

    assert code == 4, errors
    assert "make room" in errors
    assert "Traceback" not in errors
    assert "mistake of soak's own" not in errors
    assert stored.end is not None
    assert stored.end.reason is EndReason.DISK_FULL
    assert stored.notes == ()
    assert len(stored.probes["target"].t_s) == stored.end.rows["target"] > 2
    assert judged.returncode == 4
    assert "disk was full" in " ".join(json.loads(judged.stdout)["reasons"])


def test_a_deleted_folder_ends_a_run_in_order(tmp_path: Path) -> None:
    """Exit 4 within seconds, one line, everything stopped."""
    soak = Soak(tmp_path, RUN)
    shutil.rmtree(soak.run_dir)
    code, errors = soak.end()

    assert code == 4, errors
    assert errors.splitlines()[-1].startswith("soak: expected to ")
    assert "Traceback" not in errors


def _full(disk: Path, run_dir: Path) -> None:
    fill(disk)


def _deleted(disk: Path, run_dir: Path) -> None:
    shutil.rmtree(run_dir)


def _forbidden(disk: Path, run_dir: Path) -> None:
    run_dir.chmod(0o500)


@pytest.mark.parametrize("lose", [_full, _deleted, _forbidden])
def test_an_attached_run_ends_in_order_and_leaves_the_target_alone(
    tmp_path: Path, lose: Callable[[Path, Path], None]
) -> None:
    """Exit 4; what was written is readable where it still is; the target goes on."""
    with small_disk(tmp_path / "disk", "1m") as disk, python_process("print('up'); input()") as target:
        soak = Soak(disk, ["attach", "--pid", str(target.pid), "--duration", "60s", "--json"])
        lose(disk, soak.run_dir)
        code, errors = soak.end()
        goes_on = target.poll() is None
        rows = len(read_run(soak.run_dir).probes["target"].t_s) if soak.run_dir.exists() else None

    assert code == 4, errors
    assert goes_on
    assert rows is None or rows > 2
    assert "Traceback" not in errors
    assert "mistake of soak's own" not in errors
