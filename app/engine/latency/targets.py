"""What is typed into: a bare shell, tmux, screen and the workbench itself, each on an outer terminal."""

from __future__ import annotations

import os
import select
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import app
from app.engine.latency.floods import Floods
from app.engine.latency.outer import OuterTerminal

WORKBENCH = "vmbench"
BARE = ("bash", "ssh")
MULTIPLEXERS = ("tmux", "screen")
NAMES = (WORKBENCH, *BARE, *MULTIPLEXERS)

SHELL = ("bash", "--noprofile", "--norc", "-i")
PROBED = "app.tui.probed"
"""Module that opens the workbench with what is typed into."""

READY_LIMIT = 60.0
"""Seconds a target has until it takes keys."""
_TRY_AGAIN = 3.0
_TMUX_CONF = "set -g exit-unattached on\nset -g destroy-unattached on\n"
_SCREEN_RC = "autodetach off\nstartup_message off\n"


class TargetFailed(Exception):
    """A target did not come to take keys; the argument says why and what it showed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where all targets of a measurement run.

    Attributes:
        columns: Width of the outer terminals in cells.
        rows: Their height in cells.
        folder: For sockets and shared files; short, as socket paths are limited.
        inner: The program that is typed into, as argv: a shell, or the ``ssh`` that leads to one.
        machine: Id of the machine that it is in; empty for this host.
        floods: Flooding panes beside it.
    """

    columns: int
    rows: int
    folder: Path
    inner: Sequence[str]
    machine: str = ""
    floods: int = 0


