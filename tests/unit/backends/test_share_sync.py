"""Shares against a guest played by this host's own shell; the real one is in tests/guest."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.base import BackendError, ExecResult, Machine, MachineState
from backends.share import Shares, parse
from backends.share_guest import Share, parse_scan
from backends.share_tree import CONFLICT, Entry, from_json, leaves, plan, to_json


class ShellMachine:
    """Runs commands on this host: what a share needs of a machine."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.id, self.folder, self.state = "calm-otter", folder, MachineState.RUNNING
        self.before_pack: Any = None

    async def exec(self, command: str, *, stdin: bytes | None = None, **more: Any) -> ExecResult:
        if "tar -c" in command and self.before_pack:
            self.before_pack()
        done = await asyncio.to_thread(
            subprocess.run, ["sh", "-c", command], input=stdin or b"", capture_output=True, check=False
        )
        if more.get("on_output"):
            more["on_output"]("stdout", done.stdout)
        return ExecResult(exit_code=done.returncode, stdout=done.stdout, stderr=done.stderr, duration=0.0)

    async def copy_in(self, source: Path, target: str, *, timeout: float = 60.0) -> None:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


class Desk:
    def __init__(self, root: Path) -> None:
        self.host, self.guest = root / "host", root / "guest"
        self.host.mkdir()
        self.machine = ShellMachine(root / "machine")
        self.shares = Shares(cast("Machine", self.machine))

    async def attach(self, **more: Any) -> Any:
        return await self.shares.attach(Share(self.host, str(self.guest)), **more)

    async def sync(self) -> Any:
        return (await self.shares.sync())[str(self.guest)]

    def same(self) -> None:
        assert listing(self.host) == listing(self.guest)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def listing(root: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for path in sorted(root.rglob("*")):
        name = os.fspath(path.relative_to(root))
        if name == ".vmbench-share":
            continue
        mode = path.lstat().st_mode
        found[name] = (
            mode,
            str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else "",
        )
    return found


async def test_both_ways_binary_modes_links_empty_folders_odd_names(desk: Desk) -> None:
    (desk.host / "deep" / "er").mkdir(parents=True)
    (desk.host / "empty").mkdir(mode=0o700)
    (desk.host / "deep" / "every").write_bytes(bytes(range(256)) * 50)
    (desk.host / "deep" / "run.sh").write_text("#!/bin/sh\n")
    (desk.host / "deep" / "run.sh").chmod(0o755)
    (desk.host / "größe 日本 'x' \\ \"q\" $(id)").write_text("odd")
    (desk.host / "-rf").write_text("dash")
    Path(os.fsdecode(os.fsencode(desk.host) + b"/not-\xff-utf8")).write_text("bytes")
    (desk.host / "deep" / "er" / "up").symlink_to("../run.sh")
    (desk.host / "big").write_bytes(os.urandom(9 << 20))
    report = await desk.attach()
    desk.same()
    assert not report.left_out and not report.conflicts and len(report.sent) == 10
    blob = os.urandom(100_000)
    (desk.guest / "deep" / "new").write_bytes(blob)
    (desk.guest / "deep" / "er" / "link").symlink_to("up")
    (desk.guest / "shut").mkdir(mode=0o555)
    (desk.guest / "shut" / "in").write_text("in")
    (desk.guest / "deep" / "run.sh").chmod(0o700)
    (desk.guest / "-rf").unlink()
    (desk.guest / "empty").rmdir()
    report = await desk.sync()
    desk.same()
    assert (desk.host / "deep" / "new").read_bytes() == blob
    assert set(report.deleted_on_host) == {"-rf", "empty"} and not report.sent
    report = await desk.sync()
    assert not (report.sent or report.taken or report.deleted_on_host or report.deleted_in_guest)


async def test_what_both_changed_is_kept_twice_and_told(desk: Desk) -> None:
    for name in ("both", "here", "there", "gone-here", "gone-there"):
        (desk.host / name).write_text("old")
    await desk.attach()
    (desk.host / "both").write_text("host's")
    (desk.guest / "both").write_text("guest's")
    (desk.host / "here").write_text("new here")
    (desk.guest / "there").write_text("new there")
    (desk.host / "gone-here").unlink()
    (desk.guest / "gone-here").write_text("changed there")
    (desk.guest / "gone-there").unlink()
    (desk.host / "gone-there").write_text("changed here")
    report = await desk.sync()
    assert dict(report.conflicts) == {"both": f"both{CONFLICT}"}
    desk.same()
    assert {p.name: p.read_text() for p in desk.host.iterdir()} == {
        "both": "host's",
        f"both{CONFLICT}": "guest's",
        "here": "new here",
        "there": "new there",
        "gone-here": "changed there",
        "gone-there": "changed here",
    }


async def test_kinds_that_change_lose_nothing(desk: Desk) -> None:
    (desk.host / "d").mkdir()
    (desk.host / "d" / "x").write_text("x")
    (desk.host / "f").write_text("f")
    await desk.attach()
    shutil.rmtree(desk.guest / "d")
    (desk.guest / "d").write_text("a file now")
    (desk.host / "d" / "new").write_text("meanwhile")
    (desk.guest / "f").unlink()
    (desk.guest / "f").mkdir()
    (desk.guest / "f" / "inner").write_text("inner")
    for _ in range(2):
        await desk.sync()
    assert (desk.host / "d" / "new").read_text() == "meanwhile"
    assert (desk.host / "f" / "inner").read_text() == "inner"
    assert "a file now" in {
        p.read_text() for r in (desk.host, desk.guest) for p in r.glob("d*") if p.is_file()
    }


async def test_nothing_leaves_the_folder(desk: Desk, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("safe")
    (desk.host / "sub").mkdir()
    (desk.host / "out").symlink_to("../secret")
    report = await desk.attach()
    assert set(report.left_out) == {"out"} and not (desk.guest / "out").exists()
    (desk.guest / "abs").symlink_to("/etc")
    (desk.guest / "climb").symlink_to("sub/../../secret")
    (desk.guest / "out").write_text("through the link")
    shutil.rmtree(desk.guest / "sub")
    (desk.guest / "sub").symlink_to(tmp_path)
    os.mkfifo(desk.guest / "pipe")
    report = await desk.sync()
    assert secret.read_text() == "safe" and (desk.host / "sub").is_dir()
    assert set(report.left_out) == {"abs", "climb", "out", "sub", "pipe"}
    assert sorted(p.name for p in desk.host.iterdir()) == ["out", "sub"]


async def test_a_host_folder_that_became_a_link_is_not_followed(desk: Desk, tmp_path: Path) -> None:
    (desk.host / "sub").mkdir()
    await desk.attach()
    (desk.guest / "sub" / "new").write_text("new")
    (tmp_path / "elsewhere").mkdir()

    def swap() -> None:
        (desk.host / "sub").rmdir()
        (desk.host / "sub").symlink_to(tmp_path / "elsewhere")

    desk.machine.before_pack = swap
    report = await desk.sync()
    assert "sub/new" in report.left_out and not list((tmp_path / "elsewhere").iterdir())


async def test_a_file_that_changes_on_the_host_meanwhile_is_not_overwritten(desk: Desk) -> None:
    (desk.host / "f").write_text("old")
    await desk.attach()
    (desk.guest / "f").write_text("guest's")
    desk.machine.before_pack = lambda: (desk.host / "f").write_text("just now")
    report = await desk.sync()
    assert "f" in report.left_out and (desk.host / "f").read_text() == "just now"
    desk.machine.before_pack = None
    report = await desk.sync()
    assert dict(report.conflicts) == {"f": f"f{CONFLICT}"}
    desk.same()


async def test_a_guest_taken_back_gets_todays_files(desk: Desk, tmp_path: Path) -> None:
    (desk.host / "f").write_text("monday")
    await desk.attach()
    shutil.copytree(desk.guest, tmp_path / "saved")
    (desk.host / "f").write_text("tuesday")
    await desk.sync()
    shutil.rmtree(desk.guest)
    (tmp_path / "saved").rename(desk.guest)
    await desk.sync()
    assert (desk.host / "f").read_text() == "tuesday"
    desk.same()
    shutil.rmtree(desk.guest)
    await desk.sync()
    desk.same()


async def test_a_folder_with_other_things_in_it_is_refused(desk: Desk) -> None:
    desk.guest.mkdir()
    (desk.guest / "mine").write_text("mine")
    (desk.host / "f").write_text("f")
    with pytest.raises(BackendError, match=r"holds what .* does not: mine"):
        await desk.attach()
    assert desk.shares.attached() == [] and not (desk.host / "mine").exists()
    await desk.attach(force=True)
    assert sorted(p.name for p in desk.guest.iterdir()) == [".vmbench-share", "f"]
    with pytest.raises(BackendError, match="shared already"):
        await desk.attach()
    with pytest.raises(BackendError, match="no share at /x"):
        await desk.shares.sync("/x")
    (desk.guest / "late").write_text("late")
    await desk.shares.detach(str(desk.guest))
    assert (desk.host / "late").read_text() == "late" and desk.shares.attached() == []
    with pytest.raises(BackendError, match="no share at"):
        await desk.shares.detach(str(desk.guest))
    (desk.guest / "after").write_text("after")
    await desk.attach()
    desk.same()
    assert (desk.host / "after").exists()


async def test_a_damaged_list_says_so(desk: Desk) -> None:
    (desk.machine.folder / "shares.json").write_text("{")
    with pytest.raises(BackendError, match="is damaged"):
        desk.shares.attached()


def test_what_is_typed(tmp_path: Path) -> None:
    assert parse(f"{tmp_path}:/srv:ro") == Share(tmp_path, "/srv", True)
    assert parse(f"{tmp_path}:/srv/") == Share(tmp_path, "/srv", False)
    for bad in ("", "a", f"{tmp_path}:", f"{tmp_path}:/", f"{tmp_path}:/a/../b", f"{tmp_path}:rel", ":/x"):
        with pytest.raises(BackendError):
            parse(bad)
    with pytest.raises(BackendError, match="is no folder"):
        parse(f"{tmp_path}/absent:/srv")


@pytest.mark.parametrize(
    ("path", "target", "out"),
    [
        ("a", "b", False),
        ("a/b", "../c", False),
        ("a", "../c", True),
        ("a", "/etc", True),
        ("a/b", "c/../d", True),
        ("a/b", "../../c", True),
        ("a", "", True),
        ("a", "./b", False),
    ],
)
def test_links_that_lead_out(path: str, target: str, out: bool) -> None:
    assert leaves(path, target) is out


@pytest.mark.parametrize(
    "said",
    [b"", b"==\n", b"81a4 1 ./../x\n==\n==\n", b"zz 1 ./x\n==\n==\n", b"81a4 1\n==\n==\n", b"a\n==\n==\n"],
)
def test_a_guest_that_talks_nonsense_is_not_believed(said: bytes) -> None:
    with pytest.raises((ValueError, IndexError)):
        parse_scan(said)


names = st.sampled_from(["a", "b", "a/x", "a/y", "b/x", "a/x/deep"])
entries = st.one_of(
    st.builds(Entry, st.just("file"), st.sampled_from([0o644, 0o755]), st.sampled_from("123")),
    st.just(Entry("folder", 0o755)),
)


def possible(tree: dict[str, Entry]) -> dict[str, Entry]:
    """Keep what has its folders."""
    kept: dict[str, Entry] = {}
    for path in sorted(tree):
        parent = path.rpartition("/")[0]
        if not parent or (parent in kept and kept[parent].kind == "folder"):
            kept[path] = tree[path]
    return kept


trees = st.dictionaries(names, entries).map(possible)


@given(trees, trees, trees)
def test_no_plan_loses_what_somebody_changed(
    base: dict[str, Entry], host: dict[str, Entry], guest: dict[str, Entry]
) -> None:
    made = plan(base, host, guest)
    for path, entry in host.items():
        if entry != base.get(path) and entry.kind == "file":
            assert path not in made.delete and path not in made.take.values(), "the host's own change stays"
    for path, entry in guest.items():
        if entry != base.get(path) and entry.kind == "file" and host.get(path) != entry:
            here = host.get(path)
            modes_alone = here is not None and here.kind == "file" and here.what == entry.what
            assert path in made.take or modes_alone, "the guest's change reaches the host"
    assert not set(made.delete) & set(made.take.values()) - set(host)


@given(trees)
def test_trees_survive_json(tree: dict[str, Entry]) -> None:
    assert from_json(to_json(tree)) == tree
