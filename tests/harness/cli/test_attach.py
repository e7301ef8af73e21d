"""``soak attach`` from its command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli.app import run_command_line
from harness.model import ExitCode
from tests.support.target_processes import python_process

LEAKING = """
import threading, time
print('up')
kept = []
wait = threading.Event().wait
began = time.monotonic()
while True:
    while len(kept) < (time.monotonic() - began) * 40:
        kept.append(b'x' * 100_000)
    wait(0.02)
"""


@pytest.mark.slow
def test_a_leak_fails_and_stdout_has_one_json_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """4 MB a second are certain after few seconds, under whatever load the target has."""
    with python_process(LEAKING) as child:
        code = run_command_line(
            ["attach", "--pid", str(child.pid), "--duration", "8s", "--json", "--quiet", "--out", str(tmp_path)]
        )
    verdict = json.loads(capsys.readouterr().out)

    assert code == ExitCode.FAIL
    assert (verdict["outcome"], verdict["memory"]["metric"]) == ("fail", "target.anon_bytes")
    assert Path(verdict["run"]).parent == tmp_path


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "expected something to read"),
        (["--pid", "4194305"], "expected a running process 4194305"),
        (["--pid", "0"], "--pid"),
        (["--json-url", "http://127.0.0.1:1/"], "is it running?"),
        (["--pid", "1", "--field", "rss"], "expected --field COLUMN=SOURCE"),
        (["--pid", "1", "--field", "read_ms=a"], "expected a column name"),
        (["--pid", "1", "--series", "a,b_bytes=a"], "expected a column name of letters"),
        (["--pid", "1", "--duration", "soon"], "expected a duration"),
        (["--pid", "1", "--max-growth", "much"], "expected a rate"),
    ],
)
def test_wrong_usage_is_one_line_and_code_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    """Nothing is stored."""
    code = run_command_line(["attach", *arguments, "--out", str(tmp_path)])
    error = capsys.readouterr().err

    assert code == ExitCode.USAGE
    assert says in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
