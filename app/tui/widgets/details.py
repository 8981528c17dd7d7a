"""The details of a test, a group or a problem, as text that can be selected."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text

from app.tui import signs
from app.tui.keys.key import PaneHelp
from app.tui.signs import Sign
from app.tui.test_rows import PROBLEMS, GroupRow, ProblemRow, Row, TestRow, TestRows
from app.tui.widgets.still import TextPane

if TYPE_CHECKING:
    from app.engine.api import LastResult
    from registry.model import Problem, Step, Test

_TONES = {"good": "$success", "bad": "$error", "warn": "$warning", "live": "$primary", "dim": "$vm-dim"}


RESULTS = 10
"""Last results that the details list."""


class Details(TextPane):
    """Shows what there is to know about the row under the cursor."""

    PANE_HELP: ClassVar[PaneHelp] = PaneHelp(
        "details", "What there is to know about the row under the cursor, and its source.", "text"
    )

    DEFAULT_CSS = """
    Details { padding: 0 1; }
    """

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._row: Row | None = None
        self._shown: Text | None = None
        self._source: tuple[Test, Text] | None = None

    def show(self, row: Row | None, rows: TestRows, sign_of: Callable[[Test], Sign], when: str = "") -> None:
        """Show a row.

        Args:
            row: What to show, or ``None`` for nothing.
            rows: Where it is from.
            sign_of: Returns how a test goes, or went.
            when: When the test ran last, for people.
        """
        text = self._text(row, rows, sign_of, when)
        if self._source is not None and isinstance(row, TestRow) and row.test is self._source[0]:
            text = Text.assemble(text, "\n", self._source[1])
        if text == self._shown:
            return
        if row != self._row:
            self.scroll_home(animate=False)
        self._row, self._shown = row, text
        self.put(text)

    def show_source(self, test: Test, source: Text) -> None:
        """Show a test's source below it, whenever it is shown next.

        Args:
            test: The test.
            source: Its part of the file.
        """
        self._source = (test, source)

    def _text(self, row: Row | None, rows: TestRows, sign_of: Callable[[Test], Sign], when: str) -> Text:
        variables = self.app.theme_variables
        colors = {tone: variables[name.removeprefix("$")] for tone, name in _TONES.items()}
        colors["accent"] = variables["accent"]
        writer = _Writer(colors)
        match row:
            case TestRow(test):
                _write_test(writer, test, rows, when)
            case ProblemRow(problem):
                writer.head(problem.test or f"{problem.file.parent.name}/{problem.file.name}")
                writer.line()
                _write_problem(writer, problem, rows)
            case GroupRow(key, tests, problems):
                _write_group(writer, key, tests, problems, rows, sign_of)
            case None:
                writer.line("Nothing is selected.", "dim")
        return writer.text


class _Writer:
    def __init__(self, colors: dict[str, str]) -> None:
        self.colors = colors
        self.text = Text()

    def put(self, text: str, tone: str = "", *, bold: bool = False) -> None:
        style = " ".join(filter(None, ("bold" if bold else "", self.colors.get(tone, ""))))
        self.text.append(text, style or None)

    def line(self, text: str = "", tone: str = "") -> None:
        self.put(text + "\n", tone)

    def head(self, text: str) -> None:
        self.put(text + "\n", bold=True)

    def field(self, name: str, value: str, tone: str = "") -> None:
        self.put(f"{name:<9}", "dim")
        self.line(value, tone)


def _write_test(writer: _Writer, test: Test, rows: TestRows, when: str) -> None:
    writer.head(test.name)
    if test.summary:
        writer.line(test.summary)
    writer.line()
    for problem in rows.broken.get(test.name, ()):
        _write_problem(writer, problem, rows)
        writer.line()
    last = rows.results.get(test.name)
    if last is not None:
        sign = signs.OUTCOMES[last.outcome]
        writer.field("last", _last_words(last, sign.glyph, sign.word, when), sign.tone)
    else:
        writer.field("last", "never ran here", "dim")
    writer.field("machine", machine_words(test))
    if test.services:
        writer.field("services", ", ".join(test.services))
    if test.tags:
        writer.field("tags", " ".join(f"#{tag}" for tag in test.tags), "accent")
    if test.depends_on:
        writer.field("after", ", ".join(test.depends_on))
    if test.timeout is not None:
        writer.field("deadline", signs.duration(test.timeout))
    if test.retries:
        writer.field("retries", str(test.retries))
    if test.keep is not None:
        writer.field("keep", test.keep.value)
    writer.field("file", f"{_relative(test.file, rows)} {test.key}")
    writer.line()
    writer.line(signs.counted(len(test.steps), "step"), "dim")
    for number, step in enumerate(test.steps, 1):
        writer.put(f"{number:>3} ", "dim")
        writer.put(f"{step.action:<10}", "accent")
        writer.line(step.name)
        told = step_words(step)
        if told and told not in step.name:
            for part in told.strip().splitlines():
                writer.line(f"    {part}", "dim")
    warnings = rows.warnings(test)
    for problem in warnings:
        writer.line()
        _write_problem(writer, problem, rows)
    _write_history(writer, test, rows)


def _write_history(writer: _Writer, test: Test, rows: TestRows) -> None:
    """Write the last results, the newest first."""
    trend = rows.trends.get(test.name)
    if trend is None:
        return
    results = trend.results[-RESULTS:]
    told = (
        "" if trend.flakiness is None else f", {signs.counted(trend.flips, 'flip')} ({trend.flakiness:.0%})"
    )
    writer.line()
    writer.line(f"last {signs.counted(len(results), 'result')}{told}", "dim")
    for result in reversed(results):
        sign = signs.OUTCOMES[result.outcome]
        writer.put(f" {sign.glyph} {sign.word:<8}", sign.tone)
        writer.put(f"{signs.duration(result.duration):>7}")
        writer.line(f"  {result.run}", "dim")


def _last_words(last: LastResult, glyph: str, word: str, when: str) -> str:
    return f"{glyph} {word} in {signs.duration(last.duration)}" + (f", {when}" if when else "")


def _write_problem(writer: _Writer, problem: Problem, rows: TestRows) -> None:
    tone = "warn"
    place = f"{_relative(problem.file, rows)}{f':{problem.line}' if problem.line else ''}"
    writer.put(f"{signs.BROKEN.glyph} {problem.severity.value} ", tone, bold=True)
    writer.line(f"{place} {problem.key}".rstrip(), "dim")
    writer.line(problem.message)
    if problem.remedy:
        writer.put("→ ", "live")
        writer.line(problem.remedy, "live")


def _write_group(
    writer: _Writer,
    key: str,
    tests: tuple[Test, ...],
    problems: tuple[Problem, ...],
    rows: TestRows,
    sign_of: Callable[[Test], Sign],
) -> None:
    if key == PROBLEMS:
        writer.head("What cannot run")
        writer.line("Everything else does. Mend the files, then press L to read them again.", "dim")
        for problem in problems:
            writer.line()
            _write_problem(writer, problem, rows)
        return
    writer.head(key)
    service = rows.registry.services.get(key) if rows.registry else None
    if service is not None:
        if service.description:
            writer.line(service.description)
        writer.line()
        if service.memory:
            writer.field("memory", signs.size(service.memory))
        if service.ports:
            writer.field("ports", ", ".join(f"{name} {port}" for name, port in service.ports.items()))
        if service.foreign:
            writer.field("not here", service.foreign, "warn")
    writer.line()
    writer.line(signs.counted(len(tests), "test"), "dim")
    for test in tests:
        sign = sign_of(test)
        writer.put(f" {sign.glyph} ", sign.tone)
        writer.line(test.name)


def machine_words(test: Test) -> str:
    """Return what machine a test asks for, in words."""
    spec = test.machine
    parts = [
        spec.image or "",
        spec.backend or "",
        signs.counted(spec.cpus, "cpu") if spec.cpus else "",
        signs.size(spec.memory) if spec.memory else "",
        f"disk {signs.size(spec.disk)}" if spec.disk else "",
    ]
    return ", ".join(filter(None, parts)) or "any"


def step_words(step: Step) -> str:
    """Return what a step does, beyond its name."""
    # Imported for the first step there is: the first paint does not wait for it.
    from registry.model import (
        AddStep,
        ConsoleStep,
        CopyStep,
        HttpStep,
        MailStep,
        PlaywrightStep,
        RemoveStep,
        ShellStep,
        WaitStep,
    )

    match step:
        case ShellStep():
            return step.run
        case HttpStep():
            return f"{step.method} {step.url} → {step.status}"
        case AddStep():
            return f"{step.service} {step.args}".rstrip()
        case RemoveStep() | WaitStep():
            return step.service
        case CopyStep():
            return f"{step.source} → {step.target}"
        case ConsoleStep():
            return f"/{step.pattern}/ within {signs.duration(step.timeout)}"
        case PlaywrightStep():
            return step.spec
        case MailStep():
            return step.mailbox + (f" containing {step.contains}" if step.contains else "")
        case _:
            return ""


def _relative(file: Path, rows: TestRows) -> str:
    if rows.registry is not None:
        try:
            return str(file.relative_to(rows.registry.root))
        except ValueError:
            pass
    return str(file)
