"""``vmbench play`` in a terminal."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.tui.pty_terminal import Terminal

VMBENCH = [sys.executable, "-m", "app.cli.main"]
REPO = Path(__file__).resolve().parents[2]


def cast(path: Path, *events: list[object]) -> Path:
    head = {"version": 3, "term": {"cols": 40, "rows": 8}, "title": "t"}
    path.write_text("\n".join(json.dumps(line) for line in [head, *events]) + "\n")
    return path


def test_keys_lead_through_a_recording_and_nothing_of_it_reaches_the_terminal(tmp_path: Path) -> None:
    path = cast(
        tmp_path / "a.cast",
        [0.0, "o", "first \x1b]52;c;aGVsbG8=\x07\x1b[c\x1b]2;evil\x07screen\r\n"],
        [100.0, "m", "the middle"],
        [0.0, "o", "second screen\r\n"],
        [100.0, "o", "\x1b[2J\x1b[Hthird"],
        [100.0, "o", " and last"],
    )
    with Terminal([*VMBENCH, "play", str(path)], cwd=REPO, size=(80, 12)) as terminal:
        screen = terminal.wait("/ 5:00")
        assert "first screen" in screen and "second" not in screen
        terminal.type(" ]")
        screen = terminal.wait("second screen")
        assert "1:40 / 5:00" in screen and "⏸" in screen
        terminal.type("\x1b[C")
        terminal.wait("1:45 / 5:00")
        terminal.type(".")
        screen = terminal.wait("third")
        assert "second" not in screen and "3:20" in screen
        terminal.type("\x1b[1~")
        terminal.wait("first screen")
        terminal.type("\x1b[4~")
        terminal.wait("third and last")
        terminal.type("q")
        assert terminal.exit_code() == 0
        # What was shown last stays, as after any program.
        assert "third and last" in terminal.text()


def test_a_recording_ends_by_itself_and_is_text_in_a_pipe(tmp_path: Path) -> None:
    path = cast(tmp_path / "a.cast", [0.1, "o", "\x1b[31mred\x1b[0m\r\n"], [50.0, "o", "over"])
    with Terminal([*VMBENCH, "play", str(path), "--idle-limit", "0.2"], cwd=REPO, size=(80, 12)) as terminal:
        assert terminal.exit_code() == 0
        assert "over" in terminal.text()
    with path.open("a") as file:
        file.write("broken\n")
    done = subprocess.run([*VMBENCH, "play", str(path)], cwd=REPO, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "red\nover\n")
    assert "line 4: it is no JSON" in done.stderr
    done = subprocess.run(
        [*VMBENCH, "play", str(REPO / "README.md")], cwd=REPO, capture_output=True, text=True
    )
    assert done.returncode != 0 and "no asciicast header" in done.stderr and "Traceback" not in done.stderr
