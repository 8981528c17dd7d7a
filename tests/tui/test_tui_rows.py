from __future__ import annotations

import dataclasses

import pytest

from app.engine.api import LastResult
from app.engine.events import Outcome, TestFinished
from app.tui import demo, signs
from app.tui.estimate import remaining
from app.tui.keymap import SCOPES, bindings
from app.tui.run_session import RunState
from app.tui.test_rows import PROBLEMS, GroupRow, ProblemRow, TestRow, TestRows
from app.tui.widgets.line_list import fit
from app.tui.widgets.run_header import bar


def listed(rows: TestRows) -> list[str]:
    return [row.test.name for row in rows.rows if isinstance(row, TestRow)]


@pytest.fixture
def rows() -> TestRows:
    rows = TestRows(results=demo.results())
    rows.load(demo.registry(broken=True))
    return rows


def test_problems_come_first_and_groups_follow(rows: TestRows) -> None:
    groups = [row.key for row in rows.rows if isinstance(row, GroupRow)]
    assert groups == [PROBLEMS, "cache", "gateway", "tests"]
    assert sum(isinstance(row, ProblemRow) for row in rows.rows) == 3
    assert len(listed(rows)) == 9


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 9),
        ("cache", 3),
        ("CACHE", 3),
        ("cache -gateway", 2),
        ("tag:smoke", 3),
        ("tag:smoke -tag:net", 2),
        ("group:gateway", 3),
        ("tag:", 9),
        ("-", 9),
        ("nothing-like-it", 0),
    ],
)
def test_the_filter_speaks_the_grammar_of_the_command_line(rows: TestRows, text: str, count: int) -> None:
    rows.set_filter(text)
    assert len(rows.shown) == count == len(listed(rows))


def test_a_filter_narrows_the_problems_too(rows: TestRows) -> None:
    rows.set_filter("search")
    assert [r.problem.test for r in rows.rows if isinstance(r, ProblemRow)] == ["search-finds"]


def test_folded_tests_are_hidden_but_still_shown_for_running(rows: TestRows) -> None:
    rows.fold("gateway")
    assert len(listed(rows)) == 6
    assert len(rows.shown) == 9
    rows.set_filter("gateway")
    assert len(listed(rows)) == 3, "a filter looks into folded groups"


def test_marks_outlive_filter_and_fold_but_not_the_test(rows: TestRows) -> None:
    rows.mark_shown()
    assert len(rows.marked) == 9
    rows.set_filter("tag:smoke")
    rows.fold_all(True)
    assert len(rows.marked) == 9
    registry = demo.registry()
    rows.load(dataclasses.replace(registry, tests=registry.tests[:2]))
    assert rows.marked == {"cache-evicts-oldest", "cache-survives-restart"}


def test_marking_a_group_twice_takes_the_marks_away(rows: TestRows) -> None:
    group = next(r for r in rows.rows if isinstance(r, GroupRow) and r.key == "cache")
    rows.toggle(group.tests[:1])
    rows.toggle(group.tests)
    assert len(rows.marked) == 2
    rows.toggle(group.tests)
    assert not rows.marked


def test_broken_tests_can_be_neither_marked_nor_run() -> None:
    registry = demo.registry(broken=True)
    problem = dataclasses.replace(registry.problems[1], test="gateway-answers")
    rows = TestRows()
    rows.load(dataclasses.replace(registry, problems=(problem,)))
    rows.mark_shown()
    assert "gateway-answers" not in rows.marked
    assert rows.selection(["gateway-answers", "devices-are-there"]) == ("devices-are-there",)


def test_failed_are_failures_and_errors(rows: TestRows) -> None:
    assert rows.failed() == ("gateway-rejects-bad-token", "copy-round-trip")


def test_ten_thousand_tests_are_rows_at_once(rows: TestRows) -> None:
    one = demo.registry().tests[0]
    tests = tuple(
        dataclasses.replace(one, name=f"test-{n:05}", group=f"group-{n // 100:03}") for n in range(10_000)
    )
    rows.load(dataclasses.replace(demo.registry(), tests=tests))
    assert len(rows.rows) == 10_100
    rows.set_filter("test-0123")
    assert len(rows.shown) == 10


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0.00s"), (0.426, "0.43s"), (9.999, "10.0s"), (59.97, "1m00s"), (123, "2m03s"), (3725, "1h02m")],
)
def test_durations_are_short(seconds: float, words: str) -> None:
    assert signs.duration(seconds) == words


