"""A run as JUnit XML, for CI systems."""

from __future__ import annotations

import io
from datetime import UTC, datetime

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite
from junitparser.junitparser import FinalResult

from app.engine.events import Outcome, TestFinished
from app.engine.harmless import printable
from app.engine.state import RunState, StepState, TestState

OUTPUT_LINES = 200
"""Last lines of a step's output; the artifacts have all of it."""


def junit(state: RunState) -> str:
    """Return the report: a suite for each group, a case for each test."""
    assert state.started is not None
    root = JUnitXml(printable(f"vmbench {state.started.run}"))
    suites: dict[str, TestSuite] = {}
    for test in state.tests.values():
        suite = suites.get(test.plan.group)
        if suite is None:
            suite = suites[test.plan.group] = TestSuite(printable(test.plan.group))
            suite.timestamp = datetime.fromtimestamp(state.started_time, UTC).isoformat(timespec="seconds")
            suite.add_property("run", printable(state.started.run))
            suite.add_property("registry", printable(state.started.registry))
        suite.add_testcase(_case(test))
    for suite in suites.values():
        root.add_testsuite(suite)
    root.update_statistics()  # type: ignore[no-untyped-call]
    out = io.BytesIO()
    root.write(out, pretty=True)
    return out.getvalue().decode()


def _case(test: TestState) -> TestCase:
    result = test.result
    case = TestCase(printable(test.name), classname=printable(test.plan.group), time=0.0)
    if result is None:
        case.result = [Error("the run was cut off before this test ended", "error")]
        return case
    case.time = round(result.duration, 3)
    case.result = _results(test, result)
    out = "".join(_told(number, step) for number, step in enumerate(test.steps, 1))
    if out:
        case.system_out = printable(out)
    if result.console_tail:
        case.system_err = printable(result.console_tail)
    return case


def _results(test: TestState, result: TestFinished) -> list[FinalResult]:
    message = printable(result.message) or result.outcome.value
    kinds = {Outcome.FAILED: Failure, Outcome.ERROR: Error, Outcome.SKIPPED: Skipped}
    kind = kinds.get(result.outcome)
    if kind is None:
        return []
    made = kind(message.splitlines()[0], result.outcome.value)
    lines = [message]
    if result.step is not None and result.step < len(test.steps):
        step = test.steps[result.step]
        lines.insert(0, f"step {result.step + 1} {step.action}: {step.name}")
    if test.kept is not None:
        lines.append(f"its machine is kept: {test.kept.command}")
    made.text = printable("\n".join(lines))
    return [made]


def _told(number: int, step: StepState) -> str:
    if step.started is None:
        return ""
    word = step.outcome.value if step.outcome else "did not end"
    head = f"step {number} {step.action}: {step.name}: {word}\n"
    command = "".join(f"$ {line}\n" for line in step.command.splitlines())
    output = "".join(text for _, text in step.output).splitlines()
    if len(output) > OUTPUT_LINES:
        output = [f"… {len(output) - OUTPUT_LINES} lines before", *output[-OUTPUT_LINES:]]
    return head + command + "".join(f"{line}\n" for line in output)
