"""CSV tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import RunFormatError
from harness.store.tables import Extent, Table, check_ascending, concatenate, whole_lines


def table(tmp_path: Path, text: bytes) -> Table:
    path = tmp_path / "table.csv"
    path.write_bytes(text)
    return Table(path)


@pytest.mark.parametrize(
    ("text", "extent"),
    [
        (b"", Extent(0, 0)),
        (b"a", Extent(0, 1)),
        (b"a\n", Extent(2, 0)),
        (b"a\nb", Extent(2, 1)),
        (b"a\n" + b"\0" * 9, Extent(2, 9)),
        (b"a\n" + b"b" * 200_000, Extent(2, 200_000)),
        (b"a" * 200_000 + b"\n", Extent(200_001, 0)),
    ],
)
def test_only_whole_lines_count(tmp_path: Path, text: bytes, extent: Extent) -> None:
    """However long the last one is."""
    path = tmp_path / "lines"
    path.write_bytes(text)

    assert whole_lines(path) == extent


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cells=st.lists(
        st.tuples(st.none() | st.integers(-(2**50), 2**50), st.none() | st.floats(-1e12, 1e12)), max_size=50
    ),
    rows=st.integers(1, 60),
    cut=st.integers(0, 30),
)
def test_what_was_written_is_read_whatever_the_chunk_and_the_cut(
    tmp_path: Path, cells: list[tuple[int | None, float | None]], rows: int, cut: int
) -> None:
    """Every whole line's numbers, blanks as NaN, in chunks of any size, of a file cut anywhere in its last bytes."""
    lines = [f"{'' if a is None else a},{'' if b is None else repr(b)},1\n" for a, b in cells]
    text = "a,b,c\n" + "".join(lines)
    kept = text[: max(6, len(text) - cut)]
    whole = kept.count("\n") - 1
    read = [
        (a, b)
        for frame in table(tmp_path, kept.encode()).chunks(["a", "b"], rows)
        for a, b in zip(frame["a"].tolist(), frame["b"].tolist(), strict=True)
    ]
    expected = [(np.nan if a is None else float(a), np.nan if b is None else b) for a, b in cells[:whole]]

    np.testing.assert_allclose(np.array(read).reshape(-1, 2), np.array(expected).reshape(-1, 2), rtol=1e-15)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("1,2", "expected 3 cells in line 3"),
        ("1,2,3,4", "expected 3 cells in line 3"),
        ("1,x,3", "expected a number or nothing as b in line 3"),
        ("1,nan,3", "found 'nan'"),
        ("1,-inf,3", "found '-inf'"),
        ("1,1e999,3", "found '1e999'"),
        ('1,"2",3', "as b in line 3"),
        ("1,0x10,3", "found '0x10'"),
        ("\0\0,2,3", "as a in line 3"),
        ("", "expected 3 cells in line 3"),
    ],
)
def test_a_bad_row_is_named_by_its_line(tmp_path: Path, row: str, says: str) -> None:
    """With what was expected there; pandas alone would cut or fill it without a word."""
    found = table(tmp_path, f"a,b,c\n1,2,3\n{row}\n4,5,6\n".encode())

    with pytest.raises(RunFormatError) as caught:
        list(found.chunks(["a", "b"]))
    assert says in str(caught.value)


def test_kinds_with_commas_and_quotes_are_read_as_they_were(tmp_path: Path) -> None:
    """Quoted as CSV has it; only where there are names, and a row that is too long is still found."""
    found = table(tmp_path, 't_s,kind,n\n1,"a, ""b""",5\n2,ü,6\n'.encode())
    frames = list(found.chunks(["kind", "n"]))
    longer = table(tmp_path, b't_s,kind,n\n1,"a, b",5\n2,c,6,7\n')

    assert [(kind, n) for frame in frames for kind, n in zip(frame["kind"], frame["n"], strict=True)] == [
        ('a, "b"', 5.0),
        ("ü", 6.0),
    ]
    with pytest.raises(RunFormatError, match="expected 3 cells in line 3"):
        list(longer.chunks(["kind", "n"]))


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    """Which of them is meant, nobody can tell."""
    with pytest.raises(RunFormatError, match="found b again"):
        table(tmp_path, b"a,b,b\n")


def test_lines_of_windows_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    """Somebody has looked at the file in a spreadsheet."""
    found = table(tmp_path, b"\xef\xbb\xbfa,b,c\r\n1,2,3\r\n")

    assert found.columns == ("a", "b", "c")
    assert next(iter(found.chunks(["a", "b"])))["a"].tolist() == [1.0]


@pytest.mark.parametrize("text", [b"", b"a,b", b"a,b\n"])
def test_a_table_without_rows_has_no_chunks(tmp_path: Path, text: bytes) -> None:
    """Empty, torn in its header, or a header alone."""
    assert list(table(tmp_path, text).chunks(["a"])) == []


def test_times_must_ascend(tmp_path: Path) -> None:
    """Across chunks too; equal ones only where they may be."""
    check_ascending(tmp_path, np.array([1.0, 1.0, 2.0]), 1.0, 2, strictly=False)
    for t_s, before_s in (([1.0, 1.0], 0.0), ([2.0, 1.0], 0.0), ([1.0], 1.0), ([np.nan], 0.0)):
        with pytest.raises(RunFormatError, match="in the order of t_s"):
            check_ascending(tmp_path, np.array(t_s), before_s, 2, strictly=True)


def test_the_line_that_goes_back_is_named(tmp_path: Path) -> None:
    """Counted in the file, not in the chunk."""
    with pytest.raises(RunFormatError, match=r"found 0.500 s after 1.000 s in line 101"):
        check_ascending(tmp_path, np.array([1.0, 0.5]), 0.0, 100, strictly=True)


def test_no_chunks_are_empty_columns() -> None:
    """So that a run without rows looks like any other."""
    assert {name: len(column) for name, column in concatenate([], ["a", "b"]).items()} == {"a": 0, "b": 0}
