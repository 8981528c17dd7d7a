"""The workbench's own two themes: calm slate and warm paper, colours only where they mean something.

Where a terminal has 16 colours, both are made of those; where it shall show none, of readable greys.
"""

from __future__ import annotations

from dataclasses import replace

from rich.style import Style
from rich.terminal_theme import TerminalTheme
from textual.app import App
from textual.color import Color
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

OWN = ("vm-dim", "vm-rule", "vm-cursor", "vm-cursor-idle", "vm-hit")
"""Variables that Textual's own themes do not have."""
FEW_COLOURS = "-few-colours"
"""Class of the app where shades cannot be told apart: 16 colours, or none."""
CURSOR_WITHOUT_COLOURS = Style(reverse=True)
IDLE_WITHOUT_COLOURS = Style(underline=True)


_DARK_EIGHT = "#000000 #aa0000 #00aa00 #aa5500 #0000aa #aa00aa #00aaaa #aaaaaa".split()
_BRIGHT_EIGHT = "#555555 #ff5555 #55ff55 #ffff55 #5555ff #ff55ff #55ffff #ffffff".split()
"""What Rich sends to a terminal with 16 colours as exactly that one of them, however it looks there."""
_GROUND = (
    "scrollbar-background",
    "scrollbar-background-hover",
    "scrollbar-background-active",
    "scrollbar-corner-color",
)


def sixteen(color_system: str | None) -> bool:
    """Return whether a terminal has 16 colours at most; ``color_system`` is what Rich calls it."""
    return color_system not in ("256", "truecolor")


def few(color_system: str | None, *, no_color: bool) -> bool:
    """Return whether shades cannot be told apart.

    Args:
        color_system: What the terminal can show, as Rich calls it; ``None`` for no colours.
        no_color: Whether ``NO_COLOR`` is set.
    """
    return no_color or sixteen(color_system)


def other(name: str) -> str:
    """Return the theme to switch to from the theme ``name``: light from any dark one and back."""
    return DARK.name if name.endswith("light") else LIGHT.name


def _of_sixteen(known: Theme, *, no_color: bool) -> Theme:
    """Return a theme of the same name made of the 16 colours: hues for what they mean, one background."""
    dark = known.dark
    black, red, _, _, blue, magenta, _, grey = _DARK_EIGHT
    slate, light_red, light_green, yellow, _, _, cyan, white = _BRIGHT_EIGHT
    if dark:
        ground, text, dim, rule, chosen, hit = black, white, grey, slate, blue, magenta
        primary, good, warn, bad = cyan, light_green, yellow, light_red
    else:
        # On a light ground green and yellow cannot be read on most terminals.
        ground, text, dim, rule, chosen, hit = white, black, slate, grey, cyan, yellow
        primary, good, warn, bad = blue, text, magenta, red
    if no_color:
        primary = good = warn = bad = text
        chosen = hit = rule
    return replace(
        known,
        background=ground,
        surface=ground,
        panel=ground,
        foreground=text,
        primary=primary,
        secondary=dim,
        accent=warn,
        success=good,
        warning=warn,
        error=bad,
        variables={
            **known.variables,
            **dict.fromkeys(_GROUND, ground),
            "vm-dim": dim,
            "vm-rule": rule,
            "vm-cursor": chosen,
            "vm-cursor-idle": ground,
            "vm-hit": hit,
            "footer-key-foreground": primary,
            "footer-description-foreground": dim if dark else text,
            "footer-background": ground,
            "border": primary,
            "border-blurred": rule,
            "input-selection-background": chosen,
            "screen-selection-background": chosen,
            "scrollbar": rule,
            "scrollbar-hover": dim,
            "scrollbar-active": primary,
        },
    )


def _palette(*colours: str) -> TerminalTheme:
    """Return what the colours that a guest names by number look like."""
    values = [(int(c[1:3], 16), int(c[3:5], 16), int(c[5:7], 16)) for c in colours]
    return TerminalTheme(values[0], values[15], values[:8], values[8:])


_SIXTEEN = _palette(*_DARK_EIGHT, *_BRIGHT_EIGHT)
_GREYS_ON_DARK = _palette(
    *"#101010 #9c9c9c #b8b8b8 #c8c8c8 #8c8c8c #9c9c9c #b0b0b0 #d8d8d8".split(),
    *"#808080 #c0c0c0 #d0d0d0 #e0e0e0 #b0b0b0 #c0c0c0 #d0d0d0 #f6f6f6".split(),
)
_GREYS_ON_LIGHT = _palette(
    *"#101010 #484848 #545454 #5c5c5c #404040 #484848 #585858 #6c6c6c".split(),
    *"#6c6c6c #484848 #545454 #5c5c5c #404040 #484848 #585858 #f6f6f6".split(),
)


def variables_of(known: Theme) -> dict[str, str]:
    """Return the workbench's own variables for a theme that has not all of them, mixed from its colours."""
    if all(name in known.variables for name in OWN):
        return {}
    colours = {name: Color.parse(value) for name, value in _colours(known).items()}
    ground, text, surface = colours["background"], colours["foreground"], colours["surface"]
    return {
        "vm-dim": ground.blend(text, 0.75).hex,
        "vm-rule": ground.blend(text, 0.2).hex,
        "vm-cursor": surface.blend(colours["primary"], 0.22).hex,
        "vm-cursor-idle": surface.blend(text, 0.07).hex,
        "vm-hit": surface.blend(colours["warning"], 0.35).hex,
    }


def _colours(known: Theme) -> dict[str, str]:
    made = known.to_color_system().generate()
    return {name: made[name] for name in ("background", "foreground", "surface", "primary", "warning")}


def fitted(app: App[int], known: Theme) -> Theme:
    """Return a theme as the app's terminal can show it: where that has 16 colours, made of those."""
    if not sixteen(app.console.color_system):
        return known
    return _of_sixteen(known, no_color=app.no_color)


def put_on(app: App[int], name: str | None) -> None:
    """Give an app the workbench's themes, as its terminal can show them, and choose one.

    Args:
        app: The app.
        name: The theme; the dark one if there is none of that name.
    """
    colours, no_color = app.console.color_system, app.no_color
    for known in THEMES:
        app.register_theme(fitted(app, known))
    for known in list(app.available_themes.values()):
        if known.ansi:  # its colours have names that only Textual knows
            app.unregister_theme(known.name)
        elif sixteen(colours):
            app.register_theme(fitted(app, known))
    app.theme = name if name is not None and name in app.available_themes else DARK.name
    if no_color:
        app.ansi_theme_dark, app.ansi_theme_light = _GREYS_ON_DARK, _GREYS_ON_LIGHT
    elif sixteen(colours):
        app.ansi_theme_dark = app.ansi_theme_light = _SIXTEEN
    app.set_class(few(colours, no_color=no_color), FEW_COLOURS)
