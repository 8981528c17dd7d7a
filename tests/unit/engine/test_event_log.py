from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import signal
import subprocess
import sys
import typing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.engine.codec import EVENT_TYPES, NotAnEvent, decode, encode
from app.engine.events import Event, Notice, Outcome, RunFinished, Stamped, StepOutput, TestFinished
from app.engine.log import EventLog, follow_file, log_is_live, replay
from app.engine.offload import Writer

FINISHED = RunFinished(run="r", passed=0, failed=0, errors=0, skipped=0, duration=0.0)

# Integers and floats as JSON has them; text as any guest may print it, lone surrogates included.
st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))
st.register_type_strategy(str, st.text(st.characters(codec=None)))
EVENTS = st.one_of([st.builds(kind) for kind in typing.get_args(Event)])


@given(EVENTS, st.integers(1), st.floats(0, 1e10), st.floats(0, 1e10))
def test_an_event_comes_back_as_it_was(event, seq, time, mono):
    stamped = Stamped(seq=seq, time=time, mono=mono, event=event)
    line = encode(stamped)
    assert "\n" not in line
    assert decode(line) == stamped


def test_a_line_begins_with_the_stamp_and_goes_on_with_the_facts_own_fields():
    event = TestFinished(test="t", outcome=Outcome.PASSED, duration=1.5)
    data = json.loads(encode(Stamped(seq=3, time=10.0, mono=1.0, event=event)))
    assert list(data)[:6] == ["seq", "time", "mono", "type", "test", "outcome"]
    assert (data["type"], data["outcome"], data["step"]) == ("TestFinished", "passed", None)


def test_no_event_has_a_field_that_the_stamp_has():
    for kind in EVENT_TYPES.values():
        assert not {f.name for f in dataclasses.fields(kind)} & {"seq", "time", "mono", "type"}


def test_a_newer_log_is_read_as_far_as_it_is_understood():
    head = {"seq": 7, "time": 1.0, "mono": 0.5}
    unknown = decode(json.dumps(head | {"type": "MachineForked", "machine": "m"}))
    assert isinstance(unknown.event, Notice) and "MachineForked" in unknown.event.message
    assert unknown.seq == 7
    more = decode(json.dumps(head | {"type": "Notice", "level": "info", "message": "m", "colour": "red"}))
    assert more.event == Notice(level="info", message="m")
    less = decode(json.dumps(head | {"type": "TestFinished", "test": "t"}))
    assert isinstance(less.event, Notice) and "TestFinished" in less.event.message
    other = decode(json.dumps(head | {"type": "TestFinished", "test": "t", "outcome": "odd", "duration": 1}))
    assert isinstance(other.event, Notice)


@given(
    st.text() | st.binary() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps)
)
def test_a_line_that_is_no_event_says_so(line):
    with pytest.raises(NotAnEvent):
        decode(line)


async def test_everything_appended_is_in_the_file_after_closing(tmp_path):
    log = await opened(tmp_path)
    stamped = [log.append(Notice(level="info", message=f"n{n}")) for n in range(1000)]
    await log.close()
    assert list(replay(log.path)) == stamped
    assert [s.seq for s in stamped] == list(range(1, 1001))
    assert log.path.stat().st_mode & 0o777 == 0o600


async def test_events_are_written_as_they_happen(tmp_path):
    log = await opened(tmp_path)
    log.append(Notice(level="info", message="one"))
    reader = follow_file(log.path, poll=0.001)
    assert (await anext(reader)).event == Notice(level="info", message="one")
    log.append(Notice(level="info", message="two"))
    assert (await anext(reader)).event == Notice(level="info", message="two")
    await reader.aclose()
    await log.close()


async def test_a_follower_gets_the_past_then_the_present(tmp_path):
    log = await opened(tmp_path)
    log.append(Notice(level="info", message="old"))
    reader = log.follow()
    assert (await anext(reader)).seq == 1
    waiting = asyncio.ensure_future(anext(reader))
    await asyncio.sleep(0)
    assert not waiting.done()
    log.append(Notice(level="info", message="new"))
    assert (await waiting).seq == 2
    await log.close()
    with pytest.raises(StopAsyncIteration):
        await anext(reader)


