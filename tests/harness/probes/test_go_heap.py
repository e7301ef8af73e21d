"""What a Go process may hold as garbage, from what it was told."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from harness.probes.go_heap import garbage_share_of, go_garbage_share, go_heap_limit_bytes, memory_limit_of
from tests.support.target_processes import go_stand_in, process, python_process

SOURCE = """
package main

import "fmt"

func main() { fmt.Println("up"); fmt.Scanln() }
"""


@pytest.mark.parametrize(("percent", "share"), [("", 0.5), ("100", 0.5), ("50", 1 / 3), ("300", 0.75), ("-1x", 0.5)])
def test_a_heap_grows_by_a_percentage_of_what_lives(percent: str, share: float) -> None:
    """As much again where nothing is said, or nothing that Go would understand."""
    assert garbage_share_of(percent) == pytest.approx(share)


@pytest.mark.parametrize(("size", "limit"), [("", 8e9), ("1000000", 1e6), ("2GiB", 2**31), ("99TiB", 8e9), ("x", 8e9)])
def test_without_it_the_limit_counts(size: str, limit: float) -> None:
    """Or all of the memory."""
    assert garbage_share_of("off") is None
    assert memory_limit_of(size, 8e9) == limit


def test_a_program_of_gos_linker_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told by the name of a section; Python has none like it, and a process that is gone has no program."""
    monkeypatch.setenv("GOGC", "300")
    with process([str(go_stand_in(tmp_path)), "-c", "echo up; read line"]) as go:
        assert go.stdout is not None
        go.stdout.readline()
        assert (go_garbage_share(go.pid), go_heap_limit_bytes(go.pid, 8e9)) == (0.75, None)
    with python_process("print('up'); input()") as other:
        assert (go_garbage_share(other.pid), go_heap_limit_bytes(other.pid, 8e9)) == (None, None)
    assert go_garbage_share(2**22 + 1) is None


@pytest.mark.skipif(shutil.which("go") is None, reason="needs Go")
def test_a_real_stripped_program_is_told(tmp_path: Path) -> None:
    """Without symbols, as it is shipped."""
    (tmp_path / "wait.go").write_text(SOURCE)
    words = ["go", "build", "-ldflags", "-s -w", "-o", str(tmp_path / "wait"), str(tmp_path / "wait.go")]
    subprocess.run(words, check=True, cwd=tmp_path)
    with process([str(tmp_path / "wait")]) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert go_garbage_share(child.pid) == 0.5
