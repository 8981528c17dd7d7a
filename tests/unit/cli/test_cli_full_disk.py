"""Commands on a disk that is really full: what failed, where, what to do; and what was there stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.engine.log import LOG_NAME, replay
from tests.cli_desk import Desk
from tests.fakes import FakeMachine, Reply, Script
from tests.small_disk import fill, litter, small_disk


@pytest.fixture
def disk(desk: Desk, tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "state", 2) as state:
        yield state


def test_nothing_begins_on_a_full_disk_and_what_was_there_stays(desk: Desk, disk: Path) -> None:
    assert desk.call("run", "web-first").code == 0
    runs = sorted(path.name for path in desk.paths.runs.iterdir())
    filler = fill(disk)
    refused = desk.call("run", "web-first")
    assert refused.code == 1
    assert f"cannot make a run's folder in {desk.paths.runs}: No space left" in refused.err
    assert "try: free some disk space, or point VMBENCH_STATE" in refused.err
    refused = desk.call("up")
    assert refused.code == 1 and f"cannot write {disk / 'leases.json'}: No space left" in refused.err
    assert "free some disk space" in refused.err
    assert sorted(path.name for path in desk.paths.runs.iterdir()) == runs and litter(disk) == []
    assert "passed" in desk.call("runs").out
    filler.unlink()
    assert desk.call("run", "web-first").code == 0
    assert not any(machine.removed is False for machine in desk.backend.machines)


def test_a_disk_that_fills_up_during_a_run_costs_its_records_and_not_its_result(
    desk: Desk, disk: Path
) -> None:
    async def flood(_machine: FakeMachine) -> Reply:
        fill(disk)
        return Reply(stdout=b"printed\n" * 1000)

    desk.backend.scripts["web-first"] = Script(commands={"one": flood})
    done = desk.call("run", "web-first")
    assert done.code == 0 and "1 passed" in done.out + done.err
    assert "event log could not be written: " in done.out + done.err
    assert "free some disk space" in done.out + done.err and "Traceback" not in done.err
    assert litter(disk) == []
    (run,) = desk.paths.runs.iterdir()
    assert [s.seq for s in replay(run / LOG_NAME)][:1] == [1]
    listed = desk.call("runs")
    assert listed.code == 0 and "cut off" in listed.out
    (disk / "filler").unlink()
    assert desk.call("run", "web-first").code in (0, 1)


def test_settings_on_a_full_disk_stay_as_they_were(desk: Desk, tmp_path: Path) -> None:
    with small_disk(desk.paths.config, 1) as config:
        text = "# mine\n[run]\nparallel = 3  # three\n"
        desk.paths.user_settings.write_text(text)
        fill(config)
        refused = desk.call("settings", "set", "run.parallel", "2")
        assert refused.code == 2 and f"{desk.paths.user_settings} cannot be written: No space" in refused.err
        assert desk.paths.user_settings.read_text() == text
        assert sorted(path.name for path in config.iterdir()) == ["filler", "vmbench.toml"]
        assert desk.call("settings", "get", "run.parallel").out == "3\n"
