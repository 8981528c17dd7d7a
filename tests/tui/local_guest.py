"""A stand-in for a machine, whose terminals are real shells of this host."""

from __future__ import annotations

from app.tui.terminal.local_pty import LocalPty

ENV = {"PATH": "/usr/bin:/bin", "PS1": "guest# "}


class Guest:
    """A machine whose terminals are shells of this host."""

    def __init__(self) -> None:
        self.released = 0

    async def terminal(self, command=None, *, columns=80, rows=24, term="xterm-256color") -> LocalPty:
        return await LocalPty.open(["sh"], columns=columns, rows=rows, term=term, env=ENV)

    async def release(self) -> None:
        self.released += 1


def text(pane) -> str:
    return "\n".join(pane.render_line(y).text.rstrip() for y in range(pane.size.height))
