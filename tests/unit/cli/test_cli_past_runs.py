"""Past runs on the command line: runs, report, watch, and the options of run that concern them."""

from __future__ import annotations

import json

from junitparser import JUnitXml

from app.engine.log import LOG_NAME
from tests.fakes import Reply, Script


def test_a_run_is_listed_reported_compared_watched_and_deleted(desk):
    desk.backend.scripts["web-first"] = Script(commands={"two": Reply(exit_code=1)})
    assert desk.call("runs").out.startswith("nothing has run here yet")
    assert "nothing has run here yet" in desk.call("watch", "last").err
    one = desk.call("run", "--report", "result.xml", "--report", "result.html")
    assert one.code == 1 and "report: result.xml" in one.err
    (suite,) = JUnitXml.fromfile(str(desk.folder / "result.xml"))
    assert (suite.tests, suite.failures) == (2, 1)
    assert "<!doctype html>" in (desk.folder / "result.html").read_text()

    desk.backend.scripts.clear()
    again = desk.call("run", "--failed-of", "last")
    assert again.code == 0 and "1 test from" in again.out
    assert "nothing failed in run last" in desk.call("run", "--failed-of", "last").err

    found = json.loads(desk.call("runs", "--json").out)
    assert [(r["state"], r["passed"], r["failed"], r["selection"]) for r in found] == [
        ("passed", 1, 0, "web-first"),
        ("failed", 1, 1, ""),
    ]
    newer, older = (r["run"] for r in found)
    listed = desk.call("runs", "--limit", "1").out
    assert newer in listed and older not in listed and "--limit 0" in listed

    compared = desk.call("runs", "compare", older, newer).out
    assert "1 better, 1 missing" in compared
    assert (
        json.loads(desk.call("runs", "compare", older, newer, "--json").out)["tests"][0]["change"] == "better"
    )

    assert desk.call("report", older).out.startswith(f"# Run {older}: failed")
    assert json.loads(desk.call("report", "last", "--format", "json").out)["run"] == newer
    assert desk.call("report", older, "-o", "r.md").out == "wrote r.md\n"
    kept = desk.call("report", newer, "-o", "r.md")
    assert kept.code == 1 and "is there already" in kept.err and older in (desk.folder / "r.md").read_text()
    assert desk.call("report", newer, "-o", "r.md", "--force").code == 0

    watched = desk.call("watch", older, "--plain")
    assert watched.code == 1 and "failed" in watched.out and "1 passed, 1 failed" in watched.out
    events = [json.loads(line) for line in desk.call("watch", newer, "--json").out.splitlines()]
    assert events[0]["type"] == "RunStarted" and events[-1]["type"] == "RunFinished"

    refused = desk.call("runs", "rm", older)
    assert refused.code == 2 and "will be lost" in refused.err
    assert desk.call("runs", "rm", older, "-y").out == f"deleted {older}\n"
    assert not (desk.paths.runs / older).exists()
    missing = desk.call("report", older)
    assert missing.code == 1 and "vmbench runs lists them" in missing.err


def test_a_report_that_cannot_be_written_is_said_before_anything_runs(desk):
    for file, why in (("r.doc", "ending"), ("none/r.xml", "no folder")):
        done = desk.call("run", "--report", file)
        assert done.code == 1 and why in done.err
    desk.write("r.xml", "mine")
    assert "is there already" in desk.call("run", "--report", "r.xml").err
    assert desk.backend.machines == [] and (desk.folder / "r.xml").read_text() == "mine"


def test_a_run_whose_vmbench_was_killed_is_recognised(desk):
    assert desk.call("run").code == 0
    run = next(desk.paths.runs.iterdir())
    (run / "run.json").unlink()
    log = run / LOG_NAME
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:-1]))
    done = desk.call("watch", "last", "--plain")
    assert done.code == 1 and "was cut off" in done.err and "vmbench gc" in done.err
    assert json.loads(desk.call("runs", "--json").out)[0]["state"] == "cut off"
    assert "cut off" in desk.call("report", "last").out
