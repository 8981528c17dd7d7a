"""From what is typed in a terminal to a test of the registry."""

from __future__ import annotations

from pathlib import Path

from app.engine.recorded import SCRIPT
from app.tui.attached import Attached
from app.tui.screens.new_test import NewTestScreen
from app.tui.screens.terminal import TerminalScreen
from app.tui.terminal.local_pty import LocalPty
from app.tui.terminals import TerminalOptions
from registry.discovery import load_location
from registry.location import Kind, Location
from tests.tui.test_terminal_pane import ENV, seen, until
from tests.tui.test_terminal_sources import Machine


class Otter(Machine):
    """A machine whose recording shell keeps its script in a folder of the test's."""

    id = "otter"

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    async def terminal(self, command=None, *, columns=80, rows=24, term="xterm-256color") -> LocalPty:
        if command is None or SCRIPT not in command:
            return await super().terminal(command, columns=columns, rows=rows, term=term)
        here = command.replace("/run/vmbench", str(self.folder))
        env = {**ENV, "HOME": str(self.folder), "SHELL": "/bin/sh"}
        return await LocalPty.open(["sh", "-c", here], columns=columns, rows=rows, term=term, env=env)


async def test_typed_reviewed_changed_and_saved(tmp_path) -> None:
    registry = tmp_path / "registry"
    (registry / "tests").mkdir(parents=True)
    (registry / "tests" / "old.toml").write_text('# mine\n[[tests]]\nname = "old"\nrun = "true"\n')
    location = Location(kind=Kind.REGISTRY, root=registry)
    options = TerminalOptions(recordings=tmp_path / "casts", location=location)
    app = Attached(Otter(tmp_path / "guest"), options)
    async with app.run_test(size=(140, 40)) as pilot:
        await until(lambda: isinstance(app.screen, TerminalScreen) and app.screen.panes[0].source, "a shell")
        screen = app.screen
        assert isinstance(screen, TerminalScreen)
        await pilot.press("ctrl+g", "T")
        await until(lambda: len(screen.panes) == 2 and screen.panes[1].source is not None, "a second shell")
        pane = screen.panes[1]
        await until(lambda: pane.recorder is not None and seen(pane).strip() != "", "its prompt")
        for line in (
            "cd /tmp",
            "echo made > made-by-otter",
            "grep nothing made-by-otter",
            "rm made-by-otter",
        ):
            await pilot.press(*line, "enter")
            await until(lambda line=line: line in seen(pane), line)
        await pilot.press(*"exit", "enter")
        await until(lambda: isinstance(app.screen, NewTestScreen), "the review")
        review = app.screen
        assert isinstance(review, NewTestScreen)
        # A name that is taken is told; another one shows what is written.
        await pilot.press(*"old")
        await until(lambda: "already" in review._why, "the refusal")
        await pilot.press("ctrl+s")
        assert app.screen is review
        await pilot.press(*"er")
        await until(lambda: review._draft is not None, "the draft")
        # The one that failed is taken too: from the name over file and timeout to the commands.
        await pilot.press("tab", "tab", *"45", "tab", "down", "down", "space")
        await until(lambda: review._draft is not None and "test $? -eq 1" in review._draft.after, "its step")
        await pilot.press("ctrl+s")
        await until(lambda: app.screen is screen, "the terminals")
    tests = {test.name: test for test in load_location(location).tests}
    assert set(tests) == {"old", "older"}
    assert [step.run.strip().splitlines() for step in tests["older"].steps] == [
        ["cd /tmp", "echo made > made-by-otter"],
        ["cd /tmp", "grep nothing made-by-otter", "test $? -eq 1"],
        ["cd /tmp", "rm made-by-otter"],
    ]
    assert {step.timeout for step in tests["older"].steps} == {45.0}
    assert tests["older"].summary == "Recorded in otter"
