"""Docstrings that name what is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ("harness", "mock_tts", "voice_backend", "locustfiles", "benchmarks")
_ARGUMENT = re.compile(r"^ {4}(\w+):", re.MULTILINE)


def _described(docstring: str) -> set[str]:
    """Names under ``Args:`` of a Google-style docstring, up to the next section."""
    _, _, after = docstring.partition("Args:\n")
    return set(_ARGUMENT.findall(re.split(r"^\S", after, maxsplit=1, flags=re.MULTILINE)[0]))


def test_arguments_that_are_described_exist() -> None:
    """A parameter that is renamed is renamed in its docstring too."""
    unknown = []
    seen = 0
    for path in (file for top in SOURCES for file in (ROOT / top).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                described = _described(ast.get_docstring(node) or "")
                parameters = {argument.arg for argument in ast.walk(node.args) if isinstance(argument, ast.arg)}
                seen += len(described)
                unknown += [f"{path.relative_to(ROOT)}: {node.name}({name})" for name in described - parameters]

    assert unknown == []
    assert seen > 0
