"""What a service is started with: read from flags and environment, checked once, never changed."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from voice_backend.faults import Fault
from voice_backend.tts_client import SpeechTransport

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"", "0", "false", "no", "off"}


class SettingsError(Exception):
    """A setting is wrong; the text says what was expected, what was found and what to do."""


class Preset(StrEnum):
    """The two builds of the incident."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Settings:
    """One service."""

    host: str
    port: int
    tts_url: str
    api_key: str
    strengths: Mapping[Fault, float]
    time_scale: float = 1.0
    workers: int = 1
    plateau_cache_bytes: int = 0
    tts_transport: SpeechTransport = SpeechTransport.HTTP
    cached_sound: bool = False
    tracker_enabled: bool = True


def _fault(name: str) -> Fault:
    try:
        return Fault(name)
    except ValueError:
        raise SettingsError(f"unknown fault {name!r}: expected one of {', '.join(Fault)}, or none") from None


def _names(text: str) -> list[str]:
    return [name for name in text.replace(",", " ").split() if name]


def read_switch(name: str, text: str) -> bool:
    """The boolean of an environment variable. Raises SettingsError when it is neither true nor false."""
    value = text.strip().lower()
    if value in _TRUE or value in _FALSE:
        return value in _TRUE
    raise SettingsError(f"{name} is {text!r}: expected true or false")


def read_strengths(
    preset: Preset, faults: str | None, strengths: Iterable[str], environ: Mapping[str, str]
) -> dict[Fault, float]:
    """The strength of every fault, 0 to 1.

    ``preset`` gives the set, ``faults`` replaces it (empty or ``none``: no fault), each ``name=strength`` changes one,
    and ``FIX_<NAME>=true`` in the environment turns one off, whatever the others say. Raises SettingsError.
    """
    if faults is None:
        chosen = set(Fault) if preset is Preset.BEFORE else set()
    else:
        chosen = {_fault(name) for name in _names(faults) if name != "none"}
    result = {fault: 1.0 if fault in chosen else 0.0 for fault in Fault}
    for text in strengths:
        for setting in _names(text):
            name, _, value = setting.partition("=")
            result[_fault(name)] = _strength(setting, value)
    for fault in Fault:
        name = f"FIX_{fault.name}"
        if read_switch(name, environ.get(name, "")):
            result[fault] = 0.0
    return result


def _strength(setting: str, value: str) -> float:
    try:
        strength = float(value)
    except ValueError:
        strength = math.nan
    if not 0 <= strength <= 1:
        raise SettingsError(f"fault strength {setting!r}: expected name=number from 0 to 1, as in dialogue_state=0.1")
    return strength


def check_tts_url(url: str) -> str:
    """``url`` itself. Raises SettingsError unless it is http or https with a host."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise SettingsError(
            f"--tts-url is {url!r}: expected http://HOST:PORT or https://HOST, give the address of mock-tts"
        )
    return url


def check_time_scale(value: float) -> float:
    """``value`` itself. Raises SettingsError unless it is a number above 0 and at most 100,000."""
    if not 0 < value <= 100_000:
        raise SettingsError(f"--time-scale is {value}: expected a number above 0 and up to 100000")
    return value
