"""Writing a run directory, and what is left of it when writing ends badly."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import StoreError
from harness.model import Column, ColumnKind, EndReason, Event, EventName, Role, Unit
from harness.store.reader import read_run
from harness.store.schema import Manifest, ProbeInfo
from harness.store.writer import RunWriter
from tests.support.small_disk import small_disk

ANON = Column("anon_bytes", Unit.BYTES, ColumnKind.GAUGE, "anonymous memory")
CPU = Column("cpu_s", Unit.SECONDS, ColumnKind.COUNTER, "processor time")
MANIFEST = Manifest(
    "2026-11-22T13:15:00+00:00",
    "mixed",
    "target.anon_bytes",
    (ProbeInfo("target", Role.TARGET, 1.0, None, (ANON, CPU)),),
)
KILLS = 100
"""Enough to meet a write, a pause and a beginning."""

WRITE_FOREVER = """
import json, sys
from pathlib import Path
from harness.model import Event
from harness.store.schema import Manifest
from harness.store.writer import RunWriter
writer = RunWriter.create(Path(sys.argv[1]), Manifest.from_json(json.loads(sys.argv[2])))
row = 0
while True:
    writer.sample("target", row * 0.01, {"anon_bytes": row * 4096, "cpu_s": row / 7}, 0.1)
    if row % 10 == 0:
        writer.event(Event(row * 0.01, "note", {"text": "x" * (row % 300)}))
    row += 1
    sys.stdout.write(f"{row}\\n")
    sys.stdout.flush()
"""


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[RunWriter]:
    writer = RunWriter.create(tmp_path, MANIFEST)
    yield writer
    writer.close()


def samples(writer: RunWriter) -> list[str]:
    return (writer.path / "samples" / "target.csv").read_text().splitlines()


def test_the_directory_is_as_the_format_says(writer: RunWriter) -> None:
    """Its name, the manifest with the run's id, and headers before the first row."""
    stamp, scenario, unique = writer.path.name.split("-")

    assert (stamp, scenario, len(unique), int(unique, 16) >= 0) == ("20261122T131500Z", "mixed", 4, True)
    assert (
        json.loads((writer.path / "manifest.json").read_text()) == replace(MANIFEST, run_id=writer.path.name).to_json()
    )
    assert samples(writer) == ["t_s,anon_bytes,cpu_s,read_ms"]
    assert not (writer.path / "end.json").exists()


def test_rows_are_there_as_soon_as_they_are_written(writer: RunWriter) -> None:
    """Time with three decimals, blanks for what could not be read, never zero."""
    writer.sample("target", 0.0004, {"anon_bytes": 4096, "cpu_s": 0.25}, 0.1234)
    writer.sample("target", 1.0, {"anon_bytes": None}, 0.5)
    writer.sample("target", 2.0, {"cpu_s": float("nan")}, 0.5)

    assert samples(writer)[1:] == ["0.000,4096,0.25,0.123", "1.000,,,0.500", "2.000,,,0.500"]


def test_events_are_lines_of_json(writer: RunWriter) -> None:
    """In the order they came, with their fields beside time and name."""
    writer.event(Event(1.23456, EventName.NOTE, {"text": "ümläut"}))

    assert (writer.path / "events.jsonl").read_text() == '{"t_s": 1.235, "event": "note", "text": "ümläut"}\n'


@pytest.mark.parametrize(
    ("t_s", "reading"),
    [
        (1.0, {"anon_bytes": 1}),
        (0.5, {"anon_bytes": 1}),
        (2.0, {"rss_bytes": 1}),
        (2.0, {"anon_bytes": float("inf")}),
        (2.0, {"anon_bytes": True}),
    ],
)
def test_a_row_that_would_make_the_file_unreadable_is_refused(
    writer: RunWriter, t_s: float, reading: dict[str, float]
) -> None:
    """Time that stands or goes back, a column that is none, a cell that is no number: nothing is written."""
    writer.sample("target", 1.0, {"anon_bytes": 1}, 0.1)
    with pytest.raises(ValueError, match=r"target\.csv|expected a finite number"):
        writer.sample("target", t_s, reading, 0.1)

    assert len(samples(writer)) == 2


def test_the_end_counts_rows_and_is_written_last(writer: RunWriter) -> None:
    """Those of the load too, which another program wrote."""
    writer.sample("target", 0.0, {"anon_bytes": 1}, 0.1)
    (writer.path / "load.csv").write_text("t_s,kind\n1.0,normal\n1.0,disconnect\n2.0,nor")
    writer.end(EndReason.COMPLETED, 12.3456)

    assert json.loads((writer.path / "end.json").read_text()) == {
        "reason": "completed",
        "t_s": 12.346,
        "rows": {"target": 1, "load": 2},
    }
    assert sorted(path.name for path in writer.path.iterdir()) == [
        *("end.json", "events.jsonl", "load.csv", "logs", "manifest.json", "samples"),
    ]


