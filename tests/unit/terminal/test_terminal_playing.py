"""Recordings are read, broken ones too, and shown at any moment."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.tui.terminal import playing
from app.tui.terminal.cast_file import CastError, read_cast
from app.tui.terminal.playing import Player
from tests.unit.terminal import terminal_streams as streams


def cast_of(path: Path, name: str, *, seed: int = 0, chunk: int = 300):
    """Write a recorded stream as a recording, cut at random, with a resize in its middle."""
    stream, rng = streams.load(name), random.Random(seed)
    lines = [{"version": 3, "term": {"cols": stream.columns, "rows": stream.rows}}]
    text, at = stream.data.decode("utf-8", "replace"), 0
    resize = len(text) // 2
    while at < len(text):
        size = rng.randint(1, chunk)
        lines.append([0.1, "o", text[at : at + size]])
        if at <= resize < at + size:
            lines += [[0.0, "m", "half"], [0.0, "r", f"{stream.columns + 7}x{max(stream.rows - 3, 2)}"]]
        at += size
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return read_cast(path)


def shown(player: Player):
    model = player.model
    rows = [list(model.line(model.top + y)) for y in range(model.lines)]
    return rows, model.cursor, model.modes, model.title, model.columns


@pytest.mark.parametrize("name", streams.NAMES)
def test_a_moment_looks_the_same_however_it_is_reached(tmp_path, monkeypatch, name) -> None:
    monkeypatch.setattr(playing, "KEYFRAME", 700)
    monkeypatch.setattr(playing, "MOST_KEYFRAMES", 8)
    cast = cast_of(tmp_path / "a.cast", name)
    jumping, rng = Player(cast), random.Random(1)
    jumping.seek(cast.duration)
    for _ in range(8):
        time = rng.uniform(-1, cast.duration + 1)
        jumping.seek(time)
        straight = Player(cast)
        straight.advance(time)
        assert shown(jumping) == shown(straight), time
        assert jumping.at == straight.at


def test_steps_markers_and_budgets(tmp_path) -> None:
    path = tmp_path / "a.cast"
    events = [[1, "o", "one"], [1, "m", "first"], [1, "o", " two"], [10, "o", " three"], [0, "x", "3"]]
    path.write_text("\n".join(json.dumps(x) for x in [{"version": 3, "term": {}}, *events]))
    cast = read_cast(path)
    assert (cast.columns, cast.rows, cast.duration, cast.exit_code) == (80, 24, 13.0, 3)
    assert [(m.time, m.label) for m in cast.markers] == [(2.0, "first")]
    assert cast.faster(0.5).duration == 2.0
    player = Player(cast)
    player.step()
    assert (player.time, player.model.line(0).text()) == (1.0, "one")
    player.step()
    assert player.model.line(0).text() == "one two"
    assert player.marker(-1) == 2.0 and player.marker(1) is None
    player.seek(0.0)
    assert player.model.line(0).text() == "" and player.marker(1) == 2.0
    assert player.advance(13.0, budget=1) is False
    assert player.advance(13.0) is True and player.over


def test_version_2_has_times_since_the_beginning(tmp_path) -> None:
    path = tmp_path / "a.cast"
    path.write_text(
        '{"version": 2, "width": 20, "height": 5}\n[1.5, "o", "a"]\n[1.0, "o", "b"]\n[4, "o", "c"]\n'
    )
    assert [event.time for event in read_cast(path).events] == [1.5, 1.5, 4.0]


def test_what_is_broken_is_told_with_its_line_and_the_rest_plays(tmp_path) -> None:
    path = tmp_path / "a.cast"
    head = b'{"version": 3, "term": {"cols": 100000000, "rows": -3}, "title": "a\\u001b]2;x\\u0007b"}\n'
    bad = [
        b"nonsense",
        b"[1]",
        b'["x", "o", "a"]',
        b'[NaN, "o", "a"]',
        b'[-1, "o", "a"]',
        b'[1, "o", 3]',
        b"{}",
    ]
    path.write_bytes(
        head
        + b"\n".join(bad)
        + b'\n# a comment\n[1, "z", "?"]\n[1, "r", "0x9"]\n[1, "o", "fine"]\n[1, "o", "to'
    )
    cast = read_cast(path)
    assert [event.data for event in cast.events] == ["fine"]
    assert (cast.columns, cast.rows) == (1000, 24)
    assert "\x1b" not in cast.title
    assert [int(problem.split(":")[0].removeprefix("line ")) for problem in cast.problems] == [
        *range(2, 9),
        11,
        13,
    ]
    assert "cut off" in cast.problems[-1]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "line 1 is no asciicast header"),
        (b"hello\n", "line 1 is no asciicast header"),
        (b"[1,2]\n", "line 1 is no asciicast header"),
        (b'{"version": 1}\n', "version 1 is not known"),
        (b"[" * 100_000, "line 1 is no asciicast header"),
    ],
)
def test_what_is_no_recording_is_refused(tmp_path, content, said) -> None:
    path = tmp_path / "a.cast"
    path.write_bytes(content)
    with pytest.raises(CastError, match=said) as caught:
        read_cast(path)
    assert caught.value.remedy
    with pytest.raises(CastError, match="cannot be read"):
        read_cast(tmp_path / "none.cast")


@settings(max_examples=60)
@given(lines=st.lists(st.one_of(st.binary(max_size=30), st.builds(lambda v: json.dumps(v).encode(), st.tuples(
    st.one_of(st.floats(), st.integers()), st.sampled_from("oirmxz"), st.text(max_size=20)
)))))  # fmt: skip
def test_hostile_recordings_never_raise(tmp_path_factory, lines) -> None:
    path = tmp_path_factory.mktemp("cast") / "a.cast"
    path.write_bytes(b'{"version": 3}\n' + b"\n".join(lines))
    player = Player(read_cast(path))
    player.seek(player.cast.duration)
    player.seek(0)
