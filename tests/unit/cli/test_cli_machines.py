"""Commands about machines and snapshots, on fakes whose records are in the real store."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

import app.wiring
from app.cli.cp import PlaceType
from app.cli.forward import PortsType
from app.cli.params import Age, Duration, Size
from app.cli.streams import run_streaming
from app.logs.times import TimesWriter
from app.paths import Paths
from backends.base import Backend, BackendError, MachineRequest, MachineState
from backends.process import identify, this_process
from backends.wishes import wish_of
from tests.cli_desk import Desk, Result, StoredBackend
from tests.fakes import FakeBackend, FakeMachine, Reply, Script

REPO = Path(__file__).parents[3]


@dataclass
class Bench:
    """A desk with machines."""

    desk: Desk
    backend: StoredBackend

    def call(self, *words: str, code: int = 0) -> Result:
        """Call vmbench and check how it ends."""
        self.backend.sync()
        done = self.desk.call(*words)
        self.backend.sync()
        assert done.code == code, done
        assert "Traceback" not in done.err
        return done

    def up(self, *words: str) -> str:
        """Start a machine and return its id."""
        return self.call("up", *words).out.strip()

    def machine(self, name: str) -> FakeMachine:
        (found,) = [m for m in self.backend.machines if m.id == name]
        return found


@pytest.fixture
def bench(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Bench:
    backend = StoredBackend(desk.backend.root / "stored", desk.paths)

    def backends_for(paths: Paths, accel: str, isolation: str = "auto") -> Mapping[str, Backend]:
        return {"fake": backend}

    monkeypatch.setattr(app.wiring, "backends_for", backends_for)
    return Bench(desk, backend)


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A person at a terminal who says yes to everything; the list is what was asked."""
    asked: list[str] = []

    def confirm(question: str, **_: object) -> bool:
        asked.append(question)
        return True

    monkeypatch.setattr("app.cli.options.on_terminal", lambda: True)
    monkeypatch.setattr(click, "confirm", confirm)
    return asked


def test_up_keeps_a_machine_and_prints_its_id(bench: Bench) -> None:
    name = bench.up("--cpus", "2", "--memory", "1G", "--disk", "64M", "--label", "build", "--cold")
    machine = bench.machine(name)
    request = machine.request
    assert (request.cpus, request.memory, request.disk, request.cold) == (2, 1024, 64, True)
    assert machine.state is MachineState.RUNNING
    assert machine.kept == "build"
    assert machine.released
    (row,) = json.loads(bench.call("ps", "--json").out)
    assert (row["id"], row["keep"], row["state"]) == (name, True, "running")


def test_a_machine_whose_kernel_panicked_is_listed_as_that(bench: Bench) -> None:
    name, other = bench.up(), bench.up()
    guest = subprocess.Popen(["sleep", "600"])  # stands for both QEMUs
    try:
        for machine in (name, other):
            bench.backend.store.change(machine, process=identify(guest.pid))
        with bench.machine(name).console_log.open("ab") as console:
            console.write(b"[ 9.1] Kernel panic - not syncing: sysrq triggered crash\r\n")
        rows = {row["id"]: row for row in json.loads(bench.call("ps", "--json").out)}
        assert (rows[name]["state"], rows[name]["panic"]) == ("running", "sysrq triggered crash")
        assert rows[other]["panic"] == ""
        listed = bench.call("ps").out
        states = {words[0]: words[1] for line in listed.splitlines() if len(words := line.split()) > 1}
        assert (states[name], states[other]) == ("panicked", "running")
        assert f"{name}'s kernel panicked" in listed and f"vmbench console {name} tells more" in listed
    finally:
        guest.kill()
        guest.wait()


def test_up_of_several_prints_them_all(bench: Bench) -> None:
    assert len(bench.call("up", "-n", "3").out.split()) == 3
    document = json.loads(bench.call("up", "--json").out)
    assert document["id"] and document["ssh"]
    assert len(json.loads(bench.call("up", "-n", "2", "--json").out)) == 2


