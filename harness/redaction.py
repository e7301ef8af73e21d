"""Text without its secrets: what is shown, and what is stored, of addresses, commands and settings.

Standard library only and free of I/O. Rather one word too many than one secret: a name that sounds like one is enough.
"""

from __future__ import annotations

import re
from typing import Any

REDACTED = "***"
_SPOKEN = "key|token|secret|passw|passphrase|pwd|credential|authorization|cookie|signature|bearer|jwt"
_WORDS = "auth|sig|sas|pat|pass"
"""Only as a word of its own: ``author`` and ``path`` are no secrets."""
_NAME = rf"[\w.-]*(?:(?:{_SPOKEN})[\w.-]*|(?<![a-z])(?:{_WORDS})(?![a-z\d]))"
_SECRET_NAME = re.compile(_NAME, re.IGNORECASE)
_URL_CREDENTIALS = re.compile(r"://[^/?#\s]*@")
_QUOTED = r"'[^']*'|\"[^\"]*\""
_FLAG_VALUE = re.compile(rf"((?<![\w-])--?{_NAME}[= ])({_QUOTED}|\S+)", re.IGNORECASE)
_CURL_USER = re.compile(r"((?<![\w-])(?:-u|--user)[= ]?)([^\s:]+:\S+)")
_ASSIGNMENT = re.compile(rf"((?<![\w-]){_NAME}=)({_QUOTED}|[^\s&#'\"]+)", re.IGNORECASE)
_COOKIES = re.compile(r"((?<![\w-])(?:set-)?cookie:\s*)([^'\"\r\n]+)", re.IGNORECASE)
_HEADER = re.compile(rf"((?<![\w-]){_NAME}:\s*)(?!\s|\d+\b|/)((?:(?:bearer|basic|token)\s+)?[^\s'\"]+)", re.IGNORECASE)
"""What is only digits is a port: ``auth`` may be a host."""
_JSON = re.compile(rf"([\"']{_NAME}[\"']\s*:\s*)({_QUOTED})", re.IGNORECASE)


def redact(value: Any, name: str = "") -> Any:
    """``value`` without secrets: those named so, and those within its texts; ``name`` is what it is called."""
    if isinstance(value, dict):
        is_secret = _is_secret(name)  # and so is all within: ``credentials = { user = ..., word = ... }``
        return {key: redact(inner, name if is_secret else str(key)) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [redact(inner, name) for inner in value]
    if not isinstance(value, str):
        return value
    return REDACTED if _is_secret(name) else redact_text(value)


def _is_secret(name: str) -> bool:
    return _SECRET_NAME.search(name.rpartition(".")[2]) is not None


def redact_text(text: str) -> str:
    """``text`` without the user part of URLs and what stands behind a secret's name (in a query, a flag, a header)."""
    text = _URL_CREDENTIALS.sub(f"://{REDACTED}@", text)
    for pattern in (_COOKIES, _JSON, _HEADER, _FLAG_VALUE, _CURL_USER, _ASSIGNMENT):
        text = pattern.sub(rf"\g<1>{REDACTED}", text)
    return text
