"""A terminal's size that was exported once, which would hide the real one."""

from __future__ import annotations

import os


def forget_exported_size() -> None:
    """Take ``COLUMNS`` and ``LINES`` out of this process's environment.

    They stand before the terminal's own size wherever that is asked for, and do not follow it; a program
    whose parent used readline has them. A window of a browser (``vmbench serve``) has no other size at first.
    """
    if "TEXTUAL_DRIVER" in os.environ:
        return
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)