def test_step_kinds_fold_repeats() -> None:
    assert signs.step_kinds(["add", "wait", "shell", "shell", "http"]) == "add wait shell x2 http"


@pytest.mark.parametrize(
    "text", ["", "short", "exactly 10", "much too long a text", "漢字漢字漢字漢字", "aé漢b"]
)
def test_fit_is_exact(text: str) -> None:
    from rich.cells import cell_len

    for width in range(12):
        assert cell_len(fit(text, width)) == width


def test_a_bar_never_hides_a_failure_nor_claims_the_end() -> None:
    assert bar(1, 1, 1000, 20) == (0, 1, 19)
    assert sum(bar(999, 3, 1000, 20)[:2]) == 19
    assert bar(1000, 0, 1000, 20) == (20, 0, 0)
    assert bar(0, 0, 0, 20) == (0, 0, 20)


def test_every_key_has_an_id_and_no_screen_has_two_meanings_for_one() -> None:
    ids = [key.id for keys in SCOPES.values() for key in keys]
    assert all(ids)
    assert len(ids) == len(set(ids))
    for screen, panes in {"tests": ["list"], "run": ["log", "list"], "output": ["log"]}.items():
        for pane in panes:
            keys = [b.key for scope in (screen, pane, "app") for b in bindings(scope)]
            assert len(keys) == len(set(keys)), f"{screen} with {pane}"


def test_no_estimate_without_knowledge(tmp_path) -> None:
    state = RunState()
    state.apply_all(demo.record(tmp_path)[:3])
    assert remaining(state, {}, 0.0) is None


def test_no_estimate_of_what_takes_far_longer_than_it_should(tmp_path) -> None:
    state = RunState()
    events = demo.record(tmp_path)
    last = max(i for i, stamped in enumerate(events) if isinstance(stamped.event, TestFinished))
    state.apply_all(events[:last])
    (left,) = [test for test in state.tests.values() if test.result is None]
    before = {left.name: LastResult(outcome=Outcome.PASSED, duration=6.0, time=0.0, run="r")}
    late = remaining(state, before, left.started + 8.0)
    assert late is not None and late.seconds == 0
    assert remaining(state, before, left.started + 14.0) is None


def test_forks_of_a_shaken_test_are_estimated_by_their_siblings(tmp_path) -> None:
    state = RunState()
    events = demo.record(tmp_path)
    started = events[0].event
    plans = tuple(dataclasses.replace(plan, shaken="whole") for plan in started.tests)
    state.apply_all([dataclasses.replace(events[0], event=dataclasses.replace(started, tests=plans))])
    whole = {"whole": LastResult(outcome=Outcome.PASSED, duration=6.0, time=0.0, run="r")}
    told = remaining(state, whole, 0.0)
    assert told is not None and told.seconds == pytest.approx(len(plans) * 6.0 / 3) and not told.rough
    first = plans[0].name
    over = TestFinished(test=first, outcome=Outcome.PASSED, duration=30.0, message="")
    state.apply_all([dataclasses.replace(events[1], event=over)])
    told = remaining(state, whole, 0.0)
    assert told is not None and told.seconds == pytest.approx((len(plans) - 1) * 30.0 / 3)


def test_the_estimate_shares_work_among_machines(tmp_path) -> None:
    state = RunState()
    events = demo.record(tmp_path)
    state.apply_all(events[:1])
    before = {
        name: LastResult(outcome=Outcome.PASSED, duration=6.0, time=0.0, run="r") for name in state.tests
    }
    told = remaining(state, before, 0.0)
    assert told is not None and told.seconds == pytest.approx(9 * 6.0 / 3) and not told.rough
    few = dict(list(before.items())[:2])
    guess = remaining(state, few, 0.0)
    assert guess is not None and guess.rough
    state.apply_all(events)
    assert remaining(state, before, 99.0) is None