def test_up_that_fails_removes_what_it_made(bench: Bench) -> None:
    count = 0

    async def boot(machine: FakeMachine) -> None:
        nonlocal count
        count += 1
        if count == 2:
            raise BackendError("no more room", remedy="make some")

    bench.backend.scripts["web"] = Script(boot=boot)
    done = bench.call("up", "-n", "3", "--label", "web", code=1)
    assert done.out == ""
    assert "no more room" in done.err and "make some" in done.err
    assert bench.backend.live == set()


def test_up_interrupted_removes_what_it_made(bench: Bench) -> None:
    async def boot(machine: FakeMachine) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()

    bench.backend.scripts["web"] = Script(boot=boot)
    done = bench.call("up", "--label", "web", code=130)
    assert "interrupted" in done.err
    assert len(bench.backend.machines) == 1
    assert bench.backend.live == set()


def test_a_backend_that_is_not_there(bench: Bench) -> None:
    assert "there are: fake" in bench.call("up", "--backend", "vz", code=1).err


def test_a_machines_life(bench: Bench) -> None:
    name = bench.up()
    machine = bench.machine(name)
    assert bench.call("pause", name).out == f"paused {name}\n"
    refused = bench.call("pause", name, code=1)
    assert f"vmbench resume {name}" in refused.err
    assert bench.call("resume", name[:-1]).out == f"resumed {name}\n"
    assert bench.call("reboot", name).out == f"rebooted {name}\n"
    assert machine.reboots == 1
    for _ in range(2):
        assert bench.call("stop", name).out == f"stopped {name}\n"
    assert "no machines" not in bench.call("ps").out
    assert "vmbench ps -a" in bench.call("ps").out
    assert name in bench.call("ps", "-a").out
    assert bench.call("start", name).out == f"started {name}\n"
    assert bench.call("kill", name).out == f"killed {name}\n"
    assert machine.state is MachineState.STOPPED


def test_several_at_once_and_an_unknown_one_before_anything_is_done(bench: Bench) -> None:
    one, two = bench.up(), bench.up()
    done = bench.call("stop", one, "no-such", two, code=1)
    assert "no machine is called 'no-such'" in done.err
    assert bench.machine(one).state is MachineState.RUNNING
    assert len(bench.call("stop", one, two, one).out.splitlines()) == 2


def test_a_start_that_fails_leaves_the_machine_stopped(bench: Bench) -> None:
    name = bench.up()
    bench.call("stop", name)

    async def boot(machine: FakeMachine) -> None:
        raise BackendError("will not boot")

    bench.machine(name).script.boot = boot
    assert "will not boot" in bench.call("start", name, code=1).err
    assert bench.machine(name).state is MachineState.STOPPED


def test_reboot_that_discards_asks_first(bench: Bench) -> None:
    name = bench.up()
    assert "add -y" in bench.call("reboot", "--discard", name, code=2).err
    assert bench.machine(name).reboots == 0
    assert "its changes are gone" in bench.call("reboot", "--discard", "-y", name).out


def test_exec_keeps_the_streams_apart_and_hands_on_the_code(bench: Bench) -> None:
    bench.backend.scripts["web"] = Script(
        commands={"tell 'a b'": Reply(exit_code=7, stdout=b"out", stderr=b"err")}
    )
    name = bench.up("--label", "web")
    done = bench.call("exec", name, "--env", "A=1", "--", "tell", "a b", code=7)
    assert (done.out, done.err) == ("out", "err")
    assert bench.machine(name).execs == [("tell 'a b'", {"A": "1"})]


