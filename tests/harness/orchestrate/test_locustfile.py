"""Locustfiles that cannot be driven are refused with Python's own reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.orchestrate.locustfile import require_loadable

GOOD = """
from locust import HttpUser, task

class Caller(HttpUser):
    @task
    def call(self):
        self.client.get("/health")
"""


def test_a_locustfile_with_a_user_is_taken(tmp_path: Path) -> None:
    """Plain Locust, nothing of this project in it."""
    file = tmp_path / "locustfile.py"
    file.write_text(GOOD)

    require_loadable(file)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import nothing_of_the_kind", "found ModuleNotFoundError: No module named 'nothing_of_the_kind'$"),
        ("def call(:", "found SyntaxError: invalid syntax$"),
        ("raise SystemExit('no token in TOKEN')", "found no token in TOKEN$"),
        ("raise SystemExit('no route to http://me:word@127.0.0.1')", r"found no route to http://\*\*\*@127.0.0.1$"),
        ("rate = 3", r"a class that derives from locust.User in .*, found none; add one$"),
    ],
)
def test_one_that_cannot_be_driven_is_refused(tmp_path: Path, text: str, found: str) -> None:
    """One line with the reason, while there is nothing yet to stop."""
    file = tmp_path / "locustfile.py"
    file.write_text(text)

    with pytest.raises(UsageError, match=found):
        require_loadable(file)


def test_one_that_never_ends_is_refused(tmp_path: Path) -> None:
    """Load driven at the top level of the file would never come to its users."""
    file = tmp_path / "locustfile.py"
    file.write_text("import os; os.read(os.pipe()[0], 1)")

    with pytest.raises(UsageError, match="to be imported within 3 s, found it still at it"):
        require_loadable(file, limit_s=3.0)
