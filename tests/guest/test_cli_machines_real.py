"""Machines and snapshots by the command line, as a process of its own, on real guests."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

from backends.process import identify
from tests.real_user import PATIENCE, VMBENCH, User, until


def test_commands_files_and_figures_of_a_machine(user: User) -> None:
    name = user.run("up").stdout.strip()
    done = user.run("exec", name, "--", "echo out; echo err >&2; exit 7", code=7)
    assert (done.stdout, done.stderr) == ("out\n", "err\n")
    late = user.run("exec", "--timeout", "1s", name, "--", "sleep", "600", code=124)
    assert "timed out after 1s" in late.stderr

    (user.folder / "in").mkdir()
    data = bytes(range(256)) * 1000
    (user.folder / "in" / "every byte").write_bytes(data)
    user.run("cp", "in", f"{name}:/srv/in")
    user.run("cp", f"{name}:/srv/in", "out")
    assert (user.folder / "out" / "every byte").read_bytes() == data
    assert "exists" in user.run("cp", f"{name}:/srv/in/every byte", "out", code=2).stderr
    for _ in range(2):  # the second copy goes over the first, not into it
        user.run("cp", "in", f"{name}:/new/place/")
        user.run("cp", "-y", f"{name}:/new/place/in", ".")
    assert user.run("exec", name, "--", "find /new -type f").stdout == "/new/place/in/every byte\n"
    assert [p.name for p in (user.folder / "in").iterdir()] == ["every byte"]

    (row,) = json.loads(user.run("stats", "--json").stdout)
    assert row["id"] == name
    assert row["guest_memory_total"] > 100 << 20
    assert row["pss"] > 0

    user.run("pause", name)
    assert f"vmbench resume {name}" in user.run("exec", name, "--", "true", code=1).stderr
    user.run("resume", name)
    user.run("exec", name, "--", "true")


def test_a_machine_its_snapshot_and_forks_from_up_to_rm(user: User) -> None:
    name = json.loads(user.run("up", "--label", "base", "--disk", "64M", "--json").stdout)["id"]
    user.run("exec", "--stdin", name, "--", "cat > /root/note", stdin=b"kept in memory\n")
    user.run("snapshot", "save", name, "noted")
    forks = [
        row["id"] for row in json.loads(user.run("snapshot", "fork", "-n", "2", "--json", "noted").stdout)
    ]
    assert len({name, *forks}) == 3
    taken = "cat /root/note && rm /root/note"
    for fork in forks:
        assert user.run("exec", fork, "--", taken).stdout == "kept in memory\n"
    listed = json.loads(user.run("snapshot", "list", "--json").stdout)
    assert [(r["name"], r["parent"], r["machine"]) for r in listed] == [("noted", "", name)]

    user.run("stop", name)
    user.run("stop", name)
    assert f"vmbench start {name}" in user.run("exec", name, "--", "true", code=1).stderr
    assert name not in user.run("ps").stdout.split()
    states = {row["id"]: row["state"] for row in json.loads(user.run("ps", "-a", "--json").stdout)}
    assert states == {name: "stopped", forks[0]: "running", forks[1]: "running"}
    user.run("start", name)
    user.run("exec", name, "--", "test ! -e /root/note")

    assert "add --stop" in user.run("snapshot", "restore", "-y", name, "noted", code=1).stderr
    user.run("snapshot", "restore", "-y", "--stop", "--start", name, "noted")
    assert user.run("exec", name, "--", "cat /root/note").stdout == "kept in memory\n"

    pids = [row["pid"] for row in json.loads(user.run("ps", "--json").stdout)]
    user.run("snapshot", "rm", "-y", "noted")
    user.run("exec", forks[1], "--", "true")
    user.run("rm", "-y", name, *forks)
    assert user.store.records() == []
    assert [pid for pid in pids if identify(pid) is not None] == []


def test_plain_ssh_and_a_forwarded_port_lead_in(user: User) -> None:
    name = user.run("up").stdout.strip()
    config = user.folder / "machines.conf"
    config.write_text(user.run("ps", "--ssh-config").stdout)
    said = subprocess.run(
        ["ssh", "-F", str(config), name, "hostname"], capture_output=True, text=True, timeout=PATIENCE
    )
    assert said.stdout.strip() == name, said.stderr

    user.run("exec", name, "--", "mkdir /www && echo served > /www/index.html && httpd -p 8080 -h /www")
    process = user.start("forward", name, "8080")
    try:
        assert process.stdout is not None
        where = process.stdout.readline().split()[0]
        import urllib.request

        with urllib.request.urlopen(f"http://{where}/", timeout=PATIENCE) as answer:
            assert answer.read() == b"served\n"
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_up_that_is_interrupted_leaves_nothing(user: User, number: signal.Signals) -> None:
    process = user.start("up", "--cold")
    until(lambda: any(r.pid for r in user.store.records()), "the machine runs")
    pids = [r.pid for r in user.store.records() if r.pid is not None]
    process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + number
    assert "interrupted" in err
    assert user.store.records() == []
    assert [pid for pid in pids if identify(pid) is not None] == []


class Pty:
    """``vmbench`` on a terminal of its own."""

    def __init__(self, user: User, *words: str) -> None:
        self.leader, self.follower = pty.openpty()
        self.resize(100, 30)
        self.before = termios.tcgetattr(self.follower)
        self.seen = b""
        self.process = subprocess.Popen(
            [*VMBENCH, *words],
            cwd=user.folder,
            env=user.environ,
            stdin=self.follower,
            stdout=self.follower,
            stderr=self.follower,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.leader, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: str) -> None:
        os.write(self.leader, text.encode())

    def until(self, wanted: bytes) -> None:
        """Read until something was shown since the last call."""
        deadline = time.monotonic() + PATIENCE
        while wanted not in self.seen:
            assert time.monotonic() < deadline, f"waited in vain for {wanted!r}: {self.seen!r}"
            ready, _, _ = select.select([self.leader], [], [], 0.5)
            if ready:
                with contextlib.suppress(OSError):
                    self.seen += os.read(self.leader, 65536)
        self.seen = self.seen.partition(wanted)[2]

    def wait(self) -> int:
        """Return the exit code; what is shown meanwhile is read."""
        deadline = time.monotonic() + PATIENCE
        ended = False
        while not ended:
            assert time.monotonic() < deadline, f"does not end: {self.seen!r}"
            ended = self.process.poll() is not None
            while select.select([self.leader], [], [], 0 if ended else 0.1)[0]:
                self.seen += os.read(self.leader, 65536)
        return self.process.wait()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.leader)
        os.close(self.follower)


def test_a_shell_on_a_terminal(user: User) -> None:
    name = user.run("up").stdout.strip()
    patient = b"trap 'echo caught; exit' INT; echo begun; while :; do sleep 1; done"
    user.run("exec", "--stdin", name, "--", "cat > /root/patient", stdin=patient)
    shell = Pty(user, "shell", name)
    try:
        shell.until(b"# ")
        shell.type("stty size; tty; echo $TERM; echo $((20+3))\r")
        shell.until(b"30 100")
        shell.until(b"/dev/pts/")
        shell.until(b"xterm-256color")
        shell.until(b"23")
        shell.resize(120, 40)
        shell.process.send_signal(signal.SIGWINCH)
        shell.type("while ! stty size | grep '40 120'; do :; done\r")
        shell.until(b"\n40 120")
        # Ctrl-C goes to the guest's program, not to vmbench.
        shell.type("sh /root/patient\r")
        shell.until(b"begun")
        shell.type("\x03")
        shell.until(b"caught")
        shell.type("exit 5\r")
        assert shell.wait() == 5
        assert termios.tcgetattr(shell.follower) == shell.before
        assert b"\x1b[?25h" in shell.seen
    finally:
        shell.close()

    # The terminal comes back also when the machine goes away below it, and what was recorded is whole.
    recorded = ("--record", "session.cast", "--cast-version", "2")
    shell = Pty(user, "shell", name, *recorded, "--", "echo he''re; sleep 1000")
    try:
        shell.until(b"here")
        user.run("kill", name)
        assert shell.wait() == 1
        assert termios.tcgetattr(shell.follower) == shell.before
        assert b"error: " in shell.seen
    finally:
        shell.close()
    told = json.loads(user.run("play", "--json", "session.cast").stdout)
    assert (told["version"], told["columns"], told["problems"]) == (2, 100, [])
    assert "here" in (user.folder / "session.cast").read_text()
    assert "needs a terminal" in user.run("shell", name, code=2).stderr
