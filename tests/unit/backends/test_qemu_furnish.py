"""What is laid into a machine's folder."""

from __future__ import annotations

from pathlib import Path

from backends.qemu import furnish
from backends.store import CONSOLE_LOG


def test_a_forks_console_waits_with_its_own_name(tmp_path: Path) -> None:
    source, fork, snapshot = (tmp_path / name for name in ("source", "fork", "snapshot"))
    for folder in (source, fork, snapshot):
        folder.mkdir()
    said = b"boot of bright-puma\n\nroot@bright-puma:~# "
    (source / CONSOLE_LOG).write_bytes(said)
    furnish.lay_console(source, snapshot)
    assert (snapshot / CONSOLE_LOG).read_bytes() == said
    furnish.lay_console(snapshot, fork, ("bright-puma", "brief-lynx"))
    assert (fork / CONSOLE_LOG).read_bytes() == b"boot of bright-puma\n\nroot@brief-lynx:~# "
    # A console that said something goes on as it is.
    furnish.lay_console(source, fork, ("bright-puma", "other"))
    assert (fork / CONSOLE_LOG).read_bytes().endswith(b"brief-lynx:~# ")


def test_a_console_that_never_spoke_and_one_without_lines_are_laid(tmp_path: Path) -> None:
    source, fork = tmp_path / "source", tmp_path / "fork"
    source.mkdir()
    fork.mkdir()
    furnish.lay_console(source, fork, ("a", "b"))
    assert not (fork / CONSOLE_LOG).exists()
    (source / CONSOLE_LOG).write_bytes(b"login: ")
    furnish.lay_console(source, fork, ("machine", "other"))
    assert (fork / CONSOLE_LOG).read_bytes() == b"login: "
