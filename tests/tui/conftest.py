from __future__ import annotations

import time

import pytest


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch):
    """The same colours and sizes wherever the tests run."""
    for name in ("NO_COLOR", "COLUMNS", "LINES", "TEXTUAL_COLOR_SYSTEM", "TEXTUAL_THEME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.fixture(autouse=True)
def no_fault_is_hidden(request, monkeypatch):
    """A fault that the workbench reports and survives fails the test, unless it is marked ``reports``."""
    from app.tui.app import Workbench

    faults, report, broke = [], Workbench.report, Workbench.broke

    def reported(self, error) -> None:
        faults.append(error)
        report(self, error)

    def broken(self, widget, fault) -> None:
        faults.append(fault.error)
        broke(self, widget, fault)

    monkeypatch.setattr(Workbench, "report", reported)
    monkeypatch.setattr(Workbench, "broke", broken)
    yield
    if faults and "reports" not in request.keywords:
        raise faults[0]
