"""Version and changelog agree."""

from __future__ import annotations

import re

from harness import __version__
from tests.support.documents import ROOT


def test_the_newest_entry_is_the_version_or_what_comes_after_it() -> None:
    """Released versions stand in the changelog with their day, the newest first."""
    heads = re.findall(
        r"^## \[(.+?)\]( - \d{4}-\d{2}-\d{2})?$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M
    )
    released = [version for version, day in heads if day]

    assert released[0] == __version__
