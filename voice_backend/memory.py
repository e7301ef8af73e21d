"""What this process holds, read from the operating system and from the allocator."""

import ctypes
import os
import sys
from dataclasses import dataclass

import psutil


class _MallInfo2(ctypes.Structure):
    """glibc's ``struct mallinfo2``, see mallinfo(3)."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
    ]


def _find_mallinfo2() -> "ctypes._NamedFuncPointer | None":
    if not sys.platform.startswith("linux"):
        return None
    function = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if function is not None:
        function.restype = _MallInfo2
    return function


_mallinfo2 = _find_mallinfo2()


@dataclass(frozen=True, slots=True)
class HeapUse:
    """The C allocator's own view: bytes it has from the system and bytes of those in use."""

    total_bytes: int
    used_bytes: int


def rss_bytes(pid: int | None = None) -> int:
    """Resident bytes of this process (or of ``pid``, 0 when it has ended)."""
    try:
        return int(psutil.Process(pid or os.getpid()).memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def heap_use() -> HeapUse | None:
    """The allocator's view, None where it is not glibc 2.33 or newer."""
    if _mallinfo2 is None:
        return None
    info = _mallinfo2()
    return HeapUse(info.arena + info.hblkhd, info.uordblks + info.hblkhd)
