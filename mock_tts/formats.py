"""The 29 output formats of the API: names, content types, rates and frame lengths. Facts only, no audio."""

from dataclasses import dataclass
from enum import Enum

BLOCK_S = 1.28
"""Length of one building block of speech: a whole number of frames in every PCM, Opus and 22.05/44.1 kHz MP3 format,
and exactly the 49 frames after which the padding pattern of such an MP3 repeats."""


class Family(Enum):
    """How the audio of a format is packed."""

    MP3 = "mp3"
    AAC = "aac"
    OPUS = "opus"
    PCM = "pcm"
    WAV = "wav"
    ULAW = "ulaw"
    ALAW = "alaw"


CONTENT_TYPES = {
    Family.MP3: "audio/mpeg",
    Family.AAC: "audio/mp4",
    Family.OPUS: "audio/opus",
    Family.PCM: "audio/pcm",
    Family.WAV: "audio/wav",
    Family.ULAW: "audio/ulaw",
    Family.ALAW: "audio/alaw",
}

PAID_FORMATS = {"mp3_44100_192": "creator", "pcm_44100": "pro", "wav_44100": "pro"}
"""Formats that only a plan and those above it may ask for."""


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """One value of ``output_format``. A frame is the smallest piece that can be sent alone: one sample in the raw
    formats, one packet of the codec in the others."""

    name: str
    family: Family
    rate_hz: int
    bitrate_bps: int
    frame_samples: int

    @property
    def content_type(self) -> str:
        return CONTENT_TYPES[self.family]

    @property
    def frame_s(self) -> float:
        return self.frame_samples / self.rate_hz

    @property
    def block_frames(self) -> int:
        """Whole frames in one block; for AAC and the 24 kHz MP3 that is a little less than a block."""
        return int(BLOCK_S * self.rate_hz + 0.5) // self.frame_samples

    @property
    def on_sockets(self) -> bool:
        """Whether the WebSocket endpoints know this format."""
        return self.family not in (Family.WAV, Family.AAC)

    def frames_in(self, seconds: float) -> int:
        """Frames that ``seconds`` of speech have: whole frames only, and at least one."""
        return max(1, int(seconds * self.rate_hz / self.frame_samples + 1e-9))


def _mp3(rate_hz: int, kbps: int) -> AudioFormat:
    return AudioFormat(f"mp3_{rate_hz}_{kbps}", Family.MP3, rate_hz, kbps * 1000, 1152 if rate_hz >= 32000 else 576)


def _raw(family: Family, rate_hz: int, sample_bytes: int) -> AudioFormat:
    return AudioFormat(f"{family.value}_{rate_hz}", family, rate_hz, rate_hz * 8 * sample_bytes, 1)


_RATES_HZ = (8000, 16000, 22050, 24000, 32000, 44100, 48000)
_ALL = (
    *(_mp3(*kind) for kind in ((22050, 32), (24000, 48))),
    *(_mp3(44100, kbps) for kbps in (32, 64, 96, 128, 192)),
    AudioFormat("m4a_aac_44100_128", Family.AAC, 44100, 128_000, 1024),
    *(AudioFormat(f"opus_48000_{kbps}", Family.OPUS, 48000, kbps * 1000, 960) for kbps in (32, 64, 96, 128, 192)),
    *(_raw(Family.PCM, rate_hz, 2) for rate_hz in _RATES_HZ),
    *(_raw(Family.WAV, rate_hz, 2) for rate_hz in _RATES_HZ),
    _raw(Family.ULAW, 8000, 1),
    _raw(Family.ALAW, 8000, 1),
)

FORMATS: dict[str, AudioFormat] = {audio_format.name: audio_format for audio_format in _ALL}
"""Every documented format by name, in the order of the server's own error text."""

DEFAULT_FORMAT = FORMATS["mp3_44100_128"]


def find_format(name: str) -> AudioFormat | None:
    """The format called ``name``; the legacy ``mp3_44100`` means 128 kbit/s. None when unknown."""
    return DEFAULT_FORMAT if name == "mp3_44100" else FORMATS.get(name)
