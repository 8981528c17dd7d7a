"""What must not be imported where, checked on real interpreters; the contracts are in pyproject.toml."""

from __future__ import annotations

import subprocess
import sys
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


def test_the_workbench_is_given_its_engine() -> None:
    found = imported("import app.tui.app")
    assert not any(name.startswith(("backends.qemu", "app.cli")) for name in found)
    assert not found & {"asyncssh", "httpx", "qemu"}
