"""``docs/commands.md`` says what the commands themselves say."""

from __future__ import annotations

from tests.support.help_pages import PAGE, page


def test_the_page_is_what_help_prints() -> None:
    """Where it is not, ``make help-pages`` writes it anew."""
    assert PAGE.read_text(encoding="utf-8") == page()
