"""Past runs as they are listed, opened, compared, reported and deleted."""

from __future__ import annotations

import asyncio
import json
import os
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from junitparser import JUnitXml

from app.engine.api import LastResult
from app.engine.compare import Change, compare
from app.engine.events import (
    Outcome,
    PlannedStep,
    PlannedTest,
    RunFinished,
    RunStarted,
    Stamped,
    StepFinished,
    StepOutput,
    StepStarted,
    TestFinished,
    TestStarted,
)
from app.engine.history import ResultIndex
from app.engine.log import LOG_NAME
from app.engine.past import CutOff, PastRunError, PastRuns
from app.engine.reports import ReportError, ReportFormat, format_of, make_report, write_report
from app.engine.state import RunState
from app.engine.trends import Trend, sparkline
from registry.model import Keep
from tests.fakes import Gate, Reply, Script, make_registry, make_test, shell

NASTY = "<b>`x` ``` | \x1b[31mred\x1b[0m \x00\x07 \ufffe ]]> &amp; ~~~\r\nnext | line"


def state_of(**outcomes: tuple[Outcome, float]) -> RunState:
    tests = tuple(
        PlannedTest(
            name=n,
            group="web",
            backend="fake",
            memory=1,
            cpus=1,
            steps=(PlannedStep(action="shell", name=NASTY),),
        )
        for n in outcomes
    )
    events = [RunStarted(run="r1", registry="/reg", folder="/f", tests=tests, parallel=1, memory=1)]
    for name, (outcome, took) in outcomes.items():
        events += [
            TestStarted(test=name, attempt=1),
            StepStarted(test=name, index=0, action="shell", name=NASTY, command=NASTY),
            StepOutput(test=name, index=0, stream="stdout", text=NASTY),
            StepFinished(test=name, index=0, outcome=outcome, duration=took, message=NASTY),
            TestFinished(
                test=name, outcome=outcome, duration=took, message=NASTY, step=0, console_tail=NASTY
            ),
        ]
    counts = [outcome for outcome, _ in outcomes.values()]
    events.append(
        RunFinished(
            run="r1",
            passed=counts.count(Outcome.PASSED),
            failed=counts.count(Outcome.FAILED),
            errors=counts.count(Outcome.ERROR),
            skipped=counts.count(Outcome.SKIPPED),
            duration=3.0,
        )
    )
    state = RunState()
    state.apply_all(
        Stamped(seq=n, time=100.0 + n, mono=float(n), event=event) for n, event in enumerate(events, 1)
    )
    return state


async def test_runs_are_listed_opened_and_deleted(bench):
    registry = make_registry(make_test("a"), make_test("b", shell("bad"), keep=Keep.ALWAYS))
    bench.backend.scripts["b"] = Script(commands={"bad": Reply(exit_code=1)})
    one = await bench.run(registry)
    two = await bench.run(registry, names=("a",))
    (bench.runs / "no-run-of-ours").mkdir()
    runs = PastRuns(bench.runs)
    newest, oldest = runs.read(runs.ids())
    assert (newest.id, newest.word, newest.selection) == (two.run.id, "passed", "a")
    assert (oldest.id, oldest.word, oldest.selection, len(oldest.kept)) == (one.run.id, "failed", "", 1)
    assert oldest.counts[Outcome.FAILED] == 1 and oldest.counts[Outcome.PASSED] == 1
    assert runs.failed(one.run.id) == ("b",)
    assert runs.find("last").id == two.run.id == runs.find(two.run.id[-4:]).id
    assert [e.event async for e in runs.find(one.run.id).follow()] == one.events
    assert await runs.find(one.run.id).wait() == one.summary
    with pytest.raises(PastRunError, match="names 2 runs"):
        runs.find("20")
    for name in ("nonsense", "", ".."):
        with pytest.raises(PastRunError, match="there is no run"):
            runs.find(name)
    runs.delete(one.run.id)
    assert not one.run.folder.exists() and runs.read(runs.ids()) == [newest]


async def test_what_goes_on_stays_and_what_was_cut_off_is_said(bench):
    gate = Gate()
    bench.backend.scripts["c"] = Script(commands={"wait": gate})
    busy = await bench.start(make_registry(make_test("c", shell("wait"))))
    await gate.reached.wait()
    runs = PastRuns(bench.runs)
    (going,) = await asyncio.to_thread(runs.read, runs.ids())
    assert going.word == "running"
    with pytest.raises(PastRunError, match="goes on"):
        runs.delete(busy.id)
    gate.opened.set()
    await busy.wait()
    assert [run.word for run in runs.read(runs.ids())] == ["passed"]
    (busy.folder / "run.json").unlink()
    log = busy.folder / LOG_NAME
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:-1]))
    (cut,) = PastRuns(bench.runs).read(runs.ids())
    assert (cut.word, cut.counts[Outcome.PASSED]) == ("cut off", 1)
    with pytest.raises(CutOff):
        await runs.find(busy.id).wait()


async def test_a_stamp_tells_whether_there_is_something_new(bench):
    gate = Gate()
    bench.backend.scripts["c"] = Script(commands={"wait": gate})
    await bench.run(make_registry(make_test("a")))
    runs = PastRuns(bench.runs)
    runs.read(runs.ids())
    alone = runs.stamp()
    assert runs.stamp() == alone
    busy = await bench.start(make_registry(make_test("c", shell("wait"))))
    await gate.reached.wait()
    assert runs.stamp() != alone, "a run began"
    runs.read(runs.ids())
    going = runs.stamp()
    gate.opened.set()
    await busy.wait()
    assert runs.stamp() != going, "it ended"
    runs.read(runs.ids())
    over = runs.stamp()
    os.utime(bench.runs, (1.0, 1.0))
    assert runs.stamp() == over and runs.ids() == runs.ids(), "nothing changed for long: not listed again"
    runs.delete(busy.id)
    assert runs.stamp() != over and len(runs.ids()) == 1


