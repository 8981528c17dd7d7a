"""The steps of one test with their times, and the output of those that are open."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from rich.cells import chop_cells

from app.engine.events import Outcome, Phase
from app.engine.state import OUTPUT_LIMIT, StepState, TestState
from app.tui import ansi, signs
from app.tui.keys.key import PaneHelp
from app.tui.run_session import RunSession
from app.tui.widgets.line_list import Cell, LineList, Row, fit

_INDENT = 7
"""Cells before a line below a step."""
_STREAM_TONES = {"stdout": "plain", "stderr": "warn", "note": "accent"}


@dataclass(frozen=True, slots=True)
class _Line:
    """A row of the timeline: a step's own row, or a line below it."""

    step: int | None
    text: str = ""
    tone: str = "plain"
    own: bool = False


def output_lines(step: StepState) -> list[tuple[str, str]]:
    """Return a step's output as pairs of stream and line, chunks that were cut apart joined again."""
    joined: list[list[str]] = []
    for stream, text in step.output:
        if joined and joined[-1][0] == stream:
            joined[-1].append(text)
        else:
            joined.append([stream, text])
    return [(chunk[0], line) for chunk in joined for line in "".join(chunk[1:]).splitlines()]


class Timeline(LineList):
    """Shows a test of a run; the step that runs or failed is open by itself."""

    PANE_HELP: ClassVar[PaneHelp] = PaneHelp(
        "the steps of a test", "What was done in its machine, and what came of it.", "list"
    )

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.session: RunSession | None = None
        self.test: TestState | None = None
        self._lines: list[_Line] = []
        self._opened: dict[int, bool] = {}
        self._outputs: dict[int, tuple[int, list[tuple[str, str]]]] = {}
        self._attempt = 0
        self._chosen = False
        self._broken_at = 0

    @property
    def current_step(self) -> int | None:
        """Index of the step under the cursor."""
        return self._lines[self.cursor].step if self.cursor < len(self._lines) else None

    def show(self, session: RunSession, test: TestState | None) -> None:
        """Show where a test is."""
        if session is not self.session or test is not self.test or (test and test.attempt != self._attempt):
            self.session, self.test = session, test
            self._attempt = test.attempt if test else 0
            self._opened.clear()
            self._outputs.clear()
            self._chosen = False
        self._build()

    def deciding_step(self) -> int | None:
        """Return the step that is worth seeing: the one that runs, decided or came last."""
        test = self.test
        if test is None:
            return None
        if (running := test.current_step) is not None:
            return running
        if test.result is not None and test.result.step is not None:
            return test.result.step
        over = [i for i, step in enumerate(test.steps) if step.outcome is not None]
        return over[-1] if over else None

    def open_step(self, index: int) -> None:
        """Open a step's output and go to it."""
        self._opened[index] = True
        self._chosen = True
        self._build()
        self._go_to(index)

    def toggle(self) -> None:
        """Open or close the step under the cursor."""
        index = self.current_step
        if index is not None and self.test is not None:
            self._opened[index] = not self._is_open(index)
            self._build()
            self._go_to(index)

    def moved_by_person(self) -> None:
        """Stay where somebody went."""
        self._chosen = True

    def _go_to(self, step: int) -> None:
        with self.by_program():
            for row, line in enumerate(self._lines):
                if line.step == step and line.own:
                    self.cursor = row
                    return

    def _is_open(self, index: int) -> bool:
        assert self.test is not None
        step = self.test.steps[index]
        by_itself = step.running or step.outcome in (Outcome.FAILED, Outcome.ERROR)
        return self._opened.get(index, by_itself)

    def _build(self) -> None:
        lines: list[_Line] = []
        test = self.test
        if test is not None:
            lines += self._machine_lines(test)
            for index, step in enumerate(test.steps):
                lines.append(_Line(index, own=True))
                if self._is_open(index):
                    lines += self._step_lines(index, step)
            lines += self._result_lines(test)
        self._lines = [part for line in lines for part in self._wrapped(line)]
        with self.by_program():
            self.set_count(len(self._lines))
        if not self._chosen and (step_index := self.deciding_step()) is not None:
            self._go_to(step_index)
            self._show_below(step_index)

    def _wrapped(self, line: _Line) -> list[_Line]:
        """Break a line that is longer than the pane; a step's own row is cut instead."""
        room = self.view.width - _INDENT
        if line.own or room < 20 or len(line.text) <= room // 2:
            return [line]
        return [replace(line, text=part) for part in chop_cells(ansi.plain(line.text), room)] or [line]

    def on_resize(self) -> None:
        """Break long lines anew."""
        if self.view.width != self._broken_at:
            self._broken_at = self.view.width
            self._build()
        super().on_resize()

    def _show_below(self, step: int) -> None:
        """Bring as much of a step's output into view as fits, its own row kept in view."""
        rows = [row for row, line in enumerate(self._lines) if line.step == step]
        last = min(rows[-1], rows[0] + self.view.height - 1)
        if last >= round(self.scroll_y) + self.view.height:
            self.scroll_to(y=last - self.view.height + 1, animate=False, force=True)

    def _machine_lines(self, test: TestState) -> list[_Line]:
        if not test.machine:
            return []
        words = [test.machine, test.plan.backend, test.accel, signs.counted(test.plan.cpus, "cpu")]
        words.append(signs.size(test.plan.memory))
        if test.attempt > 1:
            words.append(f"attempt {test.attempt}")
        lines = [_Line(None, f"machine {' · '.join(filter(None, words))}", "dim")]
        shaken = self.session.state.shaken.get(test.plan.shaken) if self.session is not None else None
        if shaken is not None:
            tone = "good" if shaken.passed == shaken.forks else "bad"
            lines.append(_Line(None, f"shaken from one moment on: {shaken.verdict}", tone))
            lines += [_Line(None, f"  {cause}", "plain") for cause in shaken.causes]
        if test.plan.first:
            where = "in the machine that was kept" if test.origin == "kept" else "in a fork of a checkpoint"
            lines.append(_Line(None, f"begins at step {test.plan.first + 1}, {where}", "accent"))
        if test.wish is not None and test.result is None:
            ends = "kept" if test.wish else "removed"
            lines.append(
                _Line(
                    None, f"{signs.PHASES[Phase.KEPT].glyph} to be {ends} when the test is over (K)", "warn"
                )
            )
        return lines

    def _step_lines(self, index: int, step: StepState) -> list[_Line]:
        lines = [_Line(index, f"$ {part}", "live") for part in step.command.splitlines()]
        cached = self._outputs.get(index)
        if cached is None or cached[0] != step.output_size:
            cached = (step.output_size, output_lines(step))
            self._outputs[index] = cached
        lines += [_Line(index, text, _STREAM_TONES.get(stream, "plain")) for stream, text in cached[1]]
        if step.output_size > OUTPUT_LIMIT:
            more = step.output_size - OUTPUT_LIMIT
            lines.append(_Line(index, f"… {more} more characters: o opens all of it", "dim"))
        if step.message:
            tone = signs.OUTCOMES[step.outcome].tone if step.outcome else "plain"
            lines += [_Line(index, part, tone) for part in step.message.splitlines()]
        return lines

    def _result_lines(self, test: TestState) -> list[_Line]:
        lines: list[_Line] = []
        result = test.result
        told = {step.message for step in test.steps}
        if result is not None and result.message and result.message not in told:
            tone = signs.OUTCOMES[result.outcome].tone
            lines += [_Line(None, part, tone) for part in result.message.splitlines()]
        if result is not None and result.console_tail and result.outcome is Outcome.ERROR:
            lines.append(_Line(None, "the console's last lines:", "dim"))
            lines += [_Line(None, f"  {part}", "dim") for part in result.console_tail.splitlines()]
        if test.kept is not None:
            kept = test.kept
            lines.append(_Line(None, f"◆ {kept.machine} is kept ({kept.reason}): {kept.command}", "warn"))
        return lines

    def _sign(self, step: StepState) -> signs.Sign:
        if step.outcome is not None:
            return signs.OUTCOMES[step.outcome]
        if not step.running:
            return signs.PLANNED
        return signs.CUT_OFF if self.session is not None and self.session.gone else signs.RUNNING

    def draw_row(self, index: int, width: int) -> Row:
        """Return the cells of a row."""
        line = self._lines[index]
        assert self.test is not None
        if not line.own or line.step is None:
            yield Cell("     │ " if line.step is not None else "   ", "dim")
            yield Cell(ansi.plain(line.text), line.tone)
            return
        step = self.test.steps[line.step]
        sign = signs.EARLIER if line.step < self.test.plan.first else self._sign(step)
        has_more = bool(step.output_size or step.command or step.message)
        yield Cell(f" {sign.glyph} ", sign.tone)
        yield Cell(f"{line.step + 1:>2} ", "dim")
        yield Cell(fit(step.action, 10), "accent")
        arrow = (signs.OPEN if self._is_open(line.step) else signs.FOLDED) if has_more else " "
        yield Cell(fit(step.name, width - 27), bold=step.running)
        yield Cell(f" {arrow} ", "dim")
        yield Cell(f"{self._time(step):>7} ", "dim" if step.outcome is not None else sign.tone)

    def _time(self, step: StepState) -> str:
        if step.duration is not None:
            return signs.duration(step.duration)
        if step.started is None or self.session is None or not step.running:
            return ""
        if self.test is not None and self.test.result is not None:
            return ""
        return signs.clock(self.session.now() - step.started)

    def refresh_clocks(self) -> None:
        """Draw the row whose clock runs, if it is in view."""
        for index in self.visible_rows():
            line = self._lines[index]
            if line.own and line.step is not None and self.test and self.test.steps[line.step].running:
                self.refresh_row(index)

    def step_text(self, index: int) -> str:
        """Return a step's command and output as plain text."""
        assert self.test is not None
        return "\n".join(ansi.plain(line.text) for line in self._step_lines(index, self.test.steps[index]))
