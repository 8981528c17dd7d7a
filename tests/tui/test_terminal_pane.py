"""The terminal screen with real programs on PTYs of this host."""

from __future__ import annotations

import asyncio
import shutil

import pytest
from textual.app import App
from textual.events import MouseDown, MouseMove, MouseUp, Paste

from app.tui import theme
from app.tui.screens.dialogs import Confirm
from app.tui.screens.terminal import TerminalScreen
from app.tui.terminal.local_pty import LocalPty
from app.tui.terminal.recording import Recording
from app.tui.terminal.room import Panes
from backends.base import BackendError
from tests.waiting import until

ENV = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "PS1": "$ ", "HOME": "/nonexistent", "LANG": "C.UTF-8"}


class Host(App[None]):
    """An app that shows terminals and nothing else."""

    def __init__(self, opener, **options) -> None:
        super().__init__()
        self.opener, self.options = opener, options
        self.copied: list[str] = []
        for known in theme.THEMES:
            self.register_theme(known)
        self.theme = theme.DARK.name

    def on_mount(self) -> None:
        self.push_screen(TerminalScreen(self.opener, label="host", **self.options))

    def copy_to_clipboard(self, text: str) -> None:
        self.copied.append(text)

    def check_action(self, action, parameters):
        return not getattr(self.focused, "takes_all_keys", False)


def opener(*command: str):
    async def open_it(columns: int, rows: int) -> LocalPty:
        return await LocalPty.open(command or ("sh",), columns=columns, rows=rows, env=ENV)

    return open_it


def seen(pane) -> str:
    """What the pane shows, taken from the strips it paints."""
    return "\n".join(pane.render_line(y).text.rstrip() for y in range(pane.size.height))


async def started(pilot):
    await pilot.pause()
    screen = pilot.app.screen
    assert isinstance(screen, TerminalScreen)
    pane = screen.panes[0]
    await until(lambda: pane.source is not None, "a program")
    return screen, pane


async def test_what_is_typed_reaches_the_program_and_its_output_is_shown() -> None:
    async with Host(opener()).run_test(size=(60, 12)) as pilot:
        _, pane = await started(pilot)
        await until(lambda: "$" in seen(pane), "a prompt")
        await pilot.press(*"echo $((6*7))", "enter")
        await until(lambda: "\n42\n" in seen(pane), "the result")


@pytest.mark.parametrize(
    ("keys", "sent"),
    [
        (["ctrl+c"], b"\x03"),
        (["ctrl+q"], b"\x11"),
        (["ctrl+p"], b"\x10"),
        (["q", "t", "question_mark"], b"qt?"),
        (["escape"], b"\x1b"),
        (["tab", "shift+tab"], b"\t\x1b[Z"),
        (["f1", "up", "ctrl+left"], b"\x1bOP\x1b[A\x1b[1;5D"),
        (["ctrl+g", "ctrl+g"], b"\x07"),
        (["ctrl+b"], b"\x02"),
    ],
)
async def test_every_other_key_reaches_the_guest(keys, sent) -> None:
    async with Host(opener("sh", "-c", "stty raw -echo; echo ready; od -An -v -tx1 -w1")).run_test() as pilot:
        _, pane = await started(pilot)
        await until(lambda: "ready" in seen(pane), "a raw terminal")
        await pilot.press(*keys)
        words = sent.hex(" ").split()
        await until(lambda: seen(pane).split()[1:] == words, f"{words}")


async def test_large_paste_arrives_intact(tmp_path) -> None:
    text = "".join(f"line {n:08d} of what is pasted\n" for n in range(3500))
    target = tmp_path / "got"
    command = f"stty raw -echo; echo ready; head -c {len(text)} >{target}; echo done"
    async with Host(opener("sh", "-c", command)).run_test() as pilot:
        _, pane = await started(pilot)
        await until(lambda: "ready" in seen(pane), "a raw terminal")
        pane.post_message(Paste(text))
        await until(lambda: "done" in seen(pane), "the end of the paste")
    assert len(text) > 100_000
    intact = target.read_bytes() == text.replace("\n", "\r").encode()
    assert intact  # without a diff of it


async def test_resize_reaches_the_program() -> None:
    async with Host(opener()).run_test(size=(60, 12)) as pilot:
        _, pane = await started(pilot)
        await pilot.press(*"stty size", "enter")
        await until(lambda: "\n10 60\n" in seen(pane), "the first size")
        await pilot.resize_terminal(70, 20)
        await until(lambda: pane.model.columns == 70, "the new width")
        await pilot.press(*"stty size", "enter")
        await until(lambda: "\n18 70\n" in seen(pane), "the new size")