def test_there_may_be_no_runs_at_all(tmp_path):
    runs = PastRuns(tmp_path / "none")
    assert runs.ids() == []
    with pytest.raises(PastRunError, match="nothing has run"):
        runs.find("last")


def test_two_runs_are_compared():
    before = state_of(
        a=(Outcome.PASSED, 1.0), b=(Outcome.FAILED, 2.0), c=(Outcome.PASSED, 3.0), gone=(Outcome.PASSED, 1.0)
    )
    after = state_of(
        a=(Outcome.FAILED, 1.5),
        b=(Outcome.PASSED, 2.0),
        c=(Outcome.PASSED, 9.0),
        fresh=(Outcome.SKIPPED, 0.0),
    )
    found = compare(before, after)
    assert [(p.name, p.change) for p in found.pairs] == [
        ("a", Change.WORSE),
        ("b", Change.BETTER),
        ("fresh", Change.NEW),
        ("gone", Change.MISSING),
        ("c", Change.SAME),
    ]
    assert {p.name: p.delta for p in found.pairs} == {
        "a": 0.5,
        "b": 0.0,
        "fresh": None,
        "gone": None,
        "c": 6.0,
    }
    assert "1 worse, 1 better, 1 new, 1 missing, 1 same" in found.text()


def test_reports_hold_whatever_a_guest_prints():
    state = state_of(
        good=(Outcome.PASSED, 1.0),
        bad=(Outcome.FAILED, 2.0),
        ill=(Outcome.ERROR, 1.0),
        no=(Outcome.SKIPPED, 0.0),
    )
    (suite,) = JUnitXml.fromstring(make_report(state, ReportFormat.JUNIT).encode())
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (4, 1, 1, 1)
    document = json.loads(make_report(state, ReportFormat.JSON))
    assert [t["outcome"] for t in document["tests"]] == ["passed", "failed", "error", "skipped"]
    assert document["tests"][1]["failed_step"] == 1 and document["counts"]["failed"] == 1
    text = make_report(state, ReportFormat.MARKDOWN)
    assert "# Run r1: failed" in text and "\x1b" not in text and "\x00" not in text
    page = make_report(state, ReportFormat.HTML)
    assert "<b>" not in page and "&lt;b&gt;" in page and page.count("<tr>") == 5


@settings(deadline=None)
@given(st.text())
def test_a_report_is_well_formed_whatever_a_message_is(message):
    state = state_of(bad=(Outcome.FAILED, 1.0))
    test = state.tests["bad"]
    test.result = TestFinished(test="bad", outcome=Outcome.FAILED, duration=1.0, message=message)
    test.steps[0].output = [("stdout", message)]
    ET.fromstring(make_report(state, ReportFormat.JUNIT))
    assert make_report(state, ReportFormat.MARKDOWN).encode()
    assert "<script" not in make_report(state, ReportFormat.HTML)


def test_a_run_without_an_end_is_reported_too():
    state = state_of(a=(Outcome.PASSED, 1.0))
    state.finished = None
    state.tests["a"].result = None
    assert "cut off" in make_report(state, ReportFormat.MARKDOWN, cut_off=True)
    assert "running" in make_report(state, ReportFormat.MARKDOWN)
    assert JUnitXml.fromstring(make_report(state, ReportFormat.JUNIT).encode()).errors == 1
    with pytest.raises(ReportError, match="no events"):
        make_report(RunState(), ReportFormat.JSON)


def test_a_report_never_replaces_a_file_by_itself(tmp_path):
    file = tmp_path / "r.xml"
    write_report("one", file)
    with pytest.raises(ReportError, match="is there already"):
        write_report("two", file)
    assert file.read_text() == "one"
    write_report("two", file, force=True)
    assert file.read_text() == "two" and list(tmp_path.iterdir()) == [file]
    for wrong in (tmp_path / "none" / "r.xml", tmp_path):
        with pytest.raises(ReportError):
            write_report("x", wrong)
    assert format_of(file) is ReportFormat.JUNIT
    with pytest.raises(ReportError, match="ending"):
        format_of(tmp_path / "r.doc")


def results(*outcomes: Outcome) -> tuple[LastResult, ...]:
    return tuple(
        LastResult(outcome=o, duration=float(n), time=float(n), run=f"r{n}")
        for n, o in enumerate(outcomes, 1)
    )


def test_trends_tell_flips_and_durations(tmp_path):
    good, bad = Outcome.PASSED, Outcome.FAILED
    assert Trend(results(good, bad, good, good, good)).flakiness == 0.5
    assert Trend(results(good, good, good)).flakiness == 0.0
    assert Trend(results(good, bad)).flakiness is None
    assert Trend(results(good, good, good, good)).spark(2) == "▇█"
    assert sparkline([]) == "" and sparkline([0.0, 0.0]) == "▁▁"
    index = ResultIndex(tmp_path)
    for n, outcome in enumerate([good, bad] * 20):
        index.add("/a", "t", LastResult(outcome=outcome, duration=1.0, time=float(n), run=f"r{n}"))
    index.add("/b", "t", results(good)[0])
    index.compact(least=0)
    recent = index.recent("/a")["t"]
    assert [r.time for r in recent] == [float(n) for n in range(20, 40)]
    assert index.last_results("/a")["t"].time == 39.0
