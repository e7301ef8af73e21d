"""How large a JVM's heap may become, from what it was told."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.probes.java_heap import heap_limit_of, java_heap_limit_bytes
from tests.support.target_processes import java_stand_in, process, python_process

SOURCE = """
class Wait {
    public static void main(String[] words) throws Exception { System.out.println("up"); System.in.read(); }
}
"""


@pytest.mark.parametrize(
    ("options", "limit"),
    [
        ((), 2e9),
        (("-Xmx512m", "-jar", "app.jar"), 512 * 2**20),
        (("-XX:MaxHeapSize=1G",), 2**30),
        (("-Xmx1048576",), 2**20),
        (("-Xmx1g", "-Xmx2g"), 2 * 2**30),
        (("-XX:MaxRAMPercentage=75.0",), 6e9),
        (("-XX:MaxRAMPercentage=75", "-Xmx64K"), 64 * 2**10),
        (("-Xms1g", "-Xmxfoo"), 2e9),
    ],
)
def test_what_options_say(options: tuple[str, ...], limit: float) -> None:
    """A size beats a share, the last of several counts, and without any it is a quarter of the memory."""
    assert heap_limit_of(options, 8e9) == limit


def test_a_process_without_java_has_none() -> None:
    """Whatever it was told."""
    with python_process("print('up'); input()") as child:
        assert java_heap_limit_bytes(child.pid, 8e9) is None
    assert java_heap_limit_bytes(2**22 + 1, 8e9) is None


def test_variables_are_read_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in that is called java, told by a variable."""
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Xmx300m")
    with process([str(java_stand_in(tmp_path)), "-c", "echo up; read line"]) as java:
        assert java.stdout is not None
        java.stdout.readline()

        assert java_heap_limit_bytes(java.pid, 8e9) == 300 * 2**20


@pytest.mark.skipif(shutil.which("javac") is None, reason="needs a JDK")
def test_a_real_jvm_is_read(tmp_path: Path) -> None:
    """The program is called java, and its words are its own."""
    (tmp_path / "Wait.java").write_text(SOURCE)
    with process(["java", "-Xmx100m", str(tmp_path / "Wait.java")]) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert java_heap_limit_bytes(child.pid, 8e9) == 100 * 2**20
