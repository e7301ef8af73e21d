"""Small files and small functions: what grows past these sizes has two names in it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ("harness", "mock_tts", "voice_backend", "locustfiles", "benchmarks")
LONGEST_FILE = 400
LONGEST_BODY = 50


def _files() -> Iterator[Path]:
    for top in SOURCES:
        yield from (ROOT / top).rglob("*.py")


def _body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its signature and its docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_no_file_is_too_long() -> None:
    """At most 400 lines."""
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in _files()}

    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_no_function_is_too_long() -> None:
    """At most 50 lines of body."""
    long = [
        f"{path.relative_to(ROOT)}: {node.name} has {_body_lines(node)}"
        for path in _files()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _body_lines(node) > LONGEST_BODY
    ]

    assert long == []
