"""Commands measured in turns, so that a busy moment of the host hits all alike; what benchmarks share."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Mapping


def rounds_of(about: str | None, default: int) -> int:
    """Return how many rounds the command line asks for."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("-n", type=int, default=default, help="rounds")
    rounds: int = parser.parse_args().n
    return rounds


def in_turns(
    commands: Mapping[str, Callable[[], Mapping[str, float]]], rounds: int
) -> dict[str, dict[str, list[float]]]:
    """Measure every command once to fill the caches, then all of them in turns.

    Args:
        commands: By their names; each runs once and returns milliseconds by what was measured.
        rounds: How often each is measured.

    Returns:
        What was measured, by its name and the command's.
    """
    taken: dict[str, dict[str, list[float]]] = {}
    for command in commands.values():
        command()
    for _ in range(rounds):
        for name, command in commands.items():
            for what, value in command().items():
                taken.setdefault(what, {}).setdefault(name, []).append(value)
    return taken


def tell(bench: str, floor: str, subject: str, taken: Mapping[str, Mapping[str, list[float]]]) -> None:
    """Print a line a command for people, and one of JSON for each thing that was measured.

    Args:
        bench: Its name.
        floor: Name of the command that the others are compared with.
        subject: Name of the command whose ratio is the result.
        taken: As ``in_turns`` returns it.
    """
    for what, times in taken.items():
        medians = {name: statistics.median(values) for name, values in times.items()}
        for name, values in times.items():
            spread = f"({min(values):.1f}-{max(values):.1f}) [{len(values)}]"
            ratio = medians[name] / medians[floor]
            print(f"{name:<26} {what:<5} {medians[name]:7.1f} ms {spread}  x{ratio:.2f}", file=sys.stderr)
        result = {
            "bench": bench,
            "measured": what,
            "n": len(times[subject]),
            "unit": "ms",
            "medians": {name: round(median, 2) for name, median in medians.items()},
            "ratio": round(medians[subject] / medians[floor], 3),
        }
        print(json.dumps(result))
