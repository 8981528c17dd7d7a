"""How a run ends on the command line: failures in full, one line of counts, where the artifacts are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.cli import text
from app.engine.events import Outcome, TestFinished
from app.engine.state import CheckpointCost, RunState, TestState

OUTPUT_LINES = 40
CONSOLE_LINES = 20


@dataclass(frozen=True, slots=True)
class Sign:
    """How an outcome looks; its colour is never the only difference."""

    mark: str
    word: str
    style: str


SIGNS = {
    Outcome.PASSED: Sign("✓", "passed", "green"),
    Outcome.FAILED: Sign("✗", "failed", "bold red"),
    Outcome.ERROR: Sign("!", "error", "bold magenta"),
    Outcome.SKIPPED: Sign("-", "skipped", "yellow"),
}

Line = tuple[str, str]
"""A style and the text in it."""


def result_line(finished: TestFinished, *, plain: bool = False) -> str:
    """Return the one line that tells how a test ended; a word only where it is to be plain."""
    sign = SIGNS[finished.outcome]
    attempt = f", attempt {finished.attempt}" if finished.attempt > 1 else ""
    said = f"{sign.word}:" if plain else f"{sign.mark} {sign.word:<7}"
    line = f"{said} {finished.test} ({text.duration(finished.duration)}{attempt})"
    if finished.outcome is Outcome.PASSED or not finished.message:
        return line
    return f"{line}: {text.harmless(finished.message).splitlines()[0]}"


def closing(state: RunState, *, plain: bool = False) -> Iterator[Line]:
    """Yield the failures in full, what was skipped and kept, and the summary.

    Args:
        state: The run.
        plain: Whether nothing is drawn beside the words.
    """
    started, finished = state.started, state.finished
    if started is None:
        return
    folder = Path(started.folder)
    for test in state.tests.values():
        if test.result is not None and test.outcome in (Outcome.FAILED, Outcome.ERROR):
            yield from _failure(test, test.result, folder, plain=plain)
    if state.shaken:
        yield "", ""
        for shaken in state.shaken.values():
            fine = shaken.passed == shaken.forks
            yield ("bold green" if fine else "bold red"), f"shaken: {shaken.test}: {shaken.verdict}"
            for cause in shaken.causes:
                yield "", f"  {text.harmless(cause)}"
    kept = [t.kept for t in state.tests.values() if t.kept is not None]
    if kept:
        yield "", ""
        yield "bold", "kept machines"
        for machine in kept:
            yield "", f"  {machine.machine} ({machine.test}): {machine.command}"
        yield "dim", "  vmbench ps lists them, vmbench rm removes them"
    yield "", ""
    if finished is None:
        yield "bold red", "the run did not end properly; its events so far are in the artifacts"
    else:
        yield _style_of(state), summary_line(state)
    cost = state.checkpoint_cost()
    if cost.saved:
        yield "dim", checkpoint_line(cost)
    rewound = [t for t in state.tests.values() if t.checkpoints and t.outcome is Outcome.FAILED]
    if rewound and not state.shaken:
        yield "dim", f"before the failing step: vmbench rewind {rewound[0].name}"
    yield "dim", f"artifacts: {folder}"


def summary_line(state: RunState) -> str:
    """Return the counts of a finished run in one line."""
    finished = state.finished
    assert finished is not None
    counts = {"passed": finished.passed, "failed": finished.failed, "skipped": finished.skipped}
    parts = [f"{number} {word}" for word, number in counts.items() if number or word == "passed"]
    if finished.errors:
        parts.insert(-1 if finished.skipped else len(parts), text.count(finished.errors, "error"))
    cancelled = "cancelled: " if finished.cancelled else ""
    return f"{cancelled}{', '.join(parts)} in {text.duration(finished.duration)}"


def checkpoint_line(cost: CheckpointCost) -> str:
    """Return what the checkpoints of a run cost, in one line."""
    spent = f"{text.duration(cost.seconds)} ({cost.share:.0%} of the tests' time)"
    return f"checkpoints: {cost.saved} saved in {spent}, {cost.left} left, {text.size(cost.size)}"


def _style_of(state: RunState) -> str:
    finished = state.finished
    assert finished is not None
    if finished.failed or finished.errors:
        return "bold red"
    return "bold yellow" if finished.cancelled else "bold green"


def _failure(test: TestState, result: TestFinished, folder: Path, *, plain: bool) -> Iterator[Line]:
    sign = SIGNS[result.outcome]
    yield "", ""
    bar = "" if plain else "│ "
    if plain:
        yield sign.style, f"{sign.word}: {test.name}"
    else:
        yield sign.style, f"━━ {sign.mark} {sign.word}: {test.name} " + "━" * max(3, 60 - len(test.name))
    if result.step is not None and result.step < len(test.steps):
        yield from _step(test, result.step, bar)
    for line in text.harmless(result.message).splitlines():
        yield "", f"  {line}"
    console = text.tail(result.console_tail, CONSOLE_LINES)
    if console:
        yield "bold", "  console, last lines:"
        for line in console:
            yield "dim", f"  {bar}{line}"
    if result.artifacts:
        yield "dim", f"  artifacts: {folder / result.artifacts}"


def _step(test: TestState, index: int, bar: str) -> Iterator[Line]:
    step = test.steps[index]
    # A step without a name of its own bears its command's.
    name = "" if step.name.strip() and step.name.strip() in step.command else f" {text.harmless(step.name)}"
    yield "bold", f"  step {index + 1} of {len(test.steps)}: {step.action}{name}"
    for line in text.harmless(step.command).splitlines():
        yield "cyan", f"  $ {line}"
    output = text.tail("".join(chunk for _, chunk in step.output), OUTPUT_LINES)
    for line in output:
        yield "", f"  {bar}{line}"
    if step.output_size > sum(len(chunk) for _, chunk in step.output):
        yield "dim", f"  {bar}… the rest is in {step.artifact}"
