"""Whether the mock itself grows: 200,000 requests and 20,000 sockets, a fifth of each aborted in the middle.

    python benchmarks/mock_soak.py [--quick] [--json FILE]

Memory is what the operating system holds for the process (anonymous pages, or RSS where those cannot be read). The
first tenth of the load is warm-up (clips are encoded, caches and allocator pools fill); growth is from its end to
the end of the load. Done when growth is under 5 MiB and the ledger is back at zero; exit 1 otherwise.
"""

import argparse
import asyncio
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import psutil
import uvloop
from _programs import anonymous_bytes
from websockets.asyncio.client import connect

MAX_GROWTH_BYTES = 5 * 1024 * 1024
ABORTED = 0.2
WORKERS = 24
PROFILE = """
realtime_factor = 400.0
[first_byte_s]
flash = 0.001
turbo = 0.001
multilingual = 0.001
v3 = 0.001
"""
ROUTES = ("", "/stream", "/stream", "/with-timestamps", "/stream/with-timestamps")
WORDS = "the quick brown fox jumps over a lazy dog while nobody minds".split()


@dataclass(slots=True)
class Load:
    """What is left to do, and what was done."""

    requests: int
    sockets: int
    aborted: int = 0
    failed: int = 0

    def take_request(self) -> bool:
        self.requests -= 1
        return self.requests >= 0

    def take_socket(self) -> bool:
        self.sockets -= 1
        return self.sockets >= 0


def text_of(rng: random.Random) -> str:
    """3 to 14 words, so that hashes, digests and lengths differ all the time."""
    return " ".join(rng.choices(WORDS, k=rng.randint(3, 14))) + "."


async def http_worker(port: int, load: Load, rng: random.Random) -> None:
    """Requests over one kept connection; an abort closes it after the first bytes of the body."""
    reader: asyncio.StreamReader | None = None
    writer: asyncio.StreamWriter | None = None
    while load.take_request():
        if writer is None or reader is None:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        aborts = rng.random() < ABORTED
        route = "/stream" if aborts else rng.choice(ROUTES)
        body = json.dumps({"text": text_of(rng), "model_id": "eleven_flash_v2_5"}).encode()
        head = f"POST /v1/text-to-speech/voice{rng.randrange(500)}{route} HTTP/1.1\r\nhost: m\r\nxi-api-key: k\r\n"
        writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        try:
            status = await reader.readuntil(b"\r\n\r\n")
            load.failed += not status.startswith(b"HTTP/1.1 200")
            if aborts:
                await reader.read(100)
                writer.transport.abort()
                reader, writer = None, None
                load.aborted += 1
            else:
                await drain_body(reader, status)
        except (OSError, asyncio.IncompleteReadError):
            load.failed += 1
            reader, writer = None, None
    if writer is not None:
        writer.close()


async def drain_body(reader: asyncio.StreamReader, head: bytes) -> None:
    """Reads one body, by its length or by its chunks."""
    for line in head.split(b"\r\n"):
        if line.startswith(b"content-length: "):
            await reader.readexactly(int(line[16:]))
            return
    while True:
        size = int(await reader.readuntil(b"\r\n"), 16)
        await reader.readexactly(size + 2)
        if size == 0:
            return


async def socket_worker(port: int, load: Load, rng: random.Random) -> None:
    """Sockets one after the other, single and multi-context; an abort leaves in the middle of the speech."""
    while load.take_socket():
        multi = rng.random() < 0.5
        path = "multi-stream-input" if multi else "stream-input"
        url = f"ws://127.0.0.1:{port}/v1/text-to-speech/v/{path}?model_id=eleven_flash_v2_5"
        headers = {"xi-api-key": "k"}
        try:
            async with connect(url, additional_headers=headers, proxy=None, compression=None) as socket:
                name = {"context_id": f"c{rng.randrange(1000)}"} if multi else {}
                await socket.send(json.dumps({"text": " ", **name}))
                await socket.send(json.dumps({"text": text_of(rng) * 3, "flush": True, **name}))
                if rng.random() < ABORTED:
                    await socket.recv()
                    socket.transport.abort()
                    load.aborted += 1
                    continue
                await socket.send(json.dumps({"close_socket": True} if multi else {"text": ""}))
                async for _ in socket:
                    pass
                load.failed += socket.close_code != 1000
        except OSError:
            load.failed += 1


