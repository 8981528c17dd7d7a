"""The registry and its last results: read off the loop, also after an edit, which is told."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from app.tui import signs
from app.tui.acting import edit_file
from app.tui.messages import RegistryFailed, RegistryLoaded, explain

if TYPE_CHECKING:
    from app.tui.app import Workbench
    from registry.model import Registry

EDITS_TOLD = 3
"""Changes, and problems, of an edited file that are told in full."""


class Reading:
    """Reads the registry for the workbench.

    Args:
        app: The workbench, whose rows it fills.
    """

    def __init__(self, app: Workbench) -> None:
        self._app = app
        self._furnished = False
        self._edited: tuple[Path, Registry] | None = None
        """The file that was just edited and the registry of before, until it is read again."""

    def load(self) -> None:
        """Read the registry and the last results, off the loop."""
        self._app.background(self._load, group="registry", exclusive=True)

    async def _load(self) -> None:
        try:
            registry = await asyncio.to_thread(self._app.engine.load)
            results = await asyncio.to_thread(self._app.engine.last_results)
        except Exception as error:
            self._app.post_message(RegistryFailed(*explain(error)))
        else:
            self._app.post_message(RegistryLoaded(registry, results))
        if not self._furnished:
            self._furnished = True
            self._app.furnish()

    async def loaded(self, message: RegistryLoaded) -> None:
        """List what was read."""
        again = self._app.rows.registry is not None
        self._app.rows.results = message.results
        self.read_trends()
        keep = self._app.tests_screen.chosen_test() if again else None
        self._app.rows.load(message.registry)
        self._app.tests_screen.registry_changed(keep)
        await self._app.remembering.restore(message.registry)
        if self._tell_edited(message.registry):
            return
        if again:
            errors = len(message.registry.errors())
            told = f"Read {signs.counted(len(message.registry.tests), 'test')}"
            self._app.notify(
                told + (f"; {errors} cannot run." if errors else "."),
                severity="warning" if errors else "information",
            )

    def failed(self, message: RegistryFailed) -> None:
        """Say what is wrong; what was listed before stays, if anything was."""
        if self._app.rows.registry is None:
            self._app.tests_screen.registry_failed(message.message, message.remedy)
        else:
            self._app.notify(
                f"{message.message}\n{message.remedy}".strip(),
                title="Not reloaded",
                severity="error",
                markup=False,
            )

    def read_trends(self) -> None:
        """Read what the last results of every test tell; the list is there before that."""
        self._app.background(self._read_trends, group="trends", exclusive=True)

    async def _read_trends(self) -> None:
        try:
            recent = await asyncio.to_thread(self._app.engine.recent_results)
        except Exception as error:
            self._app.say_not("Trends not read", error)
            return
        from app.engine.trends import trends

        self._app.rows.trends = trends(recent)
        if self._app.tests_screen.is_mounted:
            self._app.tests_screen.run_changed()

    def edit(self, file: Path, key: str, step: int | None = None, line: int | None = None) -> None:
        """Give the screen to the person's editor, and take the change over.

        Args:
            file: What to edit.
            key: Of the test in it to go to.
            step: Index of its step to go to.
            line: Where to go instead.
        """
        edit = partial(self._edit, file, key, step, line)
        self._app.background(edit, group="editor", exclusive=True)

    async def _edit(self, file: Path, key: str, step: int | None, line: int | None) -> None:
        before = self._app.rows.registry
        try:
            await edit_file(self._app, file, key, step, line, self._app.edit_with)
        except Exception as error:
            self._app.say_not("Not edited", error)
            return
        if before is not None:
            self._edited = file, before
        self.load()

    def _tell_edited(self, registry: Registry) -> bool:
        """Say what is different and wrong in a file that was just edited; return whether anything is."""
        edited, self._edited = self._edited, None
        if edited is None:
            return False
        file, before = edited
        from app import editing

        done = editing.outcome(before, registry, file)
        if done.changes:
            more = len(done.changes) - EDITS_TOLD
            told = [*done.changes[:EDITS_TOLD], *([f"and {more} more"] if more > 0 else [])]
            self._app.notify("\n".join(told), title="Changed", markup=False)
        for problem in done.problems[:EDITS_TOLD]:
            place = f"{problem.file.name}{f':{problem.line}' if problem.line else ''} {problem.key}".rstrip()
            text = "\n".join(filter(None, (place, problem.message, problem.remedy)))
            self._app.notify(
                text, title="It cannot run like this", severity="error", timeout=15, markup=False
            )
        return bool(done.problems or done.changes)
