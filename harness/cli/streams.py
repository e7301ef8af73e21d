"""Standard output and error that go on when nobody reads them any more.

A reader that leaves (``soak gate RUN | head -1``, a CI log that is closed) or a full disk behind ``> log`` must not
change the exit code, and must not end a run of hours: what is written then is lost, and that is all. The same of a
stream that is closed, and of an encoding without ``µ``.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from typing_extensions import Buffer


PLAIN = {"−": "-", "µ": "u", "·": "*", "…": "...", "±": "+/-"}
_PLAINLY = "soak-plainly"


class _Unread(io.FileIO):
    """A descriptor whose writes succeed also where nobody reads, or nothing more can be stored."""

    def write(self, data: Buffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def keep_writing() -> None:
    """Puts such streams in the place of this process's own. For once, at the start of a program."""
    codecs.register_error(_PLAINLY, _plainly)
    sys.stdout = _unbreakable(sys.stdout)
    sys.stderr = _unbreakable(sys.stderr)


def _plainly(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return "".join(PLAIN.get(character, "?") for character in error.object[error.start : error.end]), error.end


def _unbreakable(stream: TextIO | None) -> TextIO:
    if stream is None:  # closed by whoever started us
        return open(os.devnull, "w", encoding="utf-8")
    stream.flush()
    raw = _Unread(stream.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors=_PLAINLY,
        line_buffering=raw.isatty() or stream is sys.stderr,
    )
