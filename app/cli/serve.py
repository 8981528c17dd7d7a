"""``vmbench serve``: the workbench in a browser on this host."""

from __future__ import annotations

import shlex
import sys

import click

from app.cli import options
from app.cli.errors import UsageProblem

EPILOG = """\b
Examples:
  vmbench serve                                    # prints the address to open
  vmbench serve --port 0 --registry e2e            # on any free port
  ssh -L 8023:127.0.0.1:8023 HOST vmbench serve    # from another computer

\b
Only this host can reach it, and only with the token in the address. Every window is a workbench of its own;
kept machines, snapshots and runs are shared. Closing a window ends its runs, as q does.
"""


@click.command("serve", epilog=EPILOG)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    default=8023,
    show_default=True,
    help="0 for any.",
)
@options.where
def command(port: int, registry: str | None, project: str | None) -> int:
    """Show the workbench in a browser on this host."""
    from app.serve import TokenServer, listen, serve
    from app.wiring import find_workplace

    find_workplace(registry=registry, project=project)  # says now what each window would say otherwise
    words = [sys.executable, "-m", "app.cli.served"]
    if registry:
        words += ["--registry", registry]
    if project:
        words += ["--project", project]
    try:
        listening = listen(port)
    except OSError as error:
        raise UsageProblem(
            f"port {port} cannot be listened on: {error.strerror}", "vmbench serve --port 0 takes a free one"
        ) from error
    with listening:
        serve(TokenServer(f"exec {shlex.join(words)}", listening.getsockname()[1]), listening)
    return 0