async def drive(port: int, requests: int, sockets: int, seed: int) -> Load:
    """One part of the load."""
    load = Load(requests, sockets)
    workers = [http_worker(port, load, random.Random(f"http {seed} {n}")) for n in range(WORKERS)]
    workers += [socket_worker(port, load, random.Random(f"ws {seed} {n}")) for n in range(WORKERS // 3)]
    await asyncio.gather(*workers)
    return load


def held_bytes(process: psutil.Process) -> int:
    """Anonymous memory of the mock."""
    try:
        return anonymous_bytes(process.pid)
    except OSError:
        return int(process.memory_info().rss)


def stats(port: int) -> dict[str, int]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/admin/stats", timeout=10) as response:
        value: dict[str, int] = json.load(response)
    return value


def idle_stats(port: int) -> dict[str, int]:
    """The gauges once nothing is open, or as they are after ten seconds."""
    deadline_s = time.monotonic() + 10
    while True:
        now = stats(port)
        gauges = {
            name: now[name] for name in ("open_streams", "open_sockets", "open_contexts", "generating", "waiting")
        }
        if not any(gauges.values()) or time.monotonic() > deadline_s:
            return gauges
        time.sleep(0.2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="20,000 requests and 2,000 sockets")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    requests, sockets = (20_000, 2_000) if options.quick else (200_000, 20_000)
    with tempfile.TemporaryDirectory(prefix="mock-soak-") as name:
        profile = Path(name) / "soak.toml"
        profile.write_text(PROFILE, encoding="utf-8")
        command = [sys.executable, "-m", "mock_tts", "serve", "--port", "0", "--profile", str(profile)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            try:
                passed = run(child, requests, sockets, options.json)
            finally:
                child.send_signal(signal.SIGTERM)
    sys.exit(0 if passed else 1)


def run(child: subprocess.Popen[str], requests: int, sockets: int, path: Path | None) -> bool:
    """Warm-up, nine more parts with a reading after each, the sum."""
    assert child.stdout is not None
    port = int(child.stdout.readline().rsplit(":", 1)[1])
    process = psutil.Process(child.pid)
    print(
        f"mock pid {child.pid}\n{'requests':>9} {'sockets':>8} {'aborted':>8} {'failed':>7} {'held MiB':>9} {'s':>6}",
        flush=True,
    )
    for number in range(40):  # every timbre is encoded before the clock starts
        request = f"http://127.0.0.1:{port}/v1/text-to-speech/voice{number}"
        body = json.dumps({"text": "Hi.", "model_id": "eleven_flash_v2_5"}).encode()
        urllib.request.urlopen(urllib.request.Request(request, body, {"xi-api-key": "k"}), timeout=60).close()
    start_s = time.monotonic()
    held: list[int] = []
    aborted = failed = 0
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for part in range(1, 11):
            load = runner.run(drive(port, requests // 10, sockets // 10, part))
            aborted, failed = aborted + load.aborted, failed + load.failed
            gauges = idle_stats(port)
            held.append(held_bytes(process))
            done = (requests // 10 * part, sockets // 10 * part)
            spent_s = time.monotonic() - start_s
            print(f"{done[0]:9} {done[1]:8} {aborted:8} {failed:7} {held[-1] / 2**20:9.2f} {spent_s:6.0f}", flush=True)
    growth = held[-1] - held[0]
    per_request = growth / (0.9 * (requests + sockets))
    balanced = not any(gauges.values())
    print(f"\ngrowth after warm-up: {growth / 2**20:.2f} MiB ({per_request:.1f} bytes a request), ledger {gauges}")
    passed = growth < MAX_GROWTH_BYTES and balanced and failed == 0
    print("ok" if passed else f"MISS: expected under {MAX_GROWTH_BYTES / 2**20:.0f} MiB, no failures, a ledger at zero")
    if path is not None:
        figures = {
            "requests": requests,
            "sockets": sockets,
            "aborted": aborted,
            "held_bytes": held,
            "growth_bytes": growth,
        }
        path.write_text(json.dumps({**figures, "passed": passed}, indent=2) + "\n", encoding="utf-8")
    return passed


if __name__ == "__main__":
    main()
