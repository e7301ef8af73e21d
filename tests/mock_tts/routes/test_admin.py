"""Admin endpoints and metrics."""

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from mock_tts.routes.admin import is_loopback
from tests.mock_tts.conftest import Mock

TTS = "/v1/text-to-speech/v"


def test_ledger_shows_doubled_requests(mock: Mock) -> None:
    """The same text twice on one route is listed; the journal keeps hashes, not words; gauges are at zero."""
    httpx.post(f"{mock.http_url}/admin/reset")
    for _ in range(2):
        httpx.post(mock.http_url + TTS, headers={"xi-api-key": "k"}, json={"text": "Say it twice."})
    stats = httpx.get(f"{mock.http_url}/admin/stats").json()
    journal = httpx.get(f"{mock.http_url}/admin/requests?limit=5").json()["requests"]

    assert stats["requests"] == {"convert": 2}
    assert stats["open_streams"] == stats["generating"] == 0
    (row,) = stats["repeated_texts"]
    assert (row["route"], row["count"]) == ("convert", 2)
    assert [entry["text_hash"] for entry in journal] == [row["text_hash"]] * 2
    assert stats["bytes_out"] == sum(entry["bytes_out"] for entry in journal)
    assert "Say it twice" not in str(journal)


def test_faults_change_while_it_runs(mock: Mock) -> None:
    """A plan is put in force, shows what it did, and is cleared; a wrong one is refused with its place."""
    url = f"{mock.http_url}/admin/faults"
    plan = httpx.put(url, json=[{"kind": "status", "status": 500, "count": 1}]).json()
    assert plan["fault"][0]["fired"] == 0
    answers = [
        httpx.post(mock.http_url + TTS, headers={"xi-api-key": "k"}, json={"text": "a"}).status_code for _ in range(2)
    ]

    assert answers == [500, 200]
    assert httpx.get(url).json()["fault"][0]["fired"] == 1
    wrong = httpx.put(url, json={"fault": [{"kind": "flood"}]})
    assert wrong.status_code == 400
    assert "fault.0.kind" in wrong.json()["detail"]["message"]
    assert httpx.put(url, content=b"{").status_code == 400
    assert httpx.delete(url).json() == {"fault": []}


def test_metrics_are_prometheus_text(mock: Mock) -> None:
    """Every metric parses, gauges and counters alike."""
    names = {family.name for family in text_string_to_metric_families(httpx.get(f"{mock.http_url}/metrics").text)}

    assert {"mock_tts_requests", "mock_tts_open_streams", "mock_tts_sent_bytes", "mock_tts_open_contexts"} <= names


def test_other_hosts_are_kept_out(mock: Mock) -> None:
    """A page elsewhere whose name resolves to this machine does not get in."""
    answer = httpx.get(f"{mock.http_url}/admin/stats", headers={"host": "evil.example"})

    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("::1", True), ("::ffff:127.0.0.1", True), ("10.0.0.1", False), ("x", False)],
)
def test_loopback(host: str, local: bool) -> None:
    """Both families, mapped addresses too."""
    assert is_loopback(host) is local
