"""Where shades cannot be told apart, what is under the cursor is told by reversed and underlined text."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from rich.color import Color, ColorSystem
from textual.color import Color as Shade

from app.tui import demo, demo_machines, theme
from app.tui.app import Workbench
from app.tui.replay import ReplayEngine
from app.tui.screens.dialogs import Confirm
from app.tui.screenshots import NARROW, SCENES, stage, until
from app.tui.user_themes import load_themes

XTERM = (
    "#000000 #cd0000 #00cd00 #cdcd00 #0000ee #cd00cd #00cdcd #e5e5e5 "
    "#7f7f7f #ff0000 #00ff00 #ffff00 #5c5cff #ff00ff #00ffff #ffffff"
).split()
"""The 16 colours as xterm shows them."""
LEAST = 2.4
"""Contrast of what can be read; keys that do nothing now have this little."""


@pytest.mark.parametrize(("term", "no_color"), [("xterm", ""), ("xterm-256color", "1")])
async def test_the_cursor_the_marks_and_the_results_without_colours(monkeypatch, term, no_color) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.delenv("COLORTERM")
    if no_color:
        monkeypatch.setenv("NO_COLOR", no_color)
    app = Workbench(ReplayEngine(demo.registry(), results=demo.results()))
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, lambda: app.rows.registry is not None)
        assert app.has_class(theme.FEW_COLOURS)
        await pilot.press("space")
        rows = app.tests_screen.test_list

        def looks(index: int) -> tuple[set[bool], set[bool]]:
            styles = [s.style for s in rows.render_line(index + rows.HEADED) if s.style is not None]
            return {bool(s.reverse) for s in styles}, {bool(s.underline) for s in styles}

        await pilot.press("down")
        here = rows.cursor
        assert looks(here) == ({True}, {False}) and looks(here + 1) == ({False}, {False})
        text = "".join(rows.render_line(y).text for y in range(12))
        assert "●" in text and "○" in text and "✗" in text and "✓" in text
        await pilot.press("tab")
        await until(pilot, lambda: not rows.has_focus)
        assert looks(here) == ({False}, {True}), "the list that has not the focus"


def test_which_terminals_have_few() -> None:
    assert theme.few("standard", no_color=False) and theme.few(None, no_color=False)
    assert theme.few("truecolor", no_color=True)
    assert not theme.few("256", no_color=False) and not theme.few("truecolor", no_color=False)


def contrast(one: str, other: str) -> float:
    """Return WCAG's contrast of two colours."""

    def light(colour: str) -> float:
        parts = [part / 255 for part in Shade.parse(colour).rgb]
        red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, bright = sorted((light(one), light(other)))
    return (bright + 0.05) / (dark + 0.05)


def shown(color: Color) -> str:
    """Return what the app's terminal shows for a colour it sends."""
    if os.environ["TERM"] != "xterm-16color":
        return color.get_truecolor().hex
    number = color.downgrade(ColorSystem.STANDARD).number
    assert number is not None
    return XTERM[number]


def unreadable(app: Workbench) -> list[tuple[str, str, str]]:
    """Return the words on the screen that cannot be told from what is behind them."""
    found = []
    dialogs = app.screen.query(".dialog")
    region = dialogs.first().region if dialogs else app.screen.region
    for line in app.screen._compositor.render_strips()[region.y : region.bottom]:
        for text, style, _ in line.crop(region.x, region.right):
            if style is None or not any(char.isalnum() for char in text):
                continue
            assert style.color is not None and style.bgcolor is not None
            colours = shown(style.color), shown(style.bgcolor)
            if contrast(*colours) < LEAST:
                found.append((text, *colours))
    return found


