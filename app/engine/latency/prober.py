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
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from app.engine.latency.hostload import HostLoad
from app.engine.latency.injector import RATES, Injector, series_name
from app.engine.latency.rhythm import shuffled_rounds
from app.engine.latency.stamps import Stamps
from app.engine.latency.targets import WORKBENCH, Place, Target, TargetFailed
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


def gap_keys(keys: int, rate: int) -> int:
    """Return how many keys are injected at a rate, so that each rate takes as long as the slowest."""
    return keys * rate // RATES[0]


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
            notes: dict[str, Path] = {}
            if plan.probe != "echo":
                kind = "shown" if plan.probe == "paint" else "arrived"
                notes[kind] = self._folder / kind
                # Also the keys that are typed before and after are noted.
                stamps = Stamps.make(notes[kind], sum(self._counts()) + 100 * plan.keys + 10_000)
            for name in plan.targets:
                self._say(note=f"starting {name}")
                target = targets[name] = Target(name, place, **notes)
                stack.callback(target.close)
                target.begin()
            if plan.probe == "echo":
                self._echo(targets)
            elif plan.probe == "paint":
                self._paint(targets[WORKBENCH], stamps)
            else:
                self._gap(targets[WORKBENCH], stamps)
        self._say(end=True)

    def _counts(self) -> list[int]:
        return [gap_keys(self._plan.keys, rate) for rate in RATES] if self._plan.probe == "gap" else []

    def _steady(self) -> None:
        """Let nothing of Python's own come between."""
        gc.collect()
        gc.freeze()
        gc.disable()
        self._load.busy()
        self._began = time.monotonic()

    def _echo(self, targets: dict[str, Target]) -> None:
        plan = self._plan
        chance = random.Random(plan.seed)  # noqa: S311 - moments, no secrets
        typists = {name: Typist(target, plan.rate, chance) for name, target in targets.items()}
        self._steady()
        for name, count in shuffled_rounds(list(targets), plan.keys, ROUND, chance):
            target = targets[name]

            def heard(begun: float, seconds: float | None, name: str = name) -> None:
                self._sample(name, begun, seconds)

            with self._flooding(target):
                typists[name].type(count, heard)

    @contextmanager
    def _flooding(self, target: Target) -> Iterator[None]:
        """Let a target's floods print inside the block, and tell how far each came."""
        floods = target.floods
        before = floods.printed() if floods is not None else []
        if floods is not None:
            floods.let(True)
            target.terminal.settle(0.2, 0.3)
        try:
            yield
        except EOFError:
            raise TargetFailed(f"{target.name} ended while it was typed into") from None
        if floods is not None:
            floods.let(False)
            advanced = [now - was for now, was in zip(floods.printed(), before, strict=True)]
            self._say(flood=target.name, advanced=advanced)
            target.terminal.settle(0.1, 1.0)

    def _paint(self, target: Target, shown: Stamps) -> None:
        plan = self._plan
        typist = Typist(target, plan.rate, random.Random(plan.seed))  # noqa: S311 - moments, no secrets
        self._steady()
        for _name, count in shuffled_rounds([target.name], plan.keys, ROUND, random.Random(plan.seed)):  # noqa: S311
            heard: list[tuple[float, float | None]] = []
            busy: list[float] = []

            def note(
                begun: float,
                seconds: float | None,
                heard: list[tuple[float, float | None]] = heard,
                busy: list[float] = busy,
            ) -> None:
                heard.append((begun, seconds))
                busy.append(self._load.busy())

            before = len(shown)
            with self._flooding(target):
                typist.type(count, note)
            # The app may note a key only after its echo was read here.
            answered = sum(seconds is not None for _begun, seconds in heard)
            end = time.monotonic() + 1.0
            while len(shown) < before + answered and time.monotonic() < end:
                target.terminal.read(time.monotonic() + 0.01)
            pairs = shown.pairs(before)
            for number, (begun, done) in enumerate(pairs):
                self._sample(target.name, begun, done - begun, busy[min(number, len(busy) - 1)])
            for begun, seconds in heard:
                if seconds is None:
                    self._sample(target.name, begun, None)
            if len(pairs) < answered:
                raise TargetFailed(
                    f"{target.name} did not tell of {answered - len(pairs)} keys that it painted"
                )

    def _gap(self, target: Target, arrived: Stamps) -> None:
        injector = Injector(target, arrived, self._load)
        target.terminal.write(b"cat >/dev/null\r")
        target.terminal.settle(0.5, 3.0)
        self._steady()
        done = 0
        for rate in RATES:
            count = gap_keys(self._plan.keys, rate)
            name = series_name(target.name, rate)

            def tell(sent: int, before: int = done) -> None:
                self._say(sent=before + sent)

            with self._flooding(target):
                gaps, lost = injector.inject(rate, count, tell)
            for sample in gaps:
                assert sample.ms is not None
                self._sample(name, sample.at, sample.ms / 1000, sample.busy)
            for _ in range(lost):
                self._sample(name, time.monotonic(), None)
            done += count
            target.terminal.settle(0.2, 1.0)
        target.terminal.write(b"\x03")

    def _sample(self, name: str, begun: float, seconds: float | None, busy: float | None = None) -> None:
        sample = {
            "sample": name,
            "at": round(begun - self._began, 4),
            "ms": None if seconds is None else round(seconds * 1000, 4),
            "busy": round(self._load.busy() if busy is None else busy, 3),
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
