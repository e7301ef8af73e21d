"""Models, voices, user, tokens: read with the unmodified Python SDK."""

from collections.abc import Callable
from dataclasses import replace

import httpx
from elevenlabs.client import ElevenLabs

from mock_tts.faults import Fault, Kind
from tests.mock_tts.conftest import INSTANT, VOICE_ID, Mock


def test_sdk_reads_every_support_endpoint(mock: Mock) -> None:
    """The shapes are those that the SDK's models name."""
    with httpx.Client() as http:
        _check_support(ElevenLabs(api_key="k", base_url=mock.http_url, httpx_client=http))


def _check_support(client: ElevenLabs) -> None:
    assert {model.model_id for model in client.models.list()} >= {"eleven_flash_v2_5", "eleven_multilingual_v2"}
    assert all(voice.name and voice.category for voice in client.voices.get_all().voices)
    assert client.voices.get(VOICE_ID).name == "Rachel"
    assert client.voices.settings.get_default().stability == 0.5
    assert client.user.get().subscription.tier == "enterprise"
    assert client.user.subscription.get().has_open_invoices is False
    page = client.voices.search(page_size=3, sort="name", sort_direction="asc")
    assert (len(page.voices), page.has_more) == (3, True)


def test_unknown_voice_is_404_though_speech_takes_any(mock: Mock) -> None:
    """Only listed voices are known to the voice endpoints."""
    answer = httpx.get(f"{mock.http_url}/v1/voices/nobody", headers={"xi-api-key": "k"})

    assert (answer.status_code, answer.json()["detail"]["code"]) == (404, "voice_not_found")


def test_errors_outside_speech_have_the_envelope(mock: Mock) -> None:
    """No key, no such path, wrong method, wrong query: JSON with ``detail``, and no redirect for a slash."""
    key = {"xi-api-key": "k"}

    assert httpx.get(f"{mock.http_url}/v1/models").json()["detail"]["code"] == "missing_api_key"
    assert httpx.get(f"{mock.http_url}/v1/models/", headers=key).status_code == 404
    assert httpx.get(f"{mock.http_url}/v1/text-to-speech/v", headers=key).status_code == 405
    deleted = httpx.delete(f"{mock.http_url}/v1/models", headers=key)
    assert deleted.json()["detail"]["code"] == "method_not_allowed"
    assert {name.strip() for name in deleted.headers["allow"].split(",")} == {"GET", "HEAD"}
    assert httpx.get(f"{mock.http_url}/v2/voices?page_size=1000", headers=key).status_code == 422
    assert httpx.get(f"{mock.http_url}/v2/voices?next_page_token=x", headers=key).status_code == 400


def test_preflight_is_answered(mock: Mock) -> None:
    """Browsers ask first, on any path."""
    answer = httpx.options(f"{mock.http_url}/v1/text-to-speech/v")

    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"


def test_single_use_token_is_good_once(make_mock: Callable[..., Mock]) -> None:
    """With strict keys, an issued token opens one socket; an unknown kind is a 422."""
    mock = make_mock(replace(INSTANT, keys=frozenset({"good"})))
    headers = {"xi-api-key": "good"}
    token = httpx.post(f"{mock.http_url}/v1/single-use-token/tts_websocket", headers=headers).json()["token"]

    assert [mock.service.tokens.consume(token, 1e9 if late else mock.service.started_s) for late in (False, True)] == [
        True,
        False,
    ]
    assert httpx.post(f"{mock.http_url}/v1/single-use-token/x", headers=headers).status_code == 422


def test_faults_hit_the_endpoints_that_they_name(make_mock: Callable[..., Mock]) -> None:
    """A busy voice list, once; the models are left alone."""
    mock = make_mock(faults=(Fault(kind=Kind.STATUS, route="voices", status=429, count=1, retry_after_s=1),))
    answers = [
        httpx.get(f"{mock.http_url}/v1/{name}", headers={"xi-api-key": "k"}) for name in ("models", "voices", "voices")
    ]

    assert [answer.status_code for answer in answers] == [200, 429, 200]
    assert answers[1].headers["retry-after"] == "1"
    assert mock.service.ledger.faults["status"] == 1
