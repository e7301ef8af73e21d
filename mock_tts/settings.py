"""What the server was told at start, and the choices where the real API's behaviour is not on record."""

from dataclasses import dataclass, field, fields, replace
from enum import Enum

from mock_tts.catalog import Plan
from mock_tts.errors import UsageError
from mock_tts.profile import PROFILES, Profile


class OverLimit(Enum):
    """What happens to requests above the plan's concurrency: wait for a slot, or 429 at once."""

    QUEUE = "queue"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Choices:
    """The open points of the protocol, each with its likely default. Set by ``--option name=value``.

    Attributes:
        empty_flush: what ``{"text": "", "flush": true}`` means on stream-input: ``flush`` or ``eos``.
        unflushed_on_close: what ``close_context`` does with text not yet flushed: ``drop`` or ``speak``.
        expired_context: what a context that timed out still sends: ``final`` or ``nothing``.
        error_context_id: whether error frames name their context: ``yes`` or ``no``.
        wav_stream_size: length in the header of a streamed WAV: ``exact`` or ``unknown`` (0xFFFFFFFF).
        retry_after: seconds in the ``retry-after`` header of a 429; ``none`` leaves it out.
        quota_form: body of an exhausted quota: ``legacy`` (401) or ``new`` (402).
        aac_content_type: content type of ``m4a_aac`` answers.
        ids: spelling of the context id in server messages: ``both``, ``camel`` or ``snake``.
        socket_busy: how a socket learns of too many requests: ``frame`` (then close 1008) or ``upgrade`` (HTTP 429).
    """

    empty_flush: str = "flush"
    unflushed_on_close: str = "drop"
    expired_context: str = "final"
    error_context_id: str = "no"
    wav_stream_size: str = "exact"
    retry_after: str = "none"
    quota_form: str = "legacy"
    ids: str = "both"
    socket_busy: str = "frame"
    aac_content_type: str = "audio/mp4"


_ALLOWED: dict[str, tuple[str, ...]] = {
    "empty_flush": ("flush", "eos"),
    "unflushed_on_close": ("drop", "speak"),
    "expired_context": ("final", "nothing"),
    "error_context_id": ("no", "yes"),
    "wav_stream_size": ("exact", "unknown"),
    "quota_form": ("legacy", "new"),
    "ids": ("both", "camel", "snake"),
    "socket_busy": ("frame", "upgrade"),
    "aac_content_type": ("audio/mp4", "audio/aac", "audio/x-m4a"),
}


def parse_choices(pairs: list[str]) -> Choices:
    """``name=value`` pairs over the defaults. Raises UsageError."""
    choices = Choices()
    for pair in pairs:
        name, _, value = pair.partition("=")
        names = [known.name for known in fields(Choices)]
        if name not in names:
            raise UsageError(f"--option: expected one of {', '.join(names)}, found {pair!r}; write name=value")
        if name == "retry_after":
            if value != "none" and not (value.isdecimal() and value.isascii()):
                raise UsageError(f"--option retry_after: expected whole seconds or none, found {value!r}; correct it")
        elif value not in _ALLOWED[name]:
            raise UsageError(f"--option {name}: expected {' or '.join(_ALLOWED[name])}, found {value!r}; correct it")
        choices = replace(choices, **{name: value})
    return choices


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that does not change while the server runs. ``keys`` None accepts any key that is not empty."""

    seed: int = 0
    profile: Profile = field(default_factory=lambda: PROFILES["realistic"])
    keys: frozenset[str] | None = None
    strict_voices: bool = False
    plan: Plan | None = None
    over_limit: OverLimit = OverLimit.QUEUE
    queue_length: int = 100
    quota_credits: int | None = None
    choices: Choices = field(default_factory=Choices)
