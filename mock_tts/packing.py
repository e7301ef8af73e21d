"""An utterance as the bytes that leave the server: whole files, and pieces of a stream that join to one."""

from dataclasses import dataclass

from mock_tts.containers import ID3_TAG, STREAMED_SIZE, info_frame, m4a_file, wav_header
from mock_tts.formats import Family
from mock_tts.ogg import OpusPages
from mock_tts.track import Speech


@dataclass(slots=True)
class StreamState:
    """What one continuous stream (an HTTP answer, a socket, a context) must remember between pieces.

    A tag or header comes once in a stream: a second ID3 tag in a context breaks a decoder that is already running.
    """

    started: bool = False
    pages: OpusPages | None = None


class Packer:
    """Turns frame ranges of utterances into the bytes of one stream."""

    __slots__ = ("_exact_wav", "_state")

    def __init__(self, state: StreamState, exact_wav: bool = True) -> None:
        self._state = state
        self._exact_wav = exact_wav

    def piece(self, utterance: Speech, first: int, last: int, ends_stream: bool = False) -> bytes:
        """Frames ``first`` to ``last``, with the stream's head before them if they are its first."""
        family = utterance.audio_format.family
        if family is Family.OPUS:
            return self._opus(utterance, first, last, ends_stream)
        body = utterance.body(first, last)
        if self._state.started:
            return body
        self._state.started = True
        if family is Family.MP3:
            return ID3_TAG + body
        if family is Family.WAV:
            size = utterance.frame_count * 2 if self._exact_wav else STREAMED_SIZE
            return wav_header(utterance.audio_format.rate_hz, size) + body
        return body

    def _opus(self, utterance: Speech, first: int, last: int, ends_stream: bool) -> bytes:
        head = b""
        if self._state.pages is None:
            self._state.pages = OpusPages(int.from_bytes(utterance.digest[:4], "little"))
            head = self._state.pages.head()
        packets = utterance.frames(first, last)
        return head + self._state.pages.pages(packets, utterance.audio_format.frame_samples, ends_stream)


def whole_m4a(utterance: Speech) -> bytes:
    """The complete M4A file; its boxes need every packet at once."""
    packets = utterance.frames(0, utterance.frame_count)
    audio_format = utterance.audio_format
    return m4a_file(packets, utterance.extradata, audio_format.rate_hz, audio_format.frame_samples)


def unheard_frames(utterance: Speech) -> int:
    """Frames at the start of a whole file that a decoder does not play: the "Info" frame of an MP3."""
    return 1 if utterance.audio_format.family is Family.MP3 and utterance.frame_count > 1 else 0


def whole_file(utterance: Speech) -> bytes:
    """The complete file of a non-stream answer; an MP3 starts with the "Info" frame that only a whole file can have,
    in place of its first frame, so that streamed and whole answers have the same size."""
    family = utterance.audio_format.family
    count = utterance.frame_count
    if family is Family.AAC:
        return whole_m4a(utterance)
    if family is not Family.MP3:
        return Packer(StreamState()).piece(utterance, 0, count, ends_stream=True)
    body = utterance.body(0, count)
    first = utterance.body(0, 1)
    if not unheard_frames(utterance):
        return ID3_TAG + body
    return ID3_TAG + info_frame(first, count - 1, len(body)) + body[len(first) :]
