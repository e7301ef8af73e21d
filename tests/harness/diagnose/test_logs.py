"""Tests of ``harness.diagnose.logs``: every line once, whatever happens to the file."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from harness.diagnose import logs
from harness.diagnose.logs import LogTail, LogWatch
from harness.model import Event
from harness.plan.log_rules import INCIDENT_RULES, LogRule


def _append(path: Path, text: str) -> None:
    with path.open("ab") as file:
        file.write(text.encode())


def _rotate(path: Path) -> None:
    """As the run's services do it."""
    shutil.copyfile(path, path.with_name(path.name + ".1"))
    os.truncate(path, 0)


def _counts(events: list[Event]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for event in events:
        if event.event == "log_match":
            counts[event.fields["rule"]] = counts.get(event.fields["rule"], 0) + event.fields["count"]
    return counts


def test_each_line_is_read_once_and_only_when_it_is_whole(tmp_path: Path) -> None:
    """The end of a line that is still being written waits for its newline."""
    path = tmp_path / "target.log"
    tail = LogTail(path)
    _append(path, "one\ntw")
    first = tail.read()
    _append(path, "o\n")

    assert first == (b"one\n", False)
    assert tail.read() == (b"two\n", False)
    assert tail.read() == (b"", False)


def test_a_log_that_is_not_there_yet_has_no_lines(tmp_path: Path) -> None:
    """A container's log appears with its first line."""
    tail = LogTail(tmp_path / "target.log")

    assert tail.read() == (b"", False)


def test_a_rotation_loses_no_line(tmp_path: Path) -> None:
    """What was written between the last look and the cut is read from the copy."""
    path = tmp_path / "target.log"
    tail = LogTail(path)
    _append(path, "one\n")
    tail.read()
    _append(path, "two\nthr")
    _rotate(path)
    _append(path, "ee\nfour\n")

    assert tail.read() == (b"two\nthree\nfour\n", False)


def test_a_log_that_has_outgrown_the_old_one_is_still_known_as_rotated(tmp_path: Path) -> None:
    """Its size says nothing: the bytes before the place reached are other ones."""
    path = tmp_path / "target.log"
    tail = LogTail(path)
    _append(path, "one\n")
    tail.read()
    path.rename(path.with_name("target.log.1"))
    _append(path, "a much longer line than before\n")

    assert tail.read() == (b"a much longer line than before\n", False)


def test_two_rotations_between_two_looks_are_said(tmp_path: Path) -> None:
    """A rule that missed lines must not pass for one that found none."""
    path = tmp_path / "target.log"
    watch = LogWatch([LogRule(name="r", contains="x")], tmp_path)
    _append(path, "one x\n")
    watch.poll(1.0)
    for text in ("two x\n", "three x\n"):
        _append(path, text)
        _rotate(path)
    _append(path, "four x\n")
    events = watch.poll(3.0)

    assert _counts(events) == {"r": 1}
    assert "rotated faster" in events[0].fields["text"]


def test_one_look_reads_no_more_than_its_limit(tmp_path: Path) -> None:
    """The rest comes with the next look, and at the end of the run all of it."""
    path = tmp_path / "target.log"
    _append(path, f"{'abc':<127}\n" * 50_000)
    watch = LogWatch([LogRule(name="r", contains="abc")], tmp_path)
    first = _counts(watch.poll(1.0))

    assert first == {"r": logs.READ_LIMIT_BYTES // 128}
    assert _counts(watch.finish(2.0)) == {"r": 50_000 - first["r"]}


def test_a_line_without_an_end_is_not_kept_for_ever(tmp_path: Path) -> None:
    """It is read as several lines of 64 KiB or more."""
    path = tmp_path / "target.log"
    tail = LogTail(path)
    _append(path, "a" * 200_000)

    assert len(tail.read()[0]) == 200_000
    assert tail.last() == b""


def test_the_first_lines_are_kept_and_a_line_counts_once(tmp_path: Path) -> None:
    """Five lines, each cut to 300 characters, in the events that tell of them."""
    watch = LogWatch([LogRule(name="r", contains="x")], tmp_path)
    _append(tmp_path / "target.log", "".join(f"{number} xx{'y' * 400}\n" for number in range(8)))
    (event,) = watch.poll(1.0)

    assert event.fields["count"] == 8
    assert [line[:3] for line in event.fields["lines"]] == ["0 x", "1 x", "2 x", "3 x", "4 x"]
    assert {len(line) for line in event.fields["lines"]} == {300}


def test_a_rule_that_matches_all_the_time_does_not_flood_the_events(tmp_path: Path) -> None:
    """After twenty events a minute's matches are one, and the sum stays right."""
    watch = LogWatch([LogRule(name="r", contains="x")], tmp_path)
    events = []
    for look in range(200):
        _append(tmp_path / "target.log", "x\n")
        events += watch.poll(2.0 * look)
    events += watch.finish(400.0)

    assert len(events) <= 28
    assert _counts(events) == {"r": 200}


def test_values_are_summed(tmp_path: Path) -> None:
    """The bytes generated, for the comparison with the bytes received."""
    watch = LogWatch(INCIDENT_RULES, tmp_path)
    _append(tmp_path / "target.log", "🎤 ElevenLabs generated 50618 bytes for chunk 0\n" * 3)
    events = watch.finish(1.0)

    assert {event.fields["rule"]: event.fields.get("value") for event in events} == {
        "one-post": None,
        "speech-chunks": 3 * 50618,
    }


def test_the_incident_rules_know_the_backend_lines(tmp_path: Path) -> None:
    """Each line of the contract is found by the rule that asks for it, and by no other."""
    watch = LogWatch(INCIDENT_RULES, tmp_path)
    _append(
        tmp_path / "target.log",
        "[Voice Converse] 🎵 Client will play local thinking sound (0 bytes transferred)\n"
        "[Voice Converse] 🔊 Including thinking sound in POST response (230478 bytes)\n"
        "🧹 [Voice Cleanup] Cleared 7 buffered messages\n"
        "🧹 [Memory Cleanup] Cleaned up 12 stale dialogues (3 remaining)\n"
        "🚨 [Memory Leak Tracker] MEMORY LEAK DETECTED current: 1 MB, growth: 1 MB, rate: 60 MB/min\n",
    )

    assert _counts(watch.finish(1.0)) == {
        "thinking-sound": 1,
        "session-cleanup": 1,
        "stale-dialogues": 1,
        "tracker-alarm": 1,
    }


def test_rules_look_into_the_log_of_their_service(tmp_path: Path) -> None:
    """The target's unless it says otherwise."""
    watch = LogWatch([LogRule(name="r", contains="x", service="mock")], tmp_path)
    _append(tmp_path / "target.log", "x\n")

    assert watch.finish(1.0) == []
