"""The command line's faces of a run: each reads the same events and prints them its own way.

A face lives in a thread of its own, so that a terminal or a pipe that takes nothing for a while
holds up neither the run nor its clean-up.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Protocol

from app.cli import text
from app.cli.plain import plain
from app.cli.summary import SIGNS, closing, result_line
from app.engine.codec import encode
from app.engine.events import Notice, Outcome, RunStarted, Stamped, TestFinished, TestRetried
from app.engine.state import RunState, TestState

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

ROWS = 12
"""Running tests the live table shows at most; fewer where the terminal is low."""
TICK = 0.25
"""Seconds between two ticks."""
REDRAW = 0.1
"""Seconds between two drawings of the table, at least."""


class Face(Protocol):
    """What shows a run. All calls come from one thread."""

    def take(self, events: list[Stamped]) -> None:
        """Show what happened."""
        ...

    def tick(self) -> None:
        """Time went by."""
        ...

    def say(self, message: str) -> None:
        """Tell something that is no event."""
        ...

    def close(self) -> None:
        """Everything was said."""
        ...


class JsonFace:
    """One event a line on stdout, and nothing else there."""

    def take(self, events: list[Stamped]) -> None:
        """Print the events."""
        sys.stdout.write("".join(encode(e) + "\n" for e in events))
        sys.stdout.flush()

    def tick(self) -> None:
        """Nothing to do: events tell the time."""

    def say(self, message: str) -> None:
        """Print on stderr."""
        print(message, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Nothing to do: every event was flushed."""


class KeepingFace:
    """Hands everything on to a face and keeps the state for what comes after the run.

    Args:
        face: The face.
    """

    def __init__(self, face: Face) -> None:
        self._face = face
        self.state = RunState()

    def take(self, events: list[Stamped]) -> None:
        """Take the events in, then show them."""
        self.state.apply_all(events)
        self._face.take(events)

    def tick(self) -> None:
        """Hand it on."""
        self._face.tick()

    def say(self, message: str) -> None:
        """Hand it on."""
        self._face.say(message)

    def close(self) -> None:
        """Hand it on."""
        self._face.close()


def plain_console() -> Console:
    """Return a console on stdout that leaves text as it is and reports a reader that went away."""
    from rich.console import Console

    class PlainConsole(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return PlainConsole(highlight=False, no_color=True if plain() else None)


class LineFace:
    """One line for each test that is over, then the failures in full and a summary."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.state = RunState()
        self.plain = plain()

    def take(self, events: list[Stamped]) -> None:
        """Print what is over."""
        for stamped in events:
            self.state.apply(stamped)
            match stamped.event:
                case RunStarted() as started:
                    self.print_start(started)
                case Notice() as notice:
                    self._print(f"{notice.level}: {text.harmless(notice.message)}", "yellow")
                case TestRetried() as retried:
                    message = text.harmless(retried.message)
                    self._print(f"retry  {retried.test} after attempt {retried.attempt}: {message}", "yellow")
                case TestFinished() as finished:
                    done = f"[{self.state.done}/{len(self.state.tests)}]"
                    self._print(
                        f"{done} {result_line(finished, plain=self.plain)}", SIGNS[finished.outcome].style
                    )

    def print_start(self, started: RunStarted) -> None:
        """Print what is about to run."""
        tests = text.count(len(started.tests), "test")
        self._print(f"{tests} from {started.registry}, up to {started.parallel} at once", "dim")

    def tick(self) -> None:
        """Nothing to do: only what is over is shown."""

    def say(self, message: str) -> None:
        """Print a message between the lines."""
        self._print(message, "bold")

    def close(self) -> None:
        """Print the failures in full, then the summary."""
        for style, line in closing(self.state, plain=self.plain):
            self._print(line, style)

    def _print(self, line: str, style: str = "") -> None:
        self.console.print(line, style=style or None, markup=False, highlight=False, soft_wrap=True)


class LiveFace(LineFace):
    """The same, with a table of what runs now below it."""

    def __init__(self, console: Console) -> None:
        from rich.live import Live

        super().__init__(console)
        self._live = Live(console=console, auto_refresh=False, transient=True, get_renderable=self.render)
        self._taken = self._drawn = time.monotonic()
        self._live.start()

    def take(self, events: list[Stamped]) -> None:
        """Print what is over and draw the rest anew."""
        super().take(events)
        self._taken = time.monotonic()
        # A guest that floods its output must not make the table eat a core.
        if self._taken - self._drawn >= REDRAW:
            self._draw()

    def tick(self) -> None:
        """Let the clocks go on."""
        self._draw()

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        self._live.refresh()

    def close(self) -> None:
        """Take the table away and print the end."""
        self._live.stop()
        super().close()

    def render(self) -> RenderableType:
        """Return the table of running tests and the line of progress."""
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        if self.state.started is None or self.state.finished is not None:
            return Text("")
        now = self.state.mono + time.monotonic() - self._taken
        running = self.state.running()
        room = max(1, min(ROWS, self.console.size.height - 4))
        table = Table(box=None, padding=(0, 1), show_header=False, expand=True)
        for ratio in (4, 2, 5):
            table.add_column(ratio=ratio, no_wrap=True, overflow="ellipsis")
        table.add_column(justify="right", no_wrap=True, width=7)
        for test in running[:room]:
            phase = test.phase.value if test.phase else ""
            table.add_row(
                Text(test.name, style="bold"),
                Text(phase, style="cyan"),
                Text(_doing(test), style="dim"),
                Text(text.duration(max(0.0, now - (test.started or now)))),
            )
        if len(running) > room:
            table.add_row(Text(f"… and {len(running) - room} more", style="dim"), "", "", "")
        return Group(table, self._progress(now))

    def _progress(self, now: float) -> RenderableType:
        from rich.text import Text

        total = len(self.state.tests)
        done = self.state.done
        full = round(24 * done / total) if total else 0
        line = Text(" " + "━" * full, style="green")
        line.append("━" * (24 - full), style="bright_black")
        line.append(f" {done}/{total} ", style="bold")
        counts = self.state.counts()
        for outcome in Outcome:
            if counts[outcome]:
                sign = SIGNS[outcome]
                line.append(f" {sign.mark} {counts[outcome]} {sign.word}", style=sign.style)
        line.append(f"  {text.duration(now)}", style="dim")
        return line


def _doing(test: TestState) -> str:
    """Return the step a test is at, or what its machine is going through."""
    index = test.current_step
    if index is None:
        return text.harmless(test.phase_detail)
    step = test.steps[index]
    return f"{index + 1}/{len(test.steps)} {step.action} {text.harmless(step.name)}"
