"""The places of the images and of the doctor, by their keys."""

from __future__ import annotations

from contextlib import asynccontextmanager

from textual.widgets import Static

from app.engine.house import House
from app.tui import demo
from app.tui.app import Workbench
from app.tui.clock import Clock
from app.tui.demo_host import DAY, DemoDoctor, DemoImages
from app.tui.replay import ReplayEngine
from app.tui.screens.dialogs import Confirm
from app.tui.screens.doctor import DoctorScreen
from app.tui.screens.images import ImagesScreen
from app.tui.screenshots import NARROW, until


@asynccontextmanager
async def opened(house: House, *keys: str):
    clock = Clock(mono=lambda: 1000.0, wall=lambda: demo.EPOCH)
    app = Workbench(ReplayEngine(demo.registry()), clock=clock, house=house)
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press(*keys)
        yield app, pilot


def told(app) -> str:
    return "\n".join(f"{n.title} {n.message}" for n in app._notifications)


async def asked(app, pilot, answer: str) -> str:
    await until(pilot, lambda: isinstance(app.screen, Confirm))
    text = "\n".join(str(static.content) for static in app.screen.query(Static))
    await pilot.press(answer)
    await until(pilot, lambda: not isinstance(app.screen, Confirm))
    return text


async def test_images_are_built_checked_and_removed() -> None:
    images = DemoImages()
    async with opened(House(images=images), "7") as (app, pilot):
        await until(pilot, lambda: isinstance(app.screen, ImagesScreen) and app.screen.loaded)
        screen = app.screen
        facts = screen.query_one("#image-facts", Static)
        assert screen.image_list.count == 3 and "m-41c9" in str(facts.content)
        await pilot.press("b")
        await until(pilot, lambda: "downloading" in str(facts.content) and "50%" in str(facts.content))
        assert "building tiny" in screen.why_not("verify")
        await pilot.press("v", "c")
        await until(pilot, lambda: not screen.busy)
        assert images.asked == ["build tiny", "cancelled tiny"] and "Cancelled" in told(app)
        images.going.set()
        await pilot.press("B")
        await until(pilot, lambda: "Built tiny 7c0ffee7c0ff" in told(app))
        images.failure = "the mirror does not answer"
        await pilot.press("b")
        await until(pilot, lambda: "the mirror does not answer" in told(app) and "network" in told(app))
        await until(pilot, lambda: not screen.busy)
        await pilot.press("v")
        await until(pilot, lambda: "tiny is good" in told(app) and not screen.busy)
        images.wrong = ["initramfs: its content has changed"]
        await pilot.press("v")
        await until(pilot, lambda: "is damaged" in told(app) and not screen.busy)

        await pilot.press("d")
        assert "1 machine, 1 snapshot, 3 templates made from it" in await asked(app, pilot, "n")
        await pilot.press("D")
        assert "tiny@0b77c2d41e09: 18.0 MiB" in await asked(app, pilot, "y")
        await until(pilot, lambda: screen.image_list.count == 2)
        assert screen.why_not("clean")
        await pilot.press("d")
        await asked(app, pilot, "y")
        await until(pilot, lambda: not screen.image_list.images[0].info.built)
        assert images.asked[-1] == "remove tiny" and "not built yet" in screen.why_not("verify")


async def test_the_doctor_looks_says_what_to_type_and_reclaims() -> None:
    doctor = DemoDoctor(stuck="half-saved")
    async with opened(House(doctor=doctor), "9") as (app, pilot):
        await until(pilot, lambda: isinstance(app.screen, DoctorScreen) and not app.screen.looking)
        screen = app.screen
        assert "1 failure, 1 warning" in str(screen.checks.border_title)
        assert "4 things" in str(screen.garbage.border_title)
        await pilot.press("down", "down", "y")
        assert app.clipboard == doctor.found[2].remedy
        assert doctor.found[2].remedy in str(screen.query_one("#remedy", Static).content)
        doctor.found = doctor.found[:2]
        await pilot.press("r")
        await until(pilot, lambda: screen.checks.count == 2 and not screen.looking)
        assert "all is well" in str(screen.checks.border_title)
        await pilot.press("tab", "d")
        assert "its vmbench is gone" in await asked(app, pilot, "n")
        assert doctor.reclaimed == []
        await pilot.press("d")
        await asked(app, pilot, "y")
        await until(pilot, lambda: screen.garbage.count == 3 and not screen.looking)
        await pilot.press("D")
        assert "1 snapshot, 1 checkpoint, 1 image" in await asked(app, pilot, "y")
        await until(pilot, lambda: screen.garbage.count == 1 and not screen.looking)
        assert "half-saved is in use" in told(app) and len(doctor.reclaimed) == 3
        await pilot.press("y", "o")
        await until(pilot, lambda: doctor.asked[-1] == DAY and not screen.looking)
        assert app.clipboard == "half-saved"


async def test_places_that_are_not_there_say_so() -> None:
    async with opened(House(), "7") as (app, pilot):
        await until(pilot, lambda: isinstance(app.screen, ImagesScreen))
        await pilot.press("b", "B", "v", "d", "D", "c", "9")
        await until(pilot, lambda: isinstance(app.screen, DoctorScreen))
        await pilot.press("r", "y", "d", "D", "o")
        await until(pilot, lambda: "without" in str(app.screen.query_one("#remedy", Static).content))
