"""What stands around the frames: the ID3 tag and Info frame of an MP3, the header of a WAV, the boxes of an M4A."""

import io
import struct
from fractions import Fraction

import av

ID3_TAG = (
    b"ID3\x04\x00\x00" + b"\x00\x00\x00\x23" + b"TSSE" + b"\x00\x00\x00\x0f" + b"\x00\x00" + b"\x03Lavf60.16.101\x00"
).ljust(45, b"\x00")
"""The 45 bytes that recorded MP3 answers start with: ID3v2.4, one TSSE frame, padding."""

STREAMED_SIZE = 0xFFFFFFFF
_WAV_HEADER_BYTES = 44


def info_frame(frame: bytes, frame_count: int, total_bytes: int) -> bytes:
    """``frame`` emptied and turned into the "Info" frame of a whole MP3 file; same length, so sizes do not change.

    Args:
        frame: any MPEG frame of the stream, for its header.
        frame_count: audio frames that follow.
        total_bytes: size of the file without its ID3 tag.
    """
    side_info_bytes = 17 if frame[1] & 0x08 else 9  # mono: MPEG-1 or MPEG-2
    start = frame[:4] + bytes(side_info_bytes)
    return (start + struct.pack(">4sIII", b"Info", 3, frame_count, total_bytes)).ljust(len(frame), b"\x00")


def wav_header(rate_hz: int, data_bytes: int) -> bytes:
    """The 44-byte header of a mono s16 WAV; ``STREAMED_SIZE`` says that the length is not known."""
    riff_bytes = min(data_bytes + _WAV_HEADER_BYTES - 8, STREAMED_SIZE)
    return struct.pack(
        *("<4sI4s4sIHHIIHH4sI", b"RIFF", riff_bytes, b"WAVE", b"fmt ", 16, 1, 1, rate_hz, rate_hz * 2, 2, 16),
        *(b"data", data_bytes),
    )


def m4a_file(packets: list[bytes], extradata: bytes, rate_hz: int, frame_samples: int) -> bytes:
    """AAC packets as a fragmented MP4, which plays from the start and is the same bytes every time."""
    out = io.BytesIO()
    options = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "frag_duration": "1000000"}
    with av.open(out, "w", format="mp4", options=options) as container:
        stream = container.add_stream("aac", rate=rate_hz)
        stream.layout = "mono"
        stream.bit_rate = 128_000
        stream.codec_context.extradata = extradata
        for index, data in enumerate(packets):
            packet = av.Packet(data)
            packet.stream = stream
            packet.time_base = Fraction(1, rate_hz)
            packet.pts = packet.dts = index * frame_samples
            packet.duration = frame_samples
            packet.is_keyframe = True
            container.mux(packet)
    return out.getvalue()
