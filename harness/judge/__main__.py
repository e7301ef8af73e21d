"""``python -m harness.judge RUN_DIR``: one JSON line a look on standard output, until its harness ends.

The first line on standard input is the plan: ``{"planned_s": 130.0, "rates_per_s": {"normal": 5.3}, "drives": true}``.
After that only the end of standard input means something: the harness has ended, however that came about.
"""

from __future__ import annotations

import json
import os
import select
import sys
from pathlib import Path

from harness.errors import SoakError
from harness.judge.bench import Bench

NICENESS = 10
"""Load, target and sampler come first."""


def main() -> int:
    os.nice(NICENESS)
    plan = json.loads(sys.stdin.readline() or "{}")
    try:
        bench = Bench(Path(sys.argv[1]), float(plan["planned_s"]), plan["rates_per_s"], drives=plan["drives"])
        while not select.select([sys.stdin], [], [], bench.period_s())[0]:
            sys.stdout.write(json.dumps(bench.look().to_json()) + "\n")
            sys.stdout.flush()
    except (SoakError, KeyError, IndexError, BrokenPipeError) as error:
        sys.stderr.write(f"judge: {error!r}\n")
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
