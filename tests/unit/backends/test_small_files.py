"""Files where there is no room for them, or on another file system."""

from __future__ import annotations

import errno
import resource
from pathlib import Path

import pytest

from backends.files import disk_full, make_room, move, replace_text
from backends.snapshots import link
from tests.small_disk import small_disk


def test_a_limit_on_the_size_of_files_is_told_as_what_it_is(tmp_path: Path) -> None:
    file = tmp_path / "small.json"
    replace_text(file, "before")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        with pytest.raises(OSError, match="File too large") as caught:
            replace_text(file, "x" * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.errno == errno.EFBIG and caught.value.filename == str(file)
    assert "ulimit -f" in make_room(caught.value)
    assert file.read_text() == "before" and list(tmp_path.iterdir()) == [file]
    assert make_room(OSError(errno.ENOSPC, "")) == "free some disk space"
    assert make_room(OSError(errno.EACCES, "")) == ""
    told = disk_full(OSError(errno.ENOSPC, "No space left on device"), "here")
    assert told is not None and told[0] == "cannot write here: No space left on device"
    assert told[1].startswith("free some disk space, then try again") and "vmbench gc" in told[1]
    assert disk_full(caught.value) is not None and "ulimit -f" in disk_full(caught.value)[1]
    assert disk_full(OSError(errno.EACCES, "")) is None and disk_full(ValueError("x")) is None


def test_a_file_goes_to_another_file_system_with_its_holes_and_mode(tmp_path: Path) -> None:
    source = tmp_path / "ram"
    with source.open("wb") as file:
        file.truncate(40 << 20)
        file.seek(8 << 20)
        file.write(b"x" * 4096)
    source.chmod(0o400)
    with small_disk(tmp_path / "other", 2) as other:
        move(source, other / "ram")
        assert not source.exists()
        stat = (other / "ram").stat()
        assert (stat.st_size, stat.st_mode & 0o777) == (40 << 20, 0o400) and stat.st_blocks < 100
        with (other / "ram").open("rb") as file:
            file.seek(8 << 20)
            assert file.read(4097) == b"x" * 4096 + b"\0"
        link(other / "ram", tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == (other / "ram").read_bytes()
        with pytest.raises(FileExistsError):
            link(other / "ram", tmp_path / "back")
        # What has no room leaves nothing of the copy, and the source.
        large = tmp_path / "large"
        large.write_bytes(b"x" * (3 << 20))
        with pytest.raises(OSError, match="No space left") as caught:
            move(large, other / "large")
        assert caught.value.filename == str(other / "large")
        assert large.exists() and sorted(path.name for path in other.iterdir()) == ["ram"]
