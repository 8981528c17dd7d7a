"""``vmbench completion``: the script that lets a shell complete commands, machines and snapshots."""

from __future__ import annotations

import click

EPILOG = """\b
Examples:
  vmbench completion bash > ~/.local/share/bash-completion/completions/vmbench
  vmbench completion zsh > "${fpath[1]}/_vmbench"
  vmbench completion fish > ~/.config/fish/completions/vmbench.fish

Open a new shell after it. For this one alone: eval "$(vmbench completion bash)".
"""


@click.command("completion", epilog=EPILOG)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> int:
    """Print the completion script for a shell."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    print(kind(ctx.find_root().command, {}, "vmbench", "_VMBENCH_COMPLETE").source())
    return 0