async def test_exit_status_is_shown_and_enter_starts_it_again() -> None:
    async with Host(opener("sh", "-c", "echo over; exit 3")).run_test(size=(60, 12)) as pilot:
        await pilot.pause()
        pane = pilot.app.screen.panes[0]
        await until(lambda: bool(pane.ended), "an end")
        assert "exit code 3" in pane.told
        assert "enter: again" in pane.told
        assert seen(pane).count("over") == 1
        await pilot.press("enter")
        await until(lambda: seen(pane).count("over") == 2, "a second time")


async def test_what_starts_again_is_not_on_the_alternate_screen_of_what_died() -> None:
    script = "printf 'before\\033[?1049h\\033]2;a title\\007\\033[5 qall of the screen'; kill -9 $$"
    async with Host(opener("sh", "-c", script)).run_test(size=(60, 12)) as pilot:
        await pilot.pause()
        pane = pilot.app.screen.panes[0]
        await until(lambda: bool(pane.ended), "an end")
        assert "all of the screen" in seen(pane), "what it showed last stays until it is started again"
        pane._opener = opener("sh", "-c", "seq 1 40; read line")
        await pilot.press("enter")
        await until(lambda: "\n40" in seen(pane), "the new program's lines")
        assert not pane.model.modes.alternate
        assert (pane.model.title, pane.model.cursor.shape) == ("", 0)
        await pilot.press("ctrl+g", "left_square_bracket", "g")
        await until(lambda: seen(pane).startswith("before\n1\n2\n"), "the scrollback", lambda: seen(pane))


async def test_what_cannot_be_opened_is_told_with_the_remedy() -> None:
    async def refuse(columns: int, rows: int) -> LocalPty:
        raise BackendError("the machine is stopped", remedy="vmbench start it")

    async with Host(refuse).run_test() as pilot:
        await pilot.pause()
        pane = pilot.app.screen.panes[0]
        await until(lambda: bool(pane.ended), "a refusal")
        assert pane.told.startswith("not opened · enter: again")
        await until(lambda: "the machine is stopped\nvmbench start it" in seen(pane), "why, and what to do")


async def test_scrollback_by_keys() -> None:
    async with Host(opener()).run_test(size=(60, 12)) as pilot:
        _, pane = await started(pilot)
        await pilot.press(*"seq 100", "enter")
        await until(lambda: "\n100\n" in seen(pane), "the last line")
        await pilot.press("ctrl+g", "left_square_bracket", "g")
        assert "seq 100" in seen(pane)
        await pilot.press("q")
        assert "\n100\n" in seen(pane)


async def test_search() -> None:
    async with Host(opener()).run_test(size=(60, 12)) as pilot:
        _, pane = await started(pilot)
        await pilot.press(*"seq 300", "enter")
        await until(lambda: "\n300\n" in seen(pane), "the last line")
        await pilot.press("ctrl+g", "slash", *"77", "enter")
        await until(lambda: "3 of 3" in pane.told, "three places")
        assert "277" in seen(pane)
        await pilot.press("n", "n")
        assert "\n77\n" in seen(pane)
        await pilot.press("x", "slash")
        assert pane.told == "/▏ · enter: 77 again"
        await pilot.press("enter")
        assert "3 of 3" in pane.told, "none typed: the last search goes on"
        await pilot.press("escape")
        assert "\n300\n" in seen(pane)
        for keys in (["ctrl+g", "slash", "enter"], ["escape", "ctrl+g", "left_square_bracket", "n"]):
            await pilot.press(*keys)
            await until(lambda: "3 of 3" in pane.told, "the same, searched anew")
        await pilot.press("slash", "x", "enter", "slash", "enter")
        await until(lambda: "0 of 0" in pane.told, "nothing")


async def test_lines_are_wrapped_anew_under_who_reads_and_selects() -> None:
    many = (
        "for n in $(seq 200); do echo line $n goes on for more than forty columns to its end; done; exec cat"
    )
    async with Host(opener("sh", "-c", many)).run_test(size=(100, 12)) as pilot:
        _, pane = await started(pilot)
        await until(lambda: "line 200 " in seen(pane), "the lines")
        await pilot.press("ctrl+g", "slash", *"77 goes", "enter")
        await until(lambda: "2 of 2" in pane.told, "both places")
        await pilot.press("v", "v", *"wwwwwwww")
        text = pane.selected_text()
        assert text == "77 goes on for more than forty columns t"
        for width in (44, 20, 100):
            await pilot.resize_terminal(width, 12)
            await until(lambda width=width: pane.model.columns == width, "the new width")
            assert pane.selected_text() == text
            assert "177 goes on" in seen(pane).replace("\n", ""), "the same lines are seen"
        await pilot.press("escape", "n")
        assert "line 77 goes on" in seen(pane) and pane.scrollback.hit is not None
        assert pane.model.line(pane.scrollback.hit.line).text().startswith("line 77 goes")


