"""The part of a file that is a test, in colours."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text

MOST = 20_000
"""Characters that are shown."""


def highlighted(file: Path, key: str, *, dark: bool) -> Text | None:
    """Return a test's TOML in colours; ``None`` where the file is gone. Blocking, some milliseconds.

    Args:
        file: The file.
        key: Of the test in it.
        dark: Whether it stands on a dark ground.
    """
    from app.editor import excerpt

    try:
        text = excerpt(file.read_text(errors="replace"), key)
    except OSError:
        return None
    # Imported with the first test that is looked at: the first paint does not wait for it.
    from rich.syntax import Syntax

    theme = "monokai" if dark else "friendly"
    found = Syntax("", "toml", theme=theme, background_color="default").highlight(text[:MOST])
    found.rstrip()
    if len(text) > MOST:
        found.append("\n…")
    return found