def test_nothing_is_ever_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of one second get names of their own; where all are taken, it says so."""
    names = iter(["aaaa", "aaaa", "bbbb", *["aaaa"] * 16])
    monkeypatch.setattr("harness.store.writer.secrets.token_hex", lambda size: next(names))
    for _ in range(2):
        RunWriter.create(tmp_path, MANIFEST).close()
    with pytest.raises(StoreError, match="found 16 taken"):
        RunWriter.create(tmp_path, MANIFEST)

    assert sorted(path.name[-4:] for path in tmp_path.iterdir()) == ["aaaa", "bbbb"]


@pytest.mark.parametrize(
    ("scenario", "part"), [("../../etc", "etc"), ("my load.py", "my-load.py"), ("", "run"), ("ü" * 300, "run")]
)
def test_a_scenario_cannot_lead_out_of_the_folder(tmp_path: Path, scenario: str, part: str) -> None:
    """Its name is made a part of a file's name."""
    writer = RunWriter.create(tmp_path, replace(MANIFEST, scenario=scenario))
    writer.close()

    assert writer.path.parent == tmp_path
    assert writer.path.name.split("-", 1)[1].rsplit("-", 1)[0] == part


def test_logs_have_a_place(writer: RunWriter) -> None:
    """Under the service's name, whatever it is."""
    assert writer.log_path("voice/../x") == writer.path / "logs" / "voice-..-x.log"
    assert writer.log_path("target").parent.is_dir()


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    """A file in the way."""
    (tmp_path / "out").touch()

    with pytest.raises(StoreError, match=r"expected to write the run to .*out, found: .*; make room or name another"):
        RunWriter.create(tmp_path / "out", MANIFEST)


def test_a_manifest_that_could_not_be_read_is_not_written(tmp_path: Path) -> None:
    """The mistake is the caller's, and no directory appears."""
    with pytest.raises(ValueError, match="target again"):
        RunWriter.create(tmp_path, replace(MANIFEST, probes=MANIFEST.probes * 2))

    assert list(tmp_path.iterdir()) == []


def test_a_deleted_folder_is_noticed_within_a_second(writer: RunWriter) -> None:
    """An open file of a deleted folder takes rows without complaint; they would be lost without a word."""
    writer.sample("target", 0.0, {"anon_bytes": 1}, 0.1)
    shutil.rmtree(writer.path)

    with pytest.raises(StoreError, match="found it deleted"):
        writer.sample("target", 1.0, {"anon_bytes": 1}, 0.1)
    with pytest.raises(StoreError):
        writer.end(EndReason.DISK_FULL, 1.0)


def test_a_moved_folder_is_noticed_within_a_second(writer: RunWriter) -> None:
    """Its rows would go on to where nobody looks."""
    writer.path.rename(writer.path.with_name("elsewhere"))

    with pytest.raises(StoreError, match="No such file"):
        writer.sample("target", 1.5, {"anon_bytes": 1}, 0.1)


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_lost_permission_is_noticed_within_a_second(writer: RunWriter) -> None:
    """Open files may still be written, but the run could not be ended in order."""
    writer.path.chmod(0o500)
    try:
        with pytest.raises(StoreError, match="found no permission any more"):
            writer.sample("target", 1.5, {"anon_bytes": 1}, 0.1)
    finally:
        writer.path.chmod(0o700)


@pytest.mark.slow
def test_killed_at_any_moment_the_run_is_readable_and_what_was_acknowledged_is_there(tmp_path: Path) -> None:
    """SIGKILL after a random number of rows: at most the row under way is missing, and the run has no end."""
    chance = random.Random(6)
    lost = []
    for number in range(KILLS):
        out = tmp_path / str(number)
        acknowledged = kill_after(out, chance.randrange(1, 2000))
        (directory,) = [path for path in out.iterdir() if not path.name.startswith(".")]
        run = read_run(directory)
        assert run.end is None
        lost.append(acknowledged - len(run.probes["target"].t_s))

    assert max(lost) <= 0


def kill_after(out: Path, rows: int) -> int:
    """Writes to a run in ``out`` from another process, kills it at ``rows`` rows; the rows it said it had written."""
    words = [sys.executable, "-c", WRITE_FOREVER, str(out), json.dumps(MANIFEST.to_json())]
    child = subprocess.Popen(words, stdout=subprocess.PIPE)
    assert child.stdout is not None
    for _ in range(rows):
        if not child.stdout.readline():
            break
    child.send_signal(signal.SIGKILL)
    rest = child.communicate()[0].decode().splitlines()
    complete = [line for line in rest if line.isdecimal()]
    return max(rows, int(complete[-2])) if len(complete) > 1 else rows


def test_a_full_disk_keeps_every_row_and_still_says_why_the_run_ended(tmp_path: Path) -> None:
    """What was acknowledged is readable, the row that did not fit is taken back, and end.json has room set aside."""
    with small_disk(tmp_path / "disk", "64k") as disk:
        writer = RunWriter.create(disk, MANIFEST)
        written = 0
        try:
            for row in range(100_000):
                writer.sample("target", row * 0.01, {"anon_bytes": row * 4096, "cpu_s": row / 7}, 0.1)
                written += 1
        except StoreError as error:
            reason = str(error)
        writer.end(EndReason.DISK_FULL, 1000.0)
        run = read_run(writer.path)

    assert "No space left on device" in reason
    assert written > 100
    assert len(run.probes["target"].t_s) == written
    assert run.end is not None
    assert (run.end.reason, run.end.rows["target"], run.notes) == (EndReason.DISK_FULL, written, ())
