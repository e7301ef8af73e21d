"""How long things take: time to first byte by model, generation speed, jitter, delays of a close. All seeded."""

import random
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mock_tts.errors import UsageError

_Seconds = Annotated[float, Field(ge=0, le=3600)]


class FirstByte(BaseModel):
    """Seconds from request to first audio byte, by family of models."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    flash: _Seconds
    turbo: _Seconds
    multilingual: _Seconds
    v3: _Seconds


class Profile(BaseModel):
    """Timing of the server, as read from a TOML file or built in.

    ``realtime_factor`` is how many seconds of audio are generated in one; 0 means at once. ``jitter`` is the largest
    relative deviation of a first byte, in both directions.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    first_byte_s: FirstByte
    realtime_factor: Annotated[float, Field(ge=0, le=10_000)]
    jitter: Annotated[float, Field(ge=0, lt=1)] = 0.0
    upgrade_s: _Seconds = 0.0
    close_after_final_s: _Seconds = 0.0
    error_close_s: _Seconds = 0.0
    queue_s: _Seconds = 0.05
    slot_release_s: _Seconds = 0.0


def _first_byte(flash: float, turbo: float, multilingual: float, v3: float) -> FirstByte:
    return FirstByte(flash=flash, turbo=turbo, multilingual=multilingual, v3=v3)


PROFILES: dict[str, Profile] = {
    "realistic": Profile(
        first_byte_s=_first_byte(0.22, 0.3, 0.7, 2.0),
        realtime_factor=24.0,
        jitter=0.15,
        upgrade_s=0.2,
        close_after_final_s=0.7,
        error_close_s=0.8,
    ),
    "instant": Profile(first_byte_s=_first_byte(0, 0, 0, 0), realtime_factor=0.0, queue_s=0.001),
    "slow": Profile(
        first_byte_s=_first_byte(0.9, 1.2, 2.8, 8.0),
        realtime_factor=1.0,
        jitter=0.3,
        upgrade_s=0.5,
        close_after_final_s=1.5,
        error_close_s=0.8,
        slot_release_s=1.0,
    ),
}


def load_profile(name: str) -> Profile:
    """A built-in profile by name, or one from a TOML file. Raises UsageError."""
    if name in PROFILES:
        return PROFILES[name]
    path = Path(name)
    if not path.is_file():
        raise UsageError(f"--profile: expected {', '.join(PROFILES)} or a TOML file, found {name!r}; name one of these")
    try:
        return Profile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"--profile: expected TOML in {name}, found: {error}; correct the file") from error
    except ValidationError as error:
        raise UsageError(f"--profile: {first_problem(error, name)}") from error


def first_problem(error: ValidationError, source: str) -> str:
    """The first finding of ``error`` as one line: where, what was expected, what was found."""
    row = error.errors(include_url=False)[0]
    where = ".".join(map(str, row["loc"])) or "the file"
    found = "" if row["type"] in ("missing", "extra_forbidden") else f", found {row['input']!r:.80}"
    return f"{source}, {where}: {row['msg']}{found}; correct it"


@dataclass(frozen=True, slots=True)
class Timing:
    """When the pieces of one utterance are due, in seconds after its request was taken up."""

    first_byte_s: float
    realtime_factor: float

    @property
    def is_instant(self) -> bool:
        """Whether everything is due as soon as it is asked for."""
        return self.first_byte_s == 0.0 == self.realtime_factor

    def due_s(self, audio_s: float) -> float:
        """When the piece that begins ``audio_s`` into the audio leaves."""
        return self.first_byte_s + (audio_s / self.realtime_factor if self.realtime_factor else 0.0)


def timing(profile: Profile, family: str, digest: bytes) -> Timing:
    """The timing of one utterance; the same ``digest`` always gets the same jitter."""
    first_byte_s = float(getattr(profile.first_byte_s, family))
    if profile.jitter and first_byte_s:
        first_byte_s *= 1 + random.Random(digest).uniform(-profile.jitter, profile.jitter)
    return Timing(first_byte_s, profile.realtime_factor)
