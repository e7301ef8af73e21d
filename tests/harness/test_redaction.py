"""Text without its secrets."""

from __future__ import annotations

import pytest

from harness.redaction import REDACTED, redact, redact_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://me:s3cr3t@host:80/metrics", "http://***@host:80/metrics"),
        ("http://me:s3@cr3t@host/x", "http://***@host/x"),
        ("http://host/x?token=s3cr3t&part=heap#top", "http://host/x?token=***&part=heap#top"),
        ("http://host/x?X-Amz-Signature=s3cr3t&sig=s3cr3t", "http://host/x?X-Amz-Signature=***&sig=***"),
        ("server --api-key s3cr3t --token=s3cr3t -v", "server --api-key *** --token=*** -v"),
        ("PASSWORD=s3cr3t BASIC_AUTH=s3cr3t MODE=fast", "PASSWORD=*** BASIC_AUTH=*** MODE=fast"),
        ("curl -H 'Authorization: Bearer s3cr3t' http://host/", "curl -H 'Authorization: ***' http://host/"),
        ("curl -H X-Api-Key:s3cr3t -H 'Cookie: a=s3cr3t; b=s3cr3t' x", "curl -H X-Api-Key:*** -H 'Cookie: ***' x"),
        ("curl -H 'Authorization:Bearer s3cr3t' -u me:s3cr3t x", "curl -H 'Authorization:***' -u *** x"),
        (
            "API_KEY='s3 cr3t' DB_PASS=s3cr3t serve --password \"s3 cr3t\" -v",
            "API_KEY=*** DB_PASS=*** serve --password *** -v",
        ),
        ('post \'{"apiKey": "s3cr3t", "n": 1}\'', 'post \'{"apiKey": ***, "n": 1}\''),
    ],
)
def test_secrets_go_and_the_rest_stays(text: str, shown: str) -> None:
    """In an address, behind a flag, in an assignment, in a header."""
    assert redact_text(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "http://auth:8080/pass/x",
        "serve --bypass 3 compass=4",
        "http://host/metrics",
        "http://keycloak:8080/a?author=me&path=/x",
        "monkey business",
        "pattern=5 signal=9",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    """Also those that begin or end as a secret's name does."""
    assert redact_text(text) == text


def test_settings_are_known_by_their_names() -> None:
    """At any depth; numbers and ordinary texts pass."""
    value = {
        "env": {"MY_TOKEN": "s3cr3t", "MODE": "fast"},
        "urls": ["http://a:s3cr3t@b/", None],
        "keys_count": 3,
        "credentials": {"user": "s3cr3t", "more": ["s3cr3t"]},
    }

    assert redact(value) == {
        "env": {"MY_TOKEN": REDACTED, "MODE": "fast"},
        "urls": ["http://***@b/", None],
        "keys_count": 3,
        "credentials": {"user": REDACTED, "more": [REDACTED]},
    }
