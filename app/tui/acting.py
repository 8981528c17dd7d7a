"""What the tests screen and the run screen do alike: edit a test, shake it, begin it later."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import App

from app import editor
from app.tui.screens.base import VmScreen

if TYPE_CHECKING:
    from registry.model import Test

Edit = Callable[[Path, int], None]


async def edit_file(
    app: App[int],
    file: Path,
    key: str,
    step: int | None,
    line: int | None,
    edit: Edit = editor.edit,
) -> None:
    """Give the screen to the person's editor until it is closed.

    Args:
        app: The app that has the screen.
        file: What to edit.
        key: Of the test in it.
        step: Index of the step to go to.
        line: Where to go instead.
        edit: Opens the editor; blocking.

    Raises:
        BackendError: there is no such file, or no editor.
        textual.app.SuspendNotSupported: there is no terminal to give.
    """

    def find() -> int:
        if line is not None:
            return line
        try:
            return editor.line_of(file.read_text(errors="replace"), key, step)
        except OSError:
            return 1  # the editor says what is wrong with it

    at = await asyncio.to_thread(find)
    if app.is_headless:
        await asyncio.to_thread(edit, file, at)
        return
    from app.tui.walk_in import lent_screen

    async with lent_screen(app):
        await asyncio.to_thread(edit, file, at)


class ActingScreen(VmScreen):
    """A screen with a test under the cursor, and what can be done with it."""

    def chosen_test(self) -> Test | None:
        """Return the registry's test under the cursor."""
        raise NotImplementedError

    def chosen_names(self) -> tuple[str, ...]:
        """Return the names of the tests that are marked, or under the cursor."""
        raise NotImplementedError

    def chosen_step(self) -> int | None:
        """Return the index of the step that is meant, where one is."""
        return None

    def registry_test(self, name: str) -> Test | None:
        """Return a test of the registry by its name; a part of a shaken one counts as the whole."""
        registry = self.workbench.rows.registry
        names = (name, name.partition("#")[0])
        return next((t for t in registry.tests if t.name in names), None) if registry is not None else None

    def action_edit(self) -> None:
        """Open the test in the editor, at its line."""
        test = self.chosen_test()
        if test is None:
            self.notify("There is no test under the cursor.")
        else:
            self.workbench.reading.edit(test.file, test.key, self.chosen_step())

    def action_retest(self) -> None:
        """Run again without the set-up."""
        names = self.chosen_names()
        if names:
            self.workbench.runs.start(names, retest=True)
        else:
            self.notify("There is no test under the cursor.")

    def action_shake(self) -> None:
        """Run the rest of a test many times from the same moment, after asking how many."""
        from app.engine.shake import MOST_FORKS
        from app.tui.screens.choices import Ask

        names = self.chosen_names()
        if not names:
            self.notify("There is no test under the cursor.")
            return
        what = names[0] if len(names) == 1 else f"{len(names)} tests"

        def answered(said: str | None) -> None:
            if said is None:
                return
            if not said.isdecimal() or not 1 <= int(said) <= MOST_FORKS:
                self.notify(
                    f"{said} is no number from 1 to {MOST_FORKS}.", title="Not shaken", severity="warning"
                )
                return
            self.workbench.runs.start(names, shake=int(said))

        hint = "Forks of the moment after its set-up. enter starts · esc closes"
        self.app.push_screen(Ask(f"Shake {what}: how many times?", hint, value="20"), answered)

    def copy_text(self, text: str, what: str) -> None:
        """Copy a text and say so."""
        self.app.copy_to_clipboard(text)
        self.notify(f"Copied {what}.")


def names_in_registry(names: Iterable[str]) -> tuple[str, ...]:
    """Return tests' names as the registry knows them; the parts of a shaken one are the whole, once."""
    return tuple(dict.fromkeys(name.partition("#")[0] for name in names))


def run_command(names: tuple[str, ...]) -> str:
    """Return the command that runs tests, as one types it."""
    return shlex.join(["vmbench", "run", *names])