async def test_output_is_handed_on_as_it_is(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    machine = FakeMachine(FakeBackend(tmp_path), MachineRequest(), Script(), 1)
    machine.script.commands = {"cat": Reply(stdout=bytes(range(256)), stderr=b"\xff\n")}
    await run_streaming(machine, "cat", cwd=None, env={}, stdin=None, timeout=None)
    said = capfdbinary.readouterr()
    assert (said.out, said.err) == (bytes(range(256)), b"\xff\n")


async def test_a_reader_that_goes_away_ends_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Gone:
        def write(self, data: bytes) -> None:
            raise BrokenPipeError

        def flush(self) -> None: ...

    class Stdout:
        buffer = Gone()

    script = Script(commands={"yes": Reply(stdout=b"y")})
    machine = FakeMachine(FakeBackend(tmp_path), MachineRequest(), script, 1)
    monkeypatch.setattr(sys, "stdout", Stdout())
    with pytest.raises(BrokenPipeError):
        await run_streaming(machine, "yes", cwd=None, env={}, stdin=None, timeout=None)


def test_exec_that_takes_too_long(bench: Bench) -> None:
    async def wait(machine: FakeMachine) -> Reply:
        await asyncio.Event().wait()
        return Reply()

    bench.backend.scripts["web"] = Script(commands={"sleep 9": wait})
    name = bench.up("--label", "web")
    done = bench.call("exec", "--timeout", "20ms", name, "--", "sleep 9", code=124)
    assert "timed out after 0.02s" in done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["exec", "x", "uname", "-a"], 'put "--" before'),
        (["exec", "x"], "CMD"),
        (["exec", "x", "--env", "1A=b", "--", "true"], "names no variable"),
        (["exec", "x", "--timeout", "soon", "--", "true"], "is no duration"),
        (["shell", "x"], "vmbench exec x -- CMD"),
        (["cp", "a", "b"], "needs a machine on one side"),
        (["cp", "a:b", "c:d"], "by way of the host"),
        (["cp", "a:", "d"], "names no path"),
        (["forward", "x", "80:90:100"], "names no ports"),
        (["forward", "x", "99999"], "names no ports"),
        (["up", "--memory", "lots"], "is no size"),
        (["up", "-n", "0"], "0"),
        (["gc", "--older-than", "old"], "is no age"),
        (["run", "--step", "2"], "--step goes with --shake"),
        (["snapshot", "rm"], "SNAPSHOT"),
        (["completion", "tcsh"], "zsh"),
    ],
)
def test_slips_are_answered_with_what_to_type(bench: Bench, words: list[str], said: str) -> None:
    done = bench.call(*words, code=2)
    assert said in done.err
    assert done.err.startswith("error: ")


def test_cp_in_and_out(bench: Bench) -> None:
    bench.backend.scripts["web"] = Script(commands={"test -d /srv/": Reply(exit_code=1)})
    name = bench.up("--label", "web")
    bench.desk.write("site.tar", "content")
    bench.call("cp", "site.tar", f"{name}:/srv/")
    assert bench.machine(name).files == {"/srv/site.tar": b"content"}
    bench.call("cp", f"{name}:/srv/site.tar", "copy")
    copy = bench.desk.folder / "copy"
    assert copy.read_text() == "content"
    copy.write_text("mine")
    assert "copy exists" in bench.call("cp", f"{name}:/srv/site.tar", "copy", code=2).err
    assert copy.read_text() == "mine"
    bench.call("cp", "-y", f"{name}:/srv/site.tar", "copy")
    assert copy.read_text() == "content"


def test_a_path_with_a_colon_is_the_hosts_behind_a_dot() -> None:
    place = PlaceType()
    assert place.convert("./a:b", None, None).machine == ""
    assert place.convert("/a:b", None, None).machine == ""
    assert place.convert("otter:/a:b", None, None).path == "/a:b"


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("80", (0, "127.0.0.1", 80)),
        ("8080:80", (8080, "127.0.0.1", 80)),
        ("db:80", (0, "db", 80)),
        ("8080:db:80", (8080, "db", 80)),
    ],
)
def test_ports(text: str, ports: tuple[int, str, int]) -> None:
    found = PortsType().convert(text, None, None)
    assert (found.wanted, found.host, found.port) == ports
    assert str(found) == text


def test_keeping_dropping_and_labelling(bench: Bench) -> None:
    name = bench.up()

    def noted() -> tuple[object, ...]:
        (row,) = json.loads(bench.desk.call("ps", "--json").out)
        return row["keep"], row["keep_reason"], row["label"]

    bench.desk.call("label", name, "build host")
    assert noted() == (True, "vmbench up", "build host")
    assert "add -y" in bench.desk.call("drop", name).err
    assert f"vmbench keep {name}" in bench.desk.call("drop", "-y", name).out
    assert noted() == (False, "", "build host")
    bench.desk.call("keep", name, "--reason", "look at it")
    assert noted() == (True, "look at it", "build host")


