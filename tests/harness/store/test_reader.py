"""Reading a run directory, also one that nobody ended or that somebody made by hand."""

from __future__ import annotations

import json
from functools import partialmethod
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.errors import RunFormatError
from harness.model import LOAD_COLUMNS, EndReason, Event
from harness.store.reader import StoredRun, read_manifest, read_run, with_samples
from harness.store.tables import Table

COLUMNS = [{"name": "anon_bytes", "unit": "bytes", "kind": "gauge", "meaning": ""}, {"name": "fds_count"}]
MANIFEST = {"schema": 1, "probes": [{"name": "target", "role": "target", "period_s": 1, "columns": COLUMNS}]}
HEADER = "t_s,anon_bytes,fds_count,read_ms\n"
LOAD_HEADER = ",".join(LOAD_COLUMNS) + "\n"


def run_directory(tmp_path: Path, samples: str | None = HEADER + "0.000,1,2,0.1\n", **files: Any) -> Path:
    """A run by hand; ``files`` are the others by name, a dot as ``_``."""
    (tmp_path / "samples").mkdir(parents=True)
    (tmp_path / "manifest.json").write_text(json.dumps(MANIFEST))
    if samples is not None:
        (tmp_path / "samples" / "target.csv").write_text(samples)
    for name, text in files.items():
        (tmp_path / name.replace("_", ".")).write_text(text)
    return tmp_path


def read(tmp_path: Path, samples: str | None = HEADER + "0.000,1,2,0.1\n", **files: Any) -> StoredRun:
    return read_run(run_directory(tmp_path, samples, **files))


def test_the_least_that_is_a_run(tmp_path: Path) -> None:
    """A manifest and one samples file: blanks are NaN, and there is no load and no end."""
    run = read(tmp_path, HEADER + "0.000,4096,2,0.1\n1.000,,3,0.2\n")
    target = run.probes["target"]

    np.testing.assert_array_equal(target.t_s, [0.0, 1.0])
    np.testing.assert_array_equal(target.columns["anon_bytes"], [4096.0, np.nan])
    np.testing.assert_array_equal(target.read_ms, [0.1, 0.2])
    assert (run.load, run.events, run.end, run.notes) == (None, (), None, ())


@pytest.mark.parametrize(
    ("samples", "rows", "note"),
    [
        (HEADER + "0.0,1,2,0.1\n1.0,1,2,0.", 1, "dropped a torn last line of target.csv (10 bytes"),
        (HEADER + "0.0,1,2,0.1\n\0\0\0\0", 1, "dropped a torn last line of target.csv (4 bytes"),
        (HEADER, 0, None),
        ("", 0, "has no header yet"),
        (HEADER[:-1], 0, "has no header yet"),
        ("t_s,anon_bytes,extra_count,fds_count,read_ms\n0.0,1,5,2,0.1\n", 1, "left out columns of target.csv"),
        ("t_s,anon_bytes,fds_count\n0.0,1,2\n", 1, None),
    ],
)
def test_what_a_kill_or_a_hand_leaves_is_read_and_said(
    tmp_path: Path, samples: str, rows: int, note: str | None
) -> None:
    """A torn last line, zeros of a power cut, a header alone, a column too many."""
    run = read(tmp_path, samples)

    assert len(run.probes["target"].t_s) == rows
    assert any(note in text for text in run.notes) if note else run.notes == ()


@pytest.mark.parametrize(
    ("samples", "says"),
    [
        (HEADER + "1.0,1,2,0.1\n0.5,1,2,0.1\n", "in the order of t_s, found 0.500 s after 1.000 s in line 3"),
        (HEADER + "1.0,1,2,0.1\n1.0,1,2,0.1\n", "in the order of t_s"),
        (HEADER + ",1,2,0.1\n", "found no time in line 2"),
        (HEADER + "1.0,abc,2,0.1\n", "as anon_bytes in line 2"),
        ("t_s,fds_count,read_ms\n1.0,2,0.1\n", "expected the header t_s,anon_bytes,fds_count,read_ms"),
        ("1.0,1,2,0.1\n", "expected the header"),
        (None, "expected at least one samples file"),
    ],
)
def test_what_contradicts_the_format_is_refused(tmp_path: Path, samples: str | None, says: str) -> None:
    """In one line with the place and what to do."""
    with pytest.raises(RunFormatError) as caught:
        read(tmp_path, samples)

    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    """Nothing there, a file, a folder without a manifest, a manifest that is none."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "manifest.json").write_text('{"schema": 1, "pro')
    says = {"nothing": "found nothing", "file": "found a file", "folder": "found none", "torn": "expected JSON in"}
    for name, expected in says.items():
        with pytest.raises(RunFormatError, match=expected):
            read_manifest(tmp_path / name)


def test_a_probe_without_its_file_is_said(tmp_path: Path) -> None:
    """As long as another has one."""
    directory = run_directory(tmp_path)
    mock = {"name": "mock", "role": "mock", "columns": COLUMNS}
    (directory / "manifest.json").write_text(json.dumps({"schema": 1, "probes": [*MANIFEST["probes"], mock]}))  # type: ignore[misc]
    run = read_run(directory)

    assert (list(run.probes), run.notes) == (["target"], ("probe mock has no samples file",))


def test_the_load_is_read_by_kind(tmp_path: Path) -> None:
    """Several kinds share a second; a torn last line is dropped here too."""
    rows = "1.0,normal,3,2,1,0,5,100,200,10,20,30,40,50\n1.0,disconnect,1,1,0,0,5,1,2,,,,,\n2.0,normal,4,4,0,0"
    load = read(tmp_path, load_csv=LOAD_HEADER + rows).load

    assert load is not None
    assert [load.kinds[code] for code in load.codes] == ["normal", "disconnect"]
    np.testing.assert_array_equal(load.columns["completed_count"], [2.0, 1.0])
    np.testing.assert_array_equal(load.columns["total_p99_ms"], [50.0, np.nan])


def test_a_load_without_the_optional_columns_is_read(tmp_path: Path) -> None:
    """Time, kind and what completed are enough; the rest is not known."""
    load = read(tmp_path, load_csv="t_s,kind,completed_count\n1.0,normal,2\n").load

    assert load is not None
    np.testing.assert_array_equal(load.columns["bytes_in"], [np.nan])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("t_s,kind\n1.0,normal\n", "expected the header t_s,kind,started_count"),
        (LOAD_HEADER + "2.0,a" + ",1" * 12 + "\n1.0,a" + ",1" * 12 + "\n", "found 1.000 s after 2.000 s in line 3"),
        (LOAD_HEADER + "1.0," + ",1" * 12 + "\n", "expected a kind in every row"),
        (LOAD_HEADER + "1.0,a,x" + ",1" * 11 + "\n", "as started_count in line 2"),
    ],
)
def test_a_load_that_contradicts_the_format_is_refused(tmp_path: Path, text: str, says: str) -> None:
    """As with the samples."""
    with pytest.raises(RunFormatError) as caught:
        read(tmp_path, load_csv=text)

    assert says in str(caught.value)


def test_events_come_in_the_order_of_time(tmp_path: Path) -> None:
    """Two writers' lines may be out of order by a little; a torn last line is dropped and said."""
    lines = '{"t_s": 2, "event": "gap", "length_s": 4}\n{"t_s": 1.5, "event": "note", "text": "x"}\n{"t_s": 3, "ev'
    run = read(tmp_path, events_jsonl=lines)

    assert run.events == (Event(1.5, "note", {"text": "x"}), Event(2.0, "gap", {"length_s": 4}))
    assert run.notes == ("dropped a torn last line of events.jsonl (14 bytes without a newline)",)


