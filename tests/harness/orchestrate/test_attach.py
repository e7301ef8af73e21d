"""Attaching to what runs."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path

import pytest

from harness.errors import ProbeError, UsageError
from harness.model import Column, ColumnKind, EndReason, Role, Unit
from harness.model.load import LoadPlan
from harness.orchestrate.attach import (
    LONGEST_UNTIL_VERDICT_S,
    Attachment,
    Sources,
    carry_out_attach,
    prepare_attach,
    primary_column,
)
from harness.orchestrate.session import Tick
from harness.plan.document import Plan, load_plan
from harness.probes.json_http import JsonHttpProbe
from harness.store.reader import read_run
from tests.support.pages import served
from tests.support.target_processes import python_process

METRICS = "process_resident_memory_bytes 4096\nprocess_start_time_seconds 5\n"


def prepare(out: Path, sources: Sources, duration: str | None = "1s", *, until_verdict: bool = False) -> Attachment:
    return prepare_attach(
        load_plan(None, {"run": {"out": str(out), "duration": duration}}), sources, until_verdict=until_verdict
    )


def close(attachment: Attachment) -> None:
    for probe in attachment.probes:
        probe.close()


def silent(tick: Tick) -> None:
    """Nobody watches."""


def test_several_sources_of_one_target_become_one_run(tmp_path: Path) -> None:
    """The best of them is the target and judged; the harness reads itself beside them."""
    with (
        served(METRICS) as metrics,
        served(json.dumps({"heapUsed": 7})) as document,
        python_process("print('up'); input()") as child,
    ):
        sources = Sources(pid=child.pid, prometheus=metrics.url, json_url=document.url)
        finished = carry_out_attach(prepare(tmp_path, sources), silent)
    run = read_run(finished.path)

    assert finished.reason is EndReason.COMPLETED
    assert run.manifest.scenario == "attach"
    assert run.manifest.primary == "target.anon_bytes"
    assert list(run.probes) == ["target", "prometheus", "json", "harness"]
    assert [info.role for info in run.manifest.probes] == [Role.TARGET, Role.TARGET, Role.TARGET, Role.HARNESS]
    assert run.probes["json"].columns["heap_used_bytes"][-1] == 7
    assert len(run.probes["target"].t_s) >= 2


def test_it_sleeps_between_samples(tmp_path: Path) -> None:
    """It wakes for a sample, or for a reading under way, and for nothing else."""
    ticks: list[Tick] = []
    with python_process("print('up'); input()") as child:
        finished = carry_out_attach(prepare(tmp_path, Sources(pid=child.pid)), ticks.append)
    rows = sum(len(series.t_s) for series in read_run(finished.path).probes.values())

    assert len(ticks) <= 2 * rows + 2


def test_chosen_series_and_fields_are_read(tmp_path: Path) -> None:
    """Under the names that were given."""
    with served(METRICS) as page:
        attachment = prepare(
            tmp_path, Sources(prometheus=page.url, series={"held_bytes": "process_resident_memory_bytes"})
        )
        close(attachment)

    assert attachment.primary == "target.held_bytes"


def test_what_the_page_calls_a_counter_is_one(tmp_path: Path) -> None:
    """Queries so far only rise: nobody shall take that for growth."""
    page_text = f"{METRICS}# TYPE queries_total counter\nqueries_total 3\n"
    with served(page_text) as page:
        series = {"held_bytes": "process_resident_memory_bytes", "queries_count": "queries_total"}
        attachment = prepare(tmp_path, Sources(prometheus=page.url, series=series))
        close(attachment)

    assert {column.name: column.kind for column in attachment.probes[0].columns} == {
        "held_bytes": ColumnKind.GAUGE,
        "queries_count": ColumnKind.COUNTER,
    }


def test_the_manifest_names_the_sources_without_their_secrets(tmp_path: Path) -> None:
    """What was read is part of the configuration; who may read it is not, nor in any event."""
    with served('{"rss": 4096}') as page:
        url = f"http://me:s3cr3t@{page.url.removeprefix('http://')}?token=s3cr3t"
        attachment = prepare(tmp_path, Sources(json_url=url))
        page.status = 503
        run_dir = carry_out_attach(attachment, silent).path
    stored = "".join(file.read_text() for file in run_dir.rglob("*") if file.is_file())

    shown = f"http://***@{page.url.removeprefix('http://')}?token=***"
    assert read_run(run_dir).manifest.config["sources"]["json_url"] == shown
    assert f"expected 200 from {shown}, found 503" in stored
    assert "s3cr3t" not in stored


def test_names_that_the_store_needs_are_not_found_in_a_document(tmp_path: Path) -> None:
    """A document may time its own readings too."""
    with served('{"rss": 4096, "read_ms": 3, "lateness_ms": 2}') as page:
        attachment = prepare(tmp_path, Sources(json_url=page.url))
        close(attachment)

    assert [column.name for column in attachment.probes[0].columns] == ["rss_bytes"]


@pytest.mark.parametrize(
    ("sources", "says"),
    [
        (Sources(), "expected something to read"),
        (Sources(pid=1, series={"a_bytes": "b"}), "expected --prometheus URL beside --series"),
        (Sources(pid=1, fields={"a_bytes": "b"}), "expected --json-url URL beside --field"),
        (Sources(pid=2**22 + 1), "expected a running process"),
        (Sources(node="nowhere"), "expected --node HOST:PORT"),
        (Sources(node="10.1.2.3:9229"), "expected an inspector on this machine"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_stored(tmp_path: Path, sources: Sources, says: str) -> None:
    """And nothing is left behind."""
    with pytest.raises(UsageError, match=says):
        prepare(tmp_path, sources)

    assert list(tmp_path.iterdir()) == []


def test_a_page_without_known_names_asks_for_one(tmp_path: Path) -> None:
    """It does not guess what a number means."""
    with served("my_metric 5\n") as metrics, served('{"size": 5}') as document:
        with pytest.raises(UsageError, match="name one with --series"):
            prepare(tmp_path, Sources(prometheus=metrics.url))
        with pytest.raises(UsageError, match="name one with --field"):
            prepare(tmp_path, Sources(json_url=document.url))


def test_a_page_that_is_not_there_is_a_reason(tmp_path: Path) -> None:
    """Before the run."""
    with served("", 404) as page, pytest.raises(ProbeError, match="found 404"):
        prepare(tmp_path, Sources(json_url=page.url))


def test_a_target_that_ends_ends_the_run(tmp_path: Path) -> None:
    """Without waiting for the rest of the duration."""
    with python_process("print('up'); input()") as child:
        attachment = prepare(tmp_path, Sources(pid=child.pid), "60s")
        child.kill()
        child.wait()
        finished = carry_out_attach(attachment, silent)

    assert finished.reason is EndReason.TARGET_DIED


def test_a_signal_ends_the_run_in_order(tmp_path: Path) -> None:
    """Without any duration it is the way to end one."""
    seen = threading.Event()

    def interrupt(tick: Tick) -> None:
        if not seen.is_set():
            seen.set()
            os.kill(os.getpid(), signal.SIGINT)

    with python_process("print('up'); input()") as child:
        finished = carry_out_attach(prepare(tmp_path, Sources(pid=child.pid), None), interrupt)

    assert finished.reason is EndReason.INTERRUPTED
    assert read_run(finished.path).end is not None


def test_a_verdict_is_not_waited_for_forever(tmp_path: Path) -> None:
    """An hour, unless a duration is given."""
    with python_process("print('up'); input()") as child:
        attachments = [
            prepare(tmp_path, Sources(pid=child.pid), duration, until_verdict=True) for duration in (None, "5m")
        ]
        for attachment in attachments:
            close(attachment)

    assert [attachment.duration_s for attachment in attachments] == [LONGEST_UNTIL_VERDICT_S, 300.0]


def test_a_certain_verdict_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The judge beside it is told the longest time, may end it, and is closed."""
    told: list[object] = []

    class CertainJudge:
        so_far = None

        def __init__(self, run_dir: Path, load: LoadPlan, *, may_stop: bool) -> None:
            told.extend([load.duration_s, load.kinds, may_stop])

        wants_stop = True

        def listen(self) -> None: ...

        def close(self) -> None:
            told.append("closed")

    monkeypatch.setattr("harness.orchestrate.attach.Judge", CertainJudge)
    with python_process("print('up'); input()") as child:
        finished = carry_out_attach(prepare(tmp_path, Sources(pid=child.pid), "60s", until_verdict=True), silent)

    assert finished.reason is EndReason.EARLY_STOP
    assert told == [60.0, (), True, "closed"]


