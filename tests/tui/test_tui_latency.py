"""The screen of measurements over a lab that measures nothing, and the gauge at the bottom."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.widgets import Button, Input, Select, Static

from app.engine.house import House
from app.engine.latency.figures import Sample
from app.engine.latency.lab import Lab, Request
from app.engine.latency.limits import Limits
from app.engine.latency.measure import OnProgress, Progress
from app.engine.latency.measurement import Conditions, LatencyError, Measurement
from app.settings import Settings, UiSettings
from app.tui import demo
from app.tui.app import Workbench
from app.tui.replay import ReplayEngine
from app.tui.screens.latency import LatencyScreen
from app.tui.screens.new_measurement import NewMeasurement
from app.tui.screenshots import until
from app.tui.widgets.gauge import Gauge
from app.tui.widgets.key_footer import KeyLine
from app.tui.widgets.still import TextPane


class CalmLab(Lab):
    """Gives samples when it is told to."""

    def __init__(self, folder: Path) -> None:
        def none(_isolation: str) -> None:
            raise AssertionError

        super().__init__(folder, None, none, None, Limits())  # type: ignore[arg-type]
        self.requests: list[Request] = []
        self.go = asyncio.Event()
        self.ended = 0
        self.fails: LatencyError | None = None

    def machines(self) -> list[str]:
        return ["calm-otter"]

    async def measure(self, request: Request, progress: Progress, on_progress: OnProgress) -> None:
        self.requests.append(request)
        progress.total = request.conditions.keys
        progress.series["vmbench"] = samples(50, 2.0)
        on_progress(progress)
        try:
            await self.go.wait()
            if self.fails is not None:
                raise self.fails
            progress.whole = True
        finally:
            self.ended += 1


def samples(count: int, ms: float) -> list[Sample]:
    return [Sample(at=n / 20, ms=ms + n % 9 / 10, busy=0.5) for n in range(count)]


def keep(lab: Lab, when: float, ms: float) -> None:
    m = Measurement(
        conditions=Conditions(probe="paint", keys=300), series={"vmbench": samples(300, ms)}, when=when
    )
    lab.keep(m)


def made(tmp_path: Path) -> tuple[Workbench, CalmLab]:
    lab = CalmLab(tmp_path / "latency")
    engine = ReplayEngine(demo.registry(), record=demo.record(tmp_path), folder=tmp_path)
    return Workbench(engine, house=House(lab=lab)), lab


def shown(app: Workbench) -> str:
    return "".join(found.text for found in app.screen.query(TextPane))


def screen_of(app: Workbench) -> LatencyScreen:
    assert isinstance(app.screen, LatencyScreen)
    return app.screen


async def test_from_the_palette_to_a_comparison(tmp_path: Path) -> None:
    app, lab = made(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.rows.registry is not None)
        assert "Go to Latency (8)" in [command.title for command in app.get_system_commands(app.screen)]
        await app.go("latency")
        await until(pilot, lambda: isinstance(app.screen, LatencyScreen) and "Nothing was" in shown(app))
        keep(lab, 1e9, 3.0)
        keep(lab, 1.1e9, 30.0)
        await pilot.press("escape")
        await until(pilot, lambda: app.place == "tests")
        await app.go("latency")
        await until(pilot, lambda: isinstance(app.screen, LatencyScreen) and "p99.9" in shown(app))
        assert "✗ vmbench: p99 30.80 ms is not under 20 ms" in shown(app), "the latest is shown first"
        await pilot.press("down", "space", "up")
        await until(pilot, lambda: "slower" in shown(app))
        assert "p50 3.40 → 30.4 ms: slower" in shown(app)

        # A measurement: asked for, looked at while it goes on, ended early, kept.
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NewMeasurement))
        app.screen.query_one("#place", Select).value = "calm-otter"
        app.screen.query_one("#load", Select).value = "two guests burn theirs"
        app.screen.query_one("#against", Input).value = "ssh, tmux"
        app.screen.query_one("#keys", Input).value = "0"
        await pilot.press("enter")
        assert "from 1 to" in str(app.screen.query_one("#problem", Static).content)
        app.screen.query_one("#keys", Input).value = "70"
        await pilot.press("enter")
        await until(pilot, lambda: len(lab.requests) == 1 and isinstance(app.screen, LatencyScreen))
        request = lab.requests[0]
        assert request.against == ("ssh", "tmux") and request.conditions.machine == "calm-otter"
        assert (request.conditions.guests, request.conditions.load) == (2, "burn")
        told = app.screen.query_one("#measuring", Static)
        await until(pilot, lambda: "50 of 70 keys" in str(told.content))
        await pilot.press("n")
        assert isinstance(app.screen, LatencyScreen), "one at a time"
        await pilot.press("c")
        await until(pilot, lambda: lab.ended == 1 and "interrupted" in shown(app))
        assert len(screen_of(app).measurements.entries) == 3


async def test_it_goes_on_elsewhere_and_an_error_is_told(tmp_path: Path) -> None:
    app, lab = made(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.rows.registry is not None)
        await app.go("latency")
        await until(pilot, lambda: "Nothing was" in shown(app))
        lab.fails = LatencyError("tmux cannot be measured", remedy="install tmux")
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NewMeasurement))
        dialog = app.screen.query_one(".dialog").content_region
        assert all(dialog.contains_region(button.region) for button in app.screen.query(Button))
        place = app.screen.query_one("#place", Select)
        place.focus()
        await until(pilot, lambda: place.has_focus)
        assert place.query_one("#label").styles.text_style.underline, "the focus is told"
        app.screen.query_one("#yes", Button).focus()
        await pilot.press("enter")
        await until(pilot, lambda: len(lab.requests) == 1)
        await pilot.press("escape")
        await until(pilot, lambda: app.place == "tests")
        await pilot.press("8")
        await until(pilot, lambda: isinstance(app.screen, LatencyScreen))
        lab.go.set()
        await until(pilot, lambda: any("install tmux" in n.message for n in app._notifications))
        lab.go.clear()
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NewMeasurement))
        await pilot.press("enter")
        await until(pilot, lambda: len(lab.requests) == 2)
    assert lab.ended == 2, "leaving the workbench ends it"
    (left,) = lab.entries()
    assert not left.measurement.complete, "what was measured until then is kept"


@pytest.mark.parametrize("gauge", [True, False])
async def test_the_gauge_tells_what_was_felt(tmp_path: Path, gauge: bool) -> None:
    engine = ReplayEngine(demo.registry(), record=demo.record(tmp_path), folder=tmp_path)
    app = Workbench(engine, settings=Settings(ui=UiSettings(gauge=gauge)))
    app.busy = lambda: 0.35
    async with app.run_test(size=(140, 30)) as pilot:
        await until(pilot, lambda: app.rows.registry is not None)
        found = app.screen.query_one(Gauge)
        assert not found.display, "nothing was felt yet"
        if app.feel is None:
            assert not gauge
            return
        feel_all(app.feel.key, app.feel.wrote)
        found.look()
        await pilot.pause()
        assert found.display and "host 35%" in str(found.content) and "p50" in str(found.content)
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: not found.display)
        assert "help" in app.screen.query_one(KeyLine).render().plain, "the keys come before it"


def feel_all(key: Callable[[float, str | None], None], wrote: Callable[[str], None]) -> None:
    import time

    for _ in range(10):
        key(time.monotonic(), "x")
        wrote("x")
