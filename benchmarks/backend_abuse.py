"""300 conversations at a time against ``voice-backend``, 30 % of them ending badly: what is left afterwards?

Starts mock-tts and the backend itself and ends them. Exit code 0 when nothing but the intended happened: no failed
conversation, no traceback, an empty dialogue map and ledger, file descriptors back at their start value.

    python benchmarks/backend_abuse.py            # 5 minutes
    python benchmarks/backend_abuse.py --quick    # 45 seconds
"""

import argparse
import asyncio
import errno
import json
import os
import random
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from _programs import get, metric, start

BADLY = ("reset before audio", "reset in the middle", "reset after done", "half-open", "stops reading")
WELL = ("closes", "leaves after done")
STALL_QUERIES = 8
"""Answers that a reader which stops reading orders, so that they fit into no socket buffer: 2.2 MB (of four, one in 36
did)."""
LONGEST_HELD_S = 150
"""Such a reader keeps its socket until the backend has cut it: 30 s after its answers have filled every buffer, which a
busy backend takes a while for. One that is never cut gives up after this."""


@dataclass
class Abuse:
    """What happened so far."""

    host: str
    port: int
    open_s: float
    ended: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)

    async def post(self, path: str, body: dict[str, str]) -> tuple[int, Any]:
        """One POST on a connection of its own."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        content = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(content)}\r\n\r\n"
        writer.write(head.encode() + content)
        answer = await reader.read()
        writer.close()
        return int(answer[9:12]), json.loads(answer.partition(b"\r\n\r\n")[2] or b"{}")

    async def stalled(self, dialogue_id: str) -> None:
        """Opens a stream, orders several answers, reads nothing, and holds on to the socket."""
        loop = asyncio.get_running_loop()
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.setblocking(False)
            await loop.sock_connect(client, (self.host, self.port))
            await loop.sock_sendall(client, _stream_request(dialogue_id))
            for number in range(STALL_QUERIES):
                await self.post("/api/voice/converse", {"text": f"question {number}", "dialogueId": dialogue_id})
            for _ in range(LONGEST_HELD_S):
                if _is_reset(client):
                    return
                await asyncio.sleep(1.0)

    async def converse(self, dialogue_id: str, ending: str, pause_s: float) -> None:
        """One conversation with that ending. Raises when something came out otherwise than intended."""
        if ending == "stops reading":
            await self.stalled(dialogue_id)
            return
        status, _ = await self.post("/api/voice/converse", {"text": "How did I sleep?", "dialogueId": dialogue_id})
        _expect(status == 200, f"converse answered {status}")
        reader, writer = await asyncio.open_connection(self.host, self.port, limit=2**18)
        writer.write(_stream_request(dialogue_id))
        stop_after = {"reset before audio": 0, "reset in the middle": 2}.get(ending, 4)
        chunks = await _read_until(reader, stop_after)
        _expect(chunks == stop_after, f"{chunks} of {stop_after} chunks")
        if ending.startswith("reset"):
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
            return
        await asyncio.sleep(pause_s)
        if ending == "closes":
            status, _ = await self.post("/api/voice/close", {"dialogueId": dialogue_id})
            _expect(status == 200, f"close answered {status}")
        writer.transport.abort() if ending == "half-open" else writer.close()

    async def slot(self, number: int, until_s: float, rng: random.Random) -> None:
        """One of the concurrent users: a conversation after the other until the time is over."""
        await asyncio.sleep(rng.uniform(0, self.open_s))
        turn = 0
        while time.monotonic() < until_s:
            turn += 1
            ending = rng.choice(BADLY) if rng.random() < 0.3 else rng.choice(WELL)
            pause_s = rng.uniform(0.7, 1.3) * self.open_s
            began_s = time.monotonic()
            try:
                await self.converse(f"user-{number}-{turn}", ending, pause_s)
                self.ended[ending] += 1
            except (OSError, ValueError, asyncio.IncompleteReadError, RuntimeError) as exc:
                self.problems[f"{ending}: {type(exc).__name__} {exc}"[:120]] += 1
            # A conversation that was cut short still takes its time: the rate must not rise with the abuse.
            await asyncio.sleep(max(0.0, pause_s - (time.monotonic() - began_s)))


def _is_reset(client: socket.socket) -> bool:
    return client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET


def _expect(holds: bool, problem: str) -> None:
    if not holds:
        raise RuntimeError(problem)


def _stream_request(dialogue_id: str) -> bytes:
    return f"GET /api/voice/open-stream?dialogueId={dialogue_id} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


async def _read_until(reader: asyncio.StreamReader, chunks: int) -> int:
    """Reads that many chunks (all four: also ``done``); how many came."""
    found = 0
    while found < chunks or chunks == 4:
        line = await reader.readline()
        _expect(bool(line), "stream ended early")
        if line.startswith(b"event: audioChunk"):
            found += 1
        _expect(not line.startswith(b"event: error"), "error event")
        if line.startswith(b"event: done"):
            break
    return found


async def _drive(abuse: Abuse, users: int, duration_s: float, report: Callable[[float], None]) -> None:
    began_s = time.monotonic()
    until_s = began_s + duration_s
    slots = [asyncio.create_task(abuse.slot(number, until_s, random.Random(number))) for number in range(users)]
    while any(not slot.done() for slot in slots):
        await asyncio.wait(slots, timeout=15)
        report(time.monotonic() - began_s)
    for slot in slots:
        slot.result()


def main() -> int:
    """Runs the abuse and prints what is left."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="45 seconds instead of 300")
    parser.add_argument("--users", type=int, default=300, help="conversations at a time")
    parser.add_argument("--open", type=float, default=12.0, help="seconds that a conversation stays open")
    parser.add_argument("--preset", default="after", choices=["before", "after"])
    options = parser.parse_args()
    duration_s = 45.0 if options.quick else 300.0
    os.environ["PYTHONUNBUFFERED"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        logs = [open(Path(folder) / f"{name}.log", "w", encoding="utf-8") for name in ("mock", "backend")]
        mock, mock_url = start(["mock_tts", "serve", "--port", "0"], logs[0])
        backend, url = start(
            ["voice_backend", "serve", "--preset", options.preset, "--port", "0", "--tts-url", mock_url], logs[1]
        )
        try:
            return _abuse_and_judge(options, duration_s, backend, url, Path(logs[1].name))
        finally:
            for process in (backend, mock):
                process.terminate()
                process.wait()
            for log in logs:
                log.close()


def _abuse_and_judge(
    options: argparse.Namespace, duration_s: float, backend: subprocess.Popen[str], url: str, log: Path
) -> int:
    host, port = url.removeprefix("http://").split(":")
    abuse = Abuse(host, int(port), options.open)
    process = psutil.Process(backend.pid)
    metric(url, "voice_backend_queries_total")
    fds_before = process.num_fds()

    def report(elapsed_s: float) -> None:
        dialogues = get(f"{url}/health")["activeDialogues"]
        memory = get(f"{url}/debug/memory")
        print(
            f"{elapsed_s:5.0f} s  {abuse.ended.total():6d} ended  {abuse.problems.total():3d} problems  "
            f"{dialogues:4d} dialogues  {memory['bufferedBytes'] / 1e6:6.1f} MB buffered  "
            f"{memory['rss'] / 1e6:6.1f} MB rss  {process.num_fds():4d} fds  {sum(process.cpu_times()[:2]):6.1f} s cpu",
            flush=True,
        )

    asyncio.run(_drive(abuse, options.users, duration_s, report))
    fds, deadline_s = process.num_fds(), time.monotonic() + 30
    while time.monotonic() < deadline_s and (fds > fds_before or get(f"{url}/health")["activeDialogues"]):
        time.sleep(0.5)  # the connection that asked is one of its files, until the backend has noticed that it is over
        fds = process.num_fds()
    text = log.read_text(encoding="utf-8")
    allowed = ("voice-backend listening", "[Voice Converse] ", "🎤 ", "🧹 ", "🚨 ")
    unknown = [line for line in text.splitlines() if not line.startswith(allowed)]
    print(*unknown[:5], sep="\n")
    results = {
        "problems": (abuse.problems.total(), 0),
        "tracebacks in the log": (text.count("Traceback"), 0),
        "lines that the contract does not know": (len(unknown), 0),
        "dialogues left": (get(f"{url}/health")["activeDialogues"], 0),
        "bytes in the ledger": (get(f"{url}/debug/ledger")["total"]["retainedBytes"], 0),
        "file descriptors": (fds, fds_before),
        "stalled readers cut": (metric(url, "voice_backend_readers_cut_total"), abuse.ended["stops reading"]),
    }
    print("\nconversations by ending:", dict(abuse.ended.most_common()), "\nproblems:", dict(abuse.problems))
    print(f"\n{'':40} {'found':>10} {'expected':>10}")
    for name, (found, expected) in results.items():
        print(f"{name:40} {found:10d} {expected:10d}  {'ok' if found == expected else 'NOT AS EXPECTED'}")
    return 0 if all(found == expected for found, expected in results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
