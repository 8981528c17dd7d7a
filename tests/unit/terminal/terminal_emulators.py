"""The emulators that the tests of the terminal run with, and where they are known to differ."""

from __future__ import annotations

import importlib.util

import pytest

from app.tui.terminal import model

INSTALLED = importlib.util.find_spec("pyghostty") is not None
needs_ghostty = pytest.mark.skipif(not INSTALLED, reason="the extra vmbench[ghostty] is not installed")

PYTE_INSIDE = "looks into the emulator that has a parser of this project's own"
DIFFERENT = {
    "extra cursor arguments": "a cursor position with more than two numbers is passed over",
    "zero width space": "it stays with the character before it",
    "8-bit controls": "only their two-byte forms are known under UTF-8",
    "OSC 133": "a prompt begins on a fresh line, as OSC 133;A says",
    "what follows a broken colour": "the number of a colour is taken modulo 256",
    "cut colour": "its numbers are taken as attributes",
    "tmux-inside": "left and right margins are known, which tmux itself does not know",
    "character sets": "there is no British pound",
    "VT220": "a count of 0 scrolls by nothing",
    "ISO 6429 movements": "a count of 0 goes to no tab stop",
    "repeat and scroll": "what was repeated is repeated again",
    "test_many_colours_do_not_pile_up": PYTE_INSIDE,
    "test_a_string_without_end_takes_no_more_memory_than_its_cap": PYTE_INSIDE,
}
"""What ghostty does otherwise, by the name of a case or of a test."""


@pytest.fixture(autouse=True, scope="module", params=["pyte", pytest.param("ghostty", marks=needs_ghostty)])
def emulator(request):
    """Have every model of a module emulated by one and then by the other."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "ghostty":
            from app.tui.terminal.ghostty import GhosttyEmulator

            patch.setattr(model, "PyteEmulator", GhosttyEmulator)
        yield request.param


@pytest.fixture(autouse=True)
def known_difference(request, emulator) -> None:
    """Expect what is known to differ, and be told once it does no more."""
    case = request.node.callspec.params.get("name", request.node.originalname)
    cut = request.node.originalname.startswith("test_cut_")
    if emulator == "ghostty" and case in DIFFERENT and not cut:
        request.applymarker(pytest.mark.xfail(reason=DIFFERENT[case], strict=True))
