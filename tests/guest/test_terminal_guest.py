"""Real programs in a real guest, driven through the workbench's panes on a real terminal."""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.base import WrongState
from backends.qemu import serial
from tests.real_user import PATIENCE, VMBENCH, User
from tests.tui.pty_terminal import Terminal

PROGRAMS = ("vim.basic", "htop", "less")
PASTE = 100_000


def attached(user: User, machine: str, *words: str, size: tuple[int, int] = (100, 30)) -> Terminal:
    return opened(user, "attach", machine, *words, size=size)


def opened(user: User, *words: str, size: tuple[int, int] = (100, 30)) -> Terminal:
    return Terminal([*VMBENCH, *words], env=user.environ, cwd=user.folder, size=size, patience=PATIENCE)


@pytest.fixture
def machine(user: User) -> Iterator[str]:
    yield user.run("up").stdout.strip()


async def test_the_console_is_typed_into_by_one_at_a_time(boot, monkeypatch) -> None:
    monkeypatch.setattr(serial, "MOST_UNREAD", 50_000)
    machine = await boot()
    console = await machine.console()
    with pytest.raises(WrongState, match="already"):
        await machine.console()

    async def read_until(pattern: bytes) -> bytes:
        seen = b""
        async with asyncio.timeout(PATIENCE):
            while not re.search(pattern, seen):
                data = await console.read()
                assert data, seen
                seen += data
        return seen

    console.write(b"echo typed-$((40+2)) on $(tty)\r")
    await read_until(rb"typed-42 on /dev/ttyS0")
    # More than is ever kept unread: the guest is not held up, and the newest is there.
    console.write(
        b"stty -echo; yes 0123456789012345678901234567890123456789 | head -c 200000; echo flood-''over\r"
    )
    async with asyncio.timeout(PATIENCE):
        await machine.wait_console(re.compile(rb"flood-over"), timeout=PATIENCE)
    await read_until(rb"flood-over")
    await console.close()
    again = await machine.console()
    await again.close()
    assert b"typed-42" in machine.console_log.read_bytes()


def test_two_attached_terminals_leave_the_machine_as_it_was(user: User, machine: str) -> None:
    with attached(user, machine) as one, attached(user, machine, "--console", size=(160, 30)) as two:
        one.wait("~#")
        two.wait("console")
        one.type("echo fr''om one > /root/note; echo do''ne\r")
        one.wait("done")
        two.type("echo s''een > /dev/ttyS0; cat /root/note\r")
        two.wait("from one")
        for terminal in (one, two):
            terminal.type("\x07d")
            terminal.wait("Leave the terminals?")
            terminal.type("y")
            assert terminal.exit_code() == 0
    assert user.run("exec", machine, "--", "cat", "/root/note").stdout == "from one\n"


def test_a_console_that_is_taken_is_refused_and_left_by_a_key(user: User, machine: str) -> None:
    with attached(user, machine, "--console", size=(160, 30)) as terminal:
        terminal.wait("console")
        terminal.wait("built-in shell")
        said = user.run("console", "-i", machine, code=2).stderr
        assert "needs a terminal" in said
        plain = opened(user, "console", "-i", machine)
        with plain:
            plain.wait("somebody types into the console")
            assert plain.exit_code() == 1
    plain = opened(user, "console", "-i", machine)
    with plain:
        plain.wait("Ctrl-] leaves")
        plain.type("\recho pl''ain\r")
        plain.wait("\nplain")
        plain.type("\x1d")
        assert plain.exit_code() == 0


def bring_programs(user: User, machine: str) -> None:
    """Bring this host's vim, htop and less into the guest, with their libraries."""
    box = user.folder / "box"
    for program in PROGRAMS:
        path = shutil.which(program)
        assert path is not None
        said = subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout
        for found in [path, *re.findall(r"(/\S+) \(0x", said)]:
            target = box / found.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(Path(found).resolve(), target)
    terminfo = next(
        p for p in (Path("/lib/terminfo/x/xterm-256color"), Path("/usr/share/terminfo/x/xterm-256color"))
        if p.exists()
    )  # fmt: skip
    (box / "usr/share/terminfo/x").mkdir(parents=True)
    shutil.copy(terminfo.resolve(), box / "usr/share/terminfo/x/xterm-256color")
    (box / "usr/local/bin").mkdir(parents=True, exist_ok=True)
    # The guest keeps its own libraries: the programs get theirs, and their loader, in a root of their own.
    user.run("cp", "box", f"{machine}:/srv/")
    user.run(
        "exec",
        machine,
        "--",
        "mkdir -p /srv/box/proc /srv/box/tmp /srv/box/dev; mount --bind /proc /srv/box/proc;"
        " mount --bind /dev /srv/box/dev; mount --bind /tmp /srv/box/tmp",
    )


