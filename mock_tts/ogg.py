"""Opus packets into Ogg pages, one page an audio piece, so that a stream can be sent as it is generated.

PyAV's muxer writes a file with a random serial number and wants to see it whole; an answer must be deterministic and
start at once, hence these few lines. Layout: RFC 3533 (pages) and RFC 7845 (the two Opus headers).
"""

import struct
import zlib
from collections.abc import Iterator

_BEGIN, _END = 0x02, 0x04
_REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))
_MAX_LACING = 255
OPUS_RATE_HZ = 48_000


def _checksum(page: bytes) -> int:
    """Ogg's CRC-32 (polynomial 0x04c11db7, not reflected, starting at 0) by way of zlib's reflected one, which is C."""
    reflected = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{reflected:032b}"[::-1], 2)


def _lacing(packet: bytes) -> bytes:
    return b"\xff" * (len(packet) // 255) + bytes((len(packet) % 255,))


class OpusPages:
    """One logical Ogg stream: a head once, then pages of packets with running granule positions."""

    __slots__ = ("_granule", "_sequence", "_serial")

    def __init__(self, serial: int) -> None:
        self._serial = serial
        self._sequence = 0
        self._granule = 0

    def head(self) -> bytes:
        """Both header pages: mono, 48 kHz, nothing to skip (the clip's encoder delay is cut off already)."""
        head = struct.pack("<8sBBHIhB", b"OpusHead", 1, 1, 0, OPUS_RATE_HZ, 0, 0)
        vendor = b"mock-tts"
        tags = b"OpusTags" + struct.pack("<I", len(vendor)) + vendor + struct.pack("<I", 0)
        return self._page([head], _BEGIN) + self._page([tags], 0)

    def pages(self, packets: list[bytes], packet_samples: int, last: bool) -> bytes:
        """``packets`` as whole pages; ``last`` marks the end of the stream on the last of them."""
        groups = list(_groups(packets))
        written = []
        for index, group in enumerate(groups):
            self._granule += len(group) * packet_samples
            written.append(self._page(group, _END if last and index == len(groups) - 1 else 0))
        return b"".join(written)

    def _page(self, packets: list[bytes], flags: int) -> bytes:
        lacing = b"".join(map(_lacing, packets))
        fields = (b"OggS", 0, flags, self._granule, self._serial, self._sequence)
        self._sequence += 1
        body = bytes((len(lacing),)) + lacing + b"".join(packets)
        start = struct.pack("<4sBBqII", *fields)
        return start + struct.pack("<I", _checksum(start + b"\0\0\0\0" + body)) + body


def _groups(packets: list[bytes]) -> Iterator[list[bytes]]:
    """Packets page by page: a page holds at most 255 lacing values and here no more than a second of audio."""
    group: list[bytes] = []
    used = 0
    for packet in packets:
        need = len(packet) // 255 + 1
        if group and (used + need > _MAX_LACING or len(group) == 50):
            yield group
            group, used = [], 0
        group.append(packet)
        used += need
    if group:
        yield group
