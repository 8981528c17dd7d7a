"""Hands the whole screen to a program in a guest, and takes it back as it was."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import termios
import tty
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backends.base import Machine, Terminal

_SCREEN = re.compile(rb"\x1b\[\?(?:1049|1047|47)([hl])")
_LEAVE_SCREEN = b"\x1b[?1049l"
# Cursor shown, no mouse reports, no bracketed paste, plain arrow keys, plain text.
_PROMPT_LIMIT = 1.0
"""Seconds after a program's first words until one that shows no prompt is typed into all the same."""
_CALM = b"\x1b[?25h\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[?1l\x1b>\x1b[0m"


async def attach(
    machine: Machine, command: str | None = None, *, typed: str = "", stdin: int = 0, stdout: int = 1
) -> int:
    """Run a login shell, or ``command``, in a machine on this terminal and return its exit code.

    Args:
        machine: A running machine.
        command: What to run.
        typed: Typed once the program shows a prompt, without the line's end: the person sends it.
        stdin: Descriptor of the terminal that is typed on.
        stdout: Descriptor of the terminal that is looked at.

    Raises:
        BackendError: the machine takes no terminal, or its connection broke.
    """
    columns, rows = os.get_terminal_size(stdout)
    term = os.environ.get("TERM") or "xterm-256color"
    terminal = await machine.terminal(command, columns=columns, rows=rows, term=term)
    return await hand_over(terminal, typed=typed, stdin=stdin, stdout=stdout)


async def hand_over(
    terminal: Terminal, *, typed: str = "", escape: bytes = b"", stdin: int = 0, stdout: int = 1
) -> int:
    """Give this terminal to what runs in another one, until that ends, and return its exit code.

    Args:
        terminal: What is shown and typed into; hung up at the end.
        typed: Typed once the program shows a prompt, without the line's end: the person sends it.
        escape: Key that hangs up, which is then no failure; none unless given.
        stdin: Descriptor of the terminal that is typed on.
        stdout: Descriptor of the terminal that is looked at.

    Raises:
        BackendError: the connection broke.
    """
    try:
        return await _Screen(terminal, typed.rstrip(), escape, stdin, stdout).run()
    finally:
        await terminal.close()


class _Screen:
    """This terminal while a program in a guest has it."""

    def __init__(self, terminal: Terminal, typed: str, escape: bytes, stdin: int, stdout: int) -> None:
        self._terminal = terminal
        self._to_type = typed.encode()
        self._escape = escape
        self._stdin = stdin
        self._stdout = stdout
        self._hung_up = asyncio.Event()
        self._code = 128 + signal.SIGHUP
        self._alternate = False
        self._seam = b""

    async def run(self) -> int:
        """Carry keys and output until the program ends."""
        loop = asyncio.get_running_loop()
        before = termios.tcgetattr(self._stdin)
        # A terminal whose output is stopped must hold up nothing but its own output.
        writer = ThreadPoolExecutor(1, thread_name_prefix="vmbench-screen")
        showing: asyncio.Task[None] | None = None
        try:
            tty.setraw(self._stdin, termios.TCSADRAIN)
            loop.add_signal_handler(signal.SIGWINCH, self._resize)
            loop.add_reader(self._stdin, self._typed)
            showing = asyncio.ensure_future(self._show(writer))
            hung_up = asyncio.ensure_future(self._hung_up.wait())
            await asyncio.wait({showing, hung_up}, return_when=asyncio.FIRST_COMPLETED)
            hung_up.cancel()
            if not showing.done():
                await self._terminal.close()
                return self._code
            showing.result()
            return await self._terminal.wait()
        finally:
            loop.remove_reader(self._stdin)
            loop.remove_signal_handler(signal.SIGWINCH)
            if showing is not None:
                showing.cancel()
                await asyncio.gather(showing, return_exceptions=True)
            writer.shutdown(wait=False)
            self._restore(before)

    async def _show(self, writer: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        prompt: asyncio.TimerHandle | None = None
        try:
            while data := await self._terminal.read():
                for found in _SCREEN.finditer(self._seam + data):
                    self._alternate = found[1] == b"h"
                self._seam = data[-8:]
                await loop.run_in_executor(writer, _write, self._stdout, data)
                # What comes before the shell reads a line is echoed twice: by the guest, then by the shell.
                if not data.endswith((b"\n", b"\r")):
                    self._type()
                elif self._to_type and prompt is None:
                    prompt = loop.call_later(_PROMPT_LIMIT, self._type)
        finally:
            if prompt is not None:
                prompt.cancel()

    def _type(self) -> None:
        """Type what is to be typed, once."""
        if self._to_type:
            self._terminal.write(self._to_type)
            self._to_type = b""

    def _typed(self) -> None:
        try:
            data = os.read(self._stdin, 65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data and self._escape and self._escape in data:
            data, self._code = data.partition(self._escape)[0], 0
            self._terminal.write(data)
            data = b""
        if data:
            self._terminal.write(data)
        else:
            asyncio.get_running_loop().remove_reader(self._stdin)
            self._hung_up.set()

    def _resize(self) -> None:
        try:
            columns, rows = os.get_terminal_size(self._stdout)
        except OSError:
            return
        self._terminal.resize(columns, rows)

    def _restore(self, before: list[int | list[bytes | int]]) -> None:
        try:
            termios.tcsetattr(self._stdin, termios.TCSADRAIN, before)
            _write(self._stdout, (_LEAVE_SCREEN if self._alternate else b"") + _CALM)
        except (OSError, termios.error):
            return  # the terminal is gone, and with it what was to be restored


def fresh_page(heading: str, descriptor: int = 1) -> None:
    """Begin an empty page of a terminal with a line; what was on it goes to its scrollback. Blocking.

    Args:
        heading: The line.
        descriptor: The terminal's.
    """
    rows = os.get_terminal_size(descriptor).lines
    _write(descriptor, f"\x1b[{rows};1H{chr(10) * rows}\x1b[H{heading}\r\n".encode())


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
