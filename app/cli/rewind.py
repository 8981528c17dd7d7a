"""``vmbench rewind``: a failed test's machine as it was before the step that failed."""

from __future__ import annotations

import json
import sys

import click

from app.cli import options

EPILOG = """\b
Examples:
  vmbench run --checkpoints web-login
  vmbench rewind web-login             # before the step that failed
  vmbench rewind web-login --step 2
  vmbench rewind web-login --shell     # and walk in

The new machine is a fork: rewind as often as you like. vmbench rm removes it.
"""


@click.command("rewind", epilog=EPILOG)
@click.argument("test")
@click.option("--step", type=click.IntRange(1), metavar="N", help="Go back to before step N.")
@click.option(
    "--shell", "walk_in", is_flag=True, help="Open a shell in it, the step's command typed but not sent."
)
@options.json_output
@options.where
def command(
    test: str, step: int | None, walk_in: bool, as_json: bool, registry: str | None, project: str | None
) -> int:
    """Fork the machine of TEST's last run as it was before a step, and keep it.

    Prints the machine's id and the command of the step that comes next.
    """
    from app.attach import attach
    from app.cli.bench import Bench, act
    from app.cli.errors import UsageProblem
    from app.cli.progress import Progress
    from app.cli.text import harmless
    from app.engine.offload import off_loop
    from app.wiring import find_workplace, make_engine

    if walk_in and (as_json or not options.on_terminal()):
        raise UsageProblem(
            "--shell needs a terminal at both ends", "leave it out; vmbench shell walks in later"
        )
    place = find_workplace(registry=registry, project=project)

    async def work(bench: Bench) -> int:
        engine = make_engine(place)
        try:
            await off_loop(engine.load)
            with Progress(f"rewind {test}") as progress:
                found = await engine.rewind(test, step, on_phase=progress.phase)
            try:
                if as_json:
                    print(
                        json.dumps(
                            {
                                "id": found.machine.id,
                                "test": found.test,
                                "run": found.run,
                                "step": found.number,
                                "action": found.action,
                                "command": found.command,
                                "typed": found.typed,
                                "message": found.message,
                                "snapshot": found.snapshot,
                                "ssh": found.machine.ssh_command,
                            },
                            indent=1,
                        )
                    )
                    return 0
                step_name = harmless(f"{found.action} {found.name}".rstrip())
                print(f"{found.machine.id} is {found.test} before step {found.number}: {step_name}")
                for line in harmless(found.command).splitlines():
                    print(f"  $ {line}")
                if found.message:
                    print(f"  it ended with: {harmless(found.message).splitlines()[0]}")
                if not walk_in:
                    print(f"walk in: vmbench shell {found.machine.id}", flush=True)
                    return 0
                sys.stdout.flush()
                return await attach(found.machine, typed=found.typed)
            finally:
                await found.machine.release()
        finally:
            await engine.close()

    return act(work)
