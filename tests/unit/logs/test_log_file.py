from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.logs.log_file import BLOCK, MAX_LINE, LogFile
from app.logs.source import SLICE, LineGone


def read_all(log: LogFile, limit: int = SLICE) -> None:
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


def test_a_file_cut_while_it_is_held_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "log"
    lines = [b"line %06d of the log that is held" % n for n in range(60_000)]
    path.write_bytes(b"\n".join(lines) + b"\n")
    log = LogFile(path)
    read_all(log)
    assert log.line(59_000) == lines[59_000]
    log.held = True
    path.write_bytes(b"new\n")
    change = log.poll()
    assert not change.reset
    assert log.stale
    assert log.line_count == len(lines)
    assert log.line(59_000) == lines[59_000]  # among the blocks that were read last
    with pytest.raises(LineGone):
        log.line(10)
    assert log.read(0, 10) == b""
    log.held = False
    assert log.poll().reset
    read_all(log)
    assert not log.stale
    assert [log.line(n) for n in range(log.line_count)] == [b"new"]
    log.close()


def test_a_file_replaced_while_it_is_held_stays_readable_whole(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\ntwo\n")
    log = LogFile(path)
    read_all(log)
    log.held = True
    path.rename(tmp_path / "log.1")
    path.write_bytes(b"fresh\n")
    assert not log.poll().reset
    assert log.stale
    assert [log.line(n) for n in range(log.line_count)] == [b"one", b"two"]
    log.held = False
    assert log.poll().reset
    read_all(log)
    assert log.line(0) == b"fresh"
    log.close()


def test_a_file_that_was_cut_and_grew_beyond_what_it_was_is_another_one(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\ntwo\n")
    log = LogFile(path)
    read_all(log)
    path.write_bytes(b"a different and longer beginning\n")
    assert log.poll().reset
    read_all(log)
    assert log.line(0) == b"a different and longer beginning"
    log.close()


def test_a_place_leads_to_its_line_and_back(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"".join(b"%d\n" % n for n in range(50_000)))
    log = LogFile(path)
    read_all(log)
    for number in (0, 1, 9_999, 31_234, 49_999):
        assert log.line_at(log.place_of(number)) == number
    assert log.place_of(50_000) == log.size
    assert log.line_at(log.size + 10) == 50_000
    log.close()


def test_a_line_of_ten_megabytes_is_shown_by_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"before\n" + b"x" * 10_000_000)
    log = LogFile(path)
    read_all(log)
    assert log.line_count == 2
    assert log.line(1) == b"x" * MAX_LINE
    with path.open("ab") as file:
        file.write(b"\nafter \xff\x00\n")
    read_all(log)
    assert log.line(2) == b"after \xff\x00"
    log.close()
