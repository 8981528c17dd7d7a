"""Opens the terminal screen over a command of this host: ``python play_terminal.py COMMAND …``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from app.tui import theme
from app.tui.base_app import BaseApp
from app.tui.screens.terminal import TerminalScreen
from app.tui.terminal.local_pty import LocalPty


class Host(BaseApp):
    """An app that shows terminals and nothing else; leaving them leaves it."""

    def __init__(self, command: list[str]) -> None:
        super().__init__()
        self.command = command
        for known in theme.THEMES:
            self.register_theme(known)
        self.theme = theme.DARK.name

    def on_mount(self) -> None:
        self.push_screen(TerminalScreen(self._open, label="host"), lambda _: self.exit(0))

    async def _open(self, columns: int, rows: int) -> LocalPty:
        env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return await LocalPty.open(self.command, columns=columns, rows=rows, env=env)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return not getattr(self.focused, "takes_all_keys", False)


if __name__ == "__main__":
    Host(sys.argv[1:]).run()
