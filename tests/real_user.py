"""Someone who types ``vmbench`` in a folder of their own: real processes, real machines."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from backends.snapshots import SnapshotStore
from backends.store import MachineStore
from tests.tui.pty_terminal import Terminal

REPO = Path(__file__).resolve().parents[1]
VMBENCH = (sys.executable, "-m", "app.cli.main")
"""The command line of this tree, whatever is installed."""
PATIENCE = 240.0
"""Seconds that anything here may take on a busy host before a test gives up."""


@dataclass
class User:
    """Someone who types ``vmbench``.

    Args:
        folder: Where they type it.
        environ: Their variables.
    """

    folder: Path
    environ: dict[str, str]
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @classmethod
    def at(cls, home: Path, images: Path, templates: SnapshotStore) -> User:
        """Return a user whose folders are all below ``home``; images and templates are shared ones."""
        folder, cache, state = home / "project", home / "cache", home / "state"
        for made in (folder, cache, state):
            made.mkdir(parents=True)
        (cache / "images").symlink_to(images.resolve())
        (state / "guide-seen").touch()
        templates.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        (state / "templates").symlink_to(templates.root)
        environ = {
            **os.environ,
            "PYTHONPATH": str(REPO),
            "VMBENCH_CACHE": str(cache),
            "VMBENCH_STATE": str(state),
            "VMBENCH_CONFIG": str(home / "config"),
            "TERM": "xterm-256color",
        }
        return cls(folder, environ)

    @property
    def store(self) -> MachineStore:
        return MachineStore(Path(self.environ["VMBENCH_STATE"]) / "machines")

    def write(self, name: str, text: str) -> Path:
        """Write a file of the user's folder."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command; it is ended with the test."""
        process = subprocess.Popen(
            [*VMBENCH, *words],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def run(self, *words: str, code: int = 0, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
        """Run a command and check its exit code."""
        done = subprocess.run(
            [*VMBENCH, *words],
            cwd=self.folder,
            env=self.environ,
            input=stdin.decode(),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    def terminal(self, *words: str, size: tuple[int, int] = (120, 36)) -> Terminal:
        """Return ``vmbench`` on a terminal of its own, to be used as a context manager."""
        return Terminal([*VMBENCH, *words], cwd=self.folder, env=self.environ, size=size, patience=PATIENCE)

    def leave(self) -> None:
        """End what was started and remove every machine."""
        for process in self.started:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.communicate()
        for record in self.store.records():
            self.store.remove(record.id)


def until(what: Callable[[], bool], why: str) -> None:
    """Wait for a state."""
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline, f"waited in vain until {why}"
        time.sleep(0.02)


def read_events_until(process: subprocess.Popen[str], kind: str) -> list[dict[str, object]]:
    """Read what ``--json`` prints up to the first event of a kind."""
    assert process.stdout is not None
    events = []
    for line in process.stdout:
        events.append(json.loads(line))
        if events[-1]["type"] == kind:
            return events
    raise AssertionError(f"the run ended too early: {process.communicate()}")
