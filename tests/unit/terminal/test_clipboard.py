"""Where copied text goes."""

from __future__ import annotations

import os

import pytest

from app.tui import clipboard

WAYLAND = {"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"}


@pytest.mark.parametrize(
    ("environ", "platform", "there", "expected"),
    [
        ({}, "linux", {"wl-copy", "xclip"}, ""),
        (WAYLAND, "linux", {"wl-copy", "xclip"}, "wl-copy"),
        (WAYLAND, "linux", {"xsel"}, "xsel"),
        (WAYLAND, "linux", set(), ""),
        ({"DISPLAY": ":0"}, "linux", {"wl-copy", "xclip", "xsel"}, "xclip"),
        ({}, "darwin", {"pbcopy"}, "pbcopy"),
        (WAYLAND | {"SSH_CONNECTION": "a b"}, "linux", {"wl-copy"}, ""),
        (WAYLAND | {"TMUX": "/tmp/t,1,0"}, "linux", {"wl-copy"}, ""),
        ({"SSH_TTY": "/dev/pts/1"}, "darwin", {"pbcopy"}, ""),
    ],
)
def test_the_desktop_in_front_of_the_person_is_asked(environ, platform, there, expected) -> None:
    found = clipboard.desktop_command(environ, platform, lambda name: name if name in there else None)
    assert (found[0] if found else "") == expected


async def test_the_text_reaches_the_program_whole_and_a_failure_is_known(tmp_path) -> None:
    target = tmp_path / "copied"
    text = "ä line\n" * 50_000
    assert await clipboard.hand_over(["sh", "-c", f"cat >{target}"], text)
    assert target.read_text() == text
    assert not await clipboard.hand_over(["sh", "-c", "exit 1"], text)
    assert not await clipboard.hand_over([os.fspath(tmp_path / "nothing")], text)


def test_only_through_a_terminal_there_is_a_limit(monkeypatch) -> None:
    monkeypatch.setattr(clipboard, "desktop_command", lambda: ())
    assert clipboard.fits("x" * clipboard.LARGEST_OSC)
    assert not clipboard.fits("x" * (clipboard.LARGEST_OSC + 1))
    monkeypatch.setattr(clipboard, "desktop_command", lambda: ("wl-copy",))
    assert clipboard.fits("x" * (clipboard.LARGEST_OSC + 1))
