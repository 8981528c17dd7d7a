"""Rows written straight to the outer terminal, and keys taken before they wait, on a real PTY."""

from __future__ import annotations

import asyncio
import random

import pytest
from textual.widgets import Static

from app.tui import theme
from app.tui.base_app import BaseApp
from app.tui.driver import OuterDriver
from app.tui.screens.terminal import TerminalScreen
from app.tui.terminal import direct
from tests.tui.real_outer import on_real_outer
from tests.unit.terminal.terminal_streams import NAMES, load
from tests.waiting import until


class Source:
    """A program that prints what it is told to and keeps what was typed."""

    def __init__(self) -> None:
        self.printed: asyncio.Queue[bytes] = asyncio.Queue()
        self.typed = bytearray()
        self.sizes: list[tuple[int, int]] = []

    async def read(self) -> bytes:
        return await self.printed.get()

    def write(self, data: bytes) -> None:
        self.typed += data

    def resize(self, columns: int, rows: int) -> None:
        self.sizes.append((columns, rows))

    async def wait(self) -> int:
        return 0

    async def close(self) -> None:
        pass


class Host(BaseApp):
    """An app with terminals over sources that the test holds."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: list[Source] = []
        for known in theme.THEMES:
            self.register_theme(known)
        self.theme = theme.DARK.name

    async def open(self, columns: int, rows: int) -> Source:
        self.sources.append(Source())
        return self.sources[-1]

    async def on_mount(self) -> None:
        await self.push_screen(TerminalScreen(self.open, label="host"))

    def check_action(self, action, parameters):
        return not getattr(self.focused, "takes_all_keys", False)


class Painted:
    """Counts how painting went."""

    def __init__(self, monkeypatch) -> None:
        self.straight = self.refreshed = 0
        original = direct.Painter.paint

        def paint(painter, rows):
            done = original(painter, rows)
            self.straight += done
            self.refreshed += not done
            return done

        monkeypatch.setattr(direct.Painter, "paint", paint)


async def started(outer) -> TerminalScreen:
    await until(lambda: isinstance(outer.app.screen, TerminalScreen), "the terminals")
    screen = outer.app.screen
    await until(lambda: screen.panes[0].source is not None, "a program")
    return screen


async def settled(outer, pane) -> None:
    """Wait until all was painted and reached the outer terminal."""
    await until(
        lambda: (
            pane._frame is None
            and not outer.app.screen._compositor._dirty_regions
            and not outer.app.screen._dirty_widgets
            and not outer.app.screen._layout_required
            and not outer.app.screen._repaint_required
            and not pane._repaint_required
        ),
        "a painted pane",
    )
    await outer.sync()


def test_the_inside_of_textual_is_as_it_was() -> None:
    assert direct.known(), "look at app/tui/terminal/direct.py again before naming this version there"


async def test_all_that_is_used_of_textual_is_there(monkeypatch) -> None:
    async with on_real_outer(Host(), monkeypatch) as outer:
        screen = await started(outer)
        app, driver, pane = outer.app, outer.app._driver, screen.panes[0]
        assert type(driver) is OuterDriver
        assert driver.send_message.__func__ is direct.Keyboard._read
        assert direct._idle(driver._writer_thread) in (True, False)
        assert driver._writer_thread._queue.maxsize > direct.MOST_WAITING
        for holder, names in (
            (app, "_running _closed _batch_count _exit _sync_available _previous_cursor_position"),
            (screen, "_layout_required _repaint_required _compositor"),
            (pane, "_size _styles_cache"),
            (pane._styles_cache, "_dirty_lines"),
        ):
            for name in names.split():
                assert hasattr(holder, name), f"{holder} has no {name} any more"
        await until(lambda: pane._painter.paint([0]), "a row written straight")


@pytest.mark.parametrize("known", [True, False], ids=["straight", "by the compositor"])
async def test_recorded_streams_show_the_same_as_without(monkeypatch, known) -> None:
    if not known:
        monkeypatch.setattr(direct, "known", lambda: False)
    painted = Painted(monkeypatch)
    rng = random.Random(4)
    async with on_real_outer(Host(), monkeypatch, 84, 27) as outer:
        screen = await started(outer)
        pane, source = screen.panes[0], outer.app.sources[0]
        for name in NAMES:
            data = load(name).data[:4000]
            source.printed.put_nowait(b"\x1bc\x1b]2;fixed\x07")
            position = 0
            while position < len(data):
                step = rng.choice((1, 3, 20, 200, 2000))
                source.printed.put_nowait(data[position : position + step])
                position += step
                if rng.random() < 0.1:
                    await until(source.printed.empty, "what was printed")
                    await settled(outer, pane)
                    await until(lambda: outer.cells() == outer.composed(), name)
            await until(source.printed.empty, "what was printed")
            await settled(outer, pane)
            await until(lambda: outer.cells() == outer.composed(), name)
    assert painted.straight > len(NAMES) if known else not painted.straight


async def test_what_lies_over_the_pane_is_not_painted_over(monkeypatch) -> None:
    painted = Painted(monkeypatch)
    async with on_real_outer(Host(), monkeypatch) as outer:
        screen = await started(outer)
        pane, source = screen.panes[0], outer.app.sources[0]
        await settled(outer, pane)

        async def printed(text: str, *, straight: bool) -> None:
            before = painted.straight
            source.printed.put_nowait(b"\x1b[H\x1b[2J" + f"{text}\r\n".encode() * 23)
            await until(lambda: text in pane.model.line(pane.model.top).text(), "the text in the model")
            await settled(outer, pane)
            await until(lambda: outer.cells() == outer.composed(), "the same as the compositor shows")
            assert (painted.straight > before) is straight, text

        await printed("free", straight=True)
        outer.app.notify("a toast", timeout=600)
        await until(lambda: any("a toast" in "".join(c[0] for c in row) for row in outer.cells()), "a toast")
        await printed("under a toast", straight=False)
        outer.app.clear_notifications()
        await until(lambda: not screen.query("Toast"), "no toast")
        await settled(outer, pane)
        await printed("free again", straight=True)
        dialog = TerminalScreen(outer.app.open, label="another")
        await outer.app.push_screen(dialog)
        await printed("behind a screen", straight=False)
        await outer.app.pop_screen()
        await until(lambda: outer.app.screen is screen, "the first screen")
        await settled(outer, pane)
        overlay = Static("over it")
        overlay.styles.position, overlay.styles.width, overlay.styles.height = "absolute", 20, 3
        await screen.mount(overlay)
        await settled(outer, pane)
        await printed("under a widget", straight=False)
        await overlay.remove()
        await settled(outer, pane)
        with outer.app.batch_update():
            before = painted.straight
            source.printed.put_nowait(b"in a batch")
            await until(lambda: painted.refreshed and source.printed.empty(), "a frame")
            assert painted.straight == before
        screen.refresh()  # as whoever gives the screen away does afterwards
        await settled(outer, pane)
        await until(lambda: outer.cells() == outer.composed(), "the same after the batch")


async def test_resize_and_a_stalled_outer_terminal(monkeypatch) -> None:
    async with on_real_outer(Host(), monkeypatch) as outer:
        screen = await started(outer)
        pane, source = screen.panes[0], outer.app.sources[0]
        for columns, rows in ((20, 5), (90, 26), (131, 40)):
            outer.resize(columns, rows)
            for number in range(200):
                source.printed.put_nowait(f"{number} of {columns}\r\n".encode())
            await until(lambda size=(columns, rows - 2): source.sizes[-1] == size, "the new size")
            await until(source.printed.empty, "what was printed")
            await settled(outer, pane)
            await until(lambda: outer.cells() == outer.composed(), "the same at the new size")
        outer.stall(True)
        for number in range(3000):  # more than the PTY and the writer's queue take
            source.printed.put_nowait(f"\x1b[H{number:06d} ".encode() + b"x" * 2000)
        await until(
            lambda: "002999" in pane.model.line(pane.model.top).text(), "the end in spite of the stall"
        )
        outer.stall(False)
        await settled(outer, pane)
        await until(lambda: outer.cells() == outer.composed(), "the same after the stall")


async def test_painting_stops_while_the_screen_is_given_away(monkeypatch) -> None:
    async with on_real_outer(Host(), monkeypatch) as outer:
        screen = await started(outer)
        pane, source = screen.panes[0], outer.app.sources[0]
        await settled(outer, pane)
        with outer.app.suspend(), outer.app.batch_update():
            await asyncio.sleep(0)
            outer.read()
            before = len(outer.seen)
            for number in range(100):
                source.printed.put_nowait(f"unseen {number}\r\n".encode())
            await until(lambda: "unseen 99" in pane.model.line(pane.model.end - 2).text(), "the text")
            await until(lambda: pane._frame is None, "a frame")
            assert b"unseen" not in outer.seen[before:]
        await settled(outer, pane)
        await until(lambda: outer.cells() == outer.composed(), "the same after it")
        outer.type("typed")
        await until(lambda: source.typed.endswith(b"typed"), "keys again")


async def test_keys_reach_the_pane_that_has_the_focus_in_order(monkeypatch) -> None:
    rng = random.Random(7)
    async with on_real_outer(Host(), monkeypatch, 120, 30) as outer:
        await started(outer)
        outer.type("\x07%")
        await until(lambda: len(outer.app.sources) == 2 and outer.app.screen.panes[1].source, "two panes")
        expected = [bytearray(), bytearray()]
        at, number = 1, 0
        for _ in range(60):  # each burst is read at once
            burst = ""
            for _ in range(rng.randrange(1, 8)):
                kind = rng.random()
                if kind < 0.3:
                    burst, at = burst + "\x07o", 1 - at
                elif kind < 0.4:
                    text = f"<pasted {number}>"
                    burst += f"\x1b[200~{text}\x1b[201~"
                    expected[at] += text.encode()
                elif kind < 0.5:
                    x, y = (5, 5) if at else (100, 5)
                    burst, at = burst + f"\x1b[<0;{x};{y}M\x1b[<0;{x};{y}m", 1 - at
                elif kind < 0.6:
                    burst += "\x07\x07"
                    expected[at] += b"\x07"
                else:
                    text = f"é{number}\r"
                    burst += text
                    expected[at] += text.encode()
                number += 1
            outer.type(burst)
            if rng.random() < 0.5:
                await asyncio.sleep(0)
        await until(
            lambda: [source.typed for source in outer.app.sources] == expected,
            "every key where it belongs",
            lambda: "\n".join(
                f"{bytes(s.typed)!r}\n{bytes(e)!r}" for s, e in zip(outer.app.sources, expected, strict=True)
            ),
        )


async def test_what_is_typed_after_a_split_goes_to_the_new_pane(monkeypatch) -> None:
    async with on_real_outer(Host(), monkeypatch, 120, 30) as outer:
        screen = await started(outer)
        outer.type("one\x07%two\x07%three\x1b[200~four\x1b[201~\x07oone again")
        await until(lambda: len(screen.panes) == 3 and all(p.source for p in screen.panes), "three panes")
        await until(
            lambda: (
                [bytes(pane.source.typed) for pane in screen.panes] == [b"oneone again", b"two", b"threefour"]
            ),
            "every key where it belongs",
            lambda: str([bytes(source.typed) for source in outer.app.sources]),
        )


async def test_a_key_is_typed_by_the_input_thread_only_when_nothing_else_is_to_be_done(monkeypatch) -> None:
    async with on_real_outer(Host(), monkeypatch) as outer:
        screen = await started(outer)
        pane = screen.panes[0]
        assert not pane.type_now("a", "a"), "this source is no PTY of this host"
        assert pane.only_typed()
        screen.room.together.toggle(pane)
        assert not pane.only_typed()
        screen.room.together.toggle(pane)
        assert screen.room._keyboard.taker() is pane
        await outer.app.push_screen(TerminalScreen(outer.app.open, label="another"))
        assert screen.room._keyboard.taker() is None
        keyboard = outer.app.screen.room._keyboard
        await until(lambda: keyboard.taker() is not None, "the terminal on top")
        await outer.app.pop_screen()
        await until(lambda: screen.room._keyboard.taker() is pane, "the one below")
        assert keyboard.taker() is None, "it is asked once more by the key that closed it"
