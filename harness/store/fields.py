"""Typed access to a JSON object of a run directory: every wrong type is one RunFormatError that names the field."""

from __future__ import annotations

import math
from typing import Any, TypeVar

from harness.errors import RunFormatError

_Kind = TypeVar("_Kind", list[Any], dict[str, Any])


class Fields:
    """The members of the JSON object ``data``; ``where`` is how errors call it. Raises RunFormatError throughout."""

    def __init__(self, data: object, where: str) -> None:
        if not isinstance(data, dict):
            raise RunFormatError(f"expected the {where} to be a JSON object, found {_shown(data)}")
        self.data: dict[str, Any] = data
        self._where = where

    def get(self, name: str, kind: type[_Kind], default: _Kind | None = None) -> _Kind:
        """The list or object ``name``; ``default`` (required when None) where it is missing or null."""
        value = self.data.get(name)
        if value is None and default is not None:
            return default
        if not isinstance(value, kind):
            raise self._wrong(name, "a list" if kind is list else "an object")
        return value

    def text(self, name: str, default: str | None = None) -> str:
        value = self.data.get(name)
        if value is None and default is not None:
            return default
        if not isinstance(value, str):
            raise self._wrong(name, "a string")
        return value

    def optional_text(self, name: str) -> str | None:
        return None if self.data.get(name) is None else self.text(name)

    def number(self, name: str, default: float | None = None) -> float:
        """A finite number."""
        value = self.data.get(name)
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self._wrong(name, "a number")
        return float(value)

    def whole(self, name: str) -> int:
        value = self.data.get(name)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong(name, "a whole number")
        return value

    def optional_whole(self, name: str) -> int | None:
        return None if self.data.get(name) is None else self.whole(name)

    def _wrong(self, name: str, expected: str) -> RunFormatError:
        found = _shown(self.data[name]) if name in self.data else "nothing"
        return RunFormatError(f'expected "{name}" of the {self._where} to be {expected}, found {found}')


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
