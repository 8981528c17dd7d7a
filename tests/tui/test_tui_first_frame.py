"""The first frame: what it costs is not paid twice, and what comes after it is told."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pytest
from textual.css.stylesheet import Stylesheet

from app.engine.house import House
from app.tui import demo, theme
from app.tui.app import Workbench
from app.tui.replay import ReplayEngine
from app.tui.screenshots import until


@dataclass(frozen=True, kw_only=True)
class Furnished(House):
    """A house that tells something, or fails, as it is furnished."""

    told: tuple[str, ...] = ()
    fault: Exception | None = None

    def furnish(self) -> list[str]:
        """Tell it."""
        if self.fault is not None:
            raise self.fault
        return list(self.told)


def notices(app: Workbench) -> list[tuple[str, str]]:
    return [(notice.title, notice.message) for notice in app._notifications]


@pytest.mark.parametrize("width", [80, 120])
async def test_places_are_styled_once_and_no_style_sheet_is_read_again(
    monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    counts: Counter[str] = Counter()
    reparse, apply = Stylesheet.reparse, Stylesheet.apply

    def counted_reparse(sheet: Stylesheet) -> None:
        counts["reparse"] += 1
        reparse(sheet)

    def counted_apply(sheet: Stylesheet, node, **options) -> None:
        counts[type(node).__name__] += 1
        apply(sheet, node, **options)

    monkeypatch.setattr(Stylesheet, "reparse", counted_reparse)
    monkeypatch.setattr(Stylesheet, "apply", counted_apply)
    app = Workbench(ReplayEngine(demo.registry()), theme_name=theme.LIGHT.name)
    async with app.run_test(size=(width, 30)) as pilot:
        await until(pilot, lambda: app.rows.registry is not None)
        assert counts["TestsScreen"] == counts["PlacesBar"] == counts["KeyLine"] == 1
        assert app.screen.has_class("-wide" if width == 120 else "-narrow")
        assert app.screen.styles.background.hex.lower() == theme.LIGHT.background
        await pilot.press("9")
        await until(pilot, lambda: app.place == "doctor")
        await until(pilot, lambda: counts["CheckList"] > 0)
        assert counts["DoctorScreen"] == 1 and counts["PlacesBar"] == 2
        await pilot.press("1")
        await until(pilot, lambda: app.place == "tests")
        assert not counts["reparse"]
        # Another theme is another matter, in the place that is shown and in those that are not.
        await pilot.press("t")
        await until(pilot, lambda: counts["reparse"] > 0)
        await until(pilot, lambda: app.screen.styles.background.hex.lower() == theme.DARK.background)
        await pilot.press("9")
        await until(pilot, lambda: app.place == "doctor")
        await until(pilot, lambda: app.screen.styles.background.hex.lower() == theme.DARK.background)


async def test_what_was_reclaimed_is_told_and_what_was_not() -> None:
    app = Workbench(
        ReplayEngine(demo.registry()), house=Furnished(told=("removed calm-otter", "and another"))
    )
    async with app.run_test() as pilot:
        await until(pilot, lambda: notices(app) == [("Reclaimed", "removed calm-otter\nand another")])
        await pilot.press("L")  # reading the registry again furnishes nothing again
        await until(pilot, lambda: len(notices(app)) == 2)
        assert [title for title, _ in notices(app)].count("Reclaimed") == 1
    app = Workbench(ReplayEngine(demo.registry()), house=Furnished(fault=OSError(28, "No space left")))
    async with app.run_test() as pilot:
        await until(pilot, lambda: [title for title, _ in notices(app)] == ["Not reclaimed"])
        assert "No space left" in notices(app)[0][1]
