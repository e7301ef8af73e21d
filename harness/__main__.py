"""``soak``: the only place that ends the process."""

from __future__ import annotations

import sys

from harness.cli.app import run_command_line
from harness.cli.streams import keep_writing


def main() -> None:
    keep_writing()
    sys.exit(run_command_line(sys.argv[1:]))


if __name__ == "__main__":
    main()
