"""The POST endpoints for speech, over real HTTP."""

import base64
import concurrent.futures
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mock_tts.catalog import MODELS, PLANS
from mock_tts.faults import Fault, Kind
from mock_tts.profile import FirstByte
from mock_tts.settings import OverLimit
from tests.mock_tts.conftest import INSTANT, VOICE_ID, Mock

PATH = f"/v1/text-to-speech/{VOICE_ID}"
TEXT = "The quick brown fox jumps over the lazy dog now."


def post(mock: Mock, path: str = PATH, body: Any = None, **options: Any) -> httpx.Response:
    headers = {"xi-api-key": "k", **options.pop("headers", {})}
    sent: dict[str, Any] = {} if "content" in options else {"json": {"text": TEXT} if body is None else body}
    return httpx.post(mock.http_url + path, headers=headers, timeout=30, **sent, **options)


def test_whole_answer_has_the_headers_of_the_api(mock: Mock) -> None:
    """Length, ids, cost and concurrency are there; the latency is on whole answers only."""
    whole, stream = post(mock, body={"text": TEXT, "model_id": "eleven_flash_v2_5"}), post(mock, f"{PATH}/stream")

    assert whole.headers["content-length"] == "50618" == str(len(whole.content))
    assert whole.headers["content-type"] == stream.headers["content-type"] == "audio/mpeg"
    assert whole.headers["character-cost"] == "24"
    assert len(whole.headers["request-id"]) == len(whole.headers["history-item-id"]) == 20
    assert whole.headers["request-id"].isalnum()
    assert len(whole.headers["x-trace-id"]) == 32
    assert whole.headers["current-concurrent-requests"] == "1"
    assert "tts-latency-ms" in whole.headers
    assert "tts-latency-ms" not in stream.headers
    assert stream.headers["transfer-encoding"] == "chunked"
    assert len(stream.content) == 50_618


def test_same_request_gives_the_same_bytes(mock: Mock) -> None:
    """Text, voice and seed decide the audio."""
    seeded = {"text": TEXT, "seed": 5}

    assert post(mock, body=seeded).content == post(mock, body=seeded).content != post(mock).content


def test_timestamps_cover_the_text(mock: Mock) -> None:
    """One object with audio and two alignments of equal-length arrays, in seconds."""
    value = post(mock, f"{PATH}/with-timestamps?output_format=pcm_24000").json()
    said = value["alignment"]

    assert "".join(said["characters"]) == TEXT
    assert len(said["character_start_times_seconds"]) == len(said["character_end_times_seconds"]) == len(TEXT)
    seconds = len(base64.b64decode(value["audio_base64"])) / 48_000
    assert said["character_end_times_seconds"][-1] == pytest.approx(seconds, abs=0.001)
    assert value["normalized_alignment"]["characters"][0] == " "


def test_lines_are_terminated_short_and_continuous(mock: Mock) -> None:
    """5,000 characters at 48 kHz: every line ends with a newline and stays under 128 KiB, times run on."""
    text = "Hello there. " * 384
    answer = post(mock, f"{PATH}/stream/with-timestamps?output_format=pcm_48000", {"text": text})
    lines = answer.text.splitlines(keepends=True)
    starts: list[float] = []
    for line in map(json.loads, lines):
        starts += line["alignment"]["character_start_times_seconds"] if line["alignment"] else []

    assert answer.headers["content-type"] == "application/json"
    assert all(line.endswith("\n") for line in lines)
    assert max(map(len, lines)) < 128 * 1024
    assert len(starts) == len(text)
    assert starts == sorted(starts)


def test_stream_yields_before_it_is_generated(make_mock: Callable[..., Mock]) -> None:
    """At real time, the first chunk is there long before the last."""
    mock = make_mock(replace(INSTANT, profile=INSTANT.profile.model_copy(update={"realtime_factor": 2.0})))
    with httpx.stream(
        "POST", f"{mock.http_url}{PATH}/stream", headers={"xi-api-key": "k"}, json={"text": TEXT}
    ) as answer:
        chunks = answer.iter_raw()
        first = next(chunks)
        open_streams = mock.service.ledger.gauges.open_streams
        rest = b"".join(chunks)

    assert open_streams == 1
    assert len(first) + len(rest) == 50_618


