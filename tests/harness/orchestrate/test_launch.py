"""What a run will start, and every reason why it could not."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.orchestrate.launch import free_port, listener_pid, plan_launch
from harness.plan.document import Plan
from tests.support.target_processes import answer, process


def plan(**sections: Any) -> Plan:
    return Plan.model_validate(sections)


@pytest.fixture
def listener() -> Iterator[str]:
    """The URL of a socket that this very process listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_without_a_target_the_reference_backend_starts_behind_a_mock() -> None:
    """The newcomer's first command works; the leaking build is the interesting one."""
    launch = plan_launch(plan())

    assert launch.target is not None
    assert launch.mock is not None
    assert launch.target.words[:4] == (sys.executable, "-m", "voice_backend", "serve")
    assert launch.target.words[launch.target.words.index("--preset") + 1] == "before"
    assert launch.target.env["TTS_URL"] == launch.tts_url
    assert launch.base_url.endswith(f":{launch.target.env['PORT']}")


def test_a_command_finds_its_port_in_its_words_and_its_environment() -> None:
    """Any server can be told where to listen."""
    command = f"{sys.executable} server.py --port {{port}} --tts {{tts_url}}"
    launch = plan_launch(plan(target={"command": command, "env": {"MODE": "x"}}))

    assert launch.target is not None
    port = launch.target.env["PORT"]
    assert launch.target.words[1:] == ("server.py", "--port", port, "--tts", launch.tts_url)
    assert launch.target.env["MODE"] == "x"


def test_the_processs_own_programs_need_no_path() -> None:
    """voice-backend runs with this interpreter also where no bin folder is on PATH."""
    launch = plan_launch(plan(target={"command": "voice-backend serve --preset after"}))

    assert launch.target is not None
    assert launch.target.words == (sys.executable, "-m", "voice_backend", "serve", "--preset", "after")


def test_a_base_url_alone_means_the_process_that_listens_there(listener: str) -> None:
    """Nothing is started, not even a mock: who started the target told it its speech service."""
    launch = plan_launch(plan(target={"base_url": listener}))

    assert (launch.target, launch.mock) == (None, None)
    assert launch.target_pid == os.getpid() or launch.target_pid == os.getppid()


def test_a_pid_alone_takes_its_one_listening_port(listener: str) -> None:
    """No need to say what the operating system knows."""
    launch = plan_launch(plan(target={"pid": os.getpid()}))

    assert (launch.base_url, launch.target_pid) == (listener, os.getpid())


def test_a_taken_port_is_refused(listener: str) -> None:
    """Before anything starts."""
    with pytest.raises(UsageError, match="expected a free port for the target"):
        plan_launch(plan(target={"reference": "after", "base_url": listener}))


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"target": {"base_url": f"http://127.0.0.1:{free_port()}"}}, "expected the target to accept connections"),
        ({"target": {"pid": 2**22 + 1}}, "found no process"),
        ({"target": {"command": "no-such-program-at-all"}}, "found none named 'no-such-program-at-all'"),
        ({"target": {"command": "echo 'open"}}, "can be split as a shell does"),
        ({"target": {"command": "sh x", "cwd": "/no/such"}}, "expected a folder"),
        ({"tts": {"url": f"http://localhost.invalid:{free_port()}"}}, "nothing that answers"),
        ({"tts": {"faults": "/no/such.toml"}}, "expected the mock's fault plan"),
        ({"target": {"pid": os.getppid()}}, "expected --base-url"),
    ],
)
def test_what_cannot_begin_is_refused_in_one_sentence(sections: dict[str, Any], message: str) -> None:
    """Expected, found, do."""
    with pytest.raises(UsageError, match=message):
        plan_launch(plan(**sections))


def test_a_speech_service_that_answers_is_used_and_one_that_does_not_is_started(listener: str) -> None:
    """--tts-url is both: where it runs, or where it shall run."""
    free = f"http://127.0.0.1:{free_port()}"

    assert plan_launch(plan(tts={"url": listener})).mock is None
    started = plan_launch(plan(tts={"url": free})).mock
    assert started is not None
    assert free.rpartition(":")[2] in started.words


def test_the_listener_is_found_by_its_port(listener: str) -> None:
    """Also where it was forked by a parent of the same command."""
    assert listener_pid(listener) in (os.getpid(), os.getppid())


def test_the_listener_is_the_one_at_the_very_address() -> None:
    """Two processes may listen at one port, at addresses of their own; whoever is sampled must be who is driven."""
    here = socket.create_server(("127.0.0.1", 0))
    port = here.getsockname()[1]
    code = f"import socket; s = socket.create_server(('127.0.0.2', {port})); print('up', flush=True); input()"
    with here, process([sys.executable, "-u", "-c", code]) as other:
        answer(other)
        assert listener_pid(f"http://127.0.0.2:{port}") == other.pid
        assert listener_pid(f"http://127.0.0.1:{port}") != other.pid
        with pytest.raises(UsageError, match="none on this machine"):
            listener_pid(f"http://203.0.113.9:{port}")


def test_who_listens_at_all_addresses_is_found_by_each() -> None:
    """By number and by name."""
    code = "import socket; s = socket.create_server(('0.0.0.0', 0)); print(s.getsockname()[1], flush=True); input()"
    with process([sys.executable, "-u", "-c", code]) as everywhere:
        port = answer(everywhere)
        assert listener_pid(f"http://127.0.0.1:{port}") == everywhere.pid
        assert listener_pid(f"http://localhost:{port}") == everywhere.pid


@pytest.mark.parametrize("command", ["./start.sh", "start.sh"])
def test_a_program_beside_the_target_is_found_in_its_cwd(tmp_path: Path, command: str) -> None:
    """And started from there by its whole path."""
    program = tmp_path / "start.sh"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    launch = plan_launch(plan(target={"command": f"{command} --port {{port}}", "cwd": str(tmp_path)}))

    assert launch.target is not None
    assert launch.target.words[0] == str(program)
