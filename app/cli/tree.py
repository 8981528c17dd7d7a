"""The tree of commands below ``vmbench``: each is imported only when it runs, so that help is instant."""

from __future__ import annotations

import importlib

import click
from click.shell_completion import CompletionItem

from app import __version__
from app.cli import plain

SECTIONS: dict[str, dict[str, tuple[str, str]]] = {
    "Tests": {
        "list": ("app.cli.list_tests", "List the tests of the registry."),
        "run": ("app.cli.run", "Run tests in throwaway machines."),
        "runs": ("app.cli.runs", "List past runs, compare and delete them."),
        "watch": ("app.cli.watch", "Follow a run of another terminal, read-only."),
        "report": ("app.cli.report", "Write a report of a run: JUnit XML, JSON, Markdown or HTML."),
        "rewind": ("app.cli.rewind", "Fork a test's machine as it was before a step."),
        "edit": ("app.cli.edit", "Open a test in your editor, and say what changed."),
        "record": ("app.cli.record", "Make a test of what is typed in a shell."),
        "commands": ("app.cli.commands", "List the commands that a run ran on your behalf."),
        "check": ("app.cli.check", "Check the registry and the settings; warnings count."),
    },
    "Machines": {
        "up": ("app.cli.up", "Start a machine without a test, and keep it."),
        "ps": ("app.cli.ps", "List the machines there are."),
        "start": ("app.cli.lifecycle:start", "Start machines that are stopped or died."),
        "stop": ("app.cli.lifecycle:stop", "Stop machines: politely, then by force."),
        "kill": ("app.cli.lifecycle:kill", "Stop machines by force and at once."),
        "pause": ("app.cli.lifecycle:pause", "Halt machines' processors; their memory stays."),
        "resume": ("app.cli.lifecycle:resume", "Let paused machines go on."),
        "reboot": ("app.cli.lifecycle:reboot", "Reboot machines."),
        "keep": ("app.cli.keep:keep", "Let machines outlive the vmbench that made them."),
        "drop": ("app.cli.keep:drop", "Keep machines no longer."),
        "label": ("app.cli.keep:label", "Say what a machine is for."),
        "rm": ("app.cli.rm", "Remove machines."),
    },
    "Inside a machine": {
        "shell": ("app.cli.shell", "Open a shell in a machine."),
        "attach": ("app.cli.attach", "Open terminal panes in a machine."),
        "exec": ("app.cli.exec", "Run a command in a machine."),
        "console": ("app.cli.console", "Print a machine's console."),
        "play": ("app.cli.play", "Play a recorded terminal."),
        "cp": ("app.cli.cp", "Copy files into a machine and out of it."),
        "share": ("app.cli.share", "Show a folder of this host in a machine."),
        "forward": ("app.cli.forward", "Lead a port of this host into a machine."),
        "stats": ("app.cli.stats", "Show what machines use."),
        "ssh-config": ("app.cli.ssh_config", "Print an ssh_config for the machines that run."),
    },
    "Snapshots": {
        "snapshot": ("app.cli.snapshot", "Save machines under a name, restore them, fork them."),
    },
    "This host": {
        "serve": ("app.cli.serve", "Show the workbench in a browser on this host."),
        "latency": ("app.cli.latency", "Measure what a key costs the person who presses it."),
        "settings": ("app.cli.settings", "Show, explain and change the settings."),
        "keys": ("app.cli.keys", "List every key of the workbench."),
        "doctor": ("app.cli.doctor", "Look at this host: what works, what is missing, how to fix it."),
        "image": ("app.cli.image", "Build, list, verify and remove what machines boot."),
        "gc": ("app.cli.gc", "Give back what nobody needs any more."),
        "man": ("app.cli.man", "Print the manual."),
        "completion": ("app.cli.completion", "Print the completion script for a shell."),
    },
}
"""Module and help line of every command by its section; a module's command is ``command`` unless named."""
COMMANDS = {name: entry for section in SECTIONS.values() for name, entry in section.items()}

EPILOG = """\b
Examples:
  vmbench                          # open the workbench
  vmbench list tag:http            # what there is to run
  vmbench run http -slow           # run what has "http" but not "slow" in its name
  vmbench run --json > run.jsonl   # every event, one a line
  vmbench shell $(vmbench up)      # a machine to look around in

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
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), attribute or "command")
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands' help lines from the table."""
        widest = max(map(len, COMMANDS))
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(widest), about) for name, (_, about) in commands.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the commands from the table, without importing any."""
        found = [
            CompletionItem(name, help=about)
            for name, (_, about) in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

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
@plain.option
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
