"""Tests of ``voice_backend.speech_workers``, with real forked processes."""

import signal
from typing import Any

import httpx
import psutil
import pytest

pytestmark = pytest.mark.slow


def converse(url: str, dialogue_id: str) -> list[str]:
    """One conversation, closed politely; the names of its events."""
    with httpx.Client(base_url=url, trust_env=False) as client:
        client.post("/api/voice/converse", json={"text": "hi", "dialogueId": dialogue_id}).raise_for_status()
        names = []
        with client.stream("GET", "/api/voice/open-stream", params={"dialogueId": dialogue_id}) as response:
            for line in response.iter_lines():
                if line.startswith("event: "):
                    names.append(line[7:])
                if names and names[-1] in ("done", "error"):
                    break
        client.post("/api/voice/close", json={"dialogueId": dialogue_id})
    return names


def test_workers_fetch_the_speech_share_memory_and_end_with_the_service(command: Any, upstream: Any) -> None:
    """Their history is in the ledger; a dead worker is survived; afterwards no process is left."""
    backend = command("--faults", "tts_chunk_refs", "--workers", "2", "--tts-url", upstream.url)
    parent = psutil.Process(backend.process.pid)
    workers = parent.children()
    events = [converse(backend.url, f"d{number}")[-1] for number in range(3)]
    with httpx.Client(base_url=backend.url, trust_env=False) as client:
        held = client.get("/debug/ledger").json()["tts_chunk_refs"]
        listed = {worker["pid"] for worker in client.get("/debug/memory").json()["workers"]}
    summed_rss = sum(process.memory_full_info().rss for process in [parent, *workers])
    summed_pss = sum(process.memory_full_info().pss for process in [parent, *workers])
    workers[0].kill()
    after_a_death = converse(backend.url, "d9")[-1]
    took_s = backend.stop()

    assert events == ["done"] * 3
    assert held == {"retainedBytes": 12 * 50_618, "retainedObjects": 12}
    assert listed == {worker.pid for worker in workers}
    assert len(workers) == 2
    assert summed_pss < 0.8 * summed_rss
    assert after_a_death in ("done", "error")
    assert took_s < 2
    assert not any(psutil.pid_exists(worker.pid) for worker in workers)


def test_workers_notice_that_the_first_process_was_killed(command: Any, upstream: Any) -> None:
    """SIGKILL leaves nobody behind."""
    backend = command("--workers", "2", "--tts-url", upstream.url)
    workers = psutil.Process(backend.process.pid).children()
    backend.stop(signal.SIGKILL)
    gone, alive = psutil.wait_procs(workers, timeout=10)

    assert (len(gone), alive) == (2, [])


def test_a_worker_passes_on_what_the_upstream_said(command: Any, upstream: Any) -> None:
    """An error in a worker is an error event at the client."""
    upstream.status = 429
    backend = command("--workers", "2", "--tts-url", upstream.url)
    names = converse(backend.url, "d1")
    backend.stop()

    assert names == ["ping", "textChunk", "textChunk", "error"]