@pytest.mark.parametrize("line", ['{"t_s": 2, "ev', "[1]", '{"event": "note"}', '{"t_s": NaN, "event": "note"}'])
def test_a_bad_event_is_refused(tmp_path: Path, line: str) -> None:
    """A whole line that is no event is no accident of a kill."""
    with pytest.raises(RunFormatError, match=r"line 1 of .*events\.jsonl"):
        read(tmp_path, events_jsonl=line + "\n")


def test_the_end_is_read_and_compared(tmp_path: Path) -> None:
    """Rows that have gone since are said."""
    run = read(tmp_path, end_json='{"reason": "early_stop", "t_s": 9.5, "rows": {"target": 3, "load": 0}}')

    assert run.end is not None
    assert (run.end.reason, run.end.t_s) == (EndReason.EARLY_STOP, 9.5)
    assert run.notes == ("end.json counts 3 rows of target, found 1",)


def test_an_empty_end_counts_as_cut_short(tmp_path: Path) -> None:
    """The machine stopped between the name and the text."""
    run = read(tmp_path, end_json="")

    assert run.end is None
    assert "counts as cut short" in run.notes[0]


@pytest.mark.parametrize("text", ['{"reason": "tired", "t_s": 1}', '{"reason"', '{"reason": "completed"}'])
def test_a_bad_end_is_refused(tmp_path: Path, text: str) -> None:
    """It is written in one step, so it is whole or somebody's own."""
    with pytest.raises(RunFormatError, match=r"end\.json"):
        read(tmp_path, end_json=text)


def test_only_wanted_columns_are_read(tmp_path: Path) -> None:
    """Seven days of every column do not fit in memory."""
    run = read_run(run_directory(tmp_path), lambda probe, column: column.name == "anon_bytes")

    assert list(run.probes["target"].columns) == ["anon_bytes"]


def test_samples_that_went_elsewhere_can_be_had_by_column(tmp_path: Path) -> None:
    """A file is read again only where it has a column that is wanted."""
    directory = run_directory(tmp_path)
    run = read_run(directory, sink=lambda part: None)
    again = with_samples(run, lambda probe, column: column.name == "fds_count")
    (directory / "samples" / "target.csv").unlink()
    unasked = with_samples(run, lambda probe, column: False)

    assert {name: values.tolist() for name, values in again.probes["target"].columns.items()} == {"fds_count": [2.0]}
    assert len(unasked.probes["target"].t_s) == 0


def test_disorder_between_two_chunks_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last row of one chunk is known to the next."""
    monkeypatch.setattr("harness.store.tables.Table.chunks", partialmethod(Table.chunks, rows=4))
    rows = "".join(f"{t},{t * 10},1,0.1\n" for t in range(8))

    assert read(tmp_path / "whole", HEADER + rows).probes["target"].columns["anon_bytes"].tolist()[4:6] == [40, 50]
    with pytest.raises(RunFormatError, match="in line 10"):
        read(tmp_path / "mixed", HEADER + rows + "6,1,1,0.1\n")


def test_events_that_are_lost_are_said_where_load_was_driven(tmp_path: Path) -> None:
    """Phases and restarts are known from them alone; who only samples may have none."""
    driven = read(tmp_path / "driven", load_csv=LOAD_HEADER)

    assert driven.notes == ("there is no events.jsonl: phases, restarts and gaps of this run are not known",)
    assert read(tmp_path / "sampled").notes == ()
