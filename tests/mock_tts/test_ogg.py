"""Ogg pages that a decoder accepts."""

import io

import av

from mock_tts.ogg import OpusPages


def test_pages_are_read_back_packet_by_packet() -> None:
    """Packets of awkward lengths come out of PyAV's demuxer as they went in."""
    packets = [bytes([0x78]) + bytes(length) for length in (1, 254, 255, 256, 510, 1000)]
    pages = OpusPages(serial=7)
    data = pages.head() + pages.pages(packets[:3], 960, last=False) + pages.pages(packets[3:], 960, last=True)
    with av.open(io.BytesIO(data), "r") as container:
        read = [bytes(packet) for packet in container.demux() if packet.size]

    assert read == packets


def test_long_runs_are_split_into_pages() -> None:
    """No page holds more than 50 packets or 255 lacing values."""
    pages = OpusPages(serial=7)

    assert pages.pages([bytes(10)] * 120, 960, last=True).count(b"OggS") == 3
    assert pages.pages([bytes(2550)] * 50, 960, last=False).count(b"OggS") >= 2
