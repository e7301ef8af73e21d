"""What a socket session needs from the server: who may speak, in which voice, how it sounds, what it costs."""

import time
from collections.abc import Sequence
from typing import Any

from mock_tts import errors
from mock_tts.admission import charge, group_of, limit_of, note_limit, pause_of
from mock_tts.audio import Utterance
from mock_tts.catalog import VOICES, Model
from mock_tts.errors import ApiError
from mock_tts.faults import Effects, Kind, Route
from mock_tts.formats import AudioFormat
from mock_tts.ledger import text_hash
from mock_tts.profile import Timing, timing
from mock_tts.service import NO_KEY_MESSAGE, Service, credits_of
from mock_tts.settings import OverLimit
from mock_tts.speech import clamped_speed
from mock_tts.track import Speech, Track
from mock_tts.voicebox import Line, Refused


class SocketDesk:
    """One socket's desk; ``voice_id`` is empty on the dialogue sockets, whose messages name voices."""

    def __init__(
        self,
        service: Service,
        route: Route,
        voice_id: str,
        model: Model,
        audio_format: AudioFormat,
        effects: Effects,
        *,
        seed: int | None = None,
        sync_alignment: bool = False,
    ) -> None:
        self.service = service
        self.route = route
        self.voice_id = voice_id
        self.model = model
        self.audio_format = audio_format
        self.effects = effects
        self.seed = seed
        self.sync_alignment = sync_alignment
        self.text_hash = ""
        self.chars = 0

    def authorize(self, credential: str) -> tuple[str, str] | None:
        if not credential:
            return "authentication_required", NO_KEY_MESSAGE
        tokens = self.service.tokens
        if tokens.is_known(credential):  # also where any key is good, a token is good once
            good = tokens.consume(credential, time.monotonic())
        else:
            good = self.service.is_known_key(credential)
        return None if good else ("invalid_api_key", "Invalid API key")

    def voice_error(self, voice_ids: list[str]) -> str | None:
        if not self.service.settings.strict_voices:
            return None
        wanted = [self.voice_id, *voice_ids] if self.voice_id else voice_ids
        unknown = next((voice_id for voice_id in wanted if voice_id not in VOICES), None)
        return None if unknown is None else f"A voice with voice_id {unknown[:100]} does not exist."

    def note(self, kind: Kind) -> None:
        self.service.ledger.faults[kind.value] += 1

    def heard(self, text: str) -> None:
        self.chars += len(text)
        self.text_hash = text_hash(text)
        self.service.ledger.count_text(self.route.value, self.text_hash, len(text))

    def studio(self, voice_settings: dict[str, Any] | None) -> "SocketStudio":
        speed = (voice_settings or {}).get("speed")
        return SocketStudio(self, clamped_speed(speed) if isinstance(speed, int | float) else None)


class SocketStudio:
    """Where one context records."""

    def __init__(self, desk: SocketDesk, speed: float | None) -> None:
        self._desk = desk
        self._speed = speed
        self._waiting = False
        self.sync_alignment = desk.sync_alignment

    def record(self, lines: Sequence[Line]) -> tuple[Speech, Timing]:
        desk = self._desk
        parts: list[Utterance] = [
            desk.service.speak(
                line.text.strip(), line.voice_id or desk.voice_id, desk.audio_format, speed=self._speed, seed=desk.seed
            )
            for line in lines
        ]
        speech: Speech = parts[0] if len(parts) == 1 else Track(parts)
        when = timing(desk.service.settings.profile, desk.model.family, speech.digest)
        delay = desk.effects.get(Kind.DELAY)
        if delay is not None:
            desk.note(Kind.DELAY)
            when = Timing(when.first_byte_s + delay.seconds, when.realtime_factor)
        desk.service.ledger.generations += 1
        return speech, when

    def enter(self) -> float | None:
        desk, group = self._desk, group_of(self._desk.model)
        slots, now_s = desk.service.slots, time.monotonic()
        limit, policy, queue_length = limit_of(desk.service, desk.model, desk.effects)
        if slots.try_enter(group, limit, now_s, self) or limit is None:
            self._waiting = False
            desk.service.ledger.gauges.generating += 1
            return None
        if not self._waiting and (policy is OverLimit.REJECT or slots.waiting >= queue_length):
            note_limit(desk.service, desk.effects)
            raise Refused("too_many_concurrent_requests", errors.CONCURRENCY_MESSAGE.format(limit=limit))
        self._waiting = True
        pause_s = pause_of(desk.service)
        slots.wait(group, limit, self, now_s + pause_s)
        return pause_s

    def leave(self) -> None:
        self._desk.service.slots.leave(group_of(self._desk.model))
        self._desk.service.ledger.gauges.generating -= 1

    def stop_waiting(self) -> None:
        if self._waiting:
            self._waiting = False
            self._desk.service.slots.give_up(group_of(self._desk.model), self)

    def charge(self, text: str) -> None:
        try:
            charge(self._desk.service, credits_of(self._desk.model, text.strip()), self._desk.effects)
        except ApiError as error:
            raise Refused("quota_exceeded", error.message) from None
