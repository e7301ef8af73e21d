"""How much of its memory a Go process may hold as garbage, and whether its heap has a limit to be filled first.

Go collects when the heap has grown by ``GOGC`` percent over what was live (100 where nothing is said), and at least
every two minutes. Whatever becomes live brings as much garbage with it: a clean service doubles as its cache fills.
"""

from __future__ import annotations

import struct
from contextlib import suppress
from pathlib import Path

from harness.probes.command_line import variable
from harness.probes.procfs import PROC

USUAL_PERCENT = 100.0
_BUILD_INFO = b"\0.go.buildinfo\0"
"""Name of a section that Go's linker puts into every program, stripped ones too."""
_ELF64_LITTLE = b"\x7fELF\x02\x01"
_HEADER = struct.Struct("<16x2HI3QI6H")
_SECTION = struct.Struct("<2I4Q2I2Q")
_NAMES_LIMIT_BYTES = 2**20
_FACTORS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40, "B": 1, "": 1}


def go_garbage_share(pid: int) -> float | None:
    """The share of its memory that the Go process ``pid`` may hold as garbage at any time; None where it is no Go
    process, or one that never collects before its limit (``go_heap_limit_bytes``)."""
    return garbage_share_of(variable(pid, "GOGC")) if _is_go(pid) else None


def go_heap_limit_bytes(pid: int, memory_bytes: float) -> float | None:
    """The most that the heap of the Go process ``pid`` may take, of ``memory_bytes``, where it collects at that only;
    None for any other process."""
    if not _is_go(pid) or garbage_share_of(variable(pid, "GOGC")) is not None:
        return None
    return memory_limit_of(variable(pid, "GOMEMLIMIT"), memory_bytes)


def garbage_share_of(percent: str) -> float | None:
    """What the variable ``GOGC`` comes to; None for ``off``. What Go would not understand counts as not said."""
    if percent == "off":
        return None
    given = float(percent) if percent.isdigit() else USUAL_PERCENT
    return given / (100.0 + given)


def memory_limit_of(size: str, memory_bytes: float) -> float:
    """What the variable ``GOMEMLIMIT`` comes to: bytes, or a number with its unit; all of the memory where it says
    nothing."""
    unit = size.lstrip("0123456789")
    number = size.removesuffix(unit)
    if not number or unit not in _FACTORS:
        return memory_bytes
    return min(float(number) * _FACTORS[unit], memory_bytes)


def _is_go(pid: int) -> bool:
    with suppress(OSError, struct.error):
        return _BUILD_INFO in _section_names(PROC / str(pid) / "exe")
    return False


def _section_names(program: Path) -> bytes:
    """The table of the names of an ELF file's sections; empty where it is another sort of file."""
    with program.open("rb") as file:
        head = file.read(_HEADER.size)
        if not head.startswith(_ELF64_LITTLE):
            return b""
        header = _HEADER.unpack(head)
        table, entry_bytes, names_index = header[5], header[-3], header[-1]
        file.seek(table + names_index * entry_bytes)
        section = _SECTION.unpack(file.read(_SECTION.size))
        file.seek(section[4])
        return file.read(min(section[5], _NAMES_LIMIT_BYTES))
