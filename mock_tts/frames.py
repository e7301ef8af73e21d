"""The JSON messages that the sockets send."""

import base64
import json

from mock_tts.speech import Alignment
from mock_tts.voicebox import Piece

MALFORMED = '{"audio": "bm90IGNvbXBsZXRl'
"""Stands in for an audio message when a fault asks for one that no client can parse."""

MAX_REASON_BYTES = 123
"""Longest reason that a close frame can carry."""


def reason_of(message: str) -> str:
    """``message`` cut to what a close frame can carry, at a character's end."""
    return message.encode(errors="replace")[:MAX_REASON_BYTES].decode(errors="ignore")


def speech_frame(piece: Piece, ids: dict[str, str] | None) -> str:
    """An audio message of the text-to-speech sockets; ``ids`` name the context on the multi-context one."""
    if piece.malformed:
        return MALFORMED
    audio = base64.b64encode(piece.data).decode()
    named = "" if ids is None else "".join(f'"{key}":{json.dumps(value)},' for key, value in ids.items())
    alignment, normal = _camel(piece.alignment), _camel(piece.normalized)
    return f'{{"audio":"{audio}","isFinal":null,{named}"alignment":{alignment},"normalizedAlignment":{normal}}}'


def final_frame(ids: dict[str, str] | None) -> str:
    """The message that ends a socket or context: never with audio, sent once."""
    if ids is None:
        return '{"audio":null,"isFinal":true,"alignment":null,"normalizedAlignment":null}'
    return json.dumps({"audio": None, "isFinal": True, "is_final": True, **ids}, separators=(",", ":"))


def dialogue_frames(piece: Piece, ids: dict[str, str] | None) -> list[str]:
    """An audio message of the dialogue sockets, and the end of a turn after its last one."""
    if piece.malformed:
        return [MALFORMED]
    said = piece.alignment
    alignment = said and {
        "chars": said.chars,
        "char_start_times_ms": said.starts_ms,
        "char_durations_ms": said.durations_ms,
    }
    audio = {"audio": base64.b64encode(piece.data).decode(), "alignment": alignment, **(ids or {})}
    frames = [json.dumps(audio, separators=(",", ":"))]
    if piece.ends_turn:
        frames.append(json.dumps({"is_final_audio_for_turn": True, **(ids or {})}, separators=(",", ":")))
    return frames


def dialogue_final(ids: dict[str, str] | None) -> str:
    return json.dumps({"is_final": True, **(ids or {})}, separators=(",", ":"))


def error_frame(
    message: str, error: str, code: int, ids: dict[str, str] | None = None, param: str | None = None
) -> str:
    """The message before a close with ``code``."""
    value: dict[str, object] = {"message": message, "error": error, "code": code, **(ids or {})}
    if param is not None:
        value["param"] = param
    return json.dumps(value, separators=(",", ":"))


def _camel(alignment: Alignment | None) -> str:
    if alignment is None:
        return "null"
    value = {
        "chars": alignment.chars,
        "charStartTimesMs": alignment.starts_ms,
        "charDurationsMs": alignment.durations_ms,
    }
    return json.dumps(value, separators=(",", ":"))
