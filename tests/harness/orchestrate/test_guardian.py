"""The guardian ends what a killed harness left behind."""

from __future__ import annotations

import subprocess
import sys

from harness.orchestrate import guardian


def spawn_guardian() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-I", "-S", guardian.__file__], stdin=subprocess.PIPE)


def spawn_child(code: str = "import time; print('up', flush=True); time.sleep(60)") -> subprocess.Popen[bytes]:
    child = subprocess.Popen([sys.executable, "-c", code], start_new_session=True, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"up\n"
    child.stdout.close()
    return child


def test_the_end_of_the_pipe_ends_the_registered_groups_only() -> None:
    """A group that was taken off again lives on."""
    kept, ended = spawn_child(), spawn_child()
    watcher = spawn_guardian()

    watcher.communicate(f"+ {kept.pid}\n+ {ended.pid}\n- {kept.pid}\n".encode(), timeout=20)

    assert ended.wait(timeout=10) == -15
    assert kept.poll() is None
    kept.kill()
    kept.wait(timeout=10)


def test_a_proper_goodbye_ends_nothing() -> None:
    """The harness has stopped its children itself."""
    child = spawn_child()
    watcher = spawn_guardian()

    watcher.communicate(f"+ {child.pid}\nbye\n".encode(), timeout=20)

    assert child.poll() is None
    child.kill()
    child.wait(timeout=10)


def test_a_child_that_will_not_listen_is_killed() -> None:
    """After the grace time the certain signal comes."""
    child = spawn_child(
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    )
    watcher = spawn_guardian()

    watcher.communicate(f"+ {child.pid}\n".encode(), timeout=20)

    assert child.wait(timeout=10) == -9
