"""What a terminal screen can show, its prefix key, and its recordings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.engine.events import Outcome
from app.engine.masking import MASK, Masker
from app.engine.state import StepState
from app.tui import theme
from app.tui.screens.choices import Ask, Choose
from app.tui.screens.dialogs import Help
from app.tui.screens.terminal import TerminalScreen
from app.tui.terminal.line_writer import LineWriter
from app.tui.terminal.local_pty import LocalPty
from app.tui.terminal.machine_source import MachineTerminals
from app.tui.terminal.recording import Recording
from backends.base import WrongState
from tests.tui.test_terminal_pane import ENV, Host, seen, until


class Machine:
    """A machine whose terminals are shells of this host, and whose console echoes."""

    def __init__(self) -> None:
        self.typing = False
        self.released = False

    async def terminal(self, command=None, *, columns=80, rows=24, term="xterm-256color") -> LocalPty:
        words = ["sh", "-c", command] if command else ["sh"]
        return await LocalPty.open(words, columns=columns, rows=rows, term=term, env=ENV)

    async def console(self) -> LocalPty:
        if self.typing:
            raise WrongState("somebody types into the console already", remedy="vmbench console -f it")
        return await LocalPty.open(["sh", "-c", "echo serial line; exec cat"], env=ENV)

    async def release(self) -> None:
        self.released = True


class Bench(Host):
    """Terminals in that machine."""

    def __init__(self, **options) -> None:
        self.machine = Machine()
        terminals = MachineTerminals(self.adopt, "otter")
        super().__init__(terminals.open, machine=terminals, release=terminals.release, **options)

    async def adopt(self, name: str) -> Machine:
        return self.machine

    CSS_PATH = Path(theme.__file__).with_name("workbench.tcss")


async def test_shells_commands_console_and_host_side_by_side() -> None:
    app = Bench(prefix="ctrl+a")
    async with app.run_test(size=(160, 45)) as pilot:
        await until(lambda: isinstance(app.screen, TerminalScreen) and app.screen.panes[0].source, "a shell")
        screen = app.screen
        assert isinstance(screen, TerminalScreen)
        assert "^a then" in str(screen.query_one("#keys").render())

        await pilot.press("ctrl+a", "c")
        await until(lambda: isinstance(app.screen, Choose), "a choice")
        await pilot.press("s")
        await until(lambda: len(screen.panes) == 2 and "serial line" in seen(screen.panes[1]), "the console")
        await pilot.press(*"root", "enter")
        await until(lambda: "\nroot" in seen(screen.panes[1]), "an echo of the console")
        assert screen.panes[1].label.endswith("console")
        # Asked for again, it is the one that is there.
        await pilot.press("ctrl+a", "o", "ctrl+a", "s")
        await until(lambda: screen.current is screen.panes[1], "the console's pane")
        assert len(screen.panes) == 2

        await pilot.press("ctrl+a", "colon")
        await until(lambda: isinstance(app.screen, Ask), "a question")
        await pilot.press(*"echo ran; exit 4", "enter")
        await until(lambda: len(screen.panes) == 3 and "exit code 4" in screen.panes[2].told, "its end")
        command = screen.panes[2]
        assert "ran" in seen(command)
        await pilot.press("enter")
        await until(lambda: seen(command).count("ran") == 2, "its second time")

        await pilot.press("ctrl+a", "h")
        await until(lambda: len(screen.panes) == 4 and screen.panes[3].source is not None, "a shell here")
        await pilot.press("ctrl+a", "question_mark")
        await until(lambda: isinstance(app.screen, Help), "the keys")
        await pilot.press("escape")
        await until(lambda: app.screen is screen, "the terminals")

        app.machine.typing = True
        screen.panes[1].source.write(b"\x04")
        await until(lambda: bool(screen.panes[1].ended), "the line's end")
        screen.set_focus(screen.panes[1])
        await pilot.press("enter")
        await until(lambda: "vmbench console -f" in seen(screen.panes[1]), "the refusal")


def told(app: Bench, words: str) -> bool:
    return any(words in notification.message for notification in app._notifications)


async def test_a_full_disk_ends_a_recording_and_not_its_terminal(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("app.tui.terminal.cast.LineWriter", lambda path: LineWriter(Path("/dev/full")))
    app = Bench(recording=Recording(folder=tmp_path / "casts"))
    async with app.run_test(size=(100, 30)) as pilot:
        await until(lambda: isinstance(app.screen, TerminalScreen) and app.screen.panes[0].source, "a shell")
        pane = app.screen.panes[0]
        await pilot.press("ctrl+g", "R")
        await until(lambda: told(app, "No space left on device"), "a notice")
        assert told(app, "Free some disk space")
        await until(lambda: pane.recorder is None and "REC" not in str(pane.border_title), "the sign's end")
        await pilot.press(*"echo go''es on", "enter")
        await until(lambda: "\ngoes on" in seen(pane), "the echo")


@pytest.mark.parametrize("version", [2, 3])
async def test_a_recording_begins_with_the_screen_and_holds_markers_but_no_secrets(tmp_path, version) -> None:
    recording = Recording(folder=tmp_path / "casts", version=version, masker=Masker(["s3cret"]))
    app = Bench(recording=recording)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(lambda: isinstance(app.screen, TerminalScreen) and app.screen.panes[0].source, "a shell")
        screen = app.screen
        assert isinstance(screen, TerminalScreen)
        pane = screen.panes[0]
        await pilot.press(*"echo be''fore", "enter")
        await until(lambda: "\nbefore" in seen(pane), "the first echo")
        steps = [StepState("shell", "one", started=1.0), StepState("shell", "two")]
        screen.steps_changed(steps)
        await pilot.press("ctrl+g", "R")
        await until(lambda: "● REC" in str(pane.border_title), "the sign")
        await pilot.press(*"echo s3''cret af''ter", "enter")
        await until(lambda: "after" in seen(pane), "the second echo")
        steps[0].outcome, steps[1].started = Outcome.PASSED, 2.0
        screen.steps_changed(steps)
        await pilot.press("ctrl+g", "m")
        await until(lambda: isinstance(app.screen, Ask), "a question")
        await pilot.press(*"here", "enter")
        await until(lambda: app.screen is screen, "the terminals")
        await pilot.press("ctrl+g", "R")
        await until(lambda: "REC" not in str(pane.border_title), "the sign's end")
        await until(lambda: told(app, "vmbench play"), "where it is")
    (path,) = (tmp_path / "casts").iterdir()
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    header, *events = [json.loads(line) for line in path.read_text().splitlines()]
    assert header["version"] == version
    said = "".join(data for _, code, data in events if code == "o")
    assert "before" in said and f"{MASK} after" in said and "s3cret" not in said
    assert [d for _, code, d in events if code == "m"] == [
        "step 1 shell one: passed",
        "step 2 shell two",
        "here",
    ]
    assert not [event for event in events if event[1] == "i"]
