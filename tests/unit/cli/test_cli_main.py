"""Help, usage errors, and the commands about machines and images."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest

import app
from app.cli.tree import COMMANDS, LazyGroup, vmbench
from backends.base import BackendError
from backends.images.builds import BootImage, ImageInfo
from backends.images.store import ImageStore
from backends.process import ProcessIdentity, this_process
from backends.store import MachineRecord, MachineStore
from tests.cli_desk import Desk


def commands() -> list[tuple[str, ...]]:
    group = vmbench
    assert isinstance(group, LazyGroup)
    context = click.Context(group)
    found: list[tuple[str, ...]] = []
    for name in COMMANDS:
        command = group.get_command(context, name)
        found.append((name,))
        if isinstance(command, click.Group):
            found += [(name, sub) for sub in command.commands]
    return found


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_has_help_with_examples(desk: Desk, words: tuple[str, ...]) -> None:
    done = desk.call(*words, "--help")
    assert done.code == 0
    assert "Example" in done.out
    assert f"vmbench {' '.join(words)}" in done.out


def test_the_table_of_commands_says_what_the_commands_say(desk: Desk) -> None:
    out = desk.call("--help").out
    for name, (_, about) in COMMANDS.items():
        assert about in out
        assert f"\n  {name} " in out


def test_the_version_is_the_packages(desk: Desk) -> None:
    import tomllib

    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    assert app.__version__ == project["version"]
    assert desk.call("--version").out == f"vmbench {app.__version__}\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["lst"], 'did you mean "list"?'),
        (["zzzz"], "vmbench --help lists the commands"),
        (["list", "--jsn"], "--json"),
        (["run", "--parallel", "0"], "whole number from 1 up"),
        (["run", "--keep", "sometimes"], "on-failure"),
        (["run", "--retry-errors", "-1"], "retry-errors"),
        (["rm"], "vmbench ps lists them"),
        (["rm", "--all", "x"], "not both"),
        (["image", "build", "tiny", "--force", "--if-missing"], "exclude each other"),
        (["--registry", "x", "list"], "after the command"),
    ],
)
def test_a_slip_on_the_command_line_is_answered_with_what_to_type(
    desk: Desk, words: list[str], said: str
) -> None:
    done = desk.call(*words)
    assert done.code == 2
    assert done.out == ""
    assert done.err.startswith("error: ")
    assert said in done.err
    assert "Traceback" not in done.err


def make_machine(desk: Desk, label: str, *, keep: bool, owner: ProcessIdentity | None) -> str:
    store = MachineStore(desk.paths.machines)

    def record(name: str) -> MachineRecord:
        return MachineRecord(
            id=name,
            backend="microvm",
            image="tiny",
            image_digest="",
            cpus=1,
            memory=256,
            disk=None,
            label=label,
            run="",
            created=time.time(),
            keep=keep,
            keep_reason="\x1b[31mfailed" if keep else "",
            owner=owner,
        )

    folder = store.create(record)
    folder.close()
    return folder.record.id


@pytest.fixture
def gone() -> ProcessIdentity:
    """A process that does not live any more."""
    return ProcessIdentity(pid=os.getpid(), start="1", boot="another")


def test_ps_lists_machines(desk: Desk, gone: ProcessIdentity) -> None:
    assert "no machines" in desk.call("ps").out
    name = make_machine(desk, "web-first", keep=True, owner=gone)
    out = desk.call("ps").out
    assert name in out and "failed" in out and "\x1b" not in out
    (row,) = json.loads(desk.call("ps", "--json").out)
    assert (row["id"], row["keep"], row["memory"]) == (name, True, 256)


def test_rm_asks_before_it_removes_what_was_kept(desk: Desk, gone: ProcessIdentity) -> None:
    name = make_machine(desk, "web-first", keep=True, owner=gone)
    refused = desk.call("rm", name)
    assert refused.code == 2
    assert "add -y" in refused.err
    assert (desk.paths.machines / name).exists()
    done = desk.call("rm", name[:-1], "-y")
    assert done.code == 0
    assert done.out == f"removed {name} (web-first)\n"
    assert not (desk.paths.machines / name).exists()


def test_rm_all_spares_what_a_living_run_needs(desk: Desk, gone: ProcessIdentity) -> None:
    parent = ProcessIdentity(pid=1, start="?", boot="?")
    mine = make_machine(desk, "running", keep=False, owner=this_process())
    old = make_machine(desk, "old", keep=False, owner=parent)
    done = desk.call("rm", "--all")
    assert done.code == 0
    assert old in done.out
    assert (desk.paths.machines / mine).exists()
    assert "nothing to remove" in desk.call("rm", "--all").err


def test_rm_of_an_unknown_machine_fails(desk: Desk) -> None:
    done = desk.call("rm", "calm-otter")
    assert done.code == 1
    assert "vmbench ps" in done.err


def test_machines_left_behind_are_reclaimed_at_the_next_start(desk: Desk, gone: ProcessIdentity) -> None:
    name = make_machine(desk, "orphan", keep=False, owner=gone)
    done = desk.call("run", "first", "--json")
    assert done.code == 0
    assert f"reclaimed {name}" in done.err
    assert not (desk.paths.machines / name).exists()


INFO = ImageInfo(
    name="tiny",
    recipe="tiny",
    digest="0123456789abcdef",
    built=True,
    size=5 << 20,
    created=datetime(2026, 1, 2, tzinfo=UTC),
    description="the tiny guest",
)


def test_image_list(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageStore, "list", lambda self: [INFO])
    out = desk.call("image", "list").out
    assert "0123456789ab" in out and "5.0 MiB" in out
    (row,) = json.loads(desk.call("image", "list", "--json").out)
    assert row["created"] == "2026-01-02T00:00:00+00:00"


def test_image_build_shows_progress_on_stderr_only(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from backends.images.progress import OnProgress, Progress

    image = BootImage(
        name="tiny",
        digest="0123456789abcdef",
        folder=Path("/cache/tiny"),
        kernel=Path("/cache/tiny/kernel"),
        initramfs=Path("/cache/tiny/initramfs"),
        cmdline=(),
        description="",
        size=5 << 20,
    )

    async def build(self: ImageStore, name: str, force: bool, on_progress: OnProgress) -> BootImage:
        for done in range(3):
            on_progress(Progress("downloading", done, 2, "linux"))
        on_progress(Progress("building", 0, None, "initramfs"))
        return image

    async def cached(self: ImageStore, name: str, on_progress: OnProgress) -> BootImage:
        return image

    monkeypatch.setattr(ImageStore, "build", build)
    monkeypatch.setattr(ImageStore, "ensure", cached)
    done = desk.call("image", "build")
    assert done.out.startswith("tiny 0123456789ab 5.0 MiB")
    assert done.err == "image: downloading linux\nimage: building initramfs\n"
    quiet = desk.call("image", "build", "tiny", "--if-missing")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")


def test_image_verify_tells_what_is_damaged(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def verify(self: ImageStore, name: str, on_progress: object) -> list[str]:
        return ["kernel: wrong checksum"] if name == "tiny" else []

    monkeypatch.setattr(ImageStore, "list", lambda self: [INFO])
    monkeypatch.setattr(ImageStore, "verify", verify)
    done = desk.call("image", "verify")
    assert done.code == 1
    assert "tiny: kernel: wrong checksum" in done.out and "vmbench image build tiny --force" in done.out
    assert desk.call("image", "verify", "other").code == 0


def test_image_errors_are_told_like_all_others(desk: Desk) -> None:
    done = desk.call("image", "verify", "tyni")
    assert done.code in (1, 2)
    assert done.err.startswith("error: ") and "tiny" in done.err


def test_a_backend_error_brings_its_detail(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: ImageStore) -> list[ImageInfo]:
        raise BackendError("the cache is odd", remedy="look at it", detail="one\ntwo")

    monkeypatch.setattr(ImageStore, "list", fail)
    done = desk.call("image", "list")
    assert done.code == 1
    assert done.err == "error: the cache is odd\n  | one\n  | two\n  try: look at it\n"
