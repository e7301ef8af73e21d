"""Typed access to JSON."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.errors import RunFormatError
from harness.store.fields import Fields

FIELDS = Fields({"text": "a", "number": 1.5, "whole": 3, "list": [1], "object": {"b": 1}, "none": None}, "manifest")


def test_every_kind_is_read() -> None:
    """What is there has its type; what may be missing has its default."""
    assert (FIELDS.text("text"), FIELDS.number("number"), FIELDS.whole("whole")) == ("a", 1.5, 3)
    assert (FIELDS.get("list", list), FIELDS.get("object", dict)) == ([1], {"b": 1})
    assert (FIELDS.text("absent", "x"), FIELDS.number("none", 2.0), FIELDS.get("absent", dict, {})) == ("x", 2.0, {})
    assert (FIELDS.optional_text("none"), FIELDS.optional_whole("absent")) == (None, None)


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda: FIELDS.text("number"), 'expected "number" of the manifest to be a string, found 1.5'),
        (lambda: FIELDS.number("text"), "expected \"text\" of the manifest to be a number, found 'a'"),
        (lambda: FIELDS.whole("number"), 'expected "number" of the manifest to be a whole number, found 1.5'),
        (lambda: FIELDS.get("text", list), "expected \"text\" of the manifest to be a list, found 'a'"),
        (lambda: FIELDS.text("absent"), 'expected "absent" of the manifest to be a string, found nothing'),
        (lambda: Fields([1], "manifest"), "expected the manifest to be a JSON object, found [1]"),
        (lambda: Fields({"x": True}, "manifest").whole("x"), "a whole number, found True"),
        (lambda: Fields({"x": float("inf")}, "manifest").number("x"), "a number, found inf"),
    ],
)
def test_a_wrong_type_is_one_clear_line(read: Callable[[], object], message: str) -> None:
    """It names the field, what was expected and what was found."""
    with pytest.raises(RunFormatError) as caught:
        read()

    assert message in str(caught.value)
