"""``vmbench attach``: terminal panes in a kept machine, from another terminal of this computer."""

from __future__ import annotations

import click

from app.cli import options
from app.cli.errors import UsageProblem
from app.cli.params import MachineName

EPILOG = """\b
Examples:
  vmbench attach calm-otter
  vmbench attach calm --console    # with its serial console beside
  vmbench shell calm               # the whole screen for one shell instead

Every key reaches the program in the focused pane; ctrl+g and then ? lists the keys that do not
(the setting ui.prefix gives it another key). The machine runs on when you leave.
"""


@click.command("attach", epilog=EPILOG)
@click.argument("machine", type=MachineName())
@click.option("--console", is_flag=True, help="Show its serial console in a second pane.")
def command(machine: str, console: bool) -> int:
    """Open terminal panes in a machine; several may be open on one machine at once."""
    from app.cli.bench import Bench, act
    from app.wiring import find_workplace
    from backends.states import require

    if not options.on_terminal():
        raise UsageProblem(
            "panes need a terminal at both ends", f"vmbench exec {machine} -- CMD runs one command without"
        )

    place = find_workplace()

    async def work(bench: Bench) -> int:
        from app.tui.attached import Attached, run_attached
        from app.tui.terminals import TerminalOptions

        async with bench.inside(machine) as found:
            require("run a command", found.id, found.state)
            wanted = TerminalOptions.of(bench.settings, bench.paths.recordings, place.location)
            app = Attached(found, wanted, theme_name=bench.settings.ui.theme, console=console)
            return await run_attached(app)

    return act(work)