@pytest.mark.parametrize(
    ("names", "primary"),
    [(["rss_bytes", "anon_bytes"], "anon_bytes"), (["n_count", "x_bytes"], "x_bytes"), (["n_count"], None)],
)
def test_the_best_column_is_judged(names: list[str], primary: str | None) -> None:
    """What the operating system holds, else any bytes, else nothing."""
    columns = tuple(
        Column(name, Unit.BYTES if name.endswith("bytes") else Unit.COUNT, ColumnKind.GAUGE, "") for name in names
    )
    probe = JsonHttpProbe("target", Role.TARGET, "http://127.0.0.1:1/", 1.0, columns, {})
    if primary is None:
        with pytest.raises(UsageError, match="expected a column in bytes"):
            primary_column(probe)
    else:
        assert primary_column(probe) == primary


@pytest.mark.parametrize(
    ("sections", "says"),
    [
        ({"gates": {"max_latency_drift": 2.0}}, "the gate max_latency_drift judges what this run does not record"),
        ({"gates": {"kinds": {"normal": "1 KiB"}}}, "expected driven load"),
        ({"log_rules": [{"preset": "incident"}]}, "expected the log of 'target', found none"),
    ],
)
def test_a_gate_on_what_is_not_recorded_is_refused(tmp_path: Path, sections: dict[str, object], says: str) -> None:
    """Before anything is stored."""
    plan = Plan.model_validate({"run": {"out": str(tmp_path)}, **sections})
    with pytest.raises(UsageError, match=says):
        prepare_attach(plan, Sources(pid=os.getpid()), until_verdict=False)

    assert list(tmp_path.iterdir()) == []


def test_a_series_that_is_none_is_refused(tmp_path: Path) -> None:
    """As a mistake of the command line."""
    with served(METRICS) as page, pytest.raises(UsageError, match="--series: expected a series"):
        prepare(tmp_path, Sources(prometheus=page.url, series={"held_bytes": "bad{"}))
