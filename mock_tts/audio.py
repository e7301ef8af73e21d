"""Encoded speech: each format and timbre is encoded once, and every answer is a sequence of slices of that clip.

Encoding is PyAV's work; here clips are kept, cut on frame borders and joined. The same text, voice and seed always
give the same bytes. Memory is bounded: four timbres a format, whatever voices and texts are asked for.
"""

from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from itertools import accumulate
from threading import Lock
from typing import cast

import av
import numpy as np

from mock_tts import waveform
from mock_tts.formats import AudioFormat, Family

_CODECS = {
    Family.MP3: ("libmp3lame", "s16p", {"reservoir": "0"}),  # no frame may lean on one before it
    Family.AAC: ("aac", "fltp", {}),
    Family.OPUS: ("libopus", "s16", {"frame_duration": "20"}),
    Family.ULAW: ("pcm_mulaw", "s16", {}),
    Family.ALAW: ("pcm_alaw", "s16", {}),
}
_WARM_UP_BLOCKS = 1
"""Blocks encoded before those kept, so that the encoder's delay and start-up are behind it."""


@dataclass(frozen=True, slots=True)
class Block:
    """One block of encoded frames; frame ``i`` is ``data[edges[i]:edges[i + 1]]``."""

    data: bytes
    edges: tuple[int, ...] | range

    def slice(self, first: int, last: int) -> bytes:
        return self.data[self.edges[first] : self.edges[last]]

    def frames(self, first: int, last: int) -> list[bytes]:
        return [self.data[self.edges[index] : self.edges[index + 1]] for index in range(first, last)]


@dataclass(frozen=True, slots=True)
class Clip:
    """Every block of one format and timbre, and the codec's set-up data (AAC only)."""

    blocks: tuple[Block, ...]
    extradata: bytes = b""


@cache
def encode_clip(audio_format: AudioFormat, timbre: int) -> Clip:
    """One timbre in one format, encoded once in the life of the process. Takes up to 0.3 s of processor time."""
    count = waveform.BLOCKS
    if audio_format.family in (Family.PCM, Family.WAV):
        data = waveform.samples(timbre, audio_format.rate_hz, count).astype("<i2").tobytes()
        return Clip(_raw_blocks(data, audio_format.block_frames, 2, count))
    pcm = waveform.samples(timbre, audio_format.rate_hz, count + 2 * _WARM_UP_BLOCKS)
    packets, extradata = _encode(audio_format, pcm)
    per_block = audio_format.block_frames
    if audio_format.family in (Family.ULAW, Family.ALAW):
        return Clip(_raw_blocks(b"".join(packets), per_block, 1, count))
    kept = packets[per_block * _WARM_UP_BLOCKS :]
    blocks = (_packet_block(kept[index * per_block : (index + 1) * per_block]) for index in range(count))
    return Clip(tuple(blocks), extradata)


def _raw_blocks(data: bytes, frames: int, width_bytes: int, count: int) -> tuple[Block, ...]:
    size = frames * width_bytes
    edges = range(0, size + 1, width_bytes)
    return tuple(Block(data[index * size : (index + 1) * size], edges) for index in range(count))


def _packet_block(packets: list[bytes]) -> Block:
    return Block(b"".join(packets), tuple(accumulate(map(len, packets), initial=0)))


def _encode(
    audio_format: AudioFormat, pcm: "np.ndarray[tuple[int, ...], np.dtype[np.int16]]"
) -> tuple[list[bytes], bytes]:
    codec, sample_format, options = _CODECS[audio_format.family]
    context = cast(av.AudioCodecContext, av.CodecContext.create(codec, "w"))
    context.sample_rate = audio_format.rate_hz
    context.layout = "mono"
    context.format = sample_format
    if audio_format.family in (Family.MP3, Family.AAC, Family.OPUS):
        context.bit_rate = audio_format.bitrate_bps
    context.options = options
    context.open()
    step = context.frame_size or audio_format.rate_hz
    packets: list[bytes] = []
    for start in range(0, len(pcm), step):
        chunk = pcm[start : start + step].reshape(1, -1)
        if sample_format == "fltp":
            frame = av.AudioFrame.from_ndarray(np.asarray(chunk / 32768, dtype=np.float32), "fltp", "mono")
        else:
            frame = av.AudioFrame.from_ndarray(chunk, sample_format, "mono")
        frame.sample_rate = audio_format.rate_hz
        frame.pts = start
        packets += [bytes(packet) for packet in context.encode(frame)]
    packets += [bytes(packet) for packet in context.encode(None)]
    return packets, bytes(context.extradata or b"")


