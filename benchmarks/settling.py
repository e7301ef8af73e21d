"""Whether a young process is failed while it settles: fixed real runs, judged at many lengths under the default limits.

    python benchmarks/settling.py FOLDER [--jobs 2]

FOLDER is what ``record_runs.py`` made. Every run whose backend retains nothing by its own ledger is judged as though it
had ended after 20, 35, 50 ... seconds. Any FAIL is wrong: allocators and pools are still finding their size.
"""

from __future__ import annotations

import argparse
import os
import shutil
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ.setdefault("OMP_NUM_THREADS", "1")

from _replay import feed, files_of

from harness.assess import assess
from harness.model import EndReason, Limits
from harness.store.reader import read_run

LENGTHS_S = (20.0, 35.0, 50.0, 65.0, 80.0, 100.0, 120.0)
RETAINS_NOTHING = ("clean-", "thinking_sound-")


def looks(path: Path) -> Counter[str]:
    """Outcomes of the run directory ``path`` at each length that it has, and at its end."""
    end = read_run(path).end
    assert end is not None
    found: Counter[str] = Counter()
    with TemporaryDirectory() as folder:
        scratch = Path(folder)
        feeds = [feed(file, scratch / file.relative_to(path), when) for file, when in files_of(path)]
        shutil.copy(path / "manifest.json", scratch)
        for length_s in (*(s for s in LENGTHS_S if s < end.t_s), end.t_s + 1.0):
            for advance in feeds:
                advance(length_s)
            found[assess(scratch, Limits(), ended=EndReason.COMPLETED).verdict.outcome.value] += 1
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--jobs", type=int, default=1, help="processes, 1 or 2")
    arguments = parser.parse_args()
    ends = sorted(arguments.folder.glob("*/*/end.json"))
    runs = [end.parent for end in ends if end.parent.parent.name.startswith(RETAINS_NOTHING)]
    with ProcessPoolExecutor(arguments.jobs) as pool:
        found = sum(pool.map(looks, runs), Counter[str]())
    print(
        f"{len(runs)} fixed runs, {found.total()} looks: " + ", ".join(f"{n} {what}" for what, n in found.most_common())
    )
    print(f"failed: {found['fail']} (every one would be wrong)")


if __name__ == "__main__":
    main()
