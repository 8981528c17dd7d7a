from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from app.engine import history
from app.engine.api import LastResult
from app.engine.engine import run_id
from app.engine.events import Outcome
from app.engine.history import ResultIndex, prune_runs, read_summary
from app.engine.log import LOG_NAME, EventLog
from app.engine.offload import Writer
from app.engine.past import PastRuns
from registry.model import Keep
from tests.fakes import Gate, Script, make_registry, make_test, shell


def result(run: str = "r", outcome: Outcome = Outcome.PASSED) -> LastResult:
    return LastResult(outcome=outcome, duration=1.5, time=10.0, run=run)


def test_the_last_result_of_each_test_wins(tmp_path):
    index = ResultIndex(tmp_path / "state")
    assert index.last_results() == {}
    index.add("/a", "t", result("one"))
    index.add("/a", "t", result("two", Outcome.FAILED))
    index.add("/b", "t", result("three"))
    assert index.last_results("/a") == {"t": result("two", Outcome.FAILED)}
    assert index.last_results("/b") == {"t": result("three")}


def test_a_torn_line_loses_nothing_else(tmp_path):
    index = ResultIndex(tmp_path)
    index.add("/a", "whole", result())
    with (tmp_path / "results.jsonl").open("ab") as file:
        file.write(b'{"registry": "/a", "test": "torn", "outc')
    index.add("/a", "after", result())
    assert set(index.last_results()) == {"whole", "after"}


def test_lines_that_make_no_sense_are_left_out(tmp_path):
    (tmp_path / "results.jsonl").write_text('[]\n{"registry": 1}\nnull\n\xff\n')
    index = ResultIndex(tmp_path)
    index.add("/a", "t", result())
    assert set(index.last_results()) == {"t"}


def test_compacting_keeps_the_last_results(tmp_path):
    index = ResultIndex(tmp_path)
    for n in range(500):
        index.add("/a", f"t{n % 5}", result(f"run-{n}"))
    before, size = index.last_results(), (tmp_path / "results.jsonl").stat().st_size
    index.compact(least=0)
    assert index.last_results() == before
    assert (tmp_path / "results.jsonl").stat().st_size * 4 < size
    ResultIndex(tmp_path / "none").compact(least=0)


def test_what_was_read_once_is_not_read_again(tmp_path, monkeypatch):
    index, other = ResultIndex(tmp_path), ResultIndex(tmp_path)
    for n in range(300):
        other.add("/a", f"t{n % 5}", result(f"run-{n}"))
    assert [r.run for r in index.recent("/a")["t0"]] == [f"run-{n}" for n in range(200, 300, 5)]
    made = []
    parse = history._parse
    monkeypatch.setattr(history, "_parse", lambda data: made.append(data) or parse(data))
    with (tmp_path / "results.jsonl").open("a") as file:
        spaced = '{"registry": "/a", "test": "t0", "time": 1, "duration": 2, "run": "x", "outcome": "failed"}'
        file.write(f"{spaced}\n")
    assert index.recent("/a")["t0"][-1].run == "x"
    assert 0 < len(made) <= 21, "only the test with a new result is made again"
    # Compacted by another process, it is another file; cut short, it is read from its beginning.
    other.compact(least=0)
    assert index.recent("/a") == ResultIndex(tmp_path).recent("/a")
    (tmp_path / "results.jsonl").write_bytes(b"")
    assert index.recent("/a") == {}
    (tmp_path / "results.jsonl").unlink()
    assert index.last_results() == {}


def test_several_processes_write_while_one_compacts(tmp_path):
    code = """
import sys
from pathlib import Path
from app.engine.api import LastResult
from app.engine.events import Outcome
from app.engine.history import ResultIndex

index = ResultIndex(Path(sys.argv[1]))
for n in range(100):
    result = LastResult(outcome=Outcome.PASSED, duration=1.0, time=float(n), run=sys.argv[2])
    index.add("/a", f"{sys.argv[2]}-{n % 10}", result)
    if n % 25 == 0:
        index.compact(least=0)
"""
    writers = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), f"w{n}"]) for n in range(3)]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    found = ResultIndex(tmp_path).last_results()
    assert {name: r.time for name, r in found.items()} == {
        f"w{w}-{n}": 90.0 + n for w in range(3) for n in range(10)
    }


async def test_runs_are_listed_newest_first_with_their_counts(bench):
    registry = make_registry(make_test("a"), make_test("b"))
    first = await bench.run(registry)
    second = await bench.run(registry, names=("a",))
    past = PastRuns(bench.runs)
    runs = past.read(past.ids())
    assert [run.id for run in runs] == [second.run.id, first.run.id]
    assert [(run.tests, run.finished) for run in runs] == [(1, second.summary), (2, first.summary)]


async def test_a_run_that_was_cut_off_is_read_from_its_log(bench):
    done = await bench.run(make_registry(make_test("a")))
    (done.run.folder / "run.json").unlink()
    assert read_summary(done.run.folder).finished == done.summary
    log = done.run.folder / LOG_NAME
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:-1]))
    summary = read_summary(done.run.folder)
    assert (summary.id, summary.finished, summary.tests) == (done.run.id, None, 1)
    shutil.rmtree(done.run.folder)
    assert read_summary(done.run.folder) is None


async def test_old_runs_are_pruned_but_not_those_with_machines_or_at_work(bench):
    plain = (await bench.run(make_registry(make_test("a")))).run.folder
    kept = (await bench.run(make_registry(make_test("b", keep=Keep.ALWAYS)))).run.folder
    gate = Gate()
    bench.backend.scripts["c"] = Script(commands={"wait": gate})
    busy = await bench.start(make_registry(make_test("c", shell("wait"))))
    await gate.reached.wait()
    (bench.runs / "no-run-of-ours").mkdir()
    assert prune_runs(bench.runs, keep=0) == [plain.name]
    assert kept.exists() and busy.folder.exists() and (bench.runs / "no-run-of-ours").exists()
    gate.opened.set()
    await busy.wait()
    assert prune_runs(bench.runs, keep=3) == []


async def test_a_live_log_is_not_pruned_before_its_first_event(tmp_path):
    log = EventLog(tmp_path / "20200101-000000-aaaa" / LOG_NAME, Writer())
    await log.open()
    assert prune_runs(tmp_path, keep=0) == []
    await log.close()


def test_run_ids_sort_by_time_and_differ():
    ids = [run_id(now) for now in (0, 0, 86400, 90000)]
    assert len(set(ids)) == 4
    assert ids[1][:15] <= ids[2][:15] <= ids[3][:15]


@pytest.fixture(autouse=True)
def _utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