def test_sizes_durations_and_ages() -> None:
    assert Size().convert("512", None, None) == 512
    assert Size().convert("2G", None, None) == 2048
    assert Duration().convert("2", None, None) == 2.0
    assert Duration().convert("1m", None, None) == 60.0
    assert Age().convert("7d", None, None) == 7 * 86400
    assert Age().convert("12h", None, None) == 12 * 3600
    assert Age().convert("2w", None, None) == 14 * 86400


def test_stats(bench: Bench) -> None:
    assert "no machine runs" in bench.call("stats").out
    name, other = bench.up(), bench.up()
    bench.call("stop", other)
    out = bench.call("stats").out
    assert name in out and other not in out
    assert "60.0 MiB" in out and "12%" in out
    (row,) = json.loads(bench.call("stats", "--json").out)
    assert (row["id"], row["pss"]) == (name, 60 << 20)
    assert f"vmbench start {other}" in bench.call("stats", other, code=1).err


def test_console(bench: Bench) -> None:
    name = bench.up()
    log = bench.machine(name).console_log
    log.write_bytes(b"".join(b"line %d\n" % n for n in range(30_000)))
    assert bench.call("console", name, "--tail", "2").out == "line 29998\nline 29999\n"
    assert bench.call("console", name, "--tail", "0").out == ""
    size = log.stat().st_size
    assert bench.call("console", name, "--since", str(size - 11)).out == "line 29999\n"
    assert bench.call("console", name, "--since", str(size + 100)).out == ""
    whole = bench.call("console", name, "--tail", "20000").out
    assert whole.startswith("line 10000\n")
    log.unlink()
    assert "was never started" in bench.call("console", name, code=1).err


def test_console_follows_until_the_machine_ends(bench: Bench) -> None:
    name = bench.up()
    bench.machine(name).console_log.write_bytes(b"first\nlast")
    # It has no process, so its end is seen at the first look, after which the rest is read.
    assert bench.call("console", "-f", name).out == "first\nlast"


def test_console_line_by_line(bench: Bench) -> None:
    name, other = bench.up(), bench.up()
    for machine, begin in ((name, 100.0), (other, 101.0)):
        log = bench.machine(machine).console_log
        writer = TimesWriter(log, begin)
        log.write_bytes(b"\x1b[32mBoot\x1b[0m\r\nnet up\r\nssh up\r\nready")
        writer.note(15, 1, begin + 0.5)
        writer.note(31, 3, begin + 2.0)
    ours = bench.call("console", name, "--grep", "boot", "-C", "1").out
    assert ours == "\x1b[32mBoot\x1b[0m\r\nnet up\r\n"
    assert bench.call("console", name, "-g", "BOOT", "--case").out == ""
    assert bench.call("console", name, "-g", "^(net|ssh) ", "-E", "--tail", "1").out == "ssh up\r\n"
    out = bench.call("console", name, "--since-boot", "-f").out
    assert [line.split()[0] for line in out.splitlines()] == ["0.5s", "2.0s", "2.0s", "·"]
    both = bench.call("console", name, other).out
    assert [line.split(" | ")[0].strip() for line in both.splitlines()] == [
        name,
        other,
        *[name] * 2,
        *[other] * 2,
    ]
    problem = bench.call("console", name, "-g", "(", "-E", code=2).err
    assert "missing" in problem and "leave -E out" in problem
    assert "--grep" in bench.call("console", name, "-C", "2", code=2).err
    assert "whole console" in bench.call("console", name, other, "--since", "2", code=2).err


def test_forward_leads_to_the_guest_until_it_is_interrupted(bench: Bench) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    bench.backend.scripts["web"] = Script(ports={80: listener.getsockname()[1]})
    name = bench.up("--label", "web")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    got: list[bytes] = []

    def talk() -> None:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", port)) as here:
                    there, _ = listener.accept()
                    here.sendall(b"ping")
                    here.shutdown(socket.SHUT_WR)
                    got.append(there.recv(10))
                    there.sendall(b"pong")
                    there.close()
                    got.append(here.recv(10))
                    break
            except ConnectionRefusedError:
                time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=talk)
    thread.start()
    done = bench.call("forward", name, f"{port}:80")
    thread.join()
    listener.close()
    assert got == [b"ping", b"pong"]
    assert done.out == f"127.0.0.1:{port} leads to port 80 of {name}\n"