@pytest.mark.parametrize("path", ["", "/stream", "/with-timestamps", "/stream/with-timestamps"])
def test_dialogue_speaks_every_input(mock: Mock, path: str) -> None:
    """Two voices one after the other; the timed forms say who speaks when."""
    inputs = [{"text": "Hello there.", "voice_id": "a"}, {"text": "And you.", "voice_id": "b"}]
    answer = post(
        mock, f"/v1/text-to-dialogue{path}?output_format=pcm_16000", {"inputs": inputs, "model_id": "eleven_v3"}
    )

    assert answer.status_code == 200
    if "timestamps" in path:
        segments = [one for line in answer.text.splitlines() for one in json.loads(line)["voice_segments"]]
        assert {one["voice_id"] for one in segments} == {"a", "b"}
        assert segments[-1]["character_start_index"] == len("Hello there.")
        assert segments[-1]["dialogue_input_index"] == 1
    else:
        assert len(answer.content) == pytest.approx(32_000 * (2 * 0.25 + 20 / 16.4), abs=4)


@pytest.mark.parametrize(
    ("query", "body", "status", "code"),
    [
        ("", {"text": ""}, 400, "empty_text"),
        ("", {"text": "x" * 10_001}, 400, "text_too_long"),
        ("", {"text": "x" * 10_000_000}, 400, "text_too_long"),
        ("", {"text": "a", "model_id": "nope"}, 404, "model_not_found"),
        ("?output_format=mp3_1_1", {"text": "a"}, 403, "invalid_output_format"),
    ],
)
def test_refusals_have_the_envelope(mock: Mock, query: str, body: Any, status: int, code: str) -> None:
    """``detail`` has type, code, message, status and a 32-digit id; no audio header is sent."""
    answer = post(mock, PATH + query, body)
    detail = answer.json()["detail"]

    assert (answer.status_code, detail["code"]) == (status, code)
    assert {"type", "message", "status"} <= detail.keys()
    assert len(detail["request_id"]) == 32
    assert not {"request-id", "character-cost", "history-item-id"} & set(answer.headers)
    assert {"x-trace-id", "x-region"} <= set(answer.headers)


def test_missing_text_is_a_422_with_an_array(mock: Mock) -> None:
    """FastAPI's row, as recorded."""
    row = {"type": "missing", "loc": ["body", "text"], "msg": "Field required", "input": None}

    assert post(mock, body={"model_id": "eleven_v3"}).json() == {"detail": [row]}


def test_malformed_json_is_a_400(mock: Mock) -> None:
    """No JSON at all is told apart from JSON of the wrong shape."""
    answer = post(mock, content=b'{"text": ')

    assert (answer.status_code, answer.json()["detail"]["code"]) == (400, "malformed_json")


def test_unknown_fields_and_nulls_are_accepted(mock: Mock) -> None:
    """What clients really send: nulls for everything unset, fields that are not known."""
    body = {"text": "hi", "voice_settings": None, "seed": None, "model_id": None, "new_field": [1]}

    assert post(mock, body=body).status_code == 200


def test_keys(make_mock: Callable[..., Mock]) -> None:
    """Any key by default but an empty one; with a list, the two errors of the API; bearer tokens count as keys."""
    strict = make_mock(replace(INSTANT, keys=frozenset({"good"})))
    hexed = post(strict, headers={"xi-api-key": "sk_" + "0a" * 24})
    other = post(strict, headers={"xi-api-key": "bad"})
    missing = post(strict, headers={"xi-api-key": ""})

    assert (hexed.status_code, hexed.json()["detail"]["code"]) == (400, "invalid_api_key")
    assert (other.status_code, other.json()["detail"]["status"]) == (401, "invalid_api_key")
    assert (missing.status_code, missing.json()["detail"]["code"]) == (401, "missing_api_key")
    assert post(strict, headers={"xi-api-key": "", "authorization": "Bearer good"}).status_code == 200


def test_strict_voices_plan_and_quota(make_mock: Callable[..., Mock]) -> None:
    """An unknown voice, a format above the plan and an exhausted quota are refused when the options say so."""
    mock = make_mock(replace(INSTANT, strict_voices=True, plan=PLANS["free"], quota_credits=60))

    assert post(mock, "/v1/text-to-speech/nobody").json()["detail"]["code"] == "voice_not_found"
    refused = post(mock, f"{PATH}?output_format=pcm_44100")
    assert (refused.status_code, refused.json()["detail"]["status"]) == (403, "output_format_not_allowed")
    assert post(mock).status_code == 200
    broke = post(mock)
    assert (broke.status_code, broke.json()["detail"]["status"]) == (401, "quota_exceeded")
    assert "You have 12 credits remaining, while 48 credits are required" in broke.json()["detail"]["message"]