class Utterance:
    """The audio of one text: ``frame_count`` frames drawn from the blocks of a clip in an order set by ``digest``."""

    __slots__ = ("_clip", "audio_format", "digest", "frame_count")

    def __init__(self, clip: Clip, audio_format: AudioFormat, digest: bytes, seconds: float) -> None:
        self._clip = clip
        self.audio_format = audio_format
        self.digest = digest
        self.frame_count = audio_format.frames_in(seconds)

    @property
    def duration_s(self) -> float:
        """What a decoder measures, so that alignments can be exact."""
        return self.frame_count * self.audio_format.frame_samples / self.audio_format.rate_hz

    @property
    def duration_ms(self) -> int:
        return round(self.duration_s * 1000)

    def body(self, first: int, last: int) -> bytes:
        """Frames ``first`` to ``last`` (exclusive) without any container."""
        return b"".join(block.slice(start, stop) for block, start, stop in self._spans(first, last))

    def frames(self, first: int, last: int) -> list[bytes]:
        """The same as single packets."""
        return [frame for block, start, stop in self._spans(first, last) for frame in block.frames(start, stop)]

    def _spans(self, first: int, last: int) -> list[tuple[Block, int, int]]:
        per_block = self.audio_format.block_frames
        spans = []
        while first < last:
            index, start = divmod(first, per_block)
            stop = min(per_block, start + last - first)
            spans.append((self._block(index), start, stop))
            first += stop - start
        return spans

    def _block(self, index: int) -> Block:
        return self._clip.blocks[self.digest[index % len(self.digest)] % waveform.BLOCKS]

    @property
    def extradata(self) -> bytes:
        return self._clip.extradata


class ClipBank:
    """Clips by format and timbre, encoded when first asked for and kept: at most ``29 * waveform.TIMBRES`` of them."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._clips: dict[tuple[str, int], Clip] = {}
        self._encoding = Lock()

    def digest(self, text: str, voice_id: str, seed: int | None) -> bytes:
        """What decides every byte of an utterance: the server's seed, the request's, the voice and the text."""
        key = f"{self._seed}\0{seed}\0{voice_id}\0".encode(errors="surrogatepass")
        return blake2b(key + text.encode(errors="surrogatepass"), digest_size=32).digest()

    def is_ready(self, audio_format: AudioFormat, voice_id: str) -> bool:
        return (_clip_name(audio_format), _timbre(voice_id)) in self._clips

    def prepare(self, audio_format: AudioFormat, voice_id: str) -> None:
        """Encodes the clip if it is not there yet; may be called from several threads, of which one does the work."""
        key = (_clip_name(audio_format), _timbre(voice_id))
        if key in self._clips:
            return
        with self._encoding:
            if key not in self._clips:
                self._clips[key] = encode_clip(audio_format, key[1])

    def speak(self, text: str, voice_id: str, audio_format: AudioFormat, seconds: float, seed: int | None) -> Utterance:
        """The audio of ``text`` as said by ``voice_id``, ``seconds`` long down to a whole frame."""
        self.prepare(audio_format, voice_id)
        clip = self._clips[_clip_name(audio_format), _timbre(voice_id)]
        return Utterance(clip, audio_format, self.digest(text, voice_id, seed), seconds)


def _clip_name(audio_format: AudioFormat) -> str:
    return audio_format.name.replace("wav_", "pcm_")  # the same samples behind a header


def _timbre(voice_id: str) -> int:
    return blake2b(voice_id.encode(errors="surrogatepass"), digest_size=1).digest()[0] % waveform.TIMBRES
