"""Small files where there is no room for them."""

from __future__ import annotations

import errno
import resource
from pathlib import Path

import pytest

from backends.files import make_room, replace_text


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
