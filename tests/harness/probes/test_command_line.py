"""What a process was started with, read from outside."""

from __future__ import annotations

import os
import sys

from harness.probes.command_line import command_line, program, variable
from tests.support.target_processes import python_process


def test_words_program_and_variables_of_a_process() -> None:
    """As the kernel keeps them."""
    with python_process("print('up'); input()") as child:
        assert program(child.pid) == os.path.basename(os.path.realpath(sys.executable))
        assert "print('up'); input()" in command_line(child.pid)
        assert variable(child.pid, "PATH") == os.environ["PATH"]
        assert variable(child.pid, "NO_SUCH_VARIABLE") == ""


def test_no_process_was_started_with_nothing() -> None:
    """It may just have ended."""
    assert (program(2**22 + 1), command_line(2**22 + 1), variable(2**22 + 1, "PATH")) == ("", [], "")