async def test_selection_by_keys_is_copied() -> None:
    async with Host(opener("sh", "-c", "seq 50; echo 'one two 日本 four'; exec cat")).run_test(
        size=(60, 12)
    ) as pilot:
        _, pane = await started(pilot)
        await until(lambda: "four" in seen(pane), "the text")
        await pilot.press("ctrl+g", "left_square_bracket", "v", "k", "w", "v", "l", "l")
        assert pane.selected_text() == "two" and "y: copy" in pane.told
        await pilot.press("w", "l", "y")
        assert pilot.app.copied == ["two 日本"]
        assert pane.selected is None and pane.scrollback.reading
        await pilot.press("v", "k", "V", "pageup", "k", "enter")
        lines = pilot.app.copied[-1].split("\n")
        assert lines[-1] == "one two 日本 four" and lines[0].isdecimal() and len(lines) > 10
        await pilot.press("v", "g", "v", "dollar_sign", "y")
        assert pilot.app.copied[-1] == "1"
        await pilot.press("v", "escape", "q")
        assert not pane.scrollback.reading and pane.selected is None


async def test_wheel_scrolls_and_typing_returns() -> None:
    async with Host(opener()).run_test(size=(60, 12)) as pilot:
        _, pane = await started(pilot)
        await pilot.press(*"seq 100", "enter")
        await until(lambda: "\n100\n" in seen(pane), "the last line")
        before = pane.view_top
        await pilot._post_mouse_events([_scroll_up()], pane, offset=(5, 5))
        assert pane.view_top == before - 3
        await pilot.press("x")
        assert pane.view_top == pane.model.top


def _scroll_up():
    from textual.events import MouseScrollUp

    return MouseScrollUp


async def test_selection_by_mouse_is_copied() -> None:
    async with Host(opener("sh", "-c", "echo 'hello big world'; exec cat")).run_test(size=(60, 12)) as pilot:
        _, pane = await started(pilot)
        await until(lambda: "world" in seen(pane), "the text")
        await pilot._post_mouse_events([MouseDown], pane, offset=(6, 1), button=1)
        await pilot._post_mouse_events([MouseMove], pane, offset=(9, 1), button=1)
        await pilot._post_mouse_events([MouseUp], pane, offset=(9, 1), button=1)
        await pilot.pause()
        assert pilot.app.copied == ["big"]


async def test_mouse_reaches_a_program_that_asked_for_it() -> None:
    command = "stty raw -echo; printf '\\033[?1000h\\033[?1006hready\\r\\n'; od -An -v -c -w1"
    async with Host(opener("sh", "-c", command)).run_test(size=(60, 20)) as pilot:
        _, pane = await started(pilot)
        await until(lambda: "ready" in seen(pane) and pane.model.modes.mouse, "the mouse mode")
        await pilot._post_mouse_events([MouseDown], pane, offset=(6, 3), button=1)
        expected = ["033", "[", "<", "0", ";", "7", ";", "3", "M"]
        await until(lambda: [word for word in seen(pane).split() if word != "ready"] == expected, "a report")


async def test_copy_that_a_program_wants_is_asked_first() -> None:
    command = "printf '\\033]52;c;aGVsbG8=\\007'; exec cat"
    async with Host(opener("sh", "-c", command)).run_test() as pilot:
        await until(lambda: isinstance(pilot.app.screen, Confirm), "a question")
        assert pilot.app.copied == []
        await pilot.press("y")
        await until(lambda: pilot.app.copied == ["hello"], "a copy")


async def test_splits_focus_zoom_and_close() -> None:
    async with Host(opener()).run_test(size=(81, 24)) as pilot:
        screen, first = await started(pilot)
        await pilot.press("ctrl+g", "percent_sign")
        await until(lambda: len(screen.panes) == 2, "two panes")
        second = screen.panes[1]
        await until(lambda: second.source is not None and screen.current is second, "a second program")
        assert (first.region.width, second.region.width) == (40, 40)
        await pilot.press("ctrl+g", "minus")
        await until(lambda: len(screen.panes) == 3 and screen.panes[2].source is not None, "three panes")
        assert screen.panes[2].region.y > second.region.y
        await pilot.press("ctrl+g", "o")
        assert screen.current is first
        await pilot.press(*"echo only here", "enter")
        await until(lambda: "\nonly here" in seen(first), "the echo")
        assert "only" not in seen(second)
        await pilot.press("ctrl+g", "z")
        await pilot.pause()
        assert first.region.width == 81
        assert not second.display
        await pilot.press("ctrl+g", "z", "ctrl+g", "x")
        await until(lambda: isinstance(pilot.app.screen, Confirm), "a question")
        await pilot.press("y")
        await until(lambda: len(screen.panes) == 2, "two panes again")
        await pilot.pause()
        assert second.region.width == 81


