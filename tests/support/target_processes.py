"""Small real processes for the probes' tests: each says a line when it is where the test wants it."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


@contextmanager
def process(words: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """A child with pipes, killed at the end with all it started. Not yet ready: await its first line.

    Skips the test where the program is not installed, as Node.js is not everywhere.
    """
    if shutil.which(words[0]) is None:
        pytest.skip(f"needs {words[0]}")
    child = subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        yield child
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.communicate()


@contextmanager
def python_process(code: str) -> Iterator[subprocess.Popen[str]]:
    """A Python child that has printed its first line."""
    with process([sys.executable, "-u", "-c", code]) as child:
        answer(child)
        yield child


@contextmanager
def node_process(code: str) -> Iterator[subprocess.Popen[str]]:
    """A Node.js child that has printed its first line."""
    with process(["node", "-e", code]) as child:
        answer(child)
        yield child


def java_stand_in(folder: Path) -> Path:
    """A program in ``folder`` that is called java and takes a shell's words."""
    java = folder / "java"
    shutil.copy(Path("/bin/sh").resolve(), java)
    return java


def go_stand_in(folder: Path) -> Path:
    """A program in ``folder`` with the section of Go's linker, that takes a shell's words: a shell whose table of names
    of sections was written anew at its end."""
    program = folder / "service"
    content = bytearray(Path("/bin/sh").resolve().read_bytes())
    (table,) = struct.unpack_from("<Q", content, 40)
    entry_bytes, _, names_index = struct.unpack_from("<3H", content, 58)
    names = b"\0.text\0.go.buildinfo\0.data\0"
    struct.pack_into("<2Q", content, table + names_index * entry_bytes + 24, len(content), len(names))
    program.write_bytes(content + names)
    program.chmod(0o755)
    return program


def tell(child: subprocess.Popen[str], line: str) -> str:
    """Sends ``line`` and gives the answer."""
    assert child.stdin is not None
    child.stdin.write(line + "\n")
    child.stdin.flush()
    return answer(child)


def answer(child: subprocess.Popen[str]) -> str:
    """The next line that ``child`` prints; fails when it ends instead."""
    assert child.stdout is not None
    line = child.stdout.readline()
    assert line, f"the child ended with {child.wait()}"
    return line.strip()


_IN_NAMESPACES = """
import fcntl, os, socket, struct, sys
flags = struct.pack("16sh22x", b"lo", 1)  # IFF_UP, without which even 127.0.0.1 is not there
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
    fcntl.ioctl(any_socket, 0x8914, flags)  # SIOCSIFFLAGS
os.chdir(sys.argv[1])
os.execvp(sys.argv[2], sys.argv[2:])
"""


def as_in_a_container(words: Sequence[str], real_folder: Path, shown_folder: Path) -> list[str]:
    """The words that start ``words`` with a network and mounts of their own, as an engine does.

    What the process sees as ``shown_folder``, where it works, is ``real_folder``. Skips the test where this machine or
    user cannot.
    """
    if shutil.which("unshare") is None or os.geteuid() != 0:
        pytest.skip("needs unshare, and root for it")
    if subprocess.run(["unshare", "--net", "--mount", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine allows no namespaces")
    inner = shlex.join([sys.executable, "-c", _IN_NAMESPACES, str(shown_folder), *words])
    mount = shlex.join(["mount", "--bind", str(real_folder), str(shown_folder)])
    return ["unshare", "--net", "--mount", "sh", "-c", f"{mount} && exec {inner}"]
