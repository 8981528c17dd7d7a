"""What takes a while on a screen: told in a line, ended by a key, its errors said with a remedy."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

from rich.text import Text
from textual.widgets import Static
from textual.worker import Worker

from app.tui import signs
from app.tui.faults import Contained
from app.tui.messages import explain
from app.tui.screens.filtered import FilteredScreen
from app.tui.screens.polled import PolledScreen
from backends.base import WARNING, BackendError

TICK = 0.5
"""Seconds between two drawings of what goes on."""
TOLD_ERRORS = 3
"""Errors of one work that are told in full."""


class Work:
    """Something that goes on.

    Args:
        what: What it is, for people.
        subjects: Ids of the rows it is about.
        began: Monotonic seconds.
    """

    def __init__(self, what: str, subjects: Iterable[str], began: float) -> None:
        self.what = what
        self.subjects = frozenset(subjects)
        self.began = began
        self.detail = ""
        self.warnings: list[str] = []
        """What went wrong on the way, told when it is done."""
        self.worker: Worker[None] | None = None

    def phase(self, phase: str, detail: str = "") -> None:
        """Tell how far it is; fits ``backends.base.PhaseSink``, from any thread."""
        if phase == WARNING:
            self.warnings.append(detail)
        else:
            self.detail = f"{phase} {detail}".strip()

    def bytes(self, done: int, total: int) -> None:
        """Tell how far it is; fits ``backends.counted.OnBytes``, from any thread."""
        share = f"{done * 100 // total}%, " if total else ""
        self.detail = f"{share}{signs.amount(done)} of {signs.amount(total)}"


class WorkLine(Contained, Static):
    """One line that says what goes on; not there when nothing does."""

    DEFAULT_CSS = """
    WorkLine { height: 1; padding: 0 1; background: $panel; color: $primary; display: none; }
    """
    ALLOW_SELECT = False

    def __init__(self) -> None:
        super().__init__(markup=False)

    def show(self, works: Sequence[Work], now: float) -> None:
        """Say what goes on at ``now`` (monotonic seconds)."""
        self.display = bool(works)
        if works:
            work = works[-1]
            text = f"▶ {work.what} {signs.clock(now - work.began)}"
            text += f" · {work.detail}" if work.detail else ""
            if len(works) > 1:
                text += f" · {len(works) - 1} more"
            self.update(Text(f"{text} · c cancels", no_wrap=True, overflow="ellipsis"), layout=False)


class WorkScreen(PolledScreen, FilteredScreen):
    """A list of things outside the workbench that take commands; a subclass composes ``self.work_line``."""

    def __init__(self) -> None:
        super().__init__()
        self.works: list[Work] = []
        self.work_line = WorkLine()

    def on_mount(self) -> None:
        """Let the clocks in the line run."""
        self.set_interval(TICK, self._tick)

    # what goes on

    def _tick(self) -> None:
        if self.works:
            self.work_line.show(self.works, self.workbench.clock.mono())

    def works_changed(self) -> None:
        """Draw what depends on what goes on."""
        self.work_line.show(self.works, self.workbench.clock.mono())

    def selected_id(self) -> str:
        """Return the id of the row under the cursor; empty where there is none."""
        return ""

    def work_on(self, subject: str) -> Work | None:
        """Return what goes on with a row, if anything does."""
        return next((work for work in reversed(self.works) if subject in work.subjects), None)

    def do(
        self,
        what: str,
        call: Callable[[Work], Awaitable[str]],
        *,
        subjects: Iterable[str] = (),
        failed: str,
    ) -> None:
        """Begin something.

        Args:
            what: What it is, for people, such as ``stopping calm-otter``.
            call: Does it and returns what to tell when it is done.
            subjects: Ids of the rows it is about.
            failed: Title of what is told when it fails.
        """
        work = Work(what, subjects, self.workbench.clock.mono())
        self.works.append(work)
        work.worker = self.run_worker(self._carry_out(work, call, failed), group="works", exit_on_error=False)
        self.works_changed()

    async def _carry_out(self, work: Work, call: Callable[[Work], Awaitable[str]], failed: str) -> None:
        try:
            told = await call(work)
            if told:
                self.notify(told, markup=False)
        except asyncio.CancelledError:
            if self.is_running:
                self.notify(f"Cancelled: {work.what}.", severity="warning", markup=False)
            raise
        except Exception as error:
            self.say_not(failed, [error])
        finally:
            self.works.remove(work)
            if self.is_running:
                self.works_changed()
                for warning in dict.fromkeys(work.warnings):
                    self.notify(warning, severity="warning", timeout=10, markup=False)

    def do_each(
        self,
        names: Sequence[str],
        doing: str,
        done: str,
        call: Callable[[str, Work], Awaitable[None]],
        *,
        failed: str,
    ) -> None:
        """Begin the same with several rows at once, told as one.

        Args:
            names: Their ids.
            doing: What it is, such as ``stopping``.
            done: What it was, such as ``Stopped``.
            call: Does it with one.
            failed: Title of what is told when one fails.
        """

        async def all_of_them(work: Work) -> str:
            ended = await asyncio.gather(*(call(name, work) for name in names), return_exceptions=True)
            good = [n for n, error in zip(names, ended, strict=True) if error is None]
            self.say_not(failed, [error for error in ended if isinstance(error, Exception)])
            return f"{done} {listed(good)}." if good else ""

        self.do(f"{doing} {listed(names)}", all_of_them, subjects=names, failed=failed)

    def say_not(self, title: str, errors: Sequence[Exception]) -> None:
        """Say why something was not done, and what to do."""
        for error in errors:
            if not isinstance(error, BackendError | OSError | ValueError):
                self.workbench.report(error)
        told = ["\n".join(explain(error)).strip() for error in errors[:TOLD_ERRORS]]
        if len(errors) > TOLD_ERRORS:
            told.append(f"and {len(errors) - TOLD_ERRORS} more")
        if told:
            self.notify("\n".join(told), title=title, severity="error", timeout=10, markup=False)

    def action_cancel(self) -> None:
        """End what goes on with the row under the cursor, or what began last."""
        work = self.work_on(self.selected_id()) or (self.works[-1] if self.works else None)
        if work is not None and work.worker is not None:
            work.worker.cancel()


def listed(names: Sequence[str]) -> str:
    """Return names for people: two in full, more as a number."""
    return ", ".join(names) if len(names) < 3 else f"{names[0]}, {names[1]} and {len(names) - 2} more"