@pytest.mark.parametrize("theme_name", [theme.DARK.name, theme.LIGHT.name])
@pytest.mark.parametrize(
    ("term", "no_color"), [("xterm-16color", ""), ("xterm-16color", "1"), ("xterm-256color", "1")]
)
async def test_all_places_can_be_read(monkeypatch, tmp_path, term, no_color, theme_name) -> None:
    monkeypatch.setenv("TERM", term)
    if term == "xterm-16color":
        monkeypatch.delenv("COLORTERM")
    if no_color:
        monkeypatch.setenv("NO_COLOR", no_color)
    scene = replace(SCENES["runs"], house=demo_machines.house)
    app, engine = stage(scene, tmp_path, theme_name)
    async with app.run_test(size=NARROW) as pilot:
        await SCENES["run-finished"].prepare(pilot, engine)
        app.clear_notifications()
        for key in (*"14567890K", "question_mark"):
            before = app.screen
            await pilot.press(key)
            await until(pilot, lambda before=before: app.screen is not before)
            await pilot.pause()
            assert unreadable(app) == [], key
        await pilot.press("escape", "2", "tab", "tab", "slash", *"gateway", "enter")
        await until(pilot, lambda: "of 5" in str(app.screen.console.border_title))
        # What a guest prints in green on white is as its person chose it.
        guest = theme_name == theme.LIGHT.name and not no_color
        assert [found for found in unreadable(app) if not (guest and found[2] == XTERM[15])] == []
        title = app.screen.console
        assert title.styles.border_title_style.reverse and title.has_focus
        await pilot.press("1", "R")
        await until(pilot, lambda: app.session is not None and app.session.active)
        await pilot.press("C")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.pause()
        assert unreadable(app) == []
        assert app.focused.styles.text_style.reverse


async def test_every_theme_can_be_begun_with_and_changed_to(tmp_path) -> None:
    (tmp_path / "dusk.toml").write_text('base = "solarized-light"\nprimary = "#804080"\n')
    app, engine = stage(SCENES["runs"], tmp_path, "nord")
    async with app.run_test(size=NARROW) as pilot:
        await SCENES["tests"].prepare(pilot, engine)
        assert app.theme == "nord", "one of Textual's, from the beginning"
        app.live.themes_changed(load_themes(tmp_path))
        assert "dusk" in app.available_themes and "ansi-dark" not in app.available_themes
        for name in app.available_themes:
            app.theme = name
            for place, key in (("runs", "6"), ("settings", "0"), ("tests", "1")):
                await pilot.press(key)
                await until(pilot, lambda place=place: app.place == place)
            has = app.theme_variables
            assert has["vm-cursor"] != has["surface"] != has["vm-rule"]
            for text, behind in (
                ("vm-dim", "surface"),
                ("foreground", "surface"),
                ("foreground", "vm-cursor"),
                ("foreground", "vm-hit"),
            ):
                assert contrast(has[text], has[behind]) >= LEAST, (name, text, behind)


async def test_themes_of_others_are_made_of_16_colours_too(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("TERM", "xterm-16color")
    monkeypatch.delenv("COLORTERM")
    murk = 'primary = "#222228"\nforeground = "#333333"\nbackground = "#202020"\n'
    (tmp_path / "murk.toml").write_text(murk)
    sixteen = theme._DARK_EIGHT + theme._BRIGHT_EIGHT
    app, engine = stage(SCENES["tests"], tmp_path, theme.DARK.name)
    async with app.run_test(size=NARROW) as pilot:
        await SCENES["tests"].prepare(pilot, engine)
        app.live.themes_changed(load_themes(tmp_path))
        for name in ("murk", "nord", "solarized-light"):
            app.theme = name
            await until(pilot, lambda: app.theme_variables["vm-rule"] in sixteen)
            for key in "401":
                await pilot.press(key)
                await pilot.pause()
                assert unreadable(app) == [], (name, key)


async def test_a_terminal_shows_the_16_colours_as_they_are(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("TERM", "xterm-16color")
    monkeypatch.delenv("COLORTERM")
    scene = SCENES["terminals"]
    app, engine = stage(scene, tmp_path, theme.DARK.name)
    async with app.run_test(size=NARROW) as pilot:
        await scene.prepare(pilot, engine)
        lines = app.screen._compositor.render_strips()
        prompts = {s.style.color for line in lines for s in line if "root@calm-otter" in s.text}
        assert {color.downgrade(ColorSystem.STANDARD).number for color in prompts} == {2}, "green"
