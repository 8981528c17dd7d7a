"""Records real programs on a PTY, for the tests: ``python record_streams.py [NAME …]``.

A stream is one gzip'ed file: a line of JSON with the size and the offsets at which the program stood
still, then the bytes. The recording terminal answers as ours does.
"""

# ruff: noqa: E501 -- a sequence reads better on one line
from __future__ import annotations

import fcntl
import gzip
import json
import os
import pty
import select
import shutil
import signal
import struct
import sys
import tempfile
import termios
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from app.tui.terminal.model import TerminalModel  # noqa: E402

FOLDER = Path(__file__).parent / "streams"
TEXT = "screen.py"
INPUTRC = "set enable-bracketed-paste on\n"
BASHRC = (
    "PS1='\\[\\e[1;32m\\]guest\\[\\e[0m\\]:\\[\\e[34m\\]\\W\\[\\e[0m\\]\\$ '\nalias ls='ls --color=always'\n"
)

PROGRAMS: dict[str, tuple[list[str], list[str]]] = {
    "vim": (
        ["vim", "-u", "NONE", "-N", "--cmd", "syntax on | set number nomodeline background=dark", TEXT],
        ["\x06", "\x06", "\x02", "20G", "zz", "ddp", "5J", "ifoo \x1bu", "/cursor\r", "nnn", ":split\r",
         ":vsplit\r", "\x17j", "Gzt", "\x19\x19\x19", "\x05\x05", ":set hlsearch cursorline\r", "V5jy", "3p",
         ":help index\r", "\x06"],
    ),
    "less": (
        ["less", "-R", "-N", TEXT],
        [" ", " ", "b", "jjjj", "kkk", "/cursor\r", "n", "n", "N", "G", "g", "-S\r", "\x1b[C", "h"],
    ),
    "htop": (["htop", "-d", "50"], ["\x1bOB", "\x1bOB", "t", "\x1bOR", "py", "\x1b", "\x1bOQ", "\x1bOB"]),
    "dialog": (
        ["dialog", "--colors", "--title", "Pick", "--menu", "Some \\Zb\\Z1red\\Zn things", "15", "50", "6",
         "one", "first", "two", "second", "three", "third"],
        ["\x1bOB", "\x1bOB", "\t", "\t"],
    ),
    "dialog-form": (
        ["dialog", "--title", "Gauge", "--checklist", "Check", "18", "60", "8", "a", "alpha", "on", "b",
         "beta", "off", "c", "gamma", "on"],
        [" ", "\x1bOB", " ", "\t"],
    ),
    "bash": (
        ["bash", "--rcfile", "RC", "-i"],
        ["echo hello world\x1b[D\x1b[D\x1b[Dxyz\x01\x0b", "ls --color=always /etc/s*\r",
         "printf '\\e[1;3;4;38;5;208mstyled\\e[0m \\e[38;2;1;2;3;48:2::9:8:7mrgb\\e[0m \\e[2mfaint\\e[22m\\n'\r",
         "printf '\\e(0lqqqk\\nx   x\\nmqqqj\\e(B\\n'\r", "echo 漢字 wide é e\u0301 x\r",
         "for i in $(seq 60); do echo line $i; done\r", "a" * 100 + "\x01" + "bb" + "\x05cc", "\x15",
         "tput cup 5 0; printf '\\e[2L\\e[3P\\e[4@'; tput ech 5\r", "\x12seq", "\x07", "\x1b[A\x1b[A",
         "\x15ls /usr/b\t\t"],
    ),
    "tmux-inside": (
        ["tmux", "-S", "socket", "-f", "/dev/null", "new-session", "bash", "--rcfile", "RC", "-i"],
        ["ls --color=always\r", "\x02%", "seq 50\r", "\x02\"", "ls /\r", "\x02o", "\x02t", "\x02["],
    ),
    "scroll-regions": (
        ["bash", "--rcfile", "RC", "-i"],
        ["clear; seq 40; printf '\\e[5;15r\\e[15;1H\\n\\n\\nscrolled\\e[5;1H\\eM\\eMreversed\\e[3S\\e[2T\\e[r'\r",
         "printf '\\e[?6h\\e[4;10r\\e[1;1Horigin\\e[99;1Hbottom\\e[?6l\\e[r\\e7\\e[10;10H\\e[7mX\\e8back\\n'\r",
         "printf 'ab\\e[5b\\e[3Dq\\e[4hins\\e[4l\\e[2Z\\tT\\n'\r", "printf '\\e[44m\\e[2J\\e[3;3H\\e[K\\e[0m'\r"],
    ),
}  # fmt: skip
SIZES = {"htop": (110, 32), "less": (100, 30), "tmux-inside": (120, 36)}


def record(name: str) -> None:
    """Run one program, type at it, and write down what it printed."""
    command, keys = PROGRAMS[name]
    columns, rows = SIZES.get(name, (80, 24))
    model = TerminalModel(columns, rows)
    with tempfile.TemporaryDirectory() as home:
        (Path(home) / "rc").write_text(BASHRC)
        (Path(home) / ".config").mkdir()
        (Path(home) / ".inputrc").write_text(INPUTRC)
        shutil.copy(ROOT / "app/tui/terminal/screen.py", home)
        command = ["rc" if part == "RC" else part for part in command]
        # Nothing of the host that records is seen: no processes, no name.
        inside = 'hostname guest && exec "$@"'
        command = ["unshare", "-upf", "--mount-proc", "sh", "-c", inside, "sh", *command]
        env = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "HOME": home, "LANG": "C.UTF-8"}
        env |= {"PATH": os.environ["PATH"], "SHELL": "/bin/bash"}
        pid, master = pty.fork()
        if pid == 0:
            os.chdir(home)
            os.execvpe(command[0], command, env)
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.kill(pid, signal.SIGWINCH)
        model.on_reply = lambda data: os.write(master, data) and None
        data, stops = bytearray(), []

        def settle() -> None:
            until = time.monotonic() + 3
            while time.monotonic() < until and select.select([master], [], [], 0.5)[0]:
                try:
                    chunk = os.read(master, 65536)
                except OSError:
                    return
                data.extend(chunk)
                model.feed(chunk)
            stops.append(len(data))

        settle()
        for key in keys:
            os.write(master, key.encode())
            settle()
        os.close(master)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    header = json.dumps({"columns": columns, "rows": rows, "stops": stops}).encode()
    FOLDER.mkdir(exist_ok=True)
    packed = gzip.compress(header + b"\n" + bytes(data), mtime=0)
    (FOLDER / f"{name}.gz").write_bytes(packed)
    print(f"{name}: {len(data)} bytes, {len(packed)} packed, {len(stops)} stops")


if __name__ == "__main__":
    for wanted in sys.argv[1:] or PROGRAMS:
        record(wanted)
