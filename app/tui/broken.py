"""Panes that cannot be made or drawn: what is shown in their place, until somebody asks to try again."""

from __future__ import annotations

import textwrap
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual._styles_cache import StylesCache
from textual.geometry import Region
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from app.tui import keymap
from app.tui.keys.everywhere import BROKEN


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a pane is broken.

    Attributes:
        error: What was raised.
        made: Whether the pane was made, and only cannot be drawn.
    """

    error: Exception
    made: bool


_FAULTS: WeakKeyDictionary[Widget, Fault] = WeakKeyDictionary()


def fault_of(widget: Widget | None) -> Fault | None:
    """Return why a pane is broken, or ``None``."""
    return _FAULTS.get(widget) if _FAULTS and widget is not None else None


def note(widget: Widget, fault: Fault) -> None:
    """Take a pane for broken: it is not asked to draw itself any more."""
    _FAULTS[widget] = fault


def broken_on(screen: Screen[object]) -> list[Widget]:
    """Return what is broken on a screen, the focused pane first."""
    found = [widget for widget in list(_FAULTS) if widget.is_attached and widget.screen is screen]
    return sorted(found, key=lambda widget: widget is not screen.focused)


def follows(error: BaseException) -> bool:
    """Return whether an error was raised in a pane that was never made whole, and is no news."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        owner = frame.f_locals.get("self")
        fault = _FAULTS.get(owner) if isinstance(owner, Widget) else None
        if fault is not None and not fault.made:
            return True
    return False


def keeps_all_from_being_painted(error: BaseException) -> bool:
    """Return whether an error is none of a pane's but of what puts the screen together or writes it."""
    names = {frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__)}
    return not names.isdisjoint(("_compositor_refresh", "_display"))


async def try_again(widget: Widget) -> Fault | None:
    """Make or draw a broken pane once more.

    Returns:
        Why it could not be made; what cannot be drawn turns out with its next frame.
    """
    fault = _FAULTS.pop(widget, None)
    if fault is not None and not fault.made:
        try:
            await widget.recompose()
            with widget._context():
                await widget._on_message(events.Mount())
        except Exception as error:
            return Fault(error, made=False)
        if isinstance(widget, Screen):
            widget.post_message(events.ScreenResume())
    widget._styles_cache.clear()
    widget._layout_cache.clear()
    widget.refresh(layout=True)
    return None


def block(widget: Widget, crop: Region) -> list[Strip]:
    """Draw what stands in a broken pane's place, within its border.

    Args:
        widget: The pane.
        crop: Which part of it.
    """
    room = widget.content_region.size
    base_background, background = widget.background_colors
    plain = Style(color=widget.app.theme_variables["error"], bgcolor=(base_background + background).hex6)
    lines = _words(widget, room.width, room.height, getattr(widget.app, "key_changes", {}))

    def line(y: int) -> Strip:
        return Strip([Segment(set_cell_size(lines[y] if y < len(lines) else "", room.width), plain)])

    return StylesCache().render(
        widget.styles,
        widget.region.size,
        base_background,
        background,
        line,
        widget.get_line_filters(),
        None,
        None,
        content_size=room,
        padding=widget.styles.padding,
        crop=crop,
        native_ansi=widget.app.native_ansi_color,
    )


def _words(widget: Widget, width: int, height: int, changes: Mapping[str, str]) -> list[str]:
    fault = _FAULTS.get(widget)
    if fault is None or not width:
        return []
    again, copy = (keymap.shown(keymap.keys_of(key, changes)).upper() for key in BROKEN)
    what = "! This cannot be drawn" if fault.made else "! This could not be made"
    why = f"{type(fault.error).__name__}: {fault.error}".splitlines()[0]
    do = f"{again} tries again, {copy} copies the report."
    if height < 6:
        return textwrap.wrap(f"{what}: {why} · {do}", width)
    paragraphs = (f"{what}.", why, "", "Everything else goes on.", do)
    return [line for text in paragraphs for line in textwrap.wrap(text, width) or [""]]
