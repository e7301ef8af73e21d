"""The program as users start it."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

COMMAND = [sys.executable, "-m", "mock_tts"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.slow
def test_ready_line_health_and_quick_end() -> None:
    """One line says where it listens once it does; SIGTERM ends it in under two seconds, also with a stream open."""
    command = [*COMMAND, "serve", "--port", "0", "--profile", "slow", "--tls-port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "COLUMNS": "80"}) as child:
        assert child.stdout is not None
        certificate, _, ready = (child.stdout.readline().strip() for _ in range(3))
        url = ready.removeprefix("mock-tts listening on ")
        path = Path(certificate.removeprefix("CA certificate: "))
        assert path.is_file()
        assert httpx.get(f"{url}/admin/health").status_code == 200
        body = {"text": "A long text. " * 20, "model_id": "eleven_flash_v2_5"}
        with httpx.stream("POST", f"{url}/v1/text-to-speech/v/stream", headers={"xi-api-key": "k"}, json=body):
            start_s = time.monotonic()
            child.send_signal(signal.SIGTERM)
            assert child.wait(10) == 0
        assert time.monotonic() - start_s < 5  # two seconds on a machine that does nothing else
        assert not path.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["serve", "--profile", "nope"], "--profile: expected realistic, instant, slow or a TOML file"),
        (["serve", "--port", "x"], "--port"),
        (["serve", "--faults", "/nonexistent.toml"], "--faults"),
        (["serve", "--plan", "gold"], "--plan: expected one of free"),
        (["serve", "--key", " "], "--key"),
        (["serve", "--host", "256.1.1.1", "--port", "0"], "--port: expected a free local address"),
        ([], "Missing command"),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(arguments: list[str], found: str) -> None:
    """Nothing is started; stderr says what was expected and found."""
    done = run(*arguments)

    assert done.returncode == 2
    assert done.stdout == ""
    assert found in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_one_port_for_both_listeners_is_refused() -> None:
    """Before anything is announced."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    done = run("serve", "--port", port, "--tls-port", port)

    assert (done.returncode, done.stdout) == (2, "")
    assert f"--tls-port: expected a free local address, found 127.0.0.1:{port}" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_help_has_examples() -> None:
    """For the program and its command; the version is one line."""
    for arguments in (["--help"], ["serve", "--help"]):
        assert "mock-tts serve --port 8880" in run(*arguments).stdout
    assert run("--version").stdout.startswith("mock-tts ")
