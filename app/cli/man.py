"""``vmbench man``: the manual, made from the commands themselves as a man page or as Markdown."""

from __future__ import annotations

import click

EPILOG = """\b
Examples:
  vmbench man | man -l -
  vmbench man > ~/.local/share/man/man1/vmbench.1
  vmbench man run | man -l -
  vmbench man --format md > cli.md

Every page is made from the same texts as --help.
"""


@click.command("man", epilog=EPILOG)
@click.argument("name", metavar="[COMMAND]", required=False, default="")
@click.option(
    "--format", "kind", type=click.Choice(("roff", "md")), default="roff", help="Man page, or Markdown: roff."
)
@click.pass_context
def command(ctx: click.Context, name: str, kind: str) -> int:
    """Print the manual.

    That of all commands, or of one and those below it.
    """
    from app.cli.manual import markdown, pages, roff

    found = pages(ctx.find_root().command)
    if name:
        chosen = [page for page in found if page.words[1:2] == (name,)]
        if not chosen:
            raise click.UsageError(f'there is no command "{name}". vmbench --help lists the commands', ctx)
        found = chosen
    print(roff(found) if kind == "roff" else markdown(found), end="")
    return 0
