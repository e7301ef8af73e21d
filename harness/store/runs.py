"""Which stored runs a text on the command line names."""

from __future__ import annotations

from pathlib import Path

from harness.errors import RunFormatError, UsageError
from harness.store.schema import MANIFEST_FILE


def runs_at(text: str) -> tuple[Path, ...]:
    """The runs that ``text`` names: one directory, several with commas between, or a folder that holds several.

    Raises RunFormatError where there is none, UsageError where one is named twice.
    """
    found: list[Path] = []
    for name in (part.strip() for part in text.split(",")):
        path = Path(name)
        if (path / MANIFEST_FILE).is_file() or not path.is_dir():
            found.append(path)
            continue
        inside = sorted(child.parent for child in path.glob(f"*/{MANIFEST_FILE}"))
        if not inside:
            raise RunFormatError(
                f"expected a run, or a folder of runs, at {path}, found neither: soak list shows the runs there are"
            )
        found += inside
    twice = next((path for path in found if [each.resolve() for each in found].count(path.resolve()) > 1), None)
    if twice is not None:
        raise UsageError(f"expected each run of a side once, found {twice} twice: a copy is no second measurement")
    return tuple(found)
