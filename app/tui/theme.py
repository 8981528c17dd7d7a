"""The workbench's own two themes: calm slate and warm paper, colours only where they mean something."""

from __future__ import annotations

from rich.style import Style
from textual.theme import Theme

DARK = Theme(
    name="vmbench-dark",
    dark=True,
    background="#15181d",
    surface="#1a1e25",
    panel="#252b35",
    foreground="#d3d8e0",
    primary="#86aecf",
    secondary="#8b97ab",
    accent="#d0b27c",
    success="#8fbf8f",
    warning="#dcb26a",
    error="#e08a84",
    variables={
        "vm-dim": "#7f8a9c",
        "vm-rule": "#343c49",
        "vm-cursor": "#2c3643",
        "vm-cursor-idle": "#212730",
        "vm-hit": "#5a4a22",
        "footer-key-foreground": "#86aecf",
        "footer-description-foreground": "#9aa5b5",
        "footer-background": "#1a1e25",
        "border": "#86aecf",
        "border-blurred": "#343c49",
        "input-selection-background": "#86aecf 35%",
        "screen-selection-background": "#86aecf 35%",
        "scrollbar": "#39424f",
        "scrollbar-hover": "#4a5564",
        "scrollbar-active": "#86aecf",
        "scrollbar-background": "#1a1e25",
        "scrollbar-background-hover": "#1a1e25",
        "scrollbar-background-active": "#1a1e25",
        "scrollbar-corner-color": "#1a1e25",
    },
)

LIGHT = Theme(
    name="vmbench-light",
    dark=False,
    background="#efece5",
    surface="#f8f6f1",
    panel="#e2ddd2",
    foreground="#2a2f36",
    primary="#2c6289",
    secondary="#5c6675",
    accent="#845a10",
    success="#2c6b3c",
    warning="#8a5a00",
    error="#a5312b",
    variables={
        "vm-dim": "#6a7280",
        "vm-rule": "#cfc8ba",
        "vm-cursor": "#d6dfe6",
        "vm-cursor-idle": "#eae6dd",
        "vm-hit": "#f0dca0",
        "footer-key-foreground": "#2c6289",
        "footer-description-foreground": "#5c6675",
        "footer-background": "#e9e5dc",
        "border": "#2c6289",
        "border-blurred": "#cfc8ba",
        "input-selection-background": "#2c6289 25%",
        "screen-selection-background": "#2c6289 25%",
        "scrollbar": "#c8c1b2",
        "scrollbar-hover": "#b4ac9b",
        "scrollbar-active": "#2c6289",
        "scrollbar-background": "#f8f6f1",
        "scrollbar-background-hover": "#f8f6f1",
        "scrollbar-background-active": "#f8f6f1",
        "scrollbar-corner-color": "#f8f6f1",
    },
)

THEMES = (DARK, LIGHT)

FEW_COLOURS = "-few-colours"
"""Class of the app where shades cannot be told apart: 16 colours, or none."""
CURSOR_WITHOUT_COLOURS = Style(reverse=True)
IDLE_WITHOUT_COLOURS = Style(underline=True)


def few(color_system: str | None, *, no_color: bool) -> bool:
    """Return whether shades cannot be told apart.

    Args:
        color_system: What the terminal can show, as Rich calls it; ``None`` for no colours.
        no_color: Whether ``NO_COLOR`` is set.
    """
    return no_color or color_system not in ("256", "truecolor")


def other(name: str) -> str:
    """Return the theme to switch to from the theme ``name``: light from any dark one and back."""
    return DARK.name if name.endswith("light") else LIGHT.name