async def test_what_is_typed_before_the_program_runs_waits_for_it() -> None:
    may_open = asyncio.Event()

    async def open_late(columns: int, rows: int) -> LocalPty:
        await may_open.wait()
        return await LocalPty.open(["sh"], columns=columns, rows=rows, env=ENV)

    async with Host(open_late).run_test(size=(60, 12)) as pilot:
        await pilot.pause()
        pane = pilot.app.screen.panes[0]
        await pilot.press(*"echo ear")
        may_open.set()
        await until(lambda: pane.source is not None, "a program")
        await pilot.press(*"ly", "enter")
        await until(lambda: "\nearly" in seen(pane), "the echo of all of it")


async def test_a_split_whose_place_is_asked_for_before_it_is_laid_out(monkeypatch) -> None:
    """Textual then sends no Resize event, neither to the new pane nor to the one that shrank."""
    place = Panes.place

    def place_and_ask(room: Panes) -> None:
        place(room)
        room.screen._compositor.update_widgets(set(room.children))
        assert all(pane.region for pane in room.children)

    monkeypatch.setattr(Panes, "place", place_and_ask)
    async with Host(opener()).run_test(size=(81, 24)) as pilot:
        screen, _ = await started(pilot)
        await pilot.press("ctrl+g", "percent_sign")
        await until(lambda: len(screen.panes) == 2 and screen.current is screen.panes[1], "two panes")
        await pilot.press(*"stty size", "enter", "ctrl+g", "o", *"stty size", "enter")
        for pane in screen.panes:
            await until(lambda pane=pane: "\n22 40\n" in seen(pane), "its size")


async def test_typing_into_all_panes_and_into_chosen_ones() -> None:
    async with Host(opener()).run_test(size=(121, 24)) as pilot:
        screen, first = await started(pilot)
        for count in (2, 3):
            await pilot.press("ctrl+g", "percent_sign")
            await until(lambda count=count: len(screen.panes) == count and screen.panes[-1].source, "panes")
        _, second, third = screen.panes
        line = screen.query_one("#keys")
        await pilot.press("ctrl+g", "b", *"echo all", "enter")
        for pane in screen.panes:
            await until(lambda pane=pane: "\nall" in seen(pane), "the echo in each")
            assert "⇉" in str(pane.border_title)
        assert "typing into all terminals" in str(line.render())

        # off; then the first and the third, told in their titles and in the line of keys
        await pilot.press("ctrl+g", "b", "ctrl+g", "B", "ctrl+g", "left", "ctrl+g", "left", "ctrl+g", "B")
        assert screen.current is first
        assert [pane.together for pane in screen.panes] == [True, False, True]
        await until(lambda: "typing into 2 of 3 terminals" in str(line.render()), "how many")
        await pilot.press(*"echo two", "enter")
        for pane in (first, third):
            await until(lambda pane=pane: "\ntwo" in seen(pane), "the echo in each that was chosen")
        await pilot.press("ctrl+g", "right")
        assert screen.current is second
        await until(lambda: "typing into" not in str(line.render()), "nothing of others")
        await pilot.press(*"echo alone", "enter")
        await until(lambda: "\nalone" in seen(second), "the echo in the one that was not")
        assert "two" not in seen(second)
        assert "alone" not in seen(first) + seen(third)


async def test_keys_typed_together_reach_each_program_as_it_wants_them() -> None:
    async with Host(opener()).run_test(size=(81, 24)) as pilot:
        screen, plain = await started(pilot)
        await pilot.press("ctrl+g", "percent_sign")
        await until(lambda: len(screen.panes) == 2 and screen.panes[1].source, "panes")
        asking = screen.panes[1]
        await pilot.press(*r"printf '\033[?1h\033[?2004h'", "enter")
        await until(lambda: asking.model.modes.bracketed_paste, "the modes")
        for typed_into in (asking, plain):
            screen.set_focus(typed_into)
            await pilot.press("ctrl+g", "B")
        await pilot.press("up")
        plain.post_message(Paste("pasted"))
        await until(lambda: "^[[Apasted" in seen(plain), "what was typed here")
        await until(lambda: "^[OA^[[200~pasted^[[201~" in seen(asking), "the same, as was asked for there")
        await pilot.press("ctrl+g", "ctrl+g")
        for pane in screen.panes:
            await until(lambda pane=pane: "^G" in seen(pane), "the prefix key in each")


