"""The command ``vmbench``: commands are imported only when they run, so that help is instant."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

import click

from app import __version__

COMMANDS: dict[str, tuple[str, str]] = {
    "list": ("app.cli.list_tests", "List the tests of the registry."),
    "run": ("app.cli.run", "Run tests in throwaway machines."),
    "check": ("app.cli.check", "Check the registry and the settings; warnings count."),
    "doctor": ("app.cli.doctor", "Look at this host: what works, what is missing, how to fix it."),
    "image": ("app.cli.image", "Build, list, verify and remove what machines boot."),
    "ps": ("app.cli.ps", "List the machines there are."),
    "rm": ("app.cli.rm", "Remove machines."),
}
"""Module and help line of every command; each module holds its command as ``command``."""

EPILOG = """\b
Examples:
  vmbench                          open the workbench
  vmbench list tag:http            what there is to run
  vmbench run http -slow           run what has "http" but not "slow" in its name
  vmbench run --json > run.jsonl   every event, one a line

\b
Exit codes: 0 all is well, 1 failures, 2 usage, 3 this host is not able, 130 interrupted.
"""


class LazyGroup(click.Group):
    """A group that knows its commands' names and help without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command's module."""
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(COMMANDS[cmd_name][0]).command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands' help lines from the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; an unknown one is answered with the nearest."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, 1)
            hint = f'did you mean "{near[0]}"?' if near else "vmbench --help lists the commands"
            raise click.UsageError(f'there is no command "{args[0]}". {hint}', ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--registry", metavar="DIR", help="Registry to open the workbench on.")
@click.option("--project", metavar="DIR", help="Folder with one test.toml to open the workbench on.")
@click.version_option(__version__, "-V", "--version", prog_name="vmbench", message="%(prog)s %(version)s")
@click.pass_context
def vmbench(ctx: click.Context, registry: str | None, project: str | None) -> None:
    """A workbench for end-to-end tests in throwaway machines.

    Without a command it opens the workbench; where there is no terminal it runs the registry and
    prints the results.
    """
    if ctx.invoked_subcommand is not None:
        if registry or project:
            name = ctx.invoked_subcommand
            raise click.UsageError(
                f"put --registry and --project after the command: vmbench {name} --registry …", ctx
            )
        return
    from app.cli.workbench import open_workbench

    ctx.exit(open_workbench(registry=registry, project=project))


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit; every error is told in one place."""
    sys.exit(run(argv))


def run(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    try:
        code = vmbench.main(args=argv, prog_name="vmbench", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except BaseException as error:
        from app.cli.errors import tell

        return tell(error)


if __name__ == "__main__":
    main()
