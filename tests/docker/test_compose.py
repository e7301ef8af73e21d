"""The Compose file from one command to a verdict, its counts held against what mock and backend counted."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.containers import docker

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900), pytest.mark.usefixtures("images")]

ROOT = Path(__file__).parent.parent.parent
PROJECT = "voice-soak-test"
TRIES, INVALID = 3, 4
"""A machine that others keep busy makes a run invalid for its generator, and rightly so."""
_FETCH = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())"


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The settings of one Compose project, which is taken down afterwards."""
    settings = {
        "COMPOSE_PROJECT_NAME": PROJECT,
        "SOAK_KEEP": "1",
        "SOAK_SCENARIO": "normal",
        "SOAK_DURATION": "60s",
        "SOAK_SPEEDUP": "120",
        "SOAK_REPORTS": str(tmp_path),
        "BACKEND_MEMORY": "700m",
        "BACKEND_PORT": "0",
        "MOCK_PORT": "0",
    }
    try:
        yield os.environ | settings
    finally:
        take_down()


def take_down() -> None:
    for name in service_containers():
        docker("rm", "--force", "--volumes", name)
    for network in docker(
        "network", "ls", "--quiet", "--filter", f"label=com.docker.compose.project={PROJECT}"
    ).split():
        docker("network", "rm", network)


def service_containers(service: str | None = None) -> list[str]:
    words = ["ps", "--all", "--format", "{{.Names}}", "--filter", f"label=com.docker.compose.project={PROJECT}"]
    if service is not None:
        words += ["--filter", f"label=com.docker.compose.service={service}"]
    return docker(*words).split()


def fetch(service: str, url: str) -> str:
    """What ``service`` answers to itself: its ledgers are for its own machine only."""
    (name,) = service_containers(service)
    return docker("exec", name, "python3", "-c", _FETCH, url)


def counter(page: str, name: str) -> int:
    samples = [sample for family in text_string_to_metric_families(page) for sample in family.samples]
    return int(sum(sample.value for sample in samples if re.fullmatch(name, sample.name)))


def test_two_workers_and_a_verdict(environment: dict[str, str], tmp_path: Path) -> None:
    """One command brings everything up, judges the leaking backend, and every query is accounted for on both sides."""
    for _ in range(TRIES):
        take_down()
        done = subprocess.run(
            [ROOT / "docker" / "soak.sh", "2"], env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode != INVALID:
            break

    assert done.returncode in (1, 3), done.stdout + done.stderr
    run = sorted(tmp_path.glob("2*-normal-*"))[-1]
    verdict = json.loads((run / "verdict.json").read_text())
    assert verdict["outcome"] in ("fail", "inconclusive")
    assert verdict["memory"]["metric"] == "target.anon_bytes"
    assert verdict["forecast"]["limit_bytes"] == 700 * 2**20
    assert (run / "report.html").stat().st_size > 10_000

    with (run / "load.csv").open() as file:
        rows = list(csv.DictReader(file))
    started = sum(int(row["started_count"]) for row in rows)
    completed = sum(int(row["completed_count"]) for row in rows)
    failed = sum(int(row["failed_count"]) for row in rows)
    stats = json.loads(fetch("mock", "http://127.0.0.1:8880/admin/stats"))
    metrics = fetch("backend", "http://127.0.0.1:8200/metrics")
    assert started == completed + failed > 50
    assert counter(metrics, "voice_backend_queries_total") == started
    assert counter(metrics, "voice_backend_tts_calls_total") == stats["requests_total"]


def test_nothing_is_published_outside_this_machine() -> None:
    """Every port of the Compose file is bound to 127.0.0.1."""
    text = (ROOT / "compose.yaml").read_text()
    published = re.findall(r'ports: \["([^"]+)"\]', text)

    assert len(published) == text.count("ports:") == 2
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert "network_mode" not in text
    assert "privileged" not in text.replace("no-new-privileges", "")
