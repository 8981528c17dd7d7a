"""``vmbench exec``: one command in a machine."""

from __future__ import annotations

import os
import shlex
import sys

import click

from app.cli.errors import UsageProblem, report
from app.cli.params import Duration, MachineName

TIMED_OUT = 124

EPILOG = """\b
Examples:
  vmbench exec calm-otter -- uname -a
  vmbench exec calm -- 'dmesg | tail'          # one word is given to the guest's shell
  vmbench exec calm --cwd /tmp --env A=1 -- env
  vmbench exec calm --stdin -- tar x -C /srv < site.tar

\b
Exit codes: the command's own; 124 when it timed out, 1 when the machine failed.
"""


class DashedCommand(click.Command):
    """A command whose last argument is another command, after ``--``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, and answer an option of the other command with where the dashes go."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if "--" in args:
                raise
            raise click.UsageError(
                f'{error.option_name} is no option of {ctx.info_name}; put "--" before the guest\'s command: '
                f"{ctx.command_path} MACHINE -- …",
                ctx,
            ) from error


@click.command("exec", cls=DashedCommand, epilog=EPILOG)
@click.argument("machine", type=MachineName())
@click.argument("words", nargs=-1, required=True, metavar="-- CMD...", type=click.UNPROCESSED)
@click.option("--cwd", metavar="DIR", help="Folder in the guest to run it in.")
@click.option("--env", "-e", "pairs", multiple=True, metavar="NAME=VALUE", help="Variable for it.")
@click.option("--timeout", type=Duration(), help="Kill it after so long.")
@click.option("--stdin", "with_stdin", is_flag=True, help="Give it what comes on standard input.")
def command(
    machine: str,
    words: tuple[str, ...],
    cwd: str | None,
    pairs: tuple[str, ...],
    timeout: float | None,
    with_stdin: bool,
) -> int:
    """Run a command in a machine as root; its output comes as it is printed.

    One word is a script for the guest's shell; several are a program and its arguments.
    """
    import asyncio

    from app.cli.bench import Bench, act
    from app.cli.streams import run_streaming

    env = dict(_pair(p) for p in pairs)

    async def work(bench: Bench) -> int:
        async with bench.inside(machine) as found:
            stdin = await asyncio.to_thread(sys.stdin.buffer.read) if with_stdin else None
            done = await run_streaming(
                found, script_of(words), cwd=cwd, env=env, stdin=stdin, timeout=timeout
            )
        if done.timed_out:
            report(f"timed out after {timeout:g}s")
            return TIMED_OUT
        return done.exit_code if done.exit_code is not None else 1

    return act(work)


def script_of(words: tuple[str, ...]) -> str:
    """Return the shell script that several words stand for; one word is a script already."""
    return words[0] if len(words) == 1 else shlex.join(words)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name.isidentifier():
        raise UsageProblem(
            f"{text!r} names no variable", "give --env NAME=VALUE, or --env NAME to hand yours on"
        )
    if not equals:
        if name not in os.environ:
            raise UsageProblem(f"there is no variable {name} to hand on", "give --env NAME=VALUE")
        value = os.environ[name]
    return name, value