@pytest.mark.skipif(
    not all(shutil.which(name) for name in PROGRAMS), reason="vim, htop or less is not installed"
)
def test_vim_htop_and_less_in_a_guest_while_the_terminal_changes_its_size(user: User, machine: str) -> None:
    bring_programs(user, machine)
    run = "chroot /srv/box /usr/bin/"
    with attached(user, machine, size=(100, 30)) as terminal:
        terminal.wait("~#")

        terminal.type("for n in $(seq 500); do echo line $n of the text; done > /tmp/text; clear\r")
        terminal.type(f"{run}less /tmp/text\r")
        screen = terminal.wait("line 27 of the text")
        assert "line 28 of the text" not in screen
        terminal.type("/of the text$\r")
        terminal.type("G")
        terminal.wait("line 500 of the text")
        terminal.type("g")
        terminal.wait("line 1 of")
        terminal.resize(90, 40)
        terminal.wait("line 36 of the text")
        terminal.type("q")
        terminal.wait(lambda text: "line 36" not in text and "~#" in text)

        terminal.type(f"{run}vim.basic -u NONE -N -c 'set ruler' /tmp/text\r")
        terminal.wait("line 5 of the text")
        # An escape is a key of its own only when the next one is not typed within a moment.
        terminal.type("ddGo" + "typed through panes ")
        terminal.wait(lambda text: "typed through panes" in text and "INSERT" in text)
        terminal.type("\x1b")
        terminal.wait(lambda text: "INSERT" not in text)
        terminal.resize(110, 24)
        terminal.wait(
            lambda text: any(line.startswith("typed through panes") for line in text.splitlines()[19:22]),
        )
        terminal.type("/line 100 of\r")
        terminal.wait("line 100 of the text")
        terminal.type("cwlast")
        terminal.wait(lambda text: "last 100" in text and "INSERT" in text)
        terminal.type("\x1b")
        terminal.wait(lambda text: "INSERT" not in text)
        terminal.type(":wq\r")
        terminal.wait(lambda text: "typed through" not in text and "~#" in text)
        said = user.run("exec", machine, "--", "sed -n '1p;99p;$p' /tmp/text").stdout
        assert said.splitlines() == ["line 2 of the text", "last 100 of the text", "typed through panes "]

        terminal.type(f"{run}htop\r")
        process = re.compile(r"^ *\d+ (?:root|0) +\d+", re.MULTILINE)
        terminal.wait(lambda text: "Load average" in text and "Quit" in text and process.search(text))
        terminal.resize(100, 34)
        terminal.wait(lambda text: any("Quit" in line for line in text.splitlines()[31:33]))
        terminal.type("/htop")
        terminal.wait(lambda text: "Search: htop" in text)
        terminal.type("\r")
        terminal.type("q")
        terminal.wait(lambda text: "Load average" not in text and "~#" in text)


def test_a_large_paste_arrives_intact(user: User, machine: str) -> None:
    text = "".join(f"{n:06d} of what is pasted into the guest\n" for n in range(PASTE // 40 + 1))[:PASTE]
    with attached(user, machine) as terminal:
        terminal.wait("~#")
        take = f"head -c {PASTE} | tr '\\r' '\\n' | sha256sum > /tmp/sum"
        terminal.type(f"stty raw -echo; echo rea''dy; {take}; stty sane; echo over''all\r")
        terminal.wait("ready")
        terminal.paste(text)
        terminal.wait("overall")
    said = user.run("exec", machine, "--", "cat /tmp/sum").stdout
    assert said.split()[0] == hashlib.sha256(text.encode()).hexdigest()


def test_what_is_typed_in_a_guest_becomes_a_test_that_passes(user: User, machine: str) -> None:
    user.write("registry/tests/box.toml", '# mine\n[[tests]]\nname = "old"\nrun = "true"  # kept\n')
    with opened(user, "record", machine, "--test", "typed", "--into", "tests/box.toml") as terminal:
        terminal.wait("~#")
        lines = ("cd /tmp", "mkdir ottr\x7f\x7fter", "ls -d ot\t", "ls nothing", "test -d otter")
        for number, line in enumerate(lines, 2):
            terminal.type(f"{line}\r")
            terminal.wait(lambda text, n=number: text.count("root@") == n and text.rstrip().endswith("#"))
        terminal.type("exit\r")
        terminal.wait("which of them")
        screen = terminal.text()
        assert "mkdir otter" in screen and "(ended with 1)" in screen
        terminal.type("1-5\r")
        terminal.wait("Save the test typed?")
        terminal.type("y\r")
        terminal.wait("vmbench run typed")
        assert terminal.exit_code() == 0
    text = (user.folder / "registry/tests/box.toml").read_text()
    assert text.startswith('# mine\n[[tests]]\nname = "old"\nrun = "true"  # kept\n')
    assert "ls -d otter/" in text and "test $? -eq 1" in text
    said = user.run("record", machine, "--test", "typed", "-y", code=2).stderr
    assert "already" in said
    assert "1 passed" in user.run("run", "typed").stdout
