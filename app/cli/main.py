"""The command ``vmbench``; without arguments it opens the workbench, before any command is looked up."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

_COMPLETING = "_VMBENCH_COMPLETE"
"""Set by a shell that wants completions."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit; every error is told in one place."""
    sys.exit(run(argv))


def run(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    try:
        args = sys.argv[1:] if argv is None else argv
        code = _opened() if not args and _COMPLETING not in os.environ else _ordered(args)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except BaseException as error:
        from app.cli.errors import tell

        return tell(error)


def _opened() -> int:
    # Not by way of the tree of commands: the first paint would wait for the library below it.
    from app.cli.workbench import open_workbench

    return open_workbench()


def _ordered(args: Sequence[str]) -> object:
    from app.cli.tree import vmbench

    return vmbench.main(args=args, prog_name="vmbench", standalone_mode=False)


if __name__ == "__main__":
    main()
