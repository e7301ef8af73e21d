"""Machines that runs may be compared across, and those they may not."""

from __future__ import annotations

import pytest

from harness.matching import machine_mismatches, machine_remarks, unless_equal, unless_similar

HOST: dict[str, object] = {
    "kernel": "6.11.0-1015",
    "system": "Linux",
    "machine": "x86_64",
    "cores_count": 4,
    "memory_bytes": 16_766_590_976,
    "page_size_bytes": 4096,
}


@pytest.mark.parametrize(
    ("differs", "mismatch"),
    [
        ({"memory_bytes": 16_766_590_976 + 8192}, None),
        ({"memory_bytes": 16_200_000_000}, None),
        ({"memory_bytes": 33_500_000_000}, "machine: memory_bytes differ (1.68e+10 and 3.35e+10)"),
        ({"memory_bytes": None}, "machine: memory_bytes differs (16766590976 and None)"),
        ({"cores_count": 2}, "machine: cores_count differs (4 and 2)"),
        ({"machine": "aarch64"}, "machine: machine differs (x86_64 and aarch64)"),
        ({"kernel": "6.14.0-1002"}, None),
    ],
)
def test_another_machine_is_refused_and_another_kernel_is_not(differs: dict[str, object], mismatch: str | None) -> None:
    """Hosted runners of one kind differ by kilobytes of memory, and are updated."""
    found = machine_mismatches(HOST, {**HOST, **differs})

    assert found == ([] if mismatch is None else [mismatch])


def test_another_kernel_is_remarked() -> None:
    """So is what nobody knows the meaning of."""
    other = {**HOST, "kernel": "6.14.0-1002", "rack": "b", "memory_bytes": 16_766_590_977}

    assert machine_remarks(HOST, other) == [
        "machine: kernel differs (6.11.0-1015 and 6.14.0-1002)",
        "machine: rack differs (None and b)",
    ]
    assert machine_remarks(HOST, HOST) == []


def test_what_is_not_known_does_not_differ_but_from_what_is() -> None:
    """A rate that was not recorded is no other rate; a setting that was not stored is another setting."""
    assert unless_similar("rates", None, 3.0, 1.5) == []
    assert unless_similar("rates", 2.0, 3.1, 1.5) == ["rates differ (2 and 3.1)"]
    assert unless_equal("scenario", None, "mixed") == ["scenario differs (None and mixed)"]
