"""How busy the host is, and how much of it the hypervisor keeps for others."""

from __future__ import annotations

from types import SimpleNamespace

import psutil
import pytest

from app.engine.latency.hostload import HostLoad, StolenTime
from app.engine.latency.measurement import Conditions, Host, Measurement
from app.engine.latency.words import footnote


class Clock(SimpleNamespace):
    """Processors' times, as psutil counts them."""

    def __iter__(self):
        return iter(vars(self).values())


def test_what_the_hypervisor_took_is_counted_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(user=10.0, system=0.0, idle=100.0, steal=50.0)
    monkeypatch.setattr(psutil, "cpu_times", lambda: clock)
    load, stolen = HostLoad(), StolenTime()
    assert (load.busy(), stolen.part()) == (0.0, 0.0)
    clock.user, clock.idle, clock.steal = 11.0, 102.0, 51.0
    assert stolen.part() == 0.25
    assert load.busy() == 0.5
    conditions = Conditions(probe="echo")
    for part, told in (
        (stolen.part(), "2 processors, 25% of them taken by the hypervisor, load"),
        (0.001, "2 processors, load"),
    ):
        found = Measurement(conditions=conditions, series={}, when=0.0, host=Host(cpus=2, stolen=part))
        assert told in footnote(found)


def test_a_system_that_does_not_count_it_has_nothing_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(user=10.0, idle=100.0)
    monkeypatch.setattr(psutil, "cpu_times", lambda: clock)
    stolen = StolenTime()
    clock.user = 20.0
    assert stolen.part() == 0.0
