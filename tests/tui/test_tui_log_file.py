from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.tui import log_file
from app.tui.log_file import BLOCK, MAX_LINE, LogFile, LogSearch


def read_all(log: LogFile, limit: int = log_file.SLICE) -> None:
    while log.poll(limit).more:
        pass


def naive(data: bytes) -> list[bytes]:
    lines = data.split(b"\n")
    return lines if lines[-1] else lines[:-1]


chunks = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from([b"\n", b"\r\n", b"a line\n", b"\n\n\n"]),
        st.integers(min_value=1, max_value=3).map(lambda n: b"x" * (BLOCK // 2 * n)),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(chunks, st.integers(min_value=1, max_value=3 * BLOCK))
def test_lines_are_those_of_a_naive_split(parts: list[bytes], limit: int) -> None:
    limit = max(limit, 1000)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log"
        log = LogFile(path)
        data = b""
        with path.open("wb", buffering=0) as file:
            for part in parts:
                file.write(part)
                data += part
                read_all(log, limit)
                expected = naive(data)
                assert log.size == len(data)
                assert log.line_count == len(expected)
                for number in {0, len(expected) // 2, len(expected) - 1} & set(range(len(expected))):
                    assert log.line(number) == expected[number][:MAX_LINE]
        assert [log.line(n) for n in range(log.line_count)] == [line[:MAX_LINE] for line in naive(data)]
        log.close()


def test_a_file_that_is_not_there_yet(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "log")
    assert not log.poll().grown
    assert log.line_count == 0
    (tmp_path / "log").write_bytes(b"now\n")
    assert log.poll().grown
    assert log.line(0) == b"now"
    with pytest.raises(IndexError):
        log.line(1)
    log.close()


def test_a_truncated_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\ntwo\nthree\n")
    log = LogFile(path)
    read_all(log)
    path.write_bytes(b"new\n")
    change = log.poll()
    assert change.reset
    read_all(log)
    assert [log.line(n) for n in range(log.line_count)] == [b"new"]
    log.close()


def test_a_replaced_file_is_read_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"old 1\nold 2\n")
    log = LogFile(path)
    read_all(log)
    (tmp_path / "next").write_bytes(b"fresh and much longer than before\n")
    (tmp_path / "next").rename(path)
    assert log.poll().reset
    read_all(log)
    assert log.line(0) == b"fresh and much longer than before"
    assert log.line_count == 1
    log.close()


def test_a_deleted_file_stays_readable(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"last words\n")
    log = LogFile(path)
    read_all(log)
    path.unlink()
    change = log.poll()
    assert not change.reset
    assert log.line(0) == b"last words"
    log.close()


def test_a_poll_reads_no_more_than_it_is_told(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x" * 10_000)
    log = LogFile(path)
    change = log.poll(1000)
    assert change.more
    assert log.size == 1000
    log.close()


def test_a_flood_costs_a_bounded_amount_of_memory(tmp_path: Path) -> None:
    path = tmp_path / "log"
    line = b"%07d the guest is flooding its console with lines like this one\n"
    total = 300_000
    with path.open("wb") as file:
        for start in range(0, total, 10_000):
            file.write(b"".join(line % n for n in range(start, start + 10_000)))
    log = LogFile(path)
    read_all(log)
    assert log.line_count == total
    assert log.size == path.stat().st_size
    for number in (0, 1, 123_456, total - 1):
        assert log.line(number) == (line % number)[:-1]
    held = sum(len(data) + ends.itemsize * len(ends) for data, ends in log._blocks.values())
    assert held < 16 * BLOCK
    assert len(log._starts) == log.size // BLOCK + 1
    log.close()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(["ab", "AB", "a", "b", " ", "\n", "\x1b[31m", "\r\n", "xyz" * 50]), max_size=60),
    st.integers(min_value=4, max_value=400),
)
def test_a_search_finds_what_is_seen(parts: list[str], limit: int) -> None:
    data = "".join(parts).encode() + b"\n"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log"
        path.write_bytes(data)
        log = LogFile(path)
        read_all(log)
        search = LogSearch(log, "ab")
        longest = max(len(line) for line in data.split(b"\n")) + 1
        while search.advance(max(limit, longest)):
            pass
        seen = [line.replace(b"\x1b[31m", b"").replace(b"\r", b"").lower() for line in naive(data)]
        assert list(search.lines) == [n for n, line in enumerate(seen) if b"ab" in line]
        assert search.count == sum(line.count(b"ab") for line in seen)
        log.close()


def test_a_search_goes_on_with_what_is_appended(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"needle\nhay\nnee")
    log = LogFile(path)
    read_all(log)
    search = LogSearch(log, "Needle")
    while search.advance():
        pass
    assert list(search.lines) == [0]
    with path.open("ab") as file:
        file.write(b"dle\n")
    read_all(log)
    while search.advance():
        pass
    assert list(search.lines) == [0, 2]
    assert search.after(0) == 2
    assert search.after(2) == 0
    assert search.before(2) == 0
    assert search.before(0) == 2
    log.close()


def test_a_search_gets_through_a_line_without_an_end(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x" * 5000 + b"needle\nneedle\n")
    log = LogFile(path)
    read_all(log)
    search = LogSearch(log, "needle")
    while search.advance(1000):
        pass
    assert list(search.lines) == [0, 1]
    log.close()
