"""This project's own servers, started for a benchmark, and what they say of themselves."""

import json
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import IO, Any

ANSWER_S = 30.0
"""A server silent for so long does not answer."""


def start(arguments: list[str], log: IO[str]) -> tuple[subprocess.Popen[str], str]:
    """Starts a command of this project, its output in ``log``; its process and base URL."""
    started = subprocess.Popen([sys.executable, "-m", *arguments], stdout=log, stderr=subprocess.STDOUT, text=True)
    while True:
        found = re.search(r"listening on (http://\S+)", Path(log.name).read_text(encoding="utf-8"))
        if found:
            return started, found[1]
        if started.poll() is not None:
            raise SystemExit(f"{arguments[0]} ended: {Path(log.name).read_text(encoding='utf-8')}")
        time.sleep(0.05)


def anonymous_bytes(pid: int) -> int:
    """All that a process allocated and still holds. Mapped files are left out: their share (PSS, USS) changes whenever
    another process on this machine maps the same libraries or stops. Raises OSError where the kernel does not tell."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return 1024 * int(text.partition("Anonymous:")[2].split()[0])


def get(url: str) -> Any:
    """The JSON at ``url``."""
    with urllib.request.urlopen(url, timeout=ANSWER_S) as response:
        return json.load(response)


def metric(url: str, name: str) -> int:
    """The value of a series without labels on the Prometheus page of ``url``."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=ANSWER_S) as response:
        found = re.search(rf"^{name} (\S+)$", response.read().decode(), re.MULTILINE)
    if found is None:
        raise SystemExit(f"expected {name} at {url}/metrics, found no such series")
    return int(float(found[1]))
