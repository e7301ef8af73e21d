"""``soak``: the only place that ends the process."""

from __future__ import annotations

import signal
import sys
from types import FrameType

from harness.cli.app import run_command_line
from harness.cli.streams import keep_writing


def main() -> None:
    keep_writing()
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # under nohup a hang-up is ignored, and stays so
            signal.signal(number, _interrupted)
    sys.exit(run_command_line(sys.argv[1:]))


def _interrupted(number: int, frame: FrameType | None) -> None:
    """A job that is cancelled is told what is stored, as one that is stopped by Ctrl-C is."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
