"""Several utterances one after the other as one: a dialogue, or the single voice of ordinary speech."""

from bisect import bisect_right
from collections.abc import Sequence
from hashlib import blake2b
from itertools import accumulate
from typing import Protocol

from mock_tts.audio import Utterance
from mock_tts.formats import AudioFormat


class Speech(Protocol):
    """What can be packed and sent: frames in a range, and how long they last."""

    @property
    def audio_format(self) -> AudioFormat: ...
    @property
    def digest(self) -> bytes: ...
    @property
    def frame_count(self) -> int: ...
    @property
    def duration_ms(self) -> int: ...
    @property
    def extradata(self) -> bytes: ...
    def body(self, first: int, last: int) -> bytes: ...
    def frames(self, first: int, last: int) -> list[bytes]: ...


def frame_ms(speech: Speech, frame: int) -> int:
    """When ``frame`` begins, in whole milliseconds."""
    audio_format = speech.audio_format
    return round(frame * audio_format.frame_samples * 1000 / audio_format.rate_hz)


class Track:
    """``parts`` (at least one, all of one format) played one after the other."""

    __slots__ = ("_edges", "_parts", "digest")

    def __init__(self, parts: Sequence[Utterance]) -> None:
        self._parts = tuple(parts)
        self._edges = tuple(accumulate((part.frame_count for part in parts), initial=0))
        self.digest = blake2b(b"".join(part.digest for part in parts), digest_size=32).digest()

    @property
    def audio_format(self) -> AudioFormat:
        return self._parts[0].audio_format

    @property
    def extradata(self) -> bytes:
        return self._parts[0].extradata

    @property
    def frame_count(self) -> int:
        return self._edges[-1]

    @property
    def edges(self) -> tuple[int, ...]:
        """The frame at which each part begins, then the end."""
        return self._edges

    @property
    def duration_ms(self) -> int:
        return frame_ms(self, self.frame_count)

    def body(self, first: int, last: int) -> bytes:
        return b"".join(part.body(start, stop) for part, start, stop in self._spans(first, last))

    def frames(self, first: int, last: int) -> list[bytes]:
        return [frame for part, start, stop in self._spans(first, last) for frame in part.frames(start, stop)]

    def _spans(self, first: int, last: int) -> list[tuple[Utterance, int, int]]:
        spans = []
        while first < last:
            index = bisect_right(self._edges, first) - 1
            start = self._edges[index]
            stop = min(self._edges[index + 1], last)
            spans.append((self._parts[index], first - start, stop - start))
            first = stop
        return spans
