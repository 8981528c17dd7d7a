"""The workbench in a real terminal, over the recorded run."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from tests.tui.pty_terminal import Terminal
from tests.waiting import until

PLAY = Path(__file__).with_name("play_workbench.py")


def opened(*arguments: str) -> Terminal:
    return Terminal([sys.executable, str(PLAY), *arguments])


def test_a_run_from_the_first_key_to_the_last() -> None:
    with opened("--speed", "20") as terminal:
        terminal.wait("9 tests")
        # All at once, as from a paste: the keys after a key that moves the focus go to what has it then.
        terminal.type("/tag:net -cache\rR")
        terminal.wait("run 0142-brisk-heron")
        screen = terminal.wait("9/9")
        assert "7 passed" in screen and "1 failed" in screen and "1 error" in screen
        terminal.wait("the body is not empty")
        terminal.type("q")
        assert terminal.exit_code() == 0


def test_the_size_is_the_terminals_whatever_was_exported(monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("LINES", "20")
    with opened("--speed", "20") as terminal:
        terminal.wait("9 tests")
        terminal.wait(lambda text: "9 Doctor" in text and text.splitlines()[35].strip())
        terminal.resize(90, 30)
        terminal.wait(lambda text: "9 Doc" in text and text.splitlines()[29].strip())
        terminal.type("q")
        assert terminal.exit_code() == 0


def test_dialogs_take_keys_while_a_guest_floods_its_console() -> None:
    with opened("--speed", "0.2", "--flood") as terminal:
        terminal.wait("9 tests")
        terminal.type("R")
        terminal.wait("this guest prints far more")
        # Behind a dialog it floods on, and the dialog takes its keys.
        terminal.type("q")
        terminal.wait("Quit while a run is going on?")
        terminal.type("n")
        terminal.wait(lambda text: "Quit while" not in text)
        terminal.type("\x10")
        terminal.wait("Search for commands")
        terminal.type("doctor")
        terminal.wait(lambda text: "doctor" in text and "Search for commands" not in text)
        terminal.type("\x1b")
        terminal.wait(lambda text: "🔎" not in text and "this guest prints far more" in text)
        terminal.type("\t\tk")
        terminal.wait("paused")
        terminal.type("q")
        terminal.wait("Quit while a run is going on?")
        terminal.type("y")
        assert terminal.exit_code() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_closes_the_engine_first(number: signal.Signals) -> None:
    with opened("--speed", "0.2") as terminal:
        terminal.wait("9 tests")
        terminal.type("R")
        terminal.wait("booting")
        terminal.process.send_signal(number)
        assert terminal.exit_code() == 128 + number


@pytest.mark.parametrize("told", [True, False], ids=["with a signal", "without a word"])
def test_a_window_that_is_closed_leaves_no_process(told) -> None:
    with opened("--speed", "0.2") as terminal:
        terminal.wait("9 tests")
        terminal.type("R")
        terminal.wait("booting")
        assert terminal.hang_up(told=told) == 128 + signal.SIGHUP


def test_without_a_terminal_it_ends_even_when_it_is_stuck(tmp_path) -> None:
    script, stuck = tmp_path / "stuck.py", tmp_path / "stuck"
    script.write_text(
        "import pathlib, sys, threading\n"
        "from app.tui import app, demo, process, replay\n"
        "def stuck(self):\n"
        "    pathlib.Path(sys.argv[1]).touch()\n"
        "    threading.Event().wait()\n"
        "process.GONE_HARD_LIMIT = 0.1\n"
        "app.Workbench.action_toggle_theme = stuck\n"
        "process.run_app(app.Workbench(replay.ReplayEngine(demo.registry())))\n"
    )
    root = str(PLAY.parents[2])
    with Terminal([sys.executable, str(script), str(stuck)], env={"PYTHONPATH": root}) as terminal:
        terminal.wait("9 tests")
        terminal.type("t")
        asyncio.run(until(stuck.exists, "being stuck"))
        assert terminal.hang_up() == 128 + signal.SIGHUP


def test_a_fault_of_its_own_closes_the_engine_and_restores_the_terminal(tmp_path) -> None:
    script = tmp_path / "faulty.py"
    script.write_text(
        "from app.tui import app, demo, process, replay\n"
        "def fails(self, *_): raise ValueError('a fault of its own')\n"
        "app.Workbench._display = fails\n"
        "engine = replay.ReplayEngine(demo.registry())\n"
        "try:\n"
        "    process.run_app(app.Workbench(engine))\n"
        "except ValueError as fault:\n"
        "    print('told:', fault, 'closed:', engine.closed)\n"
    )
    root = str(PLAY.parents[2])
    with Terminal([sys.executable, str(script)], env={"PYTHONPATH": root}) as terminal:
        screen = terminal.wait("closed: True")
        assert "told: a fault of its own closed: True" in screen
        assert "Traceback" not in screen
        assert terminal.exit_code() == 0


def test_a_fault_in_panes_without_the_workbench_restores_the_terminal(tmp_path) -> None:
    script = tmp_path / "faulty.py"
    script.write_text(
        "import asyncio\n"
        "from app.tui import attached, terminals\n"
        "from tests.tui.test_terminal_sources import Machine\n"
        "def fails(self, *_): raise ValueError('a fault of its own')\n"
        "attached.Attached._display = fails\n"
        "app = attached.Attached(Machine(), terminals.TerminalOptions())\n"
        "try:\n"
        "    asyncio.run(attached.run_attached(app))\n"
        "except ValueError as fault:\n"
        "    print('told:', fault)\n"
    )
    with Terminal([sys.executable, str(script)], env={"PYTHONPATH": str(PLAY.parents[2])}) as terminal:
        screen = terminal.wait("told: a fault of its own")
        assert "Traceback" not in screen
        assert terminal.exit_code() == 0
