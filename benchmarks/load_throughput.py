"""What the load costs: conversations a second on one core, beside bare Locust; the schedule it holds; its own memory.

    python benchmarks/load_throughput.py             throughput and schedule, about three minutes
    python benchmarks/load_throughput.py --quick     the same, shorter
    python benchmarks/load_throughput.py --memory 1000000    growth of the generator over a million conversations

The generator runs on core 0, a server of canned answers on core 1. Bare Locust is a ``FastHttpUser`` that makes the
same three requests and receives the same bytes: POST (200 bytes), GET (four chunks of speech, 270 KB), POST.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import csv
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import psutil
from _programs import anonymous_bytes
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from harness.model import LoadKind
from harness.model.load import ArrivalModel, Arrivals, Backend, LoadPlan, Phase, StreamKind
from harness.orchestrate.load import build_load_plan, load_process
from harness.plan.load import LoadSection

USERS_COUNT = 20
CHUNK_BYTES = 50_618
CHUNKS_COUNT = 4
GENERATOR_CORE, SERVER_CORE = "0", "1"
WEBSOCKET_PATH = "/api/voice/stream?dialogueId={dialogue}"

BARE_LOCUSTFILE = """
from locust import FastHttpUser, constant, events, task
import sys, time

@events.test_start.add_listener
def start(**_):
    global started_s
    started_s = time.process_time()

@events.test_stopping.add_listener
def stop(**_):
    print("cpu_s", time.process_time() - started_s, file=sys.stderr, flush=True)

class Bare(FastHttpUser):
    wait_time = constant(0)

    @task
    def converse(self):
        self.client.post("/api/voice/converse", json={"text": "How did I sleep?", "dialogueId": "bare"})
        self.client.get("/api/voice/open-stream?dialogueId=bare", name="stream")
        self.client.post("/api/voice/close", json={"dialogueId": "bare"})
