"""The overall progress of a run in two lines, and the strip that shows it on the tests screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.widgets import Static

from app.engine.outcome import Outcome
from app.tui import signs
from app.tui.faults import Contained

if TYPE_CHECKING:
    from app.tui.run_session import RunSession

TICK = 1.0
"""Seconds between two looks at the clocks of a run."""

_VARIABLES = {"good": "success", "bad": "error", "warn": "warning", "live": "primary", "dim": "vm-dim"}


def bar(done: int, bad: int, total: int, width: int) -> tuple[int, int, int]:
    """Return how many cells of a bar are good, bad and open; nothing that happened is invisible."""
    if total <= 0:
        return 0, 0, width
    filled = width if done >= total else min(width - 1, done * width // total)
    red = 0 if not bad else max(1, round(filled * bad / max(done, 1)))
    filled = max(filled, red)
    return filled - red, red, width - filled


class RunProgress(Contained, Static):
    """A line or two about a run."""

    ALLOW_SELECT = False

    def colour(self, tone: str) -> str:
        """Return the colour of a tone in the current theme."""
        return self.app.theme_variables[_VARIABLES[tone]]

    def bar(self, text: Text, session: RunSession, width: int) -> None:
        """Append the bar and the counts."""
        state = session.state
        counts = state.counts()
        total = len(state.tests)
        bad = counts[Outcome.FAILED] + counts[Outcome.ERROR]
        good, red, rest = bar(state.done, bad, total, width)
        text.append("━" * good, self.colour("good"))
        text.append("━" * red, self.colour("bad"))
        text.append("─" * rest, self.colour("dim"))
        text.append(f"  {state.done}/{total}", "bold")
        for outcome, sign in signs.OUTCOMES.items():
            if counts[outcome] or outcome in (Outcome.PASSED, Outcome.FAILED):
                style = self.colour(sign.tone if counts[outcome] else "dim")
                text.append(f"  {sign.glyph} {counts[outcome]} {sign.word}", style)


class RunHeader(RunProgress):
    """Two lines: the bar with its counts; the time it took and takes."""

    DEFAULT_CSS = """
    RunHeader { height: 2; padding: 0 1; background: $panel; }
    """

    def show(self, session: RunSession) -> None:
        """Show where the run is."""
        state = session.state
        width = self.app.size.width
        text = Text(no_wrap=True, overflow="ellipsis")
        self.bar(text, session, 20 if width < 110 else 40)
        text.append("\n")
        text.append(_state_word(session), f"bold {self.colour(_state_tone(session))}")
        text.append(f"  {signs.clock(session.elapsed())}")
        parts: list[str] = []
        if session.active:
            estimate = session.estimate()
            if estimate is not None:
                parts.append(_rounded(estimate.seconds, rough=estimate.rough) + " left")
            parts.append(signs.counted(len(state.running()), "machine") + " at work")
            if state.started is not None:
                parts.append(f"at most {state.started.parallel} at once")
        elif state.finished is not None and state.finished.kept:
            parts.append(f"{signs.counted(len(state.finished.kept), 'machine')} kept")
        warnings = [n.message for n in state.notices if n.level == "warning"]
        if warnings:
            parts.append(f"{signs.BROKEN.glyph} {warnings[-1]}")
        elif state.started is not None:
            parts.append(f"run {state.started.run}")
        for shaken in state.shaken.values():
            tone = "good" if shaken.passed == shaken.forks else "bad"
            text.append(f"  ·  {shaken.test}: {shaken.verdict}", self.colour(tone))
        for part in parts:
            told = f"  ·  {part}"
            if text.plain.rindex("\n") + width - 2 < len(text.plain) + len(told):
                break
            text.append(told, self.colour("dim"))
        self.update(text, layout=False)


class StatusStrip(RunProgress):
    """One line on the tests screen while there is a run to go back to."""

    DEFAULT_CSS = """
    StatusStrip { height: 1; padding: 0 1; background: $panel; display: none; }
    StatusStrip.-shown { display: block; }
    """

    def show(self, session: RunSession | None) -> None:
        """Show where the run is, or nothing without one."""
        self.set_class(session is not None, "-shown")
        if session is None:
            return
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append(
            f"{_state_word(session)} {signs.clock(session.elapsed())}  ", self.colour(_state_tone(session))
        )
        self.bar(text, session, 12)
        text.append("  ·  v shows the run", self.colour("dim"))
        self.update(text, layout=False)

    def on_click(self) -> None:
        """Go to the run."""
        self.app.call_later(self.screen.run_action, "view_run")


def _state_word(session: RunSession) -> str:
    finished = session.state.finished
    if session.replayed:
        return "replay"
    if session.gone:
        return "cut off"
    if finished is None:
        return "cancelling" if session.cancelling_all else "running"
    if finished.cancelled:
        return "cancelled"
    return "failed" if finished.failed or finished.errors else "passed"


def _state_tone(session: RunSession) -> str:
    word = _state_word(session)
    return {"passed": "good", "failed": "bad", "running": "live", "replay": "live"}.get(word, "warn")


def _rounded(seconds: float, *, rough: bool) -> str:
    if seconds < 10:
        return "a few seconds"
    step = 5 if seconds < 120 else 30
    told = signs.duration(float(round(seconds / step) * step)).replace(".0s", "s")
    return f"{'very roughly' if rough else 'about'} {told}"