def test_faults_hit_the_requests_they_are_aimed_at(make_mock: Callable[..., Mock]) -> None:
    """Status by count, a text answer, a refusal for concurrency and a cut in the middle."""
    mock = make_mock(
        faults=(
            Fault(kind=Kind.STATUS, route="convert", status=429, count=1, retry_after_s=1),
            Fault(kind=Kind.TEXT, route="with-timestamps", status=502),
            Fault(kind=Kind.CONCURRENCY, route="stream-with-timestamps", limit=0),
            Fault(kind=Kind.CUT, route="stream"),
        )
    )
    busy = post(mock)

    assert (busy.status_code, busy.headers["retry-after"]) == (429, "1")
    assert busy.json()["detail"]["status"] == "system_busy"
    assert post(mock).status_code == 200
    text = post(mock, f"{PATH}/with-timestamps")
    assert (text.status_code, text.headers["content-type"]) == (502, "text/plain")
    full = post(mock, f"{PATH}/stream/with-timestamps")
    assert full.json()["detail"]["code"] == "concurrent_limit_exceeded"
    assert full.json()["detail"]["message"].startswith("Too many concurrent requests.")
    with pytest.raises(httpx.RemoteProtocolError):
        post(mock, f"{PATH}/stream")
    assert mock.service.ledger.faults == {"status": 1, "text": 1, "concurrency": 1, "cut": 1}
    assert mock.service.ledger.gauges.open_streams == 0


def test_plan_queues_or_rejects(make_mock: Callable[..., Mock]) -> None:
    """Above the plan's concurrency a request waits, or is told 429 at once."""
    slow = INSTANT.profile.model_copy(update={"realtime_factor": 8.0})
    for policy, expected in ((OverLimit.QUEUE, {200}), (OverLimit.REJECT, {200, 429})):
        mock = make_mock(replace(INSTANT, plan=PLANS["free"], over_limit=policy, profile=slow))
        with httpx.Client(headers={"xi-api-key": "k"}) as client:
            answers = _together(client, mock, 4)
        assert set(answers) == expected
        assert mock.service.slots.active.total() == 0


def test_the_plan_holds_from_the_first_request_on(make_mock: Callable[..., Mock]) -> None:
    """A voice that must be encoded first takes its slot meanwhile: four at once, the rest is told 429."""
    slow = INSTANT.profile.model_copy(update={"realtime_factor": 8.0})
    mock = make_mock(replace(INSTANT, plan=PLANS["free"], over_limit=OverLimit.REJECT, profile=slow))
    limit = PLANS["free"].limit(MODELS["eleven_multilingual_v2"])
    with httpx.Client(headers={"xi-api-key": "k"}) as client:
        answers = Counter(_together(client, mock, limit + 3))

    assert answers == {200: limit, 429: 3}


def test_waiting_for_a_slot_is_not_generating(make_mock: Callable[..., Mock]) -> None:
    """With one slot, three requests take three times as long as one: the limit bounds what is said in a second."""
    delayed = INSTANT.profile.model_copy(update={"first_byte_s": FirstByte(flash=0, turbo=0, multilingual=0.2, v3=0)})
    one_slot = Fault(kind=Kind.CONCURRENCY, limit=1, policy="queue")
    mock = make_mock(replace(INSTANT, profile=delayed), (one_slot,))
    post(mock)  # the voice is encoded now
    with httpx.Client(headers={"xi-api-key": "k"}) as client:
        start_s = time.monotonic()
        _together(client, mock, 3)

    assert time.monotonic() - start_s > 3 * 0.2


def _together(client: httpx.Client, mock: Mock, count: int) -> list[int]:
    """Statuses of ``count`` streams that are open at the same time, the last ones waiting for the first."""

    def one(_: int) -> int:
        return client.post(f"{mock.http_url}{PATH}/stream", json={"text": TEXT}).status_code

    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_FIELDS = (
    "text",
    "model_id",
    "voice_settings",
    "seed",
    "language_code",
    "previous_request_ids",
    "audio_effects",
    "inputs",
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(
        [PATH, f"{PATH}/stream", f"{PATH}/with-timestamps", "/v1/text-to-dialogue", "/v1/text-to-speech/%2e%2e"]
    ),
    st.one_of(
        st.binary(max_size=60),
        st.dictionaries(st.sampled_from(_FIELDS), _VALUES, max_size=4).map(lambda value: json.dumps(value).encode()),
    ),
    st.text(alphabet="abc=&%_0123456789\u00e9", max_size=30),
)
def test_nothing_makes_it_fail(mock: Mock, path: str, body: bytes, query: str) -> None:
    """Whatever the body and query, the answer is speech or an error with ``detail``, never a 500."""
    with httpx.Client(base_url=mock.http_url, headers={"xi-api-key": "k"}) as client:
        answer = client.post(f"{path}?{query}", content=body)

    assert answer.status_code < 500
    assert answer.status_code == 200 or "detail" in answer.json()
