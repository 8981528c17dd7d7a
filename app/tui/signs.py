"""How outcomes, phases and steps look: a sign, a word and the name of a colour, never a colour alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.engine.outcome import Outcome, Phase
from backends.base import MachineState

if TYPE_CHECKING:
    from app.engine.state import TestState


@dataclass(frozen=True, slots=True)
class Sign:
    """One glyph, what it means in a word, and the component class that colours it."""

    glyph: str
    word: str
    tone: str
    """One of ``good``, ``bad``, ``warn``, ``live``, ``dim``."""


MARKED = "●"
UNMARKED = "○"
OPEN = "▾"
FOLDED = "▸"

OUTCOMES = {
    Outcome.PASSED: Sign("✓", "passed", "good"),
    Outcome.FAILED: Sign("✗", "failed", "bad"),
    Outcome.ERROR: Sign("!", "error", "warn"),
    Outcome.SKIPPED: Sign("–", "skipped", "dim"),  # noqa: RUF001
}
BAD = (Outcome.FAILED, Outcome.ERROR)
PHASES = {
    Phase.WAITING: Sign("·", "waiting", "dim"),
    Phase.IMAGE: Sign("▽", "image", "live"),
    Phase.CREATING: Sign("+", "creating", "live"),
    Phase.BOOTING: Sign("△", "booting", "live"),
    Phase.READY: Sign("▶", "running", "live"),
    Phase.STOPPING: Sign("■", "stopping", "live"),
    Phase.REMOVED: Sign("·", "removed", "dim"),
    Phase.KEPT: Sign("◆", "kept", "warn"),
}
MACHINES = {
    MachineState.CREATED: Sign("+", "created", "dim"),
    MachineState.STARTING: Sign("△", "starting", "live"),
    MachineState.RUNNING: Sign("▶", "running", "good"),
    MachineState.PAUSED: Sign("‖", "paused", "warn"),
    MachineState.STOPPED: Sign("■", "stopped", "dim"),
    MachineState.DIED: Sign("✗", "died", "bad"),
}
PANICKED = Sign("!", "panicked", "bad")
NEVER_RAN = Sign(" ", "never ran", "dim")
BROKEN = Sign("⚠", "broken", "warn")
RUNNING = Sign("▶", "running", "live")
CANCELLING = Sign("■", "cancelling", "warn")
CUT_OFF = Sign("⚠", "cut off", "warn")
PLANNED = Sign("·", "waiting", "dim")
EARLIER = Sign("»", "passed before", "dim")


def of_test(test: TestState) -> Sign:
    """Return the sign of a test of a run: its outcome, or the phase it is in."""
    if test.outcome is not None:
        return OUTCOMES[test.outcome]
    if test.phase is not None and (test.running or test.phase is Phase.WAITING):
        return PHASES[test.phase]
    return RUNNING if test.running else PLANNED


def duration(seconds: float) -> str:
    """Return a duration for people in at most 6 characters: ``0.42s``, ``12.3s``, ``2m03s``, ``1h02m``."""
    seconds = max(0.0, seconds)
    if seconds < 9.995:
        return f"{seconds:.2f}s"
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02}m"


def clock(seconds: float) -> str:
    """Return a running clock without fractions: ``0:07``, ``12:30``, ``1:02:03``."""
    whole = max(0, int(seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def size(mebibytes: int) -> str:
    """Return a memory or disk size for people: ``256 MiB``, ``1.5 GiB``."""
    if mebibytes < 1024:
        return f"{mebibytes} MiB"
    return f"{mebibytes / 1024:.1f}".removesuffix(".0") + " GiB"


def amount(count: float) -> str:
    """Return a number of bytes for people in at most 8 characters: ``812 B``, ``9.4 MiB``, ``120 GiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1023.5:
            return f"{count:.1f} {unit}" if unit != "B" and count < 9.95 else f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def age(seconds: float) -> str:
    """Return an age for people in at most 4 characters: ``12s``, ``5m``, ``3h``, ``12d``."""
    whole = max(0, int(seconds))
    for unit, span in (("d", 86400), ("h", 3600), ("m", 60)):
        if whole >= span:
            return f"{whole // span}{unit}"
    return f"{whole}s"


def step_kinds(actions: Iterable[str]) -> str:
    """Return the kinds of steps in order, repeats folded: ``add wait shell x3 http``."""
    folded: list[list[str | int]] = []
    for action in actions:
        if folded and folded[-1][0] == action:
            folded[-1][1] = int(folded[-1][1]) + 1
        else:
            folded.append([action, 1])
    return " ".join(f"{name} x{count}" if int(count) > 1 else str(name) for name, count in folded)


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun: ``1 test``, ``3 tests``."""
    return f"{number} {one if number == 1 else many or one + 's'}"
