"""How a screen gives way to keys: what they go to is painted first, and the rest in pieces."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.geometry import Region
from textual.widgets import Static

from app.tui import frugal
from app.tui.base_app import BaseApp
from app.tui.frugal import LINES
from app.tui.screens.base import VmScreen
from app.tui.screenshots import until

REGIONS = st.lists(
    st.builds(Region, st.integers(0, 40), st.integers(0, 40), st.integers(1, 30), st.integers(1, 30))
)


class Pane(Static, can_focus=True):
    """As many lines as there is room for."""


class Two(VmScreen):
    CSS = "Horizontal { height: 30; } Pane { width: 1fr; height: 30; }"

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Pane(id="left")
            yield Pane(id="right")


class Slow(BaseApp):
    waits = late = False

    @property
    def key_waits(self) -> bool:
        return self.waits

    @property
    def lags(self) -> bool:
        return self.late


def rows(letter: str) -> str:
    return "\n".join(letter * 30 for _ in range(30))


def watched(screen: Two, monkeypatch) -> list[set[tuple[int, int]]]:
    """Return the cells that each update paints from now on."""
    updates: list[set[tuple[int, int]]] = []
    render = screen._compositor.render_update

    def noted(*args: object, **words: object) -> object:
        update = render(*args, **words)
        if isinstance(update, frugal.ChopsUpdate):
            updates.append({(x, y) for y, left, right in update.spans for x in range(left, right)})
        return update

    monkeypatch.setattr(screen._compositor, "render_update", noted)
    return updates


@given(REGIONS, st.integers(0, 50))
def test_a_piece_and_the_rest_are_all_there_was(regions: list[Region], lines: int) -> None:
    piece, rest = frugal._cut(regions, lines)
    assert sum(region.height for region in piece) <= lines
    assert cells(piece) | cells(rest) == cells(regions)
    if rest:
        assert sum(region.height for region in piece) == lines


@given(REGIONS)
def test_nothing_is_painted_twice_that_is_part_of_something_else(regions: list[Region]) -> None:
    apart = frugal._apart(regions)
    assert cells(apart) == cells(regions)
    assert not any(a is not b and a.contains_region(b) for a in apart for b in apart)


def cells(regions: list[Region]) -> set[tuple[int, int]]:
    return {(x, y) for one in regions for x in range(one.x, one.right) for y in range(one.y, one.bottom)}


async def test_what_has_the_focus_is_painted_first_and_all_is_in_the_end(monkeypatch) -> None:
    app = Slow()
    async with app.run_test(size=(80, 32)) as pilot:
        screen = Two()
        await app.push_screen(screen)
        left, right = screen.query_one("#left", Pane), screen.query_one("#right", Pane)
        right.focus()
        await pilot.pause()
        seen = watched(screen, monkeypatch)
        app.waits = True
        with app.batch_update():
            left.update(rows("l"), layout=False)
            right.update(rows("r"), layout=False)
        await until(pilot, lambda: seen)
        assert seen[0] == cells([right.region])
        # A key comes and is painted: what was put off still waits.
        right.update(rows("R"), layout=False)
        await until(pilot, lambda: len(seen) > 1)
        assert seen[1] == cells([right.region])
        app.late = True
        app.waits = False
        await pilot.pause(0.05)
        assert len(seen) == 2
        app.late = False
        await until(pilot, lambda: not screen._compositor.more)
        assert set.union(*seen[2:]) == cells([left.region])
        assert all(len({y for _, y in piece}) <= LINES for piece in seen[2:])


async def test_only_the_last_of_what_follows_a_cursor_is_shown() -> None:
    app = Slow()
    shown: list[str] = []
    async with app.run_test() as pilot:
        screen = Two()
        await app.push_screen(screen)
        await pilot.pause()
        app.waits = True
        for name in "abc":
            screen.follow(lambda name=name: shown.append(name))
            screen.query_one("#left", Pane).update(name)
            await pilot.pause()
        assert not shown
        app.waits = False
        await until(pilot, lambda: shown)
        assert shown == ["c"]
        screen.follow(lambda: shown.append("d"))
        screen.catch_up()
        screen.catch_up()
        assert shown == ["c", "d"]
