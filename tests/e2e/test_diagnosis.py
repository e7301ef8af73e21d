"""From a leak to its structure, with the real backend, the real mock and a real Node.js target."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.diagnose.logs import LogWatch
from harness.diagnose.python_capture import PythonCapture
from harness.diagnose.room import Moment, Room
from harness.diagnose.suspects import Case, suspects
from harness.plan.log_rules import INCIDENT_RULES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

QUERIES = 6


@contextmanager
def _backend(log: Path, fault: str) -> Iterator[str]:
    """The backend with one fault on a mock that answers at once; its URL. Its log goes to ``log``."""
    with ExitStack() as stack:

        def start(words: list[str], output: Any) -> subprocess.Popen[str]:
            child = subprocess.Popen([sys.executable, "-m", *words], stdout=output, stderr=subprocess.STDOUT, text=True)
            stack.callback(child.wait)
            stack.callback(child.terminate)
            return child

        mock = start(["mock_tts", "serve", "--port", "0", "--profile", "instant"], subprocess.PIPE)
        assert mock.stdout is not None
        stack.callback(mock.stdout.close)
        tts_url = next(word for line in mock.stdout for word in line.split() if word.startswith("http://"))
        scale = "60" if fault == "memory_tracker" else "1"
        words = ["voice_backend", "serve", "--port", "0", "--tts-url", tts_url, "--faults", fault]
        words += ["--time-scale", scale]
        backend = start(words, stack.enter_context(log.open("w")))
        while "listening on" not in log.read_text():
            assert backend.poll() is None
            time.sleep(0.05)
        yield log.read_text().split("listening on ")[1].split()[0]


def _talk(url: str) -> None:
    """Some queries, each posted twice within 17 ms, heard to the end, and left without a goodbye."""
    with httpx.Client(base_url=url, trust_env=False, timeout=20) as client:
        for number in range(QUERIES):
            query = {
                "text": "How did I sleep last night, and what should I do?",
                "dialogueId": f"d{number}-{time.time()}",
            }
            for _ in range(2):
                client.post("/api/voice/converse", json=query).raise_for_status()
            with client.stream("GET", "/api/voice/open-stream", params={"dialogueId": query["dialogueId"]}) as stream:
                for line in stream.iter_lines():
                    if line == "event: done":
                        break


def _looked_into(folder: Path, fault: str) -> PythonCapture:
    room = Room(folder, time.monotonic() + 60, 10**8, lambda: None)
    with _backend(folder / "target.log", fault) as url:
        _talk(url)  # what is paid once is paid before the first look
        capture = PythonCapture(url)
        capture.take(Moment.BEFORE, room)
        _talk(url)
        if fault == "memory_tracker":
            time.sleep(2.5)  # it samples once a second here
        capture.take(Moment.AFTER, room)
        capture.compare(room)
        capture.close()
    return capture


@pytest.mark.parametrize(
    ("fault", "structure"),
    [
        ("tts_chunk_refs", "service.speaker._history"),
        ("dialogue_state", "service.dialogues._by_id"),
        ("memory_tracker", "service.tracker._samples"),
    ],
)
def test_for_each_fault_that_retains_the_structure_is_named(tmp_path: Path, fault: str, structure: str) -> None:
    """First among the suspects of a failed run."""
    capture = _looked_into(tmp_path, fault)
    named = suspects(Case({"outcome": "fail"}, QUERIES, capture.findings()))

    assert named[0].finding.what == structure
    assert named[0].finding.held_by[-1] == "service"


def test_the_sound_is_named_as_the_collectors_and_is_no_suspect(tmp_path: Path) -> None:
    """It is not retained: a remark, the line in the log, and nobody to blame for growth."""
    capture = _looked_into(tmp_path, "thinking_sound")

    assert suspects(Case({"outcome": "pass"}, QUERIES, capture.findings())) == []
    assert any("_Reading" in remark for remark in capture.remarks()) or _count(tmp_path, "thinking-sound") > 0
    assert _count(tmp_path, "thinking-sound") == 4 * QUERIES


def test_work_done_twice_is_named_by_its_lines(tmp_path: Path) -> None:
    """With the fault each query's speech is made twice, after the fix once."""
    _looked_into(tmp_path, "duplicate_requests")

    assert _count(tmp_path, "one-post") == 4 * QUERIES


def test_a_clean_backend_has_no_suspect(tmp_path: Path) -> None:
    """However closely it is looked at."""
    capture = _looked_into(tmp_path, "none")

    assert suspects(Case({"outcome": "pass"}, QUERIES, capture.findings())) == []
    assert suspects(Case({"outcome": "fail"}, QUERIES, capture.findings())) == []
    assert _count(tmp_path, "one-post") == 2 * QUERIES


def _count(folder: Path, rule: str) -> int:
    events = LogWatch([each for each in INCIDENT_RULES if each.name == rule], folder).finish(1.0)
    return sum(event.fields["count"] for event in events)


def test_a_failed_run_is_looked_into_after_its_verdict_is_stored(tmp_path: Path) -> None:
    """The verdict stays as it was written, judged again it is the same, and the exit code is its own."""
    (tmp_path / "soak.toml").write_text(
        '[tts]\nprofile = "instant"\n[run]\ncapture = "on-fail"\n[diagnose]\nload = "4s"\n'
        '[[log_rules]]\nname = "sound"\ncontains = "Including thinking sound"\nmax = 0\n'
    )
    soak = [sys.executable, "-m", "harness"]
    done = subprocess.run(
        [
            *(*soak, "run", "normal", "--duration", "15s", "--speedup", "200", "--no-early-stop", "--quiet", "--json"),
            *("--config", str(tmp_path / "soak.toml"), "--out", str(tmp_path)),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"COLUMNS": "200"},
    )
    verdict = json.loads(done.stdout)
    run_dir = Path(verdict.pop("run"))
    found = json.loads((run_dir / "diagnosis.json").read_text())
    again = subprocess.run([*soak, "analyze", str(run_dir), "--no-write", "--json"], capture_output=True, text=True)

    assert done.returncode == 1, done.stderr
    assert (run_dir / "verdict.json").stat().st_mtime_ns < (
        run_dir / "diagnosis" / "load" / "load.csv"
    ).stat().st_mtime_ns
    assert {name: value for name, value in json.loads(again.stdout).items() if name != "run"} == verdict
    assert {"service.speaker._history", "service.dialogues._by_id"} & {s["what"] for s in found["suspects"]}
    assert "Suspects" in (run_dir / "report.html").read_text()