"""


class Canned(asyncio.Protocol):
    """Answers each request with bytes made beforehand, so that the server is never what is measured."""

    events: tuple[tuple[str, str], ...] = ()
    stream = b""
    answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._received = b""
        self._socket: ServerProtocol | None = None

    def data_received(self, data: bytes) -> None:
        if self._socket is not None:
            self._on_frames(data)
            return
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[: end + 4]
            if b"upgrade: websocket" in head.lower():
                self._upgrade(self._received)
                return
            length = re.search(rb"(?i)content-length: (\d+)", head)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._received) < whole:
                return
            self._received = self._received[whole:]
            self._transport.write(self.stream if head.startswith(b"GET") else self.answer)

    def _upgrade(self, received: bytes) -> None:
        self._socket = ServerProtocol(max_size=None)
        self._socket.receive_data(received)
        request = next(event for event in self._socket.events_received() if isinstance(event, Request))
        self._socket.send_response(self._socket.accept(request))
        for name, data in self.events:
            self._socket.send_text(f'{{"event": "{name}", "data": {data}}}'.encode())
        self._transport.write(b"".join(self._socket.data_to_send()))

    def _on_frames(self, data: bytes) -> None:
        assert self._socket is not None
        self._socket.receive_data(data)
        self._transport.write(b"".join(self._socket.data_to_send()))
        if any(isinstance(event, Frame) and event.opcode is Opcode.CLOSE for event in self._socket.events_received()):
            self._transport.close()


def serve(chunk_bytes: int) -> None:
    """Serves canned answers with chunks of that size; prints its port."""
    audio = base64.b64encode(bytes(chunk_bytes)).decode()
    chunks = [
        ("audioChunk", json.dumps({"audio": audio, "chunkIndex": i, "text": "", "isFinal": i == CHUNKS_COUNT - 1}))
        for i in range(CHUNKS_COUNT)
    ]
    Canned.events = (("ping", '{"timestamp": 0}'), *chunks, ("done", '{"data": "Voice conversation complete"}'))
    body = b"".join(f"event: {name}\ndata: {data}\n\n".encode() for name, data in Canned.events)
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    Canned.stream = head.encode() + b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
    answer = json.dumps({"success": True, "dialogueId": "x" * 100, "thinkingIndicator": {"type": "sound"}}).encode()
    Canned.answer = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer
    )

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(Canned, "127.0.0.1", 0, backlog=1024)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    import uvloop

    uvloop.run(run())


@contextmanager
def server(chunk_bytes: int = CHUNK_BYTES) -> Iterator[str]:
    """The canned server's URL."""
    command = ["taskset", "-c", SERVER_CORE, sys.executable, __file__, "--serve", str(chunk_bytes)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


@dataclass(frozen=True)
class Outcome:
    """What one load made: completed conversations a second, CPU seconds a conversation, what it said at its end."""

    per_s: float
    cpu_ms: float
    summary: dict[str, Any]


def closed_plan(backend: Backend, duration_s: float, users_count: int = USERS_COUNT) -> LoadPlan:
    """Users who ask again at once: as fast as one core goes."""
    arrivals = Arrivals(ArrivalModel.CLOSED, users_count=users_count, think_s=1e-9)
    phase = Phase("full", LoadKind.NORMAL, 1, 0.0, duration_s, 1, (LoadKind.NORMAL,))
    return LoadPlan("normal", 1, 1.0, (phase,), backend, arrivals, drain_timeout_s=5.0)


def run_plan(plan: LoadPlan) -> Outcome:
    """Plays ``plan`` on the generator's core."""
    with tempfile.TemporaryDirectory() as folder:
        read_fd, write_fd = os.pipe()
        process = load_process(plan, Path(folder), time.monotonic(), write_fd)
        running = subprocess.Popen(
            ("taskset", "-c", GENERATOR_CORE, *process.command),
            env=os.environ | process.env,
            pass_fds=process.pass_fds,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(write_fd)
        cpu_s = 0.0
        with os.fdopen(read_fd) as pipe:
            for line in pipe:
                event = json.loads(line)
                times = psutil.Process(running.pid).cpu_times()
                if event["event"] == "phase_start":
                    cpu_s -= times.user + times.system
                if event["event"] == "phase_end":
                    cpu_s += times.user + times.system
        running.wait()
        rows = read_rows(Path(folder))
    whole = [row for row in rows if float(row["t_s"]).is_integer()][1:-1]
    completed = sum(int(row["completed_count"]) for row in rows)
    per_s = sum(int(row["completed_count"]) for row in whole) / len(whole) if whole else completed / plan.duration_s
    return Outcome(per_s, 1e3 * cpu_s / max(completed, 1), event["load"])


def read_rows(folder: Path) -> list[dict[str, str]]:
    """The rows of ``load.csv``."""
    with (folder / "load.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def run_bare(base_url: str, duration_s: float) -> Outcome:
    """Bare Locust: its own count of streams in its whole seconds, and the CPU between its start and its stop."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bare.py"
        file.write_text(BARE_LOCUSTFILE)
        command = ["taskset", "-c", GENERATOR_CORE, sys.executable, "-m", "locust", "-f", str(file), "--headless"]
        command += ["--host", base_url, "--users", str(USERS_COUNT), "--spawn-rate", "100", "--json"]
        command += ["--run-time", f"{round(duration_s)}s"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    entries = json.loads(done.stdout)
    stream = next(entry for entry in entries if entry["name"] == "stream")
    seconds: dict[int, int] = {int(second): count for second, count in stream["num_reqs_per_sec"].items()}
    whole = [seconds[second] for second in sorted(seconds)[1:-1]]
    assert stream["num_failures"] == 0
    cpu_s = float(re.findall(r"cpu_s (\S+)", done.stderr)[-1])
    return Outcome(sum(whole) / len(whole), 1e3 * cpu_s / stream["num_requests"], {"failures": {}})


def throughput(rounds: int, duration_s: float) -> None:
    """In turns, so that what else the machine does meets all alike; medians of all rounds.

    The ratio is of CPU time a conversation, which is that of conversations a second on a core of its own, and which
    other work on the machine disturbs least.
    """
    outcomes: dict[str, list[Outcome]] = {}
    with server() as base_url:
        websocket = Backend(base_url, stream=StreamKind.WEBSOCKET, stream_path=WEBSOCKET_PATH)
        for _ in range(rounds):
            outcomes.setdefault("bare Locust FastHttpUser", []).append(run_bare(base_url, duration_s))
            outcomes.setdefault("this load, SSE", []).append(run_plan(closed_plan(Backend(base_url), duration_s)))
            outcomes.setdefault("this load, WebSocket", []).append(run_plan(closed_plan(websocket, duration_s)))
    print(f"\none core, {USERS_COUNT} users, {rounds} rounds of {duration_s:.0f} s, 270 KB a conversation")
    print(f"{'':28}{'per s':>8}{'CPU ms each':>14}{'per CPU s':>12}{'ratio':>8}{'failures':>10}")
    bare_ms = statistics.median(outcome.cpu_ms for outcome in outcomes["bare Locust FastHttpUser"])
    for name, made in outcomes.items():
        per_s = statistics.median(outcome.per_s for outcome in made)
        cpu_ms = statistics.median(outcome.cpu_ms for outcome in made)
        failures = sum(sum(outcome.summary["failures"].values()) for outcome in made)
        print(f"{name:28}{per_s:8.0f}{cpu_ms:14.3f}{1e3 / cpu_ms:12.0f}{bare_ms / cpu_ms:8.2f}{failures:10}")


def schedule(duration_s: float | None, speedup: float) -> None:
    """Open arrivals of heavy use: how late conversations start."""
    with server() as base_url:
        plan = build_load_plan(LoadSection(), "heavy", base_url, duration_s, speedup, seed=1)
        outcome = run_plan(plan)
    late = outcome.summary["lateness_p99_ms"]
    print(
        f"\nheavy at --speedup {speedup:g} for {plan.duration_s:.0f} s: {outcome.summary['started_count']} started, "
        f"{outcome.summary['dropped_count']} dropped, 99 % of starts within {late:.1f} ms of their time"
    )


def memory(conversations_count: int) -> None:
    """Memory of the generator from the first twentieth of the conversations to the last, and ``soak attach`` on it."""
    with server(chunk_bytes=300) as base_url, tempfile.TemporaryDirectory() as folder:
        read_fd, write_fd = os.pipe()
        plan = closed_plan(Backend(base_url), 24 * 3600.0, users_count=40)
        process = load_process(plan, Path(folder), time.monotonic(), write_fd)
        log = (Path(folder) / "log").open("wb")
        running = subprocess.Popen(
            ("taskset", "-c", GENERATOR_CORE, *process.command),
            env=os.environ | process.env,
            pass_fds=process.pass_fds,
            stdout=log,
            stderr=log,
        )
        os.close(write_fd)
        attached, began_s = attach(running.pid, Path(folder) / "reports"), time.monotonic()
        marks, completed, first = [conversations_count * part // 20 for part in range(1, 21)], 0, None
        path = Path(folder) / "load.csv"
        while marks and running.poll() is None:
            time.sleep(1.0)
            completed = sum(int(row["completed_count"]) for row in read_rows(Path(folder))) if path.exists() else 0
            if completed >= marks[0]:
                marks = [mark for mark in marks if mark > completed]
                anonymous = anonymous_bytes(running.pid)
                first = anonymous if first is None else first
                grown = (anonymous - first) / 2**20
                print(f"{completed:>10} conversations  {anonymous / 2**20:8.2f} MiB  {grown:+.2f} MiB", flush=True)
        attached.send_signal(signal.SIGINT)
        watched_s = time.monotonic() - began_s
        print(f"soak attach on the generator: {growth(json.loads(attached.communicate()[0]), watched_s)}")
        running.terminate()
        running.wait()
        os.close(read_fd)
        log.close()


def attach(pid: int, out: Path) -> subprocess.Popen[str]:
    """``soak attach`` on the generator until it is interrupted."""
    command = ("-m", "harness", "attach", "--pid", str(pid), "--out", str(out), "--quiet", "--json")
    return subprocess.Popen((sys.executable, *command), stdout=subprocess.PIPE, text=True)


def growth(verdict: dict[str, Any], watched_s: float) -> str:
    """The verdict's figure in words."""
    per_h, hours = verdict["memory"]["growth_bytes_per_h"], watched_s / 3600.0
    if per_h["estimate"] is None:
        return f"{verdict['outcome']}, growth not known"
    middle, low, high = (per_h[name] * hours / 2**20 for name in ("estimate", "low", "high"))
    return f"{middle:+.2f} MiB ({low:+.2f} to {high:+.2f}) over {60.0 * hours:.0f} minutes"


def main() -> None:
    """Runs what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round of 5 s, 10 s of schedule")
    parser.add_argument("--memory", type=int, metavar="N", help="growth of the generator over N conversations")
    parser.add_argument("--serve", type=int, metavar="BYTES", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve is not None:
        serve(options.serve)
    elif options.memory is not None:
        memory(options.memory)
    else:
        throughput(1 if options.quick else 3, 5.0 if options.quick else 12.0)
        schedule(10.0 if options.quick else None, 60.0)


if __name__ == "__main__":
    main()
