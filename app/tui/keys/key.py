"""A key of the workbench: what it does, and what people are told of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PaneHelp:
    """What the help tells of a pane that is focused.

    Attributes:
        title: What it is.
        purpose: A sentence on what it is for.
        scope: The scope of its own keys.
    """

    title: str
    purpose: str
    scope: str


@dataclass(frozen=True, slots=True)
class Key:
    """A key and its action.

    Attributes:
        id: Stable name by which a keymap may give the action another key.
        keys: Keys, separated by commas; the first one is shown.
        action: Textual's action string.
        label: A word or two for the footer.
        help: A sentence for the help screen; empty keeps it out.
        footer: Whether the footer names it.
        priority: Whether it is taken before the focused widget sees it. Keys that move the focus are,
            or what is typed right after them would still go to the widget that had it.
    """

    id: str
    keys: str
    action: str
    label: str
    help: str = ""
    footer: bool = False
    priority: bool = False
