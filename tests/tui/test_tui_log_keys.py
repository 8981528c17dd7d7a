"""Filtering, wrapping, times, marks, export, recall and pausing of the console pane, by its keys."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from pathlib import Path

from textual.widgets import Button, Input

from app.logs.log_file import LogFile
from app.logs.match import Pattern
from app.logs.merged import MergedLog
from app.logs.times import TimesWriter
from app.tui import demo
from app.tui.app import Workbench
from app.tui.clock import Clock
from app.tui.recall import Recall
from app.tui.replay import ReplayEngine
from app.tui.screens.consoles import ConsolesScreen
from app.tui.screens.log_dialogs import ExportLog, Marks
from app.tui.screenshots import until
from app.tui.widgets.find_bar import FindBar
from app.tui.widgets.log_paint import CUT, GAP, GONE, HIT
from app.tui.widgets.log_view import LogView
from registry.model import Registry


class LogsApp(Workbench):
    CSS_PATH = Path(__file__).parents[2] / "app/tui/workbench.tcss"

    def __init__(self, consoles, recall: Path | None = None, places=()) -> None:
        engine = ReplayEngine(Registry(root=demo.ROOT))
        super().__init__(engine, clock=Clock(mono=lambda: 1000.0, wall=lambda: demo.EPOCH), recall=recall)
        self.consoles = consoles
        self.places = places

    def on_mount(self) -> None:
        super().on_mount()
        self.push_screen(ConsolesScreen("Consoles", lambda: self.consoles, lambda: self.places))


@asynccontextmanager
async def opened(path: Path, size=(60, 14), recall: Path | None = None, merged=(), places=()):
    """Show one log in the screen of consoles, alone or as one of several."""
    app = LogsApp(merged if merged else [(path.stem, path)], recall, places)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: isinstance(app.screen, ConsolesScreen))
        view = app.screen.query_one(LogView)
        if not merged:
            view.show(LogFile(path))
        await until(pilot, lambda: view.line_count > 0 and view.settled)
        yield app, view, pilot


def drawn(view: LogView) -> list[str]:
    return [line for y in range(view.view.height) if (line := view.render_line(y).text.rstrip())]


def log_of(path: Path, count: int = 100) -> Path:
    path.write_text("".join(f"{'needle' if n % 20 == 5 else 'hay'} {n}\n" for n in range(count)))
    return path


async def test_a_filter_leaves_matches_and_what_is_around_them(tmp_path) -> None:
    path = log_of(tmp_path / "a.log")
    async with opened(path) as (app, view, pilot):
        await pilot.press("ampersand", *"needle", "enter")
        await until(pilot, lambda: view.row_count == 5 and view.settled)
        assert drawn(view) == [f"{HIT} needle {n}" for n in (5, 25, 45, 65, 85)]
        assert "5 lines" in str(view.border_title)
        await pilot.press("plus")
        await until(pilot, lambda: view.row_count == 15 and view.settled)
        assert view.following and drawn(view)[-1] == "  hay 86"
        await pilot.press("home")
        assert drawn(view)[:4] == ["  hay 4", f"{HIT} needle 5", "  hay 6", f"{GAP} hay 24"]
        with path.open("a") as file:
            file.write("a late needle\n")
        await until(pilot, lambda: view.row_count == 17)
        await pilot.press("minus", "end")
        await until(pilot, lambda: view.row_count == 6 and drawn(view)[-1] == f"{HIT} a late needle")
        # n goes through what the filter leaves; a search inside it passes over what is hidden.
        await pilot.press("n")
        assert view.hit == 5
        await pilot.press("slash", *"5", "enter")
        await until(pilot, lambda: view.settled and view.finder is not None)
        await pilot.press("n")
        assert view.hit in (5, 25, 45, 65, 85)
        await pilot.press("escape")
        await until(pilot, lambda: view.finder is None)
        await pilot.press("escape")
        await until(pilot, lambda: view.sieve is None)
        assert view.row_count == 101
        assert isinstance(app.screen, ConsolesScreen)


async def test_a_filter_that_nothing_matches_says_so(tmp_path) -> None:
    async with opened(log_of(tmp_path / "a.log")) as (_app, view, pilot):
        view.keep_only(Pattern("nowhere"))
        await until(pilot, lambda: view.settled and view.row_count == 0)
        assert drawn(view) == ["No line matches the filter."]
        view.keep_only(None)
        await until(pilot, lambda: view.row_count == 100)


async def test_a_filter_stays_with_the_line_in_view(tmp_path) -> None:
    async with opened(log_of(tmp_path / "a.log", 400)) as (_app, view, pilot):
        view.go_to_line(205)
        view.keep_only(Pattern("needle"))
        await until(pilot, lambda: view.settled and view.row_count == 20)
        assert any("needle 205" in line for line in drawn(view))


async def test_expressions_case_and_recall_in_the_find_bar(tmp_path) -> None:
    recall = tmp_path / "recall.json"
    path = log_of(tmp_path / "a.log")
    async with opened(path, recall=recall) as (app, view, pilot):
        bar = app.screen.query_one(FindBar)
        await pilot.press("slash", *"Needle", "enter")
        await until(pilot, lambda: view.finder is not None and view.finder.count == 5)
        await pilot.press("slash", "ctrl+t")
        await until(pilot, lambda: view.settled and view.finder is not None and view.finder.count == 0)
        await pilot.press("ctrl+t", "ctrl+u", "ctrl+r", *"(")
        assert "missing" in str(bar.query_one("#problem").render())
        await pilot.press("ctrl+u", *"^hay 1.$", "enter")
        await until(pilot, lambda: view.finder is not None and view.finder.count == 10)
        await until(pilot, lambda: recall.exists() and len(json.loads(recall.read_text())["search"]) == 2)
    async with opened(path, recall=recall) as (app, view, pilot):
        bar = app.screen.query_one(FindBar)
        await pilot.press("slash")
        await until(pilot, lambda: len(app.recall.entries("search")) == 2)
        await pilot.press(*"now", "up")
        assert bar.entry.value == "^hay 1.$" and bar.regex
        await pilot.press("up")
        assert bar.entry.value == "Needle" and not bar.regex
        await pilot.press("down", "down")
        assert bar.entry.value == "now"
        await pilot.click("#regex")
        assert bar.regex
    recall.write_text("{broken")
    broken = Recall(recall)
    broken.load()
    assert broken.entries("search") == []


async def test_wrapped_lines_show_whole_and_end_at_the_end(tmp_path) -> None:
    path = tmp_path / "a.log"
    path.write_text("".join(f"{n}:" + "0123456789" * 10 + f":{n}\n" for n in range(50)))
    async with opened(path, size=(40, 13)) as (_app, view, pilot):
        assert drawn(view)[-1].endswith(CUT)
        await pilot.press("w")
        assert drawn(view)[-1].endswith(":49")
        assert drawn(view)[-3].startswith("49:")
        with path.open("a") as file:
            file.write("short\n")
        await until(pilot, lambda: drawn(view)[-1] == "short")
        await pilot.press("home")
        assert drawn(view)[0].startswith("0:0123")
        view.search(Pattern("30:"))
        await until(pilot, lambda: view.hit == 30)
        assert any(line.startswith("30:") for line in drawn(view))
        await pilot.resize_terminal(80, 20)
        await pilot.press("end")
        assert drawn(view)[-1] == "short" and drawn(view)[-2].endswith(":49")
        await pilot.press("w")
        assert drawn(view)[-1] == "short" and drawn(view)[-2].endswith(CUT)


async def test_times_are_those_written_or_the_kernels_own(tmp_path) -> None:
    path = tmp_path / "a.log"
    path.write_text("one\ntwo\n[   12.345678] three\nfour\n")
    writer = TimesWriter(path, 100.0)
    writer.note(4, 1, 101.5)
    async with opened(path) as (_app, view, pilot):
        await pilot.press("T")
        assert [line.split()[0] for line in drawn(view)] == ["1.5s", "·", "12.3s", "·"]
        writer.note(8, 2, 102.0)
        with path.open("a") as file:
            file.write("five\n")
        await until(pilot, lambda: view.line_count == 5)
        assert drawn(view)[1].split()[0] == "2.0s"


async def test_marks_are_listed_and_gone_to(tmp_path) -> None:
    path = tmp_path / "a.log"
    lines = [f"line {n}" for n in range(300)]
    lines[150] = "sshd: error: no such key"
    lines[200] = "Kernel panic - not syncing: attempted to kill init"
    path.write_text("\n".join(lines) + "\n")
    async with opened(path) as (app, view, pilot):
        view.place_steps = lambda: [(40, "step 1 shell first"), (90, "step 2 http second")]
        await pilot.press("m")
        await until(pilot, lambda: isinstance(app.screen, Marks))
        await pilot.press("up", "up", "enter")
        await until(pilot, lambda: view.hit == 90)
        assert any("line 90" in line for line in drawn(view)) and not view.following
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: view.hit == 150)
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: view.hit == 200)
        view.keep_only(Pattern("line 29"))
        await until(pilot, lambda: view.settled and view.row_count == 11)
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: view.hit == 150 and view.sieve is None)
        await pilot.press("m")
        await until(pilot, lambda: isinstance(app.screen, Marks))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, Marks))


async def test_an_export_asks_before_it_overwrites(tmp_path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"one \x1b[31mred\x1b[0m\r\ntwo\nred three")
    target = tmp_path / "out" / "copy.log"
    async with opened(path) as (app, view, pilot):

        async def export_to(name: str) -> None:
            await pilot.press("x")
            await until(pilot, lambda: isinstance(app.screen, ExportLog))
            app.screen.query_one("#path", Input).value = name
            await pilot.pause()
            await pilot.press("enter")

        await export_to(str(target))
        await until(pilot, lambda: "cannot be written" in str(app.screen.query_one("#problem").render()))
        target.parent.mkdir()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ConsolesScreen))
        assert target.read_bytes() == b"one red\ntwo\nred three\n"
        assert target.stat().st_mode & 0o777 == 0o600
        view.keep_only(Pattern("red"))
        await until(pilot, lambda: view.settled and view.row_count == 2)
        target.write_text("mine")
        await export_to(str(target))
        await until(pilot, lambda: "overwrite" in str(app.screen.query_one("#problem").render()))
        assert target.read_text() == "mine"
        assert str(app.screen.query_one("#yes", Button).label) == "Overwrite"
        app.screen.query_one("#raw").value = True
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ConsolesScreen))
        assert target.read_bytes() == b"one \x1b[31mred\x1b[0m\r\nred three\n"
        assert sorted(p.name for p in target.parent.iterdir()) == ["copy.log"]


async def test_a_pause_holds_while_the_log_is_cut_or_replaced(tmp_path) -> None:
    path = tmp_path / "a.log"
    path.write_text("".join(f"line {n} of the old log\n" for n in range(30_000)))
    async with opened(path) as (_app, view, pilot):
        await pilot.press("space")
        assert not view.following
        before = drawn(view)
        path.write_text("fresh\n")
        await until(pilot, lambda: "cut or replaced" in str(view.border_title))
        view.notify_style_update()  # drawn anew from what is held
        assert drawn(view) == before
        await pilot.press("home")
        assert drawn(view)[0] == GONE
        await pilot.press("end")
        await until(pilot, lambda: drawn(view) == ["fresh"])
        await pilot.press("space")
        path.rename(tmp_path / "a.log.1")
        path.write_text("newest\n")
        await until(pilot, lambda: view.source is not None and view.source.stale)
        assert drawn(view) == ["fresh"]
        await pilot.press("space")
        await until(pilot, lambda: drawn(view) == ["newest"])


async def test_consoles_of_several_machines_by_time(tmp_path) -> None:
    paths = [tmp_path / "fox.log", tmp_path / "owl.log"]
    for n, path in enumerate(paths):
        path.write_text(f"first of {path.stem}\nsecond of {path.stem}\n")
        writer = TimesWriter(path, 100.0)
        size = len(f"first of {path.stem}\n")
        writer.note(size, 1, 101.0 + n)
        writer.note(path.stat().st_size, 2, 105.0 + n)
    consoles = [(path.stem, path) for path in paths]
    places = [("owl", len("first of owl\n"), "owl's step")]
    async with opened(paths[0], merged=consoles, places=places) as (app, view, pilot):
        assert drawn(view) == [
            "● fox first of fox",
            "▲ owl first of owl",
            "● fox second of fox",
            "▲ owl second of owl",
        ]
        with paths[0].open("a") as file:
            file.write("third of fox\n")
        await until(pilot, lambda: view.line_count == 5)
        assert drawn(view)[-1] == "● fox third of fox"
        third = tmp_path / "elk.log"
        third.write_text("elk is here\n")
        app.consoles = [*consoles, ("elk", third)]
        await until(pilot, lambda: "3 consoles" in str(view.border_title) and view.line_count == 6)
        assert isinstance(view.source, MergedLog)
        await pilot.press("m")
        await until(pilot, lambda: isinstance(app.screen, Marks))
        await pilot.press("enter")
        await until(pilot, lambda: view.hit == 3)
        await pilot.press("end", "ampersand", *"elk", "enter")
        await until(pilot, lambda: view.settled and view.row_count == 1)
        assert drawn(view) == [f"{HIT} ■ elk elk is here"]


async def test_hostile_bytes_and_a_line_of_ten_megabytes(tmp_path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"\xff\xfe\x00 nul and \x1b]0;title\x07 more\n" + b"x" * 10_000_000 + b"\nend\n")
    async with opened(path) as (_app, view, pilot):
        assert view.line_count == 3
        assert drawn(view)[0].endswith("nul and  more") and drawn(view)[1].endswith(CUT)
        await pilot.press("w")
        assert drawn(view)[-1] == "end"
        view.search(Pattern("x{20}", regex=True))
        await until(pilot, lambda: view.finder is not None and view.finder.count == 1)


async def test_a_console_that_floods_behind_a_dialog_is_all_there_afterwards(tmp_path) -> None:
    path = log_of(tmp_path / "a.log")
    async with opened(path) as (app, view, pilot):
        view.search(Pattern("flood"))
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, ExportLog))
        with path.open("a") as file:
            for _ in range(20):
                file.write("a line of the \x1b[33mflood\x1b[0m of a guest that prints and prints\n" * 2000)
                file.flush()
                await pilot.press("a")
        assert app.screen.query_one("#path", Input).value.endswith("a" * 20)
        await until(pilot, lambda: view.line_count == 40_100)
        path.unlink()
        await pilot.press("escape")
        await until(pilot, lambda: view.settled and view.finder.count == 40_000)
        assert "flood" in drawn(view)[-1]
