"""The steps of an attempt, one after the other: what each is given, its deadline, its outcome."""

from __future__ import annotations

import asyncio
from pathlib import Path

from app.engine.attempt import Attempt
from app.engine.events import Outcome, StepFinished, StepOutput, StepStarted
from app.engine.faults import explain, report
from app.engine.offload import unbroken
from app.engine.steps import (
    Session,
    StepContext,
    StepFailed,
    StepOutputs,
    command_of,
    deadline_of,
    run_step,
    seconds,
)
from app.engine.watched import WatchedMachine
from backends.base import BackendError
from registry.model import Step


class Steps:
    """Runs the steps of one attempt.

    Args:
        attempt: The attempt.
    """

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt
        self.finished: list[StepFinished] = []
        """How those ended that did."""

    async def run(
        self, index: int, step: Step, session: Session, watched: WatchedMachine, deadline: float | None
    ) -> StepFinished:
        """Run one step and return how it ended, which is told already.

        Args:
            index: Of the step in its test.
            step: The step.
            session: What the steps before it left.
            watched: The machine.
            deadline: When the whole test's time is up, by the loop's clock.
        """
        attempt, machine = self._attempt, watched.machine
        around, loop = attempt.around, asyncio.get_running_loop()
        around.emit(
            StepStarted(
                test=attempt.name,
                index=index,
                action=step.action,
                name=step.name,
                command=command_of(step, around.services),
                console=_size_of(machine.console_log),
            )
        )

        def tell(stream: str, text: str) -> None:
            around.emit(StepOutput(test=attempt.name, index=index, stream=stream, text=text))

        outputs = StepOutputs(
            tell,
            attempt.folder / f"step-{index + 1:02d}-{step.action}",
            around.writer,
            around.masker,
        )
        context = StepContext(
            machine=machine,
            test=attempt.test,
            services=around.services,
            session=session,
            artifacts=attempt.folder,
            outputs=outputs,
        )
        began = loop.time()
        outcome, message, exit_code = Outcome.ERROR, "", None
        cancelled: asyncio.CancelledError | None = None
        own = began + deadline_of(step)
        limit = own if deadline is None else min(own, deadline)
        try:
            async with asyncio.timeout_at(limit):
                result = await watched.raced(run_step(step, context))
            outcome, message, exit_code = Outcome.PASSED, result.message, result.exit_code
        except StepFailed as error:
            outcome, message, exit_code = Outcome.FAILED, error.message, error.exit_code
        except BackendError as error:
            message = explain(error)
        except TimeoutError:
            if limit == own:
                message = f"the machine gave no answer within {seconds(own - began)}"
            else:
                outcome = Outcome.FAILED
                message = f"the whole test timed out after {seconds(attempt.test.timeout or 0)}"
        except asyncio.CancelledError as error:
            outcome, message, cancelled = Outcome.SKIPPED, "cancelled", error
        except Exception as error:
            message = await report(error, attempt.folder, around.masker)
        output = await unbroken(outputs.close())
        finished = StepFinished(
            test=attempt.name,
            index=index,
            outcome=outcome,
            duration=round(loop.time() - began, 6),
            message=message,
            exit_code=exit_code,
            output=str(output.relative_to(around.folder)) if output else "",
        )
        around.emit(finished)
        self.finished.append(finished)
        if cancelled is not None:
            raise cancelled
        return finished


def _size_of(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
