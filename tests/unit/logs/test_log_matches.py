from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.logs import matches as matches_module
from app.logs.log_file import LogFile
from app.logs.match import BadPattern, Pattern
from app.logs.matches import Matches
from app.logs.source import SLICE


def opened(path: Path) -> LogFile:
    log = LogFile(path)
    while log.poll().more:
        pass
    return log


def searched(log: LogFile, pattern: Pattern, context: int = 0, limit: int | None = None) -> Matches:
    found = Matches(log, pattern, context)
    while found.advance(limit):
        pass
    return found


def naive(data: bytes) -> list[bytes]:
    lines = data.split(b"\n")
    return lines if lines[-1] else lines[:-1]


def around(hits: list[int], context: int, count: int) -> list[int]:
    return [n for n in range(count) if any(abs(n - hit) <= context for hit in hits)]


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.sampled_from(["ab", "AB", "a", "b", " ", "\n", "\n\n\n", "\x1b[31m", "\r\n", "xyz" * 50]),
        max_size=80,
    ),
    st.integers(min_value=1, max_value=400),
    st.integers(min_value=1, max_value=300),
    st.integers(min_value=0, max_value=4),
    st.booleans(),
)
def test_matches_and_filters_are_those_of_a_naive_grep(
    parts: list[str], limit: int, piece: int, context: int, case: bool
) -> None:
    data = "".join(parts).encode()
    longest = max(len(line) for line in data.split(b"\n")) + 1
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(matches_module, "SLICE", max(piece, longest))  # pieces as small as some lines
        path = Path(folder) / "log"
        path.write_bytes(data)
        log = opened(path)
        found = searched(log, Pattern("ab", case=case), context, max(limit, longest))
        seen = [line.replace(b"\x1b[31m", b"").replace(b"\r", b"") for line in naive(data)]
        hits = [n for n, line in enumerate(seen) if b"ab" in (line if case else line.lower())]
        assert found.count == len(hits)
        assert [found.match(n) for n in range(found.count)] == hits
        assert [n for n in range(len(seen)) if found.matches(n)] == hits
        left = around(hits, context, len(seen))
        assert found.rows == len(left)
        assert [found.line_of(row) for row in range(found.rows)] == left
        assert [found.row_of(line) for line in left] == list(range(len(left)))
        if hits:
            assert found.after(hits[-1]) == hits[0]
            assert found.before(hits[0]) == hits[-1]
        log.close()


def test_it_goes_on_with_what_is_appended(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"needle\nhay\nnee")
    log = opened(path)
    found = searched(log, Pattern("Needle"), 1)
    assert found.count == 1
    assert [found.line_of(row) for row in range(found.rows)] == [0, 1]
    with path.open("ab") as file:
        file.write(b"dle\nend")
    log.poll()
    while found.advance():
        pass
    assert found.count == 2
    assert [found.line_of(row) for row in range(found.rows)] == [0, 1, 2, 3]
    log.close()


def test_an_unfinished_last_line_matches_too(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"hay\nlogin: ")
    log = opened(path)
    found = searched(log, Pattern("login"))
    assert found.count == 1
    assert found.matches(1)
    assert found.after(0) == 1
    log.close()


def test_many_matches_take_no_more_memory_than_few(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"".join(b"match %06d and some more of the line\n" % n for n in range(100_000)))
    log = opened(path)
    found = searched(log, Pattern("match"), 2)
    assert found.count == found.rows == 100_000
    assert found.line_of(77_777) == 77_777
    held = sum(len(lines) for lines in (*found._pieces.values(), *found._views.values(), found._open))
    assert held < 40 * SLICE // 20
    assert len(found._first) <= log.size // SLICE + 1
    log.close()


def test_a_line_longer_than_a_piece_is_searched_at_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"needle" + b"x" * (2 * SLICE) + b"\nneedle\n" + b"y" * SLICE)
    log = opened(path)
    assert searched(log, Pattern("needle")).count == 2
    log.close()


@pytest.mark.parametrize(
    ("text", "line", "spans"),
    [
        ("a.b", "xa\N{GREEK SMALL LETTER PI}b", [(1, 4)]),
        ("^b$", "b", [(0, 1)]),
        ("x*", "yy", []),
        (r"\d+", "12 and 345", [(0, 2), (7, 10)]),
    ],
)
def test_expressions_mark_what_they_match(text: str, line: str, spans: list[tuple[int, int]]) -> None:
    assert Pattern(text, regex=True).spans(line) == spans


def test_an_expression_matches_on_one_line_only() -> None:
    pattern = Pattern(r"a\s*b", regex=True)
    assert pattern.lines(b"a\nb\na b\nxab\n") == [2, 3]
    assert Pattern("a.b", regex=True).lines(b"a\xffb\na b\n") == [1]


def test_what_is_no_expression_is_explained() -> None:
    with pytest.raises(BadPattern, match="missing"):
        Pattern("a(", regex=True).check()
    Pattern("a(").check()
    assert Pattern("a(").spans("xa(") == [(1, 3)]


def test_an_expression_that_hangs_others_takes_its_time_by_the_text() -> None:
    assert Pattern("(a+)+$", regex=True).lines(b"a" * 100_000 + b"b\n") == []
