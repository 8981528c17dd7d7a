"""The process that measures: it types, reads by the clock and does nothing else meanwhile.

It takes a ``Plan`` as JSON on its standard input and prints one JSON object a line: ``note`` says what goes
on, ``sample`` is a key, ``end`` is the last. It ends, and all that it started with it, when nobody reads it.
"""

from __future__ import annotations

import dataclasses
import gc
import json
import random
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from app.engine.latency.hostload import HostLoad
from app.engine.latency.rhythm import shuffled_rounds
from app.engine.latency.targets import Place, Target, TargetFailed
from app.engine.latency.typist import Typist

ROUND = 20
"""Keys of one target before it is another's turn."""
_FLUSH = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the prober does.

    Attributes:
        probe: ``echo``, ``paint`` or ``gap``.
        targets: Names of what is typed into.
        keys: Keys of each.
        rate: Keys a second: of the mean, for random moments.
        seed: Of the moments and the order.
        columns: Width of the outer terminals in cells.
        rows: Their height.
        inner: What is typed into inside the targets, as argv.
        machine: Id of the machine it is in; empty for this host.
        floods: Flooding panes beside it.
    """

    probe: str
    targets: Sequence[str]
    keys: int
    rate: float
    seed: int
    columns: int
    rows: int
    inner: Sequence[str]
    machine: str = ""
    floods: int = 0


class _Stop(BaseException):
    """Somebody wants this process to end."""


class Prober:
    """Carries out a plan.

    Args:
        plan: What to do.
        folder: For sockets and shared files.
    """

    def __init__(self, plan: Plan, folder: Path) -> None:
        self._plan = plan
        self._folder = folder
        self._load = HostLoad()
        self._began = time.monotonic()
        self._lines: list[str] = []
        self._flushed = 0.0

    def run(self) -> None:
        """Do it all.

        Raises:
            TargetFailed: one of the targets cannot be measured.
        """
        plan = self._plan
        place = Place(
            columns=plan.columns,
            rows=plan.rows,
            folder=self._folder,
            inner=plan.inner,
            machine=plan.machine,
            floods=plan.floods,
        )
        with ExitStack() as stack:
            targets: dict[str, Target] = {}
            for name in plan.targets:
                self._say(note=f"starting {name}")
                target = targets[name] = Target(name, place)
                stack.callback(target.close)
                target.begin()
            self._echo(targets)
        self._say(end=True)

    def _echo(self, targets: dict[str, Target]) -> None:
        plan = self._plan
        chance = random.Random(plan.seed)  # noqa: S311 - moments, no secrets
        typists = {name: Typist(target, plan.rate, chance) for name, target in targets.items()}
        gc.collect()
        gc.freeze()
        gc.disable()
        self._load.busy()
        self._began = time.monotonic()
        for name, count in shuffled_rounds(list(targets), plan.keys, ROUND, chance):
            target, floods = targets[name], targets[name].floods

            def heard(begun: float, seconds: float | None, name: str = name) -> None:
                self._sample(name, begun, seconds)

            before = floods.printed() if floods is not None else []
            if floods is not None:
                floods.let(True)
                target.terminal.settle(0.2, 0.3)
            try:
                typists[name].type(count, heard)
            except EOFError:
                raise TargetFailed(f"{name} ended while it was typed into") from None
            if floods is not None:
                floods.let(False)
                advanced = [now - was for now, was in zip(floods.printed(), before, strict=True)]
                self._say(flood=name, advanced=advanced)
                target.terminal.settle(0.1, 1.0)

    def _sample(self, name: str, begun: float, seconds: float | None) -> None:
        sample = {
            "sample": name,
            "at": round(begun - self._began, 4),
            "ms": None if seconds is None else round(seconds * 1000, 4),
            "busy": round(self._load.busy(), 3),
        }
        self._lines.append(json.dumps(sample))
        if time.monotonic() - self._flushed > _FLUSH:
            self.flush()

    def _say(self, **words: object) -> None:
        self._lines.append(json.dumps(words))
        self.flush()

    def flush(self) -> None:
        """Hand on what was measured."""
        if self._lines:
            sys.stdout.write("\n".join(self._lines) + "\n")
            sys.stdout.flush()
            self._lines.clear()
        self._flushed = time.monotonic()


def main() -> int:
    """Measure, and return the exit code."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise _Stop

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which says what it means
    plan = Plan(**json.load(sys.stdin))
    # Sockets of tmux and screen have short paths only.
    with tempfile.TemporaryDirectory(prefix="vmb-", dir="/tmp") as folder:
        prober = Prober(plan, Path(folder))
        try:
            prober.run()
        except TargetFailed as failed:
            prober._say(failed=str(failed))
            return 1
        except (_Stop, BrokenPipeError):
            try:
                prober.flush()
            except BrokenPipeError:
                sys.stderr.close()
            return 1
    return 0


def document(plan: Plan) -> str:
    """Return a plan as the JSON that the prober reads."""
    return json.dumps(dataclasses.asdict(plan))


if __name__ == "__main__":
    sys.exit(main())