async def test_a_torn_last_line_is_left_out(tmp_path):
    log = await opened(tmp_path)
    kept = log.append(Notice(level="info", message="whole"))
    log.append(Notice(level="info", message="torn"))
    await log.close()
    log.path.write_bytes(log.path.read_bytes()[:-10])
    assert list(replay(log.path)) == [kept]


async def test_a_broken_line_inside_is_noted(tmp_path):
    log = await opened(tmp_path)
    for message in ("a", "b", "c"):
        log.append(Notice(level="info", message=message))
    await log.close()
    lines = log.path.read_bytes().splitlines(keepends=True)
    log.path.write_bytes(lines[0] + b"\0\0\0\n" + lines[2])
    read = list(replay(log.path))
    assert [s.seq for s in read] == [1, 2, 3]
    assert "line 2" in read[1].event.message


async def test_following_a_file_ends_with_the_run(tmp_path):
    log = await opened(tmp_path)
    log.append(StepOutput(test="t", index=0, stream="stdout", text="x"))
    log.append(FINISHED)
    seen = [s.seq async for s in follow_file(log.path, after=1, poll=0.001)]
    assert seen == [2]
    await log.close()


async def test_following_a_file_ends_when_its_writer_was_killed(tmp_path):
    path = tmp_path / "events.jsonl"
    code = f"""
import asyncio, sys
from pathlib import Path
from app.engine.events import Notice
from app.engine.log import EventLog
from app.engine.offload import Writer

async def main():
    log = EventLog(Path({str(path)!r}), Writer())
    await log.open()
    log.append(Notice(level="info", message="before"))
    print("open", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)  # noqa: ASYNC220
    try:
        assert process.stdout is not None and process.stdout.readline() == b"open\n"
        reader = follow_file(path, poll=0.001)
        assert (await anext(reader)).seq == 1
        assert log_is_live(path)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert [s async for s in reader] == []
        assert not log_is_live(path)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


class Tight:
    """A file on a disk with little room."""

    def __init__(self, file, room: int) -> None:
        self._file, self.room = file, room

    def write(self, data) -> int:
        if not self.room:
            raise OSError(28, "No space left on device")
        written = self._file.write(data[: self.room])
        self.room -= written
        return written

    def __getattr__(self, name: str):
        return getattr(self._file, name)


async def test_a_full_disk_costs_nothing_once_there_is_room_again(tmp_path):
    log = await opened(tmp_path)
    log._file = tight = Tight(log._file, 150)  # type: ignore[assignment]
    log.append(Notice(level="info", message="fits"))
    log.append(Notice(level="info", message="is cut in the middle of its line"))
    await log._writer.run(lambda: None)
    assert "No space left" in str(log.failure)
    assert [s.event.message for s in replay(log.path)] == ["fits"] and log.path.read_bytes().endswith(b"}\n")
    log.append(Notice(level="info", message="waits"))
    log.append(Notice(level="info", message="waits too"))
    told = "the event log could not be written: No space left on device; free some disk space"
    assert [e.event.message for e in log.events].count(told) == 1
    tight.room = 1 << 20
    log.append(Notice(level="info", message="the last"))
    await log.close()
    assert log.failure is None and tuple(replay(log.path)) == log.events


async def test_a_disk_that_stays_full_ends_the_writing_and_not_the_run(tmp_path):
    log = await opened(tmp_path)
    log._file = Tight(log._file, 0)  # type: ignore[assignment]
    log.append(Notice(level="info", message="lost on disk"))
    await log.close()
    assert "No space left" in str(log.failure)
    assert len(log.events) == 1 and list(replay(log.path)) == []


async def opened(folder: Path) -> EventLog:
    log = EventLog(folder / "run" / "events.jsonl", Writer())
    await log.open()
    return log
