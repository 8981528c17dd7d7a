from __future__ import annotations

import shutil
import stat
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.images import cpio
from backends.images.cpio import Entry


def parse(data: bytes) -> list[list[Entry]]:
    """Read concatenated archives as the kernel does: trailer, NUL padding, the next one."""
    archives: list[list[Entry]] = []
    offset = 0
    while offset < len(data):
        if data[offset] == 0:
            offset += 1
            continue
        entries: list[Entry] = []
        while True:
            assert offset % 4 == 0
            assert data[offset : offset + 6] == b"070701"
            field = [int(data[offset + 6 + 8 * i : offset + 14 + 8 * i], 16) for i in range(13)]
            _, mode, uid, gid, links, mtime, size, _, _, major, minor, name_size, check = field
            assert (uid, gid, links, mtime, check) == (0, 0, 1, 0, 0)
            name = data[offset + 110 : offset + 110 + name_size]
            assert name.endswith(b"\0")
            start = -(-(offset + 110 + name_size) // 4) * 4
            offset = -(-(start + size) // 4) * 4
            if name == b"TRAILER!!!\0":
                break
            path = name[:-1].decode("utf-8", "surrogateescape")
            entries.append(Entry(path, mode, data[start : start + size], (major, minor)))
        archives.append(entries)
    return archives


NAMES = st.text(
    st.characters(blacklist_characters="/\0", blacklist_categories=("Cs",)), min_size=1, max_size=40
).filter(lambda name: name not in (".", "..", "TRAILER!!!"))
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
ENTRIES = st.one_of(
    st.builds(cpio.file, PATHS, st.binary(max_size=2000), st.integers(0, 0o7777)),
    st.builds(cpio.directory, PATHS, st.integers(0, 0o7777)),
    st.builds(cpio.symlink, PATHS, PATHS),
    st.builds(cpio.char_device, PATHS, st.integers(0, 255), st.integers(0, 255)),
)


@given(st.lists(st.lists(ENTRIES, max_size=6), min_size=1, max_size=3))
def test_concatenated_archives_come_back_entry_for_entry(groups: list[list[Entry]]) -> None:
    data = b"".join(cpio.archive(group) for group in groups)
    assert len(data) % cpio.BLOCK == 0
    assert parse(data) == groups


@given(st.lists(ENTRIES, max_size=8))
def test_parents_come_first_and_each_path_once(entries: list[Entry]) -> None:
    paths = [entry.path for entry in cpio.with_parents(entries)]
    assert len(paths) == len(set(paths))
    for index, path in enumerate(paths):
        parent = path.rpartition("/")[0]
        assert not parent or parent in paths[:index]


def test_named_directories_keep_their_permissions() -> None:
    made = cpio.with_parents([cpio.file("/root/.ssh/authorized_keys", b"k"), cpio.directory("/root", 0o700)])
    assert [(entry.path.strip("/"), entry.mode & 0o7777) for entry in made] == [
        ("root", 0o700),
        ("root/.ssh", 0o755),
        ("root/.ssh/authorized_keys", 0o644),
    ]


@pytest.mark.parametrize("path", ["", "/", "a/../b", "..", "a\0b", "TRAILER!!!"])
def test_paths_that_cannot_be_packed_are_refused(path: str) -> None:
    with pytest.raises(ValueError, match="not a path"):
        cpio.archive([cpio.file(path, b"")])


@pytest.mark.skipif(shutil.which("cpio") is None, reason="cpio is not installed")
def test_cpio_itself_lists_the_archive() -> None:
    data = cpio.archive([cpio.directory("etc"), cpio.file("etc/x", b"1"), cpio.symlink("etc/y", "x")])
    listed = subprocess.run(["cpio", "-t"], input=data, capture_output=True, check=True)
    assert listed.stdout.split() == [b"etc", b"etc/x", b"etc/y"]


def test_modes_say_what_an_entry_is() -> None:
    assert stat.S_ISREG(cpio.file("a", b"").mode)
    assert stat.S_ISDIR(cpio.directory("a").mode)
    assert stat.S_ISLNK(cpio.symlink("a", "b").mode)
    assert stat.S_ISCHR(cpio.char_device("a", 5, 1).mode)
