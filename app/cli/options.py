"""Options that several commands share, and what they mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

from app.cli import plain as plain_output
from app.cli.errors import UsageProblem
from app.cli.terminal import on_terminal as on_terminal
from app.setting_kinds import Unfit, parse_parallel
from app.settings import ISOLATIONS

F = TypeVar("F", bound=Callable[..., object])


def where(command: F) -> F:
    """Add ``--registry`` and ``--project``."""
    project = click.option("--project", metavar="DIR", help="Folder with one test.toml.")
    registry = click.option("--registry", metavar="DIR", help="Registry folder; otherwise searched for.")
    return registry(project(command))


class FilterCommand(click.Command):
    """A command whose arguments are filters, so that ``-slow`` excludes and is no bundle of options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Move excluding filters behind ``--``, where they are taken as they are."""
        own = {name for param in self.get_params(ctx) for name in param.opts}
        wants_value = {
            name
            for param in self.get_params(ctx)
            if isinstance(param, click.Option) and not param.is_flag and not isinstance(param.flag_value, int)
            for name in param.opts
        }
        end = args.index("--") if "--" in args else len(args)
        kept: list[str] = []
        excluding: list[str] = []
        for word in args[:end]:
            excludes = word.startswith("-") and not word.startswith("--") and word not in own
            is_value = bool(kept) and kept[-1] in wants_value
            (excluding if excludes and not is_value else kept).append(word)
        return super().parse_args(ctx, [*kept, "--", *excluding, *args[end + 1 :]])


json_output = click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")

plain = plain_output.option

yes = click.option("-y", "--yes", is_flag=True, help="Do not ask.")
isolation = click.option(
    "--isolation", type=click.Choice(ISOLATIONS), help="Keep guests off one core, or let them run anywhere."
)


def isolation_flags(chosen: str | None) -> dict[str, object]:
    """Return the setting that ``--isolation`` gives."""
    return {} if chosen is None else {"run.isolation": chosen}


def confirmed(question: str, given: bool) -> bool:
    """Ask before something is lost, and return the answer; ``given`` is what ``-y`` said.

    Raises:
        UsageProblem: nobody is there to be asked.
    """
    if given:
        return True
    if not on_terminal():
        raise UsageProblem(question.rsplit(". ", 1)[0], "add -y to do it all the same")
    return click.confirm(question, err=True)


class Parallel(click.ParamType[int | str]):
    """``auto`` or a whole number from 1 up."""

    name = "N|auto"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """Return the number, or ``auto``."""
        try:
            return parse_parallel(value) or "auto"
        except Unfit as unfit:
            self.fail(f"{value!r}: give {unfit}", param, ctx)
