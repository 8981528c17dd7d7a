"""``doctor``."""

from __future__ import annotations

import json

import pytest

import app.engine.doctor
from app.engine.doctor import Check, Host, Status, isolation_check
from app.paths import Paths
from tests.cli_desk import Desk


def answer(monkeypatch: pytest.MonkeyPatch, *checks: Check) -> None:
    def examine(paths: Paths, host: Host, requested_accel: str, isolation: str) -> list[Check]:
        return [*checks, isolation_check(isolation)]

    monkeypatch.setattr(app.engine.doctor, "examine", examine)


GOOD = Check(name="python", status=Status.OK, found="3.12")
BAD = Check(name="qemu", status=Status.FAIL, found="not installed", remedy="apt-get install qemu")


def test_a_host_that_is_able(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, GOOD)
    done = desk.call("doctor")
    assert done.code == 0
    first, isolation, last = done.out.splitlines()
    assert (first, last) == ("ok    python        3.12", "this host can run tests")
    assert isolation.startswith("ok    isolation ")
    monkeypatch.setenv("VMBENCH_ISOLATION", "off")
    assert "off: guests run on any core" in desk.call("doctor").out


def test_a_host_that_is_not(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, GOOD, BAD)
    done = desk.call("doctor")
    assert done.code == 3
    assert "fail  qemu" in done.out and "try: apt-get install qemu" in done.out


def test_as_json(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, GOOD, BAD)
    done = desk.call("doctor", "--json")
    document = json.loads(done.out)
    assert (done.code, document["able"]) == (3, False)
    assert document["checks"][1]["remedy"] == "apt-get install qemu"


def test_on_this_very_host(desk: Desk) -> None:
    done = desk.call("doctor")
    assert done.code in (0, 3)
    assert done.err == ""
