"""Recorded and hostile streams: never an error, and no difference wherever they are cut."""

from __future__ import annotations

import random

import pytest
import terminal_streams as streams
from hypothesis import example, given, settings
from hypothesis import strategies as st
from terminal_emulators import emulator  # noqa: F401 -- fixtures of every test here

from app.tui.terminal.cells import Row
from app.tui.terminal.model import TerminalModel


def everything(model: TerminalModel) -> list[Row]:
    return [model.line(number) for number in range(model.first, model.end)]


def check_shape(model: TerminalModel) -> None:
    screen = [model.line(number) for number in range(model.top, model.end)]
    assert len(screen) == model.lines
    assert {len(row) for row in screen} == {model.columns}
    assert 0 <= model.cursor.x < model.columns
    assert 0 <= model.cursor.y < model.lines
    for row in screen:
        assert row[0].data != ""
        assert row.wide or all(cell.data for cell in row)


@pytest.mark.parametrize("name", streams.NAMES)
def test_cut_at_every_byte(name) -> None:
    stream = streams.load(name)
    data = stream.data[:60_000]
    whole = TerminalModel(stream.columns, stream.rows)
    whole.feed(data)
    bytewise = TerminalModel(stream.columns, stream.rows)
    for position in range(len(data)):
        bytewise.feed(data[position : position + 1])
    assert everything(bytewise) == everything(whole)
    assert (bytewise.cursor, bytewise.modes, bytewise.title) == (whole.cursor, whole.modes, whole.title)


@pytest.mark.parametrize("name", streams.NAMES)
def test_cut_at_random_while_resized(name) -> None:
    stream = streams.load(name)
    chance = random.Random(name)
    model = TerminalModel(stream.columns, stream.rows, history=100)
    position = 0
    while position < len(stream.data):
        size = chance.randrange(1, 3000)
        model.feed(stream.data[position : position + size])
        position += size
        model.resize(chance.randrange(1, 150), chance.randrange(1, 60))
        check_shape(model)


@pytest.mark.parametrize("name", streams.NAMES)
def test_every_painted_row_was_told(name) -> None:
    """A display that paints only dirty rows shows what the screen holds."""
    stream = streams.load(name)
    model = TerminalModel(stream.columns, stream.rows)
    shown: dict[int, Row] = {}
    for position in range(0, len(stream.data), 97):
        model.feed(stream.data[position : position + 97])
        update = model.take()
        for y in update.rows:
            shown[y] = Row(model.line(model.top + y))
        assert [shown[y] for y in range(model.lines)] == [model.line(n) for n in range(model.top, model.end)]


numbers = st.integers(0, 70000).map(str) | st.sampled_from(["", "0", "1", "2", "3", "5", "99999999999"])
csi = st.builds(
    lambda prefix, parameters, between, final: f"\x1b[{prefix}{parameters}{between}{final}".encode(),
    st.sampled_from(["", "", "", "?", ">", "<", "="]),
    st.lists(numbers, max_size=6).map(";".join) | st.text("0123456789;:?", max_size=12),
    st.sampled_from(["", "", "", " ", "!", "$", "'", "\r", "\x18"]),
    st.sampled_from([chr(n) for n in range(0x40, 0x7F)]),
)
strings = st.builds(
    lambda kind, body, end: f"\x1b{kind}{body}{end}".encode(),
    st.sampled_from("]P_^Xk"),
    st.text(max_size=30)
    | st.sampled_from(["0;t", "8;;http://x", "52;c;eA==", "P1aabbcc", "R", "$qm", "+q54"]),
    st.sampled_from(["\x07", "\x1b\\", "\x9c", "", "\x1b[m", "\x18"]),
)
escapes = st.builds(lambda text: b"\x1b" + text.encode(), st.text(min_size=1, max_size=3))
texts = st.text(max_size=30).map(str.encode) | st.text("漢e\u0301\u200d👩💻🏽\ufe0f ab", max_size=20).map(
    str.encode
)
controls = st.binary(max_size=20) | st.sampled_from([b"\r\n", b"\t", b"\x08", b"\x0e", b"\x9b1m", b"\n" * 9])
modes = st.sampled_from(
    [b"\x1b[?1049h", b"\x1b[?1049l", b"\x1b[?6h", b"\x1b[4h", b"\x1b[?7l", b"\x1b[2;3r", b"\x1b(0"]
)
hostile = st.lists(csi | strings | escapes | texts | controls | modes, max_size=25)


@settings(max_examples=400, deadline=None)
@given(hostile, st.integers(1, 24), st.integers(1, 8), st.lists(st.integers(0, 400), max_size=8))
@example([b"\xf0\x9f\x91", b"\x1b[", b"\xa9"], 1, 1, [1, 2])
@example([b"\xe6\xbc\xa2"], 1, 1, [])
def test_hostile_streams(parts, columns, lines, cuts) -> None:
    data = b"".join(parts)
    whole = TerminalModel(columns, lines, history=50)
    whole.on_reply = lambda reply: None
    whole.feed(data)
    check_shape(whole)
    cut = TerminalModel(columns, lines, history=50)
    begin = 0
    for end in [*sorted(cuts), len(data)]:
        cut.feed(data[begin:end])
        begin = max(begin, end)
    assert everything(cut) == everything(whole)
    assert cut.cursor == whole.cursor
    cut.resize(lines, columns)
    check_shape(cut)
    cut.feed(data)
    check_shape(cut)


@settings(max_examples=200, deadline=None)
@given(hostile)
def test_bytewise_is_the_same(parts) -> None:
    data = b"".join(parts)
    whole, bytewise = TerminalModel(12, 5), TerminalModel(12, 5)
    whole.feed(data)
    for position in range(len(data)):
        bytewise.feed(data[position : position + 1])
    assert everything(bytewise) == everything(whole)
    assert (bytewise.cursor, bytewise.modes) == (whole.cursor, whole.modes)


@settings(max_examples=100, deadline=None)
@given(hostile)
def test_what_comes_after_a_reset_is_not_lost(parts) -> None:
    model = TerminalModel(20, 4)
    model.feed(b"".join(parts))
    model.feed(b"\x18\x1b\\\x1bcalive")
    assert model.line(model.top).text() == "alive"
