"""Tests of ``harness.model.rows``."""

from __future__ import annotations

import pytest

from harness.model.rows import cells_of


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ("1.000,normal,5", ["1.000", "normal", "5"]),
        ('1.000,"GET /a, b",5', ["1.000", "GET /a, b", "5"]),
        ('1.000,"say ""ü""",5', ["1.000", 'say "ü"', "5"]),
        ("", [""]),
    ],
)
def test_a_line_is_its_cells(line: str, cells: list[str]) -> None:
    """Names as they were before they were written."""
    assert cells_of(line) == cells
