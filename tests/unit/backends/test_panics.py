"""Panics as a console tells them."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends import panics
from backends.panics import Panics

LINE = b"[    1.2] Kernel panic - not syncing: "


def test_the_last_panic_since_the_start_is_told(tmp_path: Path) -> None:
    log, looked = tmp_path / "console.log", Panics()
    assert looked.of(log, 0) == ""
    log.write_bytes(LINE + b"old\r\nbooted anew\r\n")
    start = log.stat().st_size
    assert looked.of(log, 0) == "old" and looked.of(log, start) == ""
    with log.open("ab") as file:
        file.write(LINE + b"sysrq trig")
        file.flush()
        assert looked.of(log, start) == "sysrq trig"
        file.write(b"gered crash\r\nvmbench: ready\r\n")
        file.flush()
        assert looked.of(log, start) == "sysrq triggered crash"
        file.write(LINE + b"\x1b[2Jsecond\x07\r\n")
    assert looked.of(log, start) == "[2Jsecond"
    assert looked.of(log, log.stat().st_size) == ""
    # The log is replaced, and is gone.
    log.unlink()
    log.write_bytes(LINE + b"\r\n")
    assert looked.of(log, 0) == "it did not say why"
    log.unlink()
    assert looked.of(log, 0) == ""


def test_a_long_log_is_read_in_pieces_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panics, "_PIECE", 4096)
    log, looked = tmp_path / "console.log", Panics()
    filler = b"x" * 79 + b"\n"
    for before in range(0, 4096, 41):
        log.write_bytes(b"y" * before + filler * 50 + LINE + b"here\n" + filler * 200)
        assert Panics().of(log, 0) == "here", before
    assert looked.of(log, 0) == "here"
    assert looked._seen[log].end == log.stat().st_size
