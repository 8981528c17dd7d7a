"""What must not be imported where, checked on real interpreters; the contracts are in pyproject.toml."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import termios
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("textual", "asyncssh", "httpx", "rich", "pyte", "asyncio", "cryptography", "psutil")


def imported(statement: str) -> set[str]:
    """Return the modules that are there after ``statement`` in a fresh interpreter."""
    code = f"import sys\n{statement}\nprint('MODULES', *sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    return set(done.stdout.rsplit("MODULES", 1)[1].split())


def test_help_imports_nothing_heavy() -> None:
    found = imported("from app.cli.main import run\nassert run(['--help']) == 0")
    assert not found & set(HEAVY)
    assert not any(name.startswith(("backends", "registry", "app.engine", "app.tui")) for name in found)


@pytest.mark.parametrize("module", ["app.cli.list_tests", "registry.discovery"])
def test_listing_needs_neither_terminal_library_nor_machines(module: str) -> None:
    found = imported(f"import {module}")
    assert not found & {"textual", "rich", "asyncssh", "httpx", "pyte"}
    assert "backends.qemu" not in found


def test_the_registry_imports_nothing_of_ours() -> None:
    found = imported("import registry.discovery")
    assert not any(name.split(".")[0] in ("app", "backends") for name in found)


def test_the_engine_knows_no_face() -> None:
    found = imported("import app.engine.engine, app.engine.doctor, app.wiring")
    assert "textual" not in found
    assert not any(name.startswith(("app.cli", "app.tui")) for name in found)


def test_a_headless_run_needs_no_workbench() -> None:
    found = imported("import app.cli.run, app.cli.headless, app.cli.faces, app.wiring")
    assert "textual" not in found
    assert not any(name.startswith("app.tui") for name in found)


def test_a_commands_help_imports_its_module_alone() -> None:
    found = imported("from app.cli.main import run\nassert run(['run', '--help']) == 0")
    assert not found & {"textual", "rich", "asyncssh", "httpx", "pyte", "cryptography", "psutil", "tomlkit"}
    others = {name for name in found if name.startswith(("app.tui", "app.wiring", "backends.qemu"))}
    assert not others
    assert not found & {"app.cli.workbench", "app.cli.latency", "app.cli.snapshot", "app.cli.image"}


FIRST_FRAME = """
import os, sys
from textual.drivers.linux_driver import LinuxDriver

write = LinuxDriver.write


def tell(self, data):
    if "Reading the registry" not in data:
        return write(self, data)
    with open(os.environ["TOLD"], "w") as file:
        file.write(" ".join(sys.modules))
    os._exit(0)


LinuxDriver.write = tell
from app.cli.main import run
run([])
"""
"""Opens the workbench, and ends with what was imported when the first frame is written."""


def test_nothing_is_imported_that_the_first_frame_does_not_show(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    told = tmp_path / "told"
    environ = os.environ | {
        "TERM": "xterm-256color",
        "VMBENCH_STATE": str(tmp_path / "state"),
        "VMBENCH_CONFIG": str(tmp_path / "config"),
        "TOLD": str(told),
    }
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (34, 120))
    process = subprocess.Popen(
        [sys.executable, "-c", FIRST_FRAME], cwd=ROOT, env=environ, stdin=slave, stdout=slave, stderr=slave
    )
    os.close(slave)
    seen = b""
    try:
        while select.select([master], [], [], 120)[0] and (read := _read(master)):
            seen += read
        assert process.wait(120) == 0, seen
    finally:
        process.kill()
        process.wait()
        os.close(master)
    found = set(told.read_text().split())
    # The tree of commands, machines, parsers of what is not there, and the screens of other places.
    assert not found & {
        "click",
        "asyncssh",
        "qemu",
        "pyte",
        "tomlkit",
        "psutil",
        "re2",
        "jsonschema",
        "httpx",
    }
    assert not found & {"importlib.metadata", "email.message"}
    assert not found & {"cryptography", "registry.model", "app.engine.events", "app.engine.state"}
    assert not found & {"app.engine.machines", "app.engine.latency.lab", "backends.store"}
    assert {name for name in found if name.startswith("app.tui.screens.")} == {
        "app.tui.screens.base",
        "app.tui.screens.paced",
        "app.tui.screens.filtered",
        "app.tui.screens.tests",
    }


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # nobody has the other end any more
        return b""


def test_the_workbench_is_given_its_engine() -> None:
    found = imported("import app.tui.app")
    assert not any(name.startswith(("backends.qemu", "app.cli")) for name in found)
    assert not found & {"asyncssh", "httpx", "qemu"}