async def test_arrows_lead_to_the_pane_on_that_side() -> None:
    async with Host(opener()).run_test(size=(81, 24)) as pilot:
        screen, left = await started(pilot)
        for key, count in (("percent_sign", 2), ("minus", 3)):
            await pilot.press("ctrl+g", key)
            await until(lambda count=count: len(screen.panes) == count and screen.panes[-1].source, "panes")
        _, above, below = screen.panes
        for key, where in (
            ("up", above),
            ("left", left),
            ("up", left),  # nothing is above or below it
            ("down", left),
        ):
            await pilot.press("ctrl+g", key)
            assert screen.current is where, key
        await pilot.press("ctrl+g", "left")
        assert screen.current in (above, below), "round the edge"
        for key, where in (
            ("right", left),
            ("right", screen.current),
        ):
            await pilot.press("ctrl+g", key)
            assert screen.current is where, key


async def test_leaving_hangs_up() -> None:
    async with Host(opener()).run_test() as pilot:
        _, pane = await started(pilot)
        process = pane.source._process
        await pilot.press("ctrl+g", "d")
        await until(lambda: isinstance(pilot.app.screen, Confirm), "a question")
        await pilot.press("y")
        await until(lambda: process.returncode is not None, "the shell's end")


async def test_a_flood_is_shown_to_its_end_and_keys_still_go_through() -> None:
    async with Host(opener()).run_test(size=(60, 12)) as pilot:
        _, pane = await started(pilot)
        await pilot.press(*"yes flood", "enter")
        await until(lambda: seen(pane).count("flood") > 8, "a flood")
        await pilot.press("ctrl+c")
        await pilot.press(*"echo still here", "enter")
        await until(lambda: "\nstill here" in seen(pane), "the echo after the flood")


@pytest.mark.skipif(shutil.which("vim") is None, reason="vim is not installed")
async def test_vim_is_resized_while_it_runs(tmp_path) -> None:
    path = tmp_path / "text"
    path.write_text("".join(f"line {n}\n" for n in range(100)))
    async with Host(opener("vim", "-u", "NONE", "-N", str(path))).run_test(size=(60, 12)) as pilot:
        _, pane = await started(pilot)
        await until(lambda: "line 7" in seen(pane), "the text")
        await pilot.resize_terminal(80, 30)
        await until(lambda: "line 25" in seen(pane), "more of the text")
        await pilot.press("G", "d", "d", "i", *"typed", "escape", *":wq", "enter")
        await until(lambda: bool(pane.ended), "vim's end")
    lines = path.read_text().splitlines()
    assert (len(lines), lines[-1]) == (99, "typedline 98")


async def test_recordings(tmp_path) -> None:
    recording = Recording(folder=tmp_path, always=True)
    async with Host(opener("sh", "-c", "echo recorded"), recording=recording).run_test() as pilot:
        await pilot.pause()
        pane = pilot.app.screen.panes[0]
        await until(lambda: bool(pane.ended), "an end")
        assert "● REC" in str(pane.border_title)
    (cast,) = tmp_path.glob("*.cast")
    assert "recorded" in cast.read_text()
    assert cast.stat().st_mode & 0o777 == 0o600


async def test_only_the_line_that_changed_is_painted() -> None:
    async with Host(opener("cat")).run_test(size=(60, 12)) as pilot:
        _, pane = await started(pilot)
        await pilot.press("a")
        await until(lambda: "a" in seen(pane), "an echo")
        await pilot.pause()
        painted: list[int] = []
        original = pane.render_line
        pane.render_line = lambda y: painted.append(y) or original(y)
        await pilot.press("b")
        await until(lambda: pane.model.line(pane.model.top).text() == "ab" and painted, "the next echo")
        await pilot.pause()
        assert set(painted) == {0}


@pytest.mark.parametrize("title", ["[/b] [link=x", "\\\\[b", "[@click=app.quit]x[/]"])
async def test_a_hostile_title_is_text(title) -> None:
    command = f"printf '\\033]2;%s\\007' '{title}'; exec cat"
    async with Host(opener("sh", "-c", command)).run_test(size=(60, 12)) as pilot:
        _, pane = await started(pilot)
        await until(lambda: pane._border_title.plain == f"host: {title}", "the title")