def test_forward_to_a_port_that_is_taken(bench: Bench) -> None:
    name = bench.up()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        done = bench.call("forward", name, f"{number}:80", code=1)
    assert f"cannot listen on port {number}" in done.err


def test_snapshots_from_save_to_removal(bench: Bench) -> None:
    assert "no snapshots" in bench.call("snapshot", "list").out
    name = bench.up("--label", "web")
    bench.machine(name).files["/a"] = b"saved"
    assert bench.call("snapshot", "save", name, "one").out.startswith(f"saved one: disk and memory of {name}")
    assert "already called 'one'" in bench.call("snapshot", "save", name, "one", code=1).err
    new = bench.call("snapshot", "fork", "one", "-n", "2", "--json").out
    ids = [row["id"] for row in json.loads(new)]
    assert len(set(ids)) == 2
    for each in ids:
        fork = bench.machine(each)
        assert fork.files == {"/a": b"saved"}
        assert fork.kept == "fork of one" and fork.released
    bench.call("snapshot", "save", ids[0], "two")
    out = bench.call("snapshot", "list").out
    assert [line.split()[:3] for line in out.splitlines()[1:]] == [["one", "-", name], ["two", "one", ids[0]]]
    rows = json.loads(bench.call("snapshot", "list", "--json").out)
    assert [(r["name"], r["parent"], r["memory"]) for r in rows] == [("one", "", 256), ("two", "one", 256)]
    assert "children  two" in bench.call("snapshot", "show", "one").out
    assert json.loads(bench.call("snapshot", "show", "two", "--json").out)["parent"] == "one"
    assert "add -y" in bench.call("snapshot", "rm", "one", code=2).err
    assert bench.call("snapshot", "rm", "-y", "one").out.startswith("removed one")
    assert "no snapshot is called 'one'" in bench.call("snapshot", "rm", "-y", "two", "one", code=1).err
    assert [r["name"] for r in json.loads(bench.call("snapshot", "list", "--json").out)] == ["two"]


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a b", "\x1b[31m", "x" * 101, "-é"])
def test_names_that_no_snapshot_may_bear(bench: Bench, name: str) -> None:
    machine = bench.up()
    done = bench.call("snapshot", "save", "--", machine, name, code=1)
    assert "use up to 100 letters" in done.err
    assert "\x1b" not in done.err
    assert bench.machine(machine).saves == 0


def test_a_renamed_snapshot_stays_the_parent_of_what_came_of_it(bench: Bench) -> None:
    name = bench.up()
    bench.call("snapshot", "save", name, "one")
    (fork,) = [row["id"] for row in json.loads(bench.call("snapshot", "fork", "one", "--json").out)]
    bench.call("snapshot", "save", fork, "two")
    assert "no snapshot is called 'none'" in bench.call("snapshot", "rename", "none", "new", code=1).err
    assert "already called 'two'" in bench.call("snapshot", "rename", "one", "two", code=1).err
    assert "called 'one' already" in bench.call("snapshot", "rename", "one", "one", code=1).err
    assert "use up to 100 letters" in bench.call("snapshot", "rename", "one", "a b", code=1).err
    run = "ck.20260101-000000-abcd.web-first.0"
    assert "checkpoints" in bench.call("snapshot", "rename", "one", run, code=1).err
    store = bench.desk.paths.machines
    with (store / fork / "operation.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("app.engine.snapshots.RENAME_DEADLINE", 0.0)
            busy = bench.call("snapshot", "rename", "one", "new", code=1)
    assert f"{fork} came of it" in busy.err and "try again" in busy.err
    assert "children  two" in bench.call("snapshot", "show", "one").out, "all is as it was"
    told = bench.call("snapshot", "rename", "one", "new").out
    assert told == "renamed one to new; vmbench snapshot rename new one takes it back\n"
    rows = json.loads(bench.call("snapshot", "list", "--json").out)
    assert [(row["name"], row["parent"]) for row in rows] == [("new", ""), ("two", "new")]
    assert json.loads((store / fork / "machine.json").read_text())["parent"] == "new"
    bench.call("snapshot", "export", "new", "new.vmsnap")
    bench.call("snapshot", "rm", "-y", "new")
    assert "imported new" in bench.call("snapshot", "import", "new.vmsnap").out
    assert "children  two" in bench.call("snapshot", "show", "new").out


def test_a_rename_that_fails_leaves_all_as_it_was(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    name = bench.up()
    bench.call("snapshot", "save", name, "one")
    (fork,) = [row["id"] for row in json.loads(bench.call("snapshot", "fork", "one", "--json").out)]
    bench.call("snapshot", "save", fork, "two")
    before = json.loads(bench.call("snapshot", "list", "--json").out)
    rename = Path.rename

    def full(path: Path, target: Path) -> Path:
        if path.name == "one":
            raise OSError(errno.EACCES, "Permission denied")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", full)
    assert "cannot rename 'one'" in bench.call("snapshot", "rename", "one", "new", code=1).err
    after = json.loads(bench.call("snapshot", "list", "--json").out)
    assert [row | {"age": 0} for row in after] == [row | {"age": 0} for row in before]
    machine = bench.desk.paths.machines / fork / "machine.json"
    assert json.loads(machine.read_text())["parent"] == "one"


def test_templates_are_listed_and_removed(bench: Bench) -> None:
    bench.call("snapshot", "save", bench.up(), "one")
    templates = bench.desk.paths.templates
    templates.mkdir(parents=True, exist_ok=True)
    (bench.desk.paths.snapshots / "one").rename(templates / "6f0c2a91e7d35b84aa19c0de")
    assert "1 template, " in bench.call("snapshot", "list").out
    assert json.loads(bench.call("snapshot", "list", "--json").out) == []
    out = bench.call("snapshot", "list", "-a").out
    assert "6f0c2a91e7d35b84aa19c0de" in out and "1 CPU, 256 MiB" in out
    (row,) = json.loads(bench.call("snapshot", "list", "-a", "--json").out)
    assert row["template"] is True and row["size"] > 0
    assert "removed 6f0c" in bench.call("snapshot", "rm", "-y", "6f0c2a91e7d35b84aa19c0de").out
    assert "template" not in bench.call("snapshot", "list").out


def test_a_running_machine_is_not_restored_unless_it_may_be_stopped(bench: Bench) -> None:
    name = bench.up()
    machine = bench.machine(name)
    bench.call("snapshot", "save", name, "one")
    refused = bench.call("snapshot", "restore", name, "one", "-y", code=1)
    assert f"{name} is running" in refused.err and "--stop" in refused.err
    assert machine.state is MachineState.RUNNING
    assert "add -y" in bench.call("snapshot", "restore", "--stop", name, "one", code=2).err
    machine.files["/b"] = b"later"
    done = bench.call("snapshot", "restore", "--stop", "-y", name, "one")
    assert done.out == f"{name} is as one was; vmbench start {name}\n"
    assert machine.files == {} and machine.state is MachineState.STOPPED
    assert bench.call("snapshot", "restore", "-y", "--start", name, "one").out == f"{name} is as one was\n"
    assert machine.state is MachineState.RUNNING


def test_a_person_is_offered_to_stop_the_machine(bench: Bench, person: list[str]) -> None:
    name = bench.up()
    bench.call("snapshot", "save", name, "one")
    bench.call("snapshot", "restore", name, "one")
    assert person == [f"What {name} is now will be lost and it is stopped. Restore one?"]
    assert bench.machine(name).state is MachineState.STOPPED


def test_export_and_import(bench: Bench) -> None:
    name = bench.up()
    bench.call("snapshot", "save", name, "one")
    assert bench.call("snapshot", "export", "one", "one.vmsnap").out.startswith("wrote one.vmsnap")
    assert "exists" in bench.call("snapshot", "export", "one", "one.vmsnap", code=1).err
    assert "already called" in bench.call("snapshot", "import", "one.vmsnap", code=1).err
    assert "imported two" in bench.call("snapshot", "import", "one.vmsnap", "--name", "two").out
    bench.desk.write("bad.vmsnap", "no archive")
    assert "cannot read bad.vmsnap" in bench.call("snapshot", "import", "bad.vmsnap", code=1).err


def test_damaged_snapshots_and_checkpoints_are_told_apart(bench: Bench) -> None:
    name = bench.up()
    for snapshot in ("good", "bad", "ck.20260101-000000-abcd.web-first.0"):
        bench.call("snapshot", "save", name, snapshot)
    (bench.desk.paths.snapshots / "bad" / "state").write_text("changed")
    out = bench.call("snapshot", "list").out
    assert "good" in out and "1 checkpoint of runs" in out
    assert "damaged: " in out and "vmbench snapshot rm bad" in out
    assert "ck.20260101" in bench.call("snapshot", "list", "-a").out
    bench.call("snapshot", "rm", "-y", "bad")
    assert "damaged" not in bench.call("snapshot", "list").out


def test_ps_tells_the_ssh_command_and_an_ssh_config(bench: Bench) -> None:
    name = bench.up()
    sleeper = subprocess.Popen(["sleep", "600"])
    try:
        bench.backend.held[name].update(process=identify(sleeper.pid), ssh_port=2222)
        (row,) = json.loads(bench.call("ps", "--json").out)
        assert row["ssh"].startswith("ssh -p 2222 ")
        assert row["ssh"] in bench.call("ps").out
        config = bench.call("ps", "--ssh-config").out
        assert config == bench.call("ssh-config", name[:-1]).out == bench.call("ssh-config").out
        assert config.startswith(f"Host {name}\n") and "Port 2222\n" in config
    finally:
        bench.backend.held[name].update(process=None)
        sleeper.kill()
        sleeper.wait()
    bench.call("stop", name)
    assert f"vmbench start {name}" in bench.call("ssh-config", name, code=1).err


def test_rewind_forks_the_moment_before_the_failure(bench: Bench) -> None:
    bench.backend.scripts["web-first"] = Script(commands={"two": Reply(exit_code=3)})
    done = bench.call("run", "first", "--checkpoints", code=1)
    assert "checkpoints: 2 saved in" in done.out
    assert "vmbench rewind web-first" in done.out
    found = json.loads(bench.call("rewind", "web-first", "--json").out)
    assert (found["step"], found["command"]) == (2, "two")
    machine = bench.machine(found["id"])
    assert machine.kept and machine.released and machine.state is MachineState.RUNNING
    out = bench.call("rewind", "web-first", "--step", "1").out
    assert "before step 1" in out and "$ one" in out and "vmbench shell" in out
    assert "no step 9" in bench.call("rewind", "web-first", "--step", "9", code=1).err
    assert "no test called" in bench.call("rewind", "nope", code=1).err


def test_shaking_tells_how_often_it_fails(bench: Bench) -> None:
    bench.backend.scripts["web-first"] = Script(commands={"two": Reply(exit_code=3)})
    bench.backend.scripts["web-first#2"] = Script()
    done = bench.call("run", "first", "--shake", "3", "--step", "2", code=1)
    assert "shaken: web-first: 2 of 3 failed" in done.out


def test_gc_lists_and_asks(bench: Bench, person: list[str]) -> None:
    assert "nothing to reclaim" in bench.call("gc").out
    kept = bench.up()
    paths = bench.desk.paths
    bench.call("snapshot", "save", kept, "mine")
    bench.call("snapshot", "save", kept, "ck.20260101-000000-abcd.web-first.0")
    gone = "999999999"
    (paths.machines / f".calm-otter.{gone}.doomed").mkdir()
    half = paths.snapshots / f".half.{gone}.1"
    half.mkdir()
    (half / "state").write_bytes(b"x" * 10_000)
    run = paths.runs / "20260101-000000-abcd"
    run.mkdir()
    (run / "events.jsonl").touch()
    old = time.time() - 30 * 86400
    for path in (run, run / "events.jsonl", paths.snapshots / "ck.20260101-000000-abcd.web-first.0"):
        os.utime(path, (old, old))
    listed = json.loads(bench.call("gc", "--dry-run", "--json").out)
    assert {(g["kind"], g["name"]) for g in listed["garbage"]} == {
        ("folder", f".calm-otter.{gone}.doomed"),
        ("snapshot", "half"),
        ("checkpoint", "ck.20260101-000000-abcd.web-first.0"),
        ("run", "20260101-000000-abcd"),
    }
    assert listed["size"] >= 10_000
    assert half.exists()
    assert len(json.loads(bench.call("gc", "--dry-run", "--json", "--older-than", "60d").out)["garbage"]) == 2
    assert "4 things" in bench.call("gc").out
    assert person == ["4 things will be lost. Reclaim?"]
    assert not half.exists() and not run.exists()
    assert "nothing to reclaim" in bench.call("gc").out
    assert [r["name"] for r in json.loads(bench.call("snapshot", "list", "-a", "--json").out)] == ["mine"]
    assert kept in bench.call("ps").out


def test_gc_does_nothing_when_nobody_is_there_to_be_asked(bench: Bench) -> None:
    bench.up()
    half = bench.desk.paths.snapshots / ".half.999999999.1"
    half.mkdir()
    assert "add -y" in bench.call("gc", code=2).err
    assert half.exists()
    assert "reclaimed 1 thing" in bench.call("gc", "-y").err
    assert not half.exists()


def complete(bench: Bench, monkeypatch: pytest.MonkeyPatch, *words: str) -> list[str]:
    """Return what bash is offered for the last of the words."""
    monkeypatch.setenv("_VMBENCH_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", " ".join(["vmbench", *words]))
    monkeypatch.setenv("COMP_CWORD", str(len(words)))
    out = bench.desk.call().out
    monkeypatch.delenv("_VMBENCH_COMPLETE")
    return [line.partition(",")[2] for line in out.splitlines() if line]


def test_completion(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for shell in ("bash", "zsh", "fish"):
        assert "_VMBENCH_COMPLETE" in bench.call("completion", shell).out
    name = bench.up()
    bench.call("snapshot", "save", name, "installed")
    assert complete(bench, monkeypatch, "sna") == ["snapshot"]
    assert complete(bench, monkeypatch, "stop", name[:3]) == [name]
    assert complete(bench, monkeypatch, "stop", "zzz-") == []
    assert complete(bench, monkeypatch, "cp", name[:3])[0] == f"{name}:"
    assert complete(bench, monkeypatch, "snapshot", "fork", "in") == ["installed"]
    assert complete(bench, monkeypatch, "snapshot", "restore", name[:3]) == [name]


@pytest.mark.parametrize(
    "words", ["exec", "shell", "cp", "stop", "forward", "stats", "console", "rm", "snapshot fork"]
)
def test_completing_names_imports_nothing_heavy(bench: Bench, words: str) -> None:
    environ = {
        **os.environ,
        "_VMBENCH_COMPLETE": "bash_complete",
        "COMP_WORDS": f"vmbench {words} ",
        "COMP_CWORD": str(len(words.split()) + 1),
    }
    code = (
        "import sys\nfrom app.cli.main import run\nassert run([]) == 0\n"
        "print(*{m.split('.')[0] for m in sys.modules} & "
        "{'asyncio', 'rich', 'textual', 'asyncssh', 'psutil', 'httpx'}, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environ, cwd=REPO, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.split() == []


def test_the_sections_of_help_name_every_command_once(bench: Bench) -> None:
    from app.cli.tree import COMMANDS, SECTIONS

    names = [name for section in SECTIONS.values() for name in section]
    assert len(names) == len(set(names)) == len(COMMANDS)
    out = bench.call("--help").out
    assert [line[:-1] for line in out.splitlines() if line[:-1] in SECTIONS] == list(SECTIONS)


def test_the_document_about_machines_shows_what_there_is(bench: Bench) -> None:
    text = (REPO / "docs" / "machines.md").read_text()
    shown = "".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    used = re.findall(r"(?:^|[|(]\s*)vmbench ((?:snapshot )?[\w-]+)((?: --?[\w-]+)*)", shown, re.MULTILINE)
    assert len(used) > 20
    for command, _ in used:
        bench.call(*command.split(), "--help")
    for command in re.findall(r"`vmbench ((?:snapshot )?[\w-]+)", text):
        bench.call(*command.split(), "--help")


def test_keep_and_drop_leave_a_wish_with_a_machine_whose_test_runs(bench: Bench) -> None:
    name = bench.up()
    machine = bench.machine(name)
    machine.kept = ""
    bench.backend.held[name].update(run="20261120-120000-abcd", owner=this_process())
    bench.call("keep", name)
    assert wish_of(machine.folder) is True
    bench.call("drop", "-y", name)
    assert wish_of(machine.folder) is False
