"""Rows of load.csv from the reports of one or several processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from locustfiles._recorder import LOST_AFTER_S, LoadFile, Recorder
from locustfiles._tally import KINDS_LIMIT, OTHER, Bucket, Report
from tests.support.load_runs import read_rows


def _report(end_s: float, completed: int = 1, kind: str = "normal", **fields: object) -> Report:
    times = [float(number) for number in range(1, completed + 1)]
    bucket = Bucket(started_count=completed, completed_count=completed, total_ms=times)
    return Report(end_s, {kind: bucket}, **fields)  # type: ignore[arg-type]


def test_a_row_is_on_disk_as_soon_as_its_second_is_over(tmp_path: Path) -> None:
    """Flushed as it is written, header first; times that nobody measured are empty cells."""
    recorder = Recorder(LoadFile(tmp_path), ["local"])
    recorder.add("local", _report(1.0, completed=100))

    (row,) = read_rows(tmp_path)
    assert (row["t_s"], row["kind"], row["completed_count"]) == ("1.000", "normal", "100")
    assert (row["total_p50_ms"], row["total_p95_ms"], row["total_p99_ms"]) == ("50.000", "95.000", "99.000")
    assert row["first_byte_p50_ms"] == row["first_byte_p95_ms"] == ""
    recorder.finish()


def test_a_second_waits_for_all_processes_and_is_their_sum(tmp_path: Path) -> None:
    """Counts add up; quantiles are those of all times together."""
    recorder = Recorder(LoadFile(tmp_path), ["a", "b"])
    recorder.add("a", _report(1.0, completed=2))
    assert read_rows(tmp_path) == []

    recorder.add("b", _report(1.0, completed=4))

    (row,) = read_rows(tmp_path)
    assert row["started_count"] == "6"
    assert row["total_p99_ms"] == "4.000"
    recorder.finish()


def test_failed_and_cut_queries_are_counted_over_all_processes(tmp_path: Path) -> None:
    """For the load's own summary."""
    recorder = Recorder(LoadFile(tmp_path), ["a", "b"])
    recorder.add("a", Report(1.0, {"normal": Bucket(started_count=3, failed_count=2)}, stopped_count=1))
    recorder.add("b", Report(1.0, {"normal": Bucket(started_count=1, failed_count=1)}, stopped_count=4))
    recorder.finish()

    assert (recorder.failed_count, recorder.stopped_count) == (3, 5)


def test_users_of_a_locustfile_are_those_of_all_processes(tmp_path: Path) -> None:
    """Also of one that has nothing to tell of that kind; nobody at all is not known, and never 0."""
    recorder = Recorder(LoadFile(tmp_path), ["a", "b"])
    recorder.add("a", _report(1.0, users_count=2))
    recorder.add("b", Report(1.0, users_count=3))
    for end_s in (2.0, 3.0):
        recorder.add("a", Report(end_s, users_count=0))
    recorder.add("b", Report(2.0, users_count=0))
    recorder.add("b", _report(3.0, users_count=0))
    recorder.add("b", _report(4.0, users_count=4))
    recorder.add("a", Report(4.0, users_count=1))
    recorder.give_up("b")
    recorder.add("a", _report(5.0, users_count=1))
    recorder.finish()

    assert [(row["t_s"], row["users_count"]) for row in read_rows(tmp_path)] == [
        ("1.000", "5"),
        ("3.000", ""),
        ("4.000", "5"),
        ("5.000", "1"),
    ]


def test_conversations_in_flight_are_the_users_of_our_own_scenarios(tmp_path: Path) -> None:
    """None of them is 0."""
    recorder = Recorder(LoadFile(tmp_path), ["local"])
    recorder.add("local", Report(1.0, {"normal": Bucket(started_count=2, users_count=2)}))
    recorder.add("local", Report(2.0, {"normal": Bucket(completed_count=2)}))
    recorder.finish()

    assert [row["users_count"] for row in read_rows(tmp_path)] == ["2", "0"]


def test_kinds_are_bounded_over_all_processes_and_seconds(tmp_path: Path) -> None:
    """However many each of them names: a figure per kind costs memory by the square of their number."""
    recorder = Recorder(LoadFile(tmp_path), ["a", "b"])
    for number in range(KINDS_LIMIT):
        recorder.add("a", _report(number + 1.0, kind=f"/a/{number}"))
    few = recorder.kinds.are_too_many
    recorder.add("b", _report(1.0, kind="/b/1"))
    recorder.finish()

    rows = read_rows(tmp_path)
    assert (few, recorder.kinds.are_too_many) == (False, True)
    assert {row["kind"] for row in rows} == {OTHER, *(f"/a/{number}" for number in range(KINDS_LIMIT))}


def test_a_process_that_stops_reporting_is_given_up(tmp_path: Path) -> None:
    """Its rows are no longer waited for; what it still says goes into a row of its own."""
    recorder = Recorder(LoadFile(tmp_path), ["a", "b"])
    recorder.add("b", _report(1.0))
    for second in range(1, LOST_AFTER_S + 3):
        recorder.add("a", _report(float(second)))
        assert recorder.give_up_lost() == []
    recorder.add("a", _report(LOST_AFTER_S + 3.0))
    assert recorder.give_up_lost() == ["b"]
    assert recorder.give_up_lost() == []
    recorder.add("b", _report(2.0, completed=7))
    recorder.finish()

    times = [float(row["t_s"]) for row in read_rows(tmp_path)]
    assert times == sorted(times)
    assert sum(int(row["completed_count"]) for row in read_rows(tmp_path)) == 1 + LOST_AFTER_S + 3 + 7


def test_drained_and_finished_mean_everywhere(tmp_path: Path) -> None:
    """As long as one process has a conversation in flight, the drain goes on."""
    recorder = Recorder(LoadFile(tmp_path), ["a", "b"])
    recorder.add("a", Report(0.0, drained=2, finished=True))
    assert not recorder.has_drained(2)
    assert not recorder.has_finished

    recorder.add("b", Report(0.0, drained=2, finished=True))

    assert recorder.has_drained(2)
    assert not recorder.has_drained(3)
    assert recorder.has_finished
    recorder.finish()


def test_the_last_second_may_be_a_part_of_one(tmp_path: Path) -> None:
    """The rows of the end carry the time of the end."""
    recorder = Recorder(LoadFile(tmp_path), ["a", "b"])
    recorder.add("a", _report(1.4, finished=True))
    recorder.add("b", _report(1.0))
    recorder.add("b", _report(1.7, finished=True))
    recorder.finish()

    assert [row["t_s"] for row in read_rows(tmp_path)] == ["1.000", "1.400", "1.700"]


def test_a_run_directory_gets_one_load_file(tmp_path: Path) -> None:
    """Nothing is overwritten."""
    LoadFile(tmp_path).close()

    with pytest.raises(FileExistsError):
        LoadFile(tmp_path)


@pytest.mark.parametrize(("begins_s", "row_period_s"), [(300.0, 1), (0.0, 15)])
def test_a_process_that_has_not_had_to_report_is_not_lost(tmp_path: Path, begins_s: float, row_period_s: int) -> None:
    """The load may begin minutes into the run, and a week's rows are 15 s apart: whoever reports second is no later."""
    recorder = Recorder(LoadFile(tmp_path), ["a", "b"], begins_s, row_period_s)
    for number in range(1, 4):
        recorder.add("a", _report(begins_s + number * row_period_s))
        assert recorder.give_up_lost() == []
        recorder.add("b", _report(begins_s + number * row_period_s))
    recorder.finish()

    assert [row["started_count"] for row in read_rows(tmp_path)] == ["2"] * 3
