"""The state that all routes share: clips, ledger, faults, slots, credits, ids. One object per server."""

import random
import re
import time
from binascii import b2a_base64, hexlify
from collections.abc import Iterator
from typing import NamedTuple

from mock_tts import errors
from mock_tts.audio import ClipBank, Utterance
from mock_tts.catalog import Model
from mock_tts.errors import ApiError
from mock_tts.faults import Fault, FaultPlan
from mock_tts.formats import AudioFormat, Family
from mock_tts.ledger import Ledger
from mock_tts.limits import Credits, Slots, Tokens
from mock_tts.packing import whole_file
from mock_tts.settings import Settings
from mock_tts.speech import speech_s
from mock_tts.track import Speech

_HEX_KEY = re.compile(r"sk_[0-9a-f]{48}", re.ASCII)
_BASE62 = bytes.maketrans(b"+/", b"Xx")
_KEPT_ITEM_BYTES = 256 * 1024
_KEPT_BYTES = 8 * 1024 * 1024

NO_KEY_MESSAGE = "Neither xi-api-key header, authorization header nor single-use token was provided. Provide one."


class Ids(NamedTuple):
    """What an answer is called: ``request-id``, ``history-item-id`` and ``x-trace-id``."""

    request: bytes
    history: bytes
    trace: bytes


NO_IDS = Ids(b"", b"", b"")


class Service:
    """What a request handler needs besides its request."""

    def __init__(self, settings: Settings, faults: tuple[Fault, ...] = ()) -> None:
        self.settings = settings
        self.bank = ClipBank(settings.seed)
        self.ledger = Ledger()
        self.faults = FaultPlan(faults, settings.seed)
        self.slots = Slots()
        self.credits = Credits(settings.quota_credits)
        self.tokens = Tokens()
        self.started_s = time.monotonic()
        self._ids = random.Random(settings.seed)
        self._kept: dict[tuple[str, str, bytes, int], tuple[bytes, int]] = {}
        self._kept_bytes = 0

    def uptime_s(self) -> float:
        return time.monotonic() - self.started_s

    def base62_id(self) -> str:
        """20 base62 characters, as in a token."""
        return b2a_base64(self._ids.randbytes(15), newline=False).translate(_BASE62).decode()

    def hex_id(self) -> str:
        """32 hex characters, as ``x-trace-id`` has."""
        return f"{self._ids.getrandbits(128):032x}"

    def answer_ids(self) -> Ids:
        """The three ids of one answer, from one draw: this is done for every request."""
        drawn = self._ids.randbytes(46)
        names = b2a_base64(drawn[:30], newline=False).translate(_BASE62)
        return Ids(names[:20], names[20:], hexlify(drawn[30:]))

    def is_known_key(self, key: str) -> bool:
        """Whether ``key`` is accepted: any that is not empty unless the server was given a list."""
        return bool(key) and (self.settings.keys is None or key in self.settings.keys)

    def check_key(self, key: str) -> None:
        """Raises ApiError unless ``key`` is good."""
        if not key:
            raise ApiError(errors.MISSING_KEY, NO_KEY_MESSAGE)
        if self.is_known_key(key):
            return
        if _HEX_KEY.fullmatch(key):
            raise ApiError(errors.BAD_KEY_SHAPED, "Invalid API key", param="api_key")
        raise ApiError(errors.BAD_KEY, "Invalid API key")

    def content_type(self, audio_format: AudioFormat) -> str:
        """The content type of audio in ``audio_format``."""
        if audio_format.family is Family.AAC:
            return self.settings.choices.aac_content_type
        return audio_format.content_type

    def speak(
        self,
        text: str,
        voice_id: str,
        audio_format: AudioFormat,
        *,
        speed: float | None = None,
        seed: int | None = None,
    ) -> Utterance:
        """The audio of ``text``."""
        return self.bank.speak(text, voice_id, audio_format, speech_s(text, 1.0 if speed is None else speed), seed)

    def file_of(self, speech: Speech) -> bytes:
        """The whole file of ``speech``."""
        key = ("file", speech.audio_format.name, speech.digest, speech.frame_count)
        kept = self._kept.get(key)
        if kept is None:
            data = whole_file(speech)
            kept = self._keep(key, data, len(data))
        return kept[0]

    def framed_of(self, speech: Speech, pieces: Iterator[bytes]) -> tuple[bytes, int]:
        """``pieces``, the stream of ``speech``, as HTTP chunks but for the last, empty one; and the body's size."""
        key = ("chunks", speech.audio_format.name, speech.digest, speech.frame_count)
        kept = self._kept.get(key)
        if kept is None:
            parts = list(pieces)
            data = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
            kept = self._keep(key, data, sum(map(len, parts)))
        return kept

    def _keep(self, key: tuple[str, str, bytes, int], data: bytes, size: int) -> tuple[bytes, int]:
        """Keeps ``data`` for the next request of the same; 8 MiB in all, the oldest leave first."""
        if len(data) > _KEPT_ITEM_BYTES:
            return data, size
        self._kept[key] = (data, size)
        self._kept_bytes += len(data)
        while self._kept_bytes > _KEPT_BYTES:
            self._kept_bytes -= len(self._kept.pop(next(iter(self._kept)))[0])
        return data, size


def credits_of(model: Model, text: str) -> int:
    """Credits that ``text`` costs: half a credit a character on flash and turbo, one elsewhere."""
    return int(len(text) * model.credits_per_char)
