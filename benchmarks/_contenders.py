"""Servers of speech side by side, one at a time on a core: the mock, nginx with a file, the nearest public mock; and
wrk, which asks them."""

import contextlib
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parent.parent
TEXT = "The quick brown fox jumps over the lazy dog now."
"""48 characters: 50,618 bytes of mp3_44100_128."""

NEW_TEXTS = """
local count = 0
function request()
  count = count + 1
  return wrk.format(nil, nil, nil, string.format([[BODY]], count))
end
"""

SERVER_CORE, GENERATOR_CORE = "0", "1"
CONNECTIONS = 16


@contextlib.contextmanager
def child(command: list[str], port: int, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """``command`` on the server core, once it accepts connections on ``port``; ended by its own pid."""
    process = subprocess.Popen(
        ["taskset", "-c", SERVER_CORE, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options
    )
    try:
        deadline_s = time.monotonic() + 20
        while time.monotonic() < deadline_s:
            if process.poll() is not None:
                raise SystemExit(f"{command[0]}: expected it to listen on {port}, it ended with {process.returncode}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
                break
            time.sleep(0.05)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def mock_command(port: int, profile: str) -> list[str]:
    """The mock as users start it."""
    return [sys.executable, "-m", "mock_tts", "serve", "--port", str(port), "--profile", profile]


@dataclass(frozen=True, slots=True)
class Rate:
    """Answers per second of the clock, and per second of processor time of the server."""

    per_s: float
    per_cpu_s: float


def cpu_s(process: subprocess.Popen[bytes]) -> float:
    """Processor time of ``process`` and its children so far."""
    parent = psutil.Process(process.pid)
    return sum(sum(one.cpu_times()[:2]) for one in (parent, *parent.children(recursive=True)))


def wrk(
    server: subprocess.Popen[bytes],
    url: str,
    seconds: int,
    directory: Path,
    headers: dict[str, str],
    body: str | None,
    new_texts: bool = False,
) -> Rate:
    """How fast ``server`` answers. Ends the benchmark when any answer was not 2xx."""
    script = directory / "wrk.lua"
    lines = [f'wrk.headers["{name}"] = "{value}"' for name, value in headers.items()]
    if body is not None:
        lines += ['wrk.method = "POST"', f"wrk.body = [[{body}]]"]
    if new_texts:
        lines += [NEW_TEXTS.replace("BODY", json.dumps({"text": TEXT[:-9] + "%09d"}))]
    script.write_text("\n".join(lines), encoding="utf-8")
    command = [
        "taskset",
        "-c",
        GENERATOR_CORE,
        "wrk",
        "-t1",
        f"-c{CONNECTIONS}",
        f"-d{seconds}s",
        "-s",
        str(script),
        url,
    ]
    before_s = cpu_s(server)
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    spent_s = cpu_s(server) - before_s
    found = re.search(r"(\d+) requests in .*?Requests/sec:\s+([\d.]+)", out, re.DOTALL)
    if found is None or "Non-2xx" in out:
        raise SystemExit(f"wrk on {url}: expected only 2xx answers, found:\n{out}")
    return Rate(float(found.group(2)), int(found.group(1)) / spent_s)


def speech_bytes(port: int) -> bytes:
    """One full answer of the mock, for nginx and the public mock to serve."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/text-to-speech/21m00Tcm4TlvDq8ikWAM",
        data=json.dumps({"text": TEXT}).encode(),
        headers={"xi-api-key": "bench", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return bytes(response.read())


def nginx_command(directory: Path, port: int) -> list[str]:
    """nginx with one worker and a configuration of its own, serving ``directory``."""
    config = directory / "nginx.conf"
    config.write_text(
        f"""daemon off; worker_processes 1; pid {directory}/nginx.pid; error_log stderr crit;
        events {{ worker_connections 1024; }}
        http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; default_type audio/mpeg;
                client_body_temp_path {directory}/b; proxy_temp_path {directory}/p; fastcgi_temp_path {directory}/f;
                uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s; open_file_cache max=10;
                server {{ listen 127.0.0.1:{port} backlog=4096; root {directory}/www; }} }}""",
        encoding="utf-8",
    )
    return ["nginx", "-p", str(directory), "-c", str(config)]


def aimock_command(directory: Path, port: int) -> list[str] | None:
    """The public mock with the same audio as its fixture; None where it is not installed."""
    package = ROOT / ".node" / "node_modules" / "@copilotkit" / "aimock" / "dist" / "index.js"
    if shutil.which("node") is None or not package.is_file():
        return None
    script = directory / "aimock.mjs"
    script.write_text(
        f"""import {{ LLMock }} from {json.dumps(str(package))};
        import {{ readFileSync }} from "node:fs";
        const audio = readFileSync({json.dumps(str(directory / "www" / "speech.mp3"))}).toString("base64");
        const mock = new LLMock({{ port: {port}, host: "127.0.0.1", logLevel: "silent" }});
        mock.onElevenLabsTTS(/.*/, {{ audio, format: "mp3" }});
        await mock.start();""",
        encoding="utf-8",
    )
    return ["node", str(script)]