class Target:
    """One thing that is typed into.

    Args:
        name: One of ``NAMES``.
        place: Where.
        shown: File where the workbench notes keys as their characters are written; ``None`` for none.
        arrived: File where it notes keys as they arrive; ``None`` for none.
    """

    def __init__(
        self, name: str, place: Place, *, shown: Path | None = None, arrived: Path | None = None
    ) -> None:
        self.name = name
        self._place = place
        self._noted = {"--shown": shown, "--arrived": arrived}
        self._socket = place.folder / f"{name}.sock"
        self.floods: Floods | None = None
        self.shown = b""
        """What it showed until it was ready."""
        if place.floods and name not in BARE:
            self.floods = Floods(place.folder / f"{name}.floods", place.floods)
        ready, self._ready_end = os.pipe()
        self._ready = ready
        try:
            self.terminal = OuterTerminal(
                self._argv(),
                columns=place.columns,
                rows=place.rows,
                env=self._env(),
                pass_fds=(self._ready_end,) if name == WORKBENCH else (),
            )
        except OSError as error:
            os.close(ready)
            raise TargetFailed(f"{name} cannot be started: {error.strerror or error}") from error
        finally:
            os.close(self._ready_end)

    def _argv(self) -> list[str]:
        place, folder = self._place, self._place.folder
        if self.name == "bash":
            return list(SHELL)
        if self.name == "tmux":
            conf = folder / "tmux.conf"
            conf.write_text(_TMUX_CONF)
            return ["tmux", "-S", str(self._socket), "-f", str(conf), "new-session", shlex.join(place.inner)]
        if self.name == "screen":
            rc = folder / "screenrc"
            rc.write_text(_SCREEN_RC)
            return ["screen", "-c", str(rc), "-S", "probe", *place.inner]
        if self.name == WORKBENCH:
            argv = [sys.executable, "-m", PROBED, "--ready-fd", str(self._ready_end)]
            for option, file in self._noted.items():
                argv += [option, str(file)] if file is not None else []
            if place.machine:
                argv += ["--machine", place.machine]
            if self.floods is not None:
                for number in range(self.floods.count):
                    argv += ["--flood", shlex.join(self.floods.argv(number))]
            return [*argv, "--", *([] if place.machine else place.inner)]
        return list(place.inner)

    def _env(self) -> Mapping[str, str]:
        kept = {k: v for k, v in os.environ.items() if k not in ("TMUX", "STY", "TMUX_PANE", "COLORTERM")}
        root = str(Path(app.__file__).resolve().parents[1])
        kept |= {"TERM": "xterm-256color", "PS1": "$ ", "HISTFILE": "", "SCREENDIR": str(self._place.folder)}
        if self.name == WORKBENCH:
            kept["PYTHONPATH"] = root
        return kept

    def begin(self) -> None:
        """Wait until a shell answers behind it, and open its floods, held still.

        Raises:
            TargetFailed: it does not.
        """
        try:
            if self.name == WORKBENCH:
                self._wait_for_workbench()
            self._wait_for_shell()
            if self.floods is not None:
                self._open_floods(self.floods)
            self.clear()
        except EOFError:
            raise TargetFailed(f"{self.name} ended by itself:\n{self._last()}") from None

    def _last(self) -> str:
        return "\n".join(self.terminal.tail.decode(errors="replace").split("\n")[-5:])[-600:].strip()

    def _wait_for_workbench(self) -> None:
        end = time.monotonic() + READY_LIMIT
        while time.monotonic() < end:
            ready, _, _ = select.select([self._ready, self.terminal.fd], [], [], end - time.monotonic())
            if self._ready in ready:
                if os.read(self._ready, 1):
                    return
                raise TargetFailed(f"{self.name} did not open its terminals:\n{self._last()}")
            found = self.terminal.read(time.monotonic())
            self.shown += found[1] if found else b""
        raise TargetFailed(f"{self.name} did not open its terminals in time:\n{self._last()}")

    def _wait_for_shell(self) -> None:
        end = time.monotonic() + READY_LIMIT
        told = b""
        while time.monotonic() < end:
            # What is typed differs from what is printed, so that its echo is no answer.
            self.terminal.write(b"PS1='$ '; echo probe'-'ready\r")
            again = time.monotonic() + _TRY_AGAIN
            while (found := self.terminal.read(min(again, end))) is not None:
                told += found[1]
                if b"probe-ready" in told:
                    self.shown += told
                    return
        raise TargetFailed(f"no shell answered in {self.name}; it showed:\n{self._last()}")

    def _open_floods(self, floods: Floods) -> None:
        if self.name == "tmux":
            tmux = ["tmux", "-S", str(self._socket)]
            for number in range(floods.count):
                self._do([*tmux, "split-window", "-t", ":0.0", floods.command(number)])
                self._do([*tmux, "select-layout", "tiled"])
            self._do([*tmux, "select-pane", "-t", ":0.0"])
        elif self.name == "screen":
            for number in range(floods.count):
                self._do(["screen", "-S", "probe", "-X", "screen", *floods.argv(number)])
            self._do(["screen", "-S", "probe", "-X", "select", "0"])
        self.shown += self.terminal.settle(0.3, 3.0)

    def _do(self, argv: list[str]) -> None:
        done = subprocess.run(argv, env=dict(self._env()), capture_output=True, check=False, timeout=20)
        self.shown += self.terminal.settle(0.05, 0.5)
        if done.returncode:
            said = (done.stderr or done.stdout).decode(errors="replace").strip()
            raise TargetFailed(f"{self.name}: {' '.join(argv[3:5])} failed: {said}")

    def clear(self) -> None:
        """Begin with an empty screen and an empty line."""
        self.terminal.write(b"\x15clear\r")
        self.shown += self.terminal.settle(0.3, 3.0)

    def close(self) -> None:
        """End it and all that it runs. Idempotent."""
        if self.floods is not None:
            self.floods.close()
        self.terminal.close()
        if self.name == "tmux" and self._socket.exists():
            subprocess.run(
                ["tmux", "-S", str(self._socket), "kill-server"], capture_output=True, check=False, timeout=20
            )
        if self._ready >= 0:
            os.close(self._ready)
            self._ready = -1


def missing(names: Sequence[str]) -> list[str]:
    """Return those of the targets whose program is not installed."""
    return [name for name in names if name != WORKBENCH and shutil.which(name) is None]
