"""The place of the doctor: what works on this host, how to mend what does not, and what can be reclaimed."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical

from app.engine.checkup import DoctorApi
from app.engine.doctor import Check, Status
from app.engine.garbage import Garbage
from app.tui import keymap, signs
from app.tui.keys.key import PaneHelp
from app.tui.layout import PanedScreen, Split
from app.tui.messages import explain
from app.tui.screens.dialogs import Confirm
from app.tui.screens.images import mebibytes
from app.tui.signs import Sign
from app.tui.widgets.key_footer import KeyFooter
from app.tui.widgets.line_list import Cell, LineList, Row, fit
from app.tui.widgets.places_bar import PlacesBar
from app.tui.widgets.still import StillText

DAY = 86400.0
AGES = ((7 * DAY, "7 days"), (DAY, "a day"), (0.0, "any time"), (30 * DAY, "30 days"))
"""How long what can be made again must not have been used, to be listed; with its words."""
CHECKS = {
    Status.OK: Sign("✓", "ok", "good"),
    Status.WARN: Sign("!", "warn", "warn"),
    Status.FAIL: Sign("✗", "fail", "bad"),
}


class CheckList(LineList):
    """The looks at this host."""

    PANE_HELP: ClassVar[PaneHelp] = PaneHelp(
        "the checks",
        "What this host can do; the line below tells what mends the one under the cursor.",
        "list",
    )

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.checks: list[Check] = []

    @property
    def current(self) -> Check | None:
        """The check under the cursor."""
        return self.checks[self.cursor] if self.cursor < len(self.checks) else None

    def draw_row(self, index: int, width: int) -> Row:
        """Return the cells of a row."""
        check = self.checks[index]
        sign = CHECKS[check.status]
        yield Cell(f" {sign.glyph} {sign.word:<5}", sign.tone)
        yield Cell(fit(check.name, 14), bold=check.status is not Status.OK)
        yield Cell(check.found)


class GarbageList(LineList):
    """What can go."""

    PANE_HELP: ClassVar[PaneHelp] = PaneHelp(
        "what can be reclaimed", "What nobody needs any more, and how much room it takes.", "list"
    )

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.garbage: list[Garbage] = []

    @property
    def current(self) -> Garbage | None:
        """The thing under the cursor."""
        return self.garbage[self.cursor] if self.cursor < len(self.garbage) else None

    def draw_row(self, index: int, width: int) -> Row:
        """Return the cells of a row."""
        item = self.garbage[index]
        yield Cell(f" {fit(item.kind, 11)}", "accent")
        yield Cell(fit(item.name, 28 if width >= 90 else 22))
        yield Cell(f"{signs.age(item.age):>5}  ", "dim")
        yield Cell(f"{mebibytes(item.size):>11}  ")
        yield Cell(item.why, "dim")


class DoctorScreen(PanedScreen):
    """Shows the checks, and below them what can be reclaimed."""

    BINDINGS: ClassVar[list[BindingType]] = [*keymap.bindings("doctor"), *keymap.bindings("panes")]
    PANES = ("checks", "garbage")
    SPLITS = (Split("doctor.garbage", ("checks",), "garbage"),)
    NAME = "Doctor"
    SCOPE = "doctor panes"
    PURPOSE = (
        "What works on this host, what is missing, and the command that mends it; y copies that. Below, what "
        "nobody needs any more: what a vmbench that died left, and what can be made again and was not used "
        "lately. Kept machines and snapshots that you saved are never listed."
    )
    HELP_SCOPES: ClassVar[list[tuple[str, str]]] = [
        ("Doctor", "doctor"),
        ("Moving around", "list"),
        ("Panes", "panes"),
        ("Everywhere", "app"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.looking = False
        """Whether the host is being looked at."""
        self._age = 0
        self._failure: tuple[str, str] | None = None

    def compose(self) -> ComposeResult:
        """Make the panes."""
        yield PlacesBar("doctor")
        with Vertical():
            yield CheckList(id="checks")
            yield StillText(id="remedy", classes="facts")
            yield GarbageList(id="garbage")
        yield KeyFooter()

    def on_mount(self) -> None:
        """Begin with the checks."""
        self.set_focus(self.checks)
        self.action_rerun()
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self._show_remedy())

    @property
    def checks(self) -> CheckList:
        """The checks."""
        return self.query_one("#checks", CheckList)

    @property
    def garbage(self) -> GarbageList:
        """What can go."""
        return self.query_one("#garbage", GarbageList)

    @property
    def doctor(self) -> DoctorApi | None:
        """Who looks."""
        return self.workbench.house.doctor

    # looking

    def action_rerun(self) -> None:
        """Look at this host again."""
        if self.doctor is not None and not self.looking:
            self.looking, self._failure = True, None
            self._title()
            self._look(self.doctor)
        self._show_remedy()

    @work(group="look", exit_on_error=False)
    async def _look(self, doctor: DoctorApi) -> None:
        older_than = AGES[self._age][0]
        try:
            checks = await asyncio.to_thread(doctor.checks)
            self.checks.checks = checks
            self.checks.set_count(len(checks))
            self.query_one("#checks").styles.max_height = len(checks) + 1
            self._title()
            self._show_remedy()
            found = await asyncio.to_thread(doctor.garbage, older_than)
            self.garbage.garbage = found
            self.garbage.set_count(len(found))
        except Exception as error:
            self._failure = explain(error)
        finally:
            self.looking = False
            if self.is_mounted:
                self._title()
                self._show_remedy()
                self.refresh_bindings()

    def _title(self) -> None:
        looking = " · looking …" if self.looking else " · not all looked at" if self._failure else ""
        bad = sum(check.status is Status.FAIL for check in self.checks.checks)
        warned = sum(check.status is Status.WARN for check in self.checks.checks)
        words = [signs.counted(bad, "failure")] if bad else []
        words += [signs.counted(warned, "warning")] if warned else []
        verdict = ", ".join(words) or ("all is well" if self.checks.checks else "")
        self.entitle("checks", "this host", f"{verdict}{looking}".removeprefix(" · "))
        found = self.garbage.garbage
        size = mebibytes(sum(item.size for item in found))
        told = f"{signs.counted(len(found), 'thing')}, {size}" if found else "nothing"
        self.entitle("garbage", "can be reclaimed", f"not used for {AGES[self._age][1]}: {told}{looking}")

    @on(LineList.Moved)
    def _moved(self) -> None:
        self.follow(self._show_remedy)
        self.refresh_bindings()

    def _show_remedy(self) -> None:
        check = self.checks.current
        text = Text()
        colours = self.app.theme_variables
        if self.doctor is None:
            text.append("This workbench was opened without a doctor.")
        elif check is None:
            text.append("" if self._failure else "Looking at this host …")
        else:
            text.append(check.name, "bold")
            text.append(f"  {check.found}")
            if check.remedy:
                text.append("\n→ ", colours["primary"])
                text.append(check.remedy, colours["primary"])
                text.append("   y copies it", colours["vm-dim"])
        if self._failure is not None:
            text.append("\n" if check is not None else "")
            text.append("! Not all was looked at: ", colours["warning"])
            text.append(f"{'. '.join(filter(None, self._failure))}. r looks again.")
        self.query_one("#remedy", StillText).put(text)

    # acting

    def action_other(self) -> None:
        """Go to the other list."""
        self.set_focus(self.garbage if self.focused is self.checks else self.checks)

    def action_age(self) -> None:
        """List what was not used for another time."""
        if not self.looking:
            self._age = (self._age + 1) % len(AGES)
            self.action_rerun()

    def action_copy(self) -> None:
        """Copy the remedy of the check, or the name of what can go."""
        item = self.garbage.current if self.focused is self.garbage else None
        check = self.checks.current
        text = item.name if item is not None else check.remedy or check.found if check is not None else ""
        if text:
            self.app.copy_to_clipboard(text)
            self.notify(f"Copied: {text}", markup=False)

    def action_reclaim(self, everything: bool) -> None:
        """Reclaim what is under the cursor, or all, after a question."""
        current = self.garbage.current
        doomed = list(self.garbage.garbage) if everything else [current] if current is not None else []
        if not doomed:
            self.notify("There is nothing to reclaim.")
            return
        size = mebibytes(sum(item.size for item in doomed))
        if len(doomed) == 1:
            question, loss = f"Reclaim the {doomed[0].kind} {doomed[0].name}?", f"{doomed[0].why}. {size}."
        else:
            kinds: dict[str, int] = {}
            for item in doomed:
                kinds[item.kind] = kinds.get(item.kind, 0) + 1
            told = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
            question, loss = f"Reclaim {len(doomed)} things?", f"Lost for good: {told}. {size} are freed."

        def answered(yes: bool | None) -> None:
            if yes:
                self._reclaim(doomed)

        self.app.push_screen(Confirm(question, loss, yes="Reclaim", no="Keep"), answered)

    @work(group="reclaim", exit_on_error=False)
    async def _reclaim(self, doomed: list[Garbage]) -> None:
        done = 0
        for item in doomed:
            try:
                await asyncio.to_thread(item.reclaim)
                done += 1
            except Exception as error:
                self.workbench.say_not(f"{item.name} is still there", error)
        if done:
            self.notify(f"Reclaimed {signs.counted(done, 'thing')}.")
        self.action_rerun()

    def why_not(self, action: str) -> str:
        """Say why an action cannot be done now."""
        if action in ("rerun", "age") and self.looking:
            return "The host is being looked at."
        if action == "reclaim" and not self.garbage.garbage:
            return "There is nothing to reclaim."
        return ""
