"""A run as Markdown: for a pull request, a chat, a page."""

from __future__ import annotations

import re
import time

from app.engine.events import Outcome
from app.engine.harmless import printable
from app.engine.state import RunState, StepState, TestState

OUTPUT_LINES = 40
"""Last lines of a failed step's output."""
SIGNS = {Outcome.PASSED: "✓", Outcome.FAILED: "✗", Outcome.ERROR: "!", Outcome.SKIPPED: "-"}
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")


def markdown(state: RunState, *, cut_off: bool = False) -> str:
    """Return the report: the counts, a table of the tests, and each failure in full."""
    assert state.started is not None
    started = state.started
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(state.started_time))
    lines = [
        f"# Run {_text(started.run)}: {_verdict(state, cut_off=cut_off)}",
        "",
        f"- {_counts(state)} in {_seconds(state.finished.duration if state.finished else state.mono)}",
        f"- began {when}, registry {_code(started.registry)}",
        f"- selection: {_code(started.selection) if started.selection else 'everything'}",
    ]
    lines += [f"- {_text(notice.message)}" for notice in state.notices if notice.level == "warning"]
    lines += ["", "| | test | duration | what |", "|---|---|---:|---|"]
    lines += [_row(test) for test in state.tests.values()]
    for test in state.tests.values():
        if test.outcome in (Outcome.FAILED, Outcome.ERROR):
            lines += ["", *_failure(test)]
    return "\n".join(lines) + "\n"


def _verdict(state: RunState, *, cut_off: bool) -> str:
    finished = state.finished
    if finished is None:
        return "cut off" if cut_off else "running"
    if finished.cancelled:
        return "cancelled"
    return "failed" if finished.failed or finished.errors else "passed"


def _counts(state: RunState) -> str:
    counts = state.counts()
    words = [f"{counts[outcome]} {outcome.value}" for outcome in Outcome if counts[outcome]]
    left = len(state.tests) - state.done
    return ", ".join([*words, *([f"{left} did not end"] if left else [])]) or "nothing ended"


def _row(test: TestState) -> str:
    result = test.result
    if result is None:
        return f"| · | {_text(test.name)} | | did not end |"
    what = result.outcome.value
    if result.message and result.outcome is not Outcome.PASSED:
        what += "".join(f": {line}" for line in printable(result.message).splitlines()[:1])
    return f"| {SIGNS[result.outcome]} | {_text(test.name)} | {_seconds(result.duration)} | {_text(what)} |"


def _failure(test: TestState) -> list[str]:
    result = test.result
    assert result is not None
    lines = [f"## {SIGNS[result.outcome]} {_text(test.name)}", ""]
    if test.plan.summary:
        lines += [_text(test.plan.summary), ""]
    lines += _block(result.message)
    if result.step is not None and result.step < len(test.steps):
        step = test.steps[result.step]
        lines += [f"Step {result.step + 1}, {_text(step.action)}: {_text(step.name)}", ""]
        lines += _block(_printed(step))
    if result.console_tail:
        lines += ["The console's last lines:", "", *_block(result.console_tail)]
    if test.kept is not None:
        lines += [f"Its machine is kept: {_code(test.kept.command)}", ""]
    return lines[:-1]


def _printed(step: StepState) -> str:
    output = "".join(text for _, text in step.output).rstrip().splitlines()
    if len(output) > OUTPUT_LINES:
        output = [f"… {len(output) - OUTPUT_LINES} lines before", *output[-OUTPUT_LINES:]]
    return "\n".join([*(f"$ {line}" for line in step.command.splitlines()), *output])


def _block(text: str) -> list[str]:
    """Return a fenced block whose fence is longer than any in the text."""
    text = printable(text).rstrip()
    if not text:
        return []
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}text", text, fence, ""]


def _code(text: str) -> str:
    text = printable(text).replace("\n", " ").replace("|", "\\|")
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if "`" in text or not text.strip() else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _text(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", printable(text).replace("\n", " "))


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value < 60 else f"{int(value) // 60} min {int(value) % 60:02} s"
