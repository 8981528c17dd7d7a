"""The checkpoints of one attempt: saved between its steps, told of, forgotten when it is over."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from app.engine.attempt import Attempt, Surroundings
from app.engine.checkpoints import Checkpoints
from app.engine.events import CheckpointSaved, CheckpointsRemoved, Notice
from app.engine.faults import explain
from app.engine.watched import GuestPanicked, WatchedMachine
from backends.base import BackendError, MachineDied


class AttemptCheckpoints:
    """Saves the checkpoints of one attempt.

    Args:
        attempt: The attempt.
    """

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt
        self._around = attempt.around
        self._no_more = False
        self.names: list[str] = []
        """Of those that were saved."""

    async def save_before(self, index: int, watched: WatchedMachine) -> float:
        """Save a checkpoint before a step, if that can be; return the seconds that it took.

        Raises:
            MachineDied: the guest's process ended.
            GuestPanicked: its kernel gave up.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        checkpoints = self._around.checkpoints
        if checkpoints is None or self._no_more:
            return 0.0
        try:
            saved = await watched.raced(
                checkpoints.save(watched.machine, self._around.run, self._attempt.name, index)
            )
        except (MachineDied, GuestPanicked):
            raise
        except (BackendError, OSError) as error:
            # What keeps one from being saved, such as a full disk, keeps the next one too.
            self._no_more = True
            said = explain(error) if isinstance(error, BackendError) else str(error)
            message = f"{self._attempt.name}: no checkpoints from step {index + 1} on: {said}"
            self._around.emit(Notice(level="warning", message=message))
        else:
            await self._note(saved, checkpoints)
        return loop.time() - began

    async def _note(self, saved: CheckpointSaved, checkpoints: Checkpoints) -> None:
        """Tell of a checkpoint, and make room where it is one too many."""
        self.names.append(saved.snapshot)
        self._around.emit(saved)
        gone = await checkpoints.thin([saved.snapshot])
        for test, names in checkpoints.by_test(gone, self._around.run).items():
            self._around.emit(CheckpointsRemoved(test=test, snapshots=names, reason="budget"))

    async def save_for_forks(self, watched: WatchedMachine) -> None:
        """Save the checkpoint that other tests of the run fork.

        Raises:
            BackendError: it cannot be saved.
        """
        checkpoints = self._around.checkpoints
        if checkpoints is None:
            raise BackendError("this vmbench has nowhere to save checkpoints")
        index = len(self._attempt.test.steps)
        saved = await watched.raced(
            checkpoints.save(watched.machine, self._around.run, self._attempt.name, index)
        )
        checkpoints.held.add(saved.snapshot)
        self.names.append(saved.snapshot)
        self._around.emit(saved)


async def forget_checkpoints(around: Surroundings, test: str, names: Sequence[str], reason: str) -> None:
    """Remove checkpoints of a test and tell of it."""
    if around.checkpoints is None or not names:
        return
    gone = await around.checkpoints.remove(names)
    if gone:
        around.emit(CheckpointsRemoved(test=test, snapshots=gone, reason=reason))
