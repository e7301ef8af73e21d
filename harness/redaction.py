"""Text without its secrets: what is shown, and what is stored, of addresses, commands and settings.

Standard library only and free of I/O. Rather one word too many than one secret: a name that sounds like one is enough.
"""

from __future__ import annotations

import re
from typing import Any

REDACTED = "***"
_SPOKEN = "key|token|secret|passw|passphrase|pwd|credential|authorization|cookie|signature|bearer|jwt"
_WORDS = "auth|sig|sas|pat"
"""Only as a word of its own: ``author`` and ``path`` are no secrets."""
_NAME = rf"[\w.-]*(?:(?:{_SPOKEN})[\w.-]*|(?<![a-z])(?:{_WORDS})(?![a-z\d]))"
_SECRET_NAME = re.compile(_NAME, re.IGNORECASE)
_URL_CREDENTIALS = re.compile(r"://[^/?#\s]*@")
_FLAG_VALUE = re.compile(rf"((?<![\w-])--?{_NAME}[= ])(\S+)", re.IGNORECASE)
_ASSIGNMENT = re.compile(rf"((?<![\w-]){_NAME}=)([^\s&#'\"]+)", re.IGNORECASE)
_HEADER = re.compile(rf"((?<![\w-]){_NAME}:\s+)((?:(?:bearer|basic|token)\s+)?[^\s'\"]+)", re.IGNORECASE)


def redact(value: Any, name: str = "") -> Any:
    """``value`` without secrets: those named so, and those within its texts; ``name`` is what it is called."""
    if isinstance(value, dict):
        return {key: redact(inner, f"{name}.{key}") for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [redact(inner, name) for inner in value]
    if not isinstance(value, str):
        return value
    if _SECRET_NAME.search(name.rpartition(".")[2]):
        return REDACTED
    return redact_text(value)


def redact_text(text: str) -> str:
    """``text`` without the user part of URLs and what stands behind a secret's name (in a query, a flag, a header)."""
    text = _URL_CREDENTIALS.sub(f"://{REDACTED}@", text)
    for pattern in (_HEADER, _FLAG_VALUE, _ASSIGNMENT):
        text = pattern.sub(rf"\g<1>{REDACTED}", text)
    return text
