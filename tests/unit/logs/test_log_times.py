from __future__ import annotations

from pathlib import Path

import pytest

from app.engine.console_watch import ConsoleWatch
from app.logs import merged as merged_module
from app.logs.log_file import LogFile
from app.logs.match import Pattern
from app.logs.matches import Matches
from app.logs.merged import MergedLog
from app.logs.times import LIMIT, WIDTH, Times, TimesReader, TimesWriter, beside, load
from registry.model import Test


def opened(path: Path, clock: float = 0.0) -> LogFile:
    log = LogFile(path, clock=lambda: clock)
    while log.poll().more:
        pass
    return log


def whole(log: MergedLog) -> list[tuple[str, str]]:
    while log.poll().more:
        pass
    return [(log.tags[log.tag_of(n) or 0], log.line(n).decode()) for n in range(log.line_count)]


def test_a_line_has_the_time_at_which_it_was_complete(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    path.write_bytes(b"one\ntwo\nthree\nfo")
    writer = TimesWriter(path, 1000.0)
    writer.note(6, 1, 1001.5)
    writer.note(16, 3, 1003.0)
    writer.note(16, 3, 1009.0)
    log = opened(path)
    assert [log.time_of(n) for n in range(4)] == [1.5, 3.0, 3.0, 3.0]
    with path.open("ab") as file:
        file.write(b"ur")
    log.poll()
    assert log.time_of(3) is None
    assert beside(path).stat().st_mode & 0o777 == 0o600
    log.close()


def test_times_are_bounded(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    writer = TimesWriter(path, 0.0)
    for n in range(1, LIMIT + 100):
        writer.note(n, n, float(n))
    assert beside(path).stat().st_size < LIMIT * WIDTH
    times = load(beside(path))
    assert times.moments[0] == 0
    assert times.lines[-1] == LIMIT + 99
    assert list(times.moments) == sorted(times.moments)


def test_a_torn_or_missing_file_of_times_costs_the_times_alone(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    TimesWriter(path, 5.0).note(4, 1, 6.0)
    with beside(path).open("ab") as file:
        file.write(b"torn")
    assert list(load(beside(path))) == [(0, 5_000_000), (1, 6_000_000)]
    assert len(load(tmp_path / "none")) == 0
    reader = TimesReader(tmp_path / "none.log")
    reader.poll()
    assert reader.start is None


def test_a_clock_that_is_set_back_does_not_disorder_lines() -> None:
    times = Times()
    times.note(0, 0, 100)
    times.note(10, 1, 50)
    assert times.of_line(0) == 100


async def test_the_console_watch_writes_the_times(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    path.write_bytes(b"booting\nready\n")
    watch = ConsoleWatch(path, Test(key="g:t", name="t", group="g", file=tmp_path / "t.toml", steps=()))
    await watch.catch_up()
    with path.open("ab") as file:
        file.write(b"more\n")
    await watch.finish()
    times = load(beside(path))
    assert list(times.lines) == [0, 2, 3]
    assert list(times.offsets) == [0, 14, 19]


def test_lines_of_several_logs_come_in_the_order_of_their_times(tmp_path: Path) -> None:
    a, b = tmp_path / "a.log", tmp_path / "b.log"
    a.write_bytes(b"a1\na2\na3\n")
    b.write_bytes(b"b1\nb2\n")
    first, second = TimesWriter(a, 100.0), TimesWriter(b, 101.0)
    first.note(3, 1, 102.0)
    second.note(3, 1, 103.0)
    first.note(9, 3, 104.0)
    second.note(6, 2, 105.0)
    log = MergedLog([("a", opened(a)), ("b", opened(b))])
    assert [line for _tag, line in whole(log)] == ["a1", "b1", "a2", "a3", "b2"]
    assert [log.time_of(n) for n in range(5)] == [2.0, 3.0, 4.0, 4.0, 5.0]
    with b.open("ab") as file:
        file.write(b"b3\nunfinis")
    assert whole(log)[-1] == ("b", "b3")
    with a.open("ab") as file:
        file.write(b"a4\n")
    with b.open("ab") as file:
        file.write(b"hed\n")
    assert [line for _tag, line in whole(log)][-2:] == ["a4", "unfinished"]
    found = Matches(log, Pattern("[23]", regex=True), 0)
    while found.advance():
        pass
    assert [log.line(found.match(n)) for n in range(found.count)] == [b"a2", b"a3", b"b2", b"b3"]
    log.close()


def test_one_log_that_is_cut_begins_the_whole_anew_unless_it_is_held(tmp_path: Path) -> None:
    a, b = tmp_path / "a.log", tmp_path / "b.log"
    a.write_bytes(b"a1\na2\n")
    b.write_bytes(b"b1\n")
    log = MergedLog([("a", LogFile(a)), ("b", LogFile(b))])
    assert len(whole(log)) == 3
    log.held = True
    a.write_bytes(b"x\n")
    assert not log.poll().reset
    assert log.stale
    assert len(whole(log)) == 3
    log.held = False
    while (change := log.poll()).more or change.reset:
        pass
    assert sorted(whole(log)) == [("a", "x"), ("b", "b1")]
    log.close()


def test_more_changes_than_are_held_make_times_coarser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merged_module, "MOST_RUNS", 20)
    a, b = tmp_path / "a.log", tmp_path / "b.log"
    for path in (a, b):
        path.touch()
    log = MergedLog([("a", LogFile(a)), ("b", LogFile(b))])
    whole(log)
    for n in range(30):
        for path in (a, b):
            with path.open("ab") as file:
                file.write(b"%d\n" % n)
            log.poll()
    assert len(whole(log)) == 60
    assert len(log._first) <= 21
    for name in "ab":
        assert [line for tag, line in whole(log) if tag == name] == [str(n) for n in range(30)]
    log.close()
