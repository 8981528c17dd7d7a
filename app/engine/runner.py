"""One test on one machine: from its first phase to its result, with everything cleaned up behind it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import re
import shutil
import traceback
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from app.engine.admission import Admission, Lease
from app.engine.checkpoints import Checkpoints, checkpoint_name
from app.engine.console_watch import Complaint, ConsoleWatch, console_tail, worst
from app.engine.events import (
    CheckpointSaved,
    CheckpointsRemoved,
    Event,
    MachineCreated,
    MachineKept,
    MachinePhase,
    Notice,
    Outcome,
    Phase,
    StepFinished,
    StepOutput,
    StepStarted,
    TestFinished,
    TestRetried,
    TestStarted,
)
from app.engine.images import ImageGate
from app.engine.masking import MaskedStream, Masker
from app.engine.offload import Writer, off_loop, unbroken
from app.engine.plan import PlanItem
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
from app.logs.times import beside
from backends.base import Backend, BackendError, Machine, MachineDied, MachineRequest, MachineState
from backends.files import FULL, replace_text
from backends.wishes import wish_of
from registry.model import Keep, Service, Step, Test

CLEAN_UP_LIMIT = 60.0
"""Seconds after which a machine that cannot be put away is reported instead of waited for."""
CANCEL_LIMIT = 5.0
"""Seconds that a cancelled step has to end."""
FAILED_LIMIT = 0.5
"""The same after its machine failed: its removal ends whatever still holds on to it."""

FORKED = "fork of "
"""How a backend's detail of ``booting`` begins for a machine that resumes instead."""

T = TypeVar("T")


class GuestPanicked(BackendError):
    """The guest's kernel gave up."""


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What the tests of a run share."""

    run: str
    folder: Path
    """The run's folder."""
    registry: str
    """The registry's folder."""
    services: Mapping[str, Service]
    backends: Mapping[str, Backend]
    images: ImageGate
    admission: Admission
    writer: Writer
    emit: Callable[[Event], object]
    keep: Keep | None
    """Overrides every test's own policy."""
    default_keep: Keep
    retry_errors: int
    checkpoints: Checkpoints | None = None
    """Saves checkpoints; ``None`` where that cannot be."""
    save_checkpoints: bool = False
    """Whether one is saved before each step."""
    masker: Masker = field(default_factory=Masker)
    """Masks what the tests declare secret."""
    wishes: dict[str, bool] = field(default_factory=dict)
    """Whether somebody wants a test's machine kept, or removed, by the test's name."""
    machines: dict[str, Machine] = field(default_factory=dict)
    """The machine on which each test runs now, by the test's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEnd:
    """How an attempt ended."""

    outcome: Outcome
    duration: float = 0.0
    """Seconds from the machine's making to its putting away."""
    message: str = ""
    step: int | None = None
    machine: str = ""
    console_tail: str = ""
    steps: tuple[StepFinished, ...] = ()
    checkpoints: tuple[str, ...] = ()
    """Names of those that were saved."""


class TestRunner:
    """Runs one test, as often as its retries allow.

    Args:
        item: The planned test.
        around: What it shares with the run's other tests.
    """

    __test__ = False  # keeps pytest from collecting it

    def __init__(self, item: PlanItem, around: Surroundings) -> None:
        assert item.test is not None
        self._item = item
        self._test: Test = item.test
        self._around = around
        self._emit = around.emit
        self._folder = around.folder / "tests" / safe_name(item.name)

    async def run(self) -> TestFinished:
        """Run the test and return its result, which is not emitted yet.

        A cancellation passes through once the machine is gone.
        """
        failures, errors = self._test.retries, self._around.retry_errors
        if self._item.machine:
            failures = errors = 0  # a kept machine is as the attempt left it
        number = 0
        while True:
            number += 1
            left = {Outcome.FAILED: failures, Outcome.ERROR: errors}
            attempt = _Attempt(self._test, self._item, self._around, self._folder, number, left)
            end = await attempt.run()
            if left.get(end.outcome, 0) <= 0:
                if end.outcome is Outcome.PASSED and not self._item.save_after:
                    await self._forget_passed(end)
                return await self._result(end, number)
            await forget_checkpoints(self._around, self._item.name, end.checkpoints, "retried")
            failures -= end.outcome is Outcome.FAILED
            errors -= end.outcome is Outcome.ERROR
            self._emit(
                TestRetried(test=self._item.name, attempt=number, outcome=end.outcome, message=end.message)
            )

    async def _forget_passed(self, end: AttemptEnd) -> None:
        """Remove the checkpoints of a test that passed, but for the one that the next run begins from."""
        stays = self._item.save_at
        left = "" if stays is None else checkpoint_name(self._around.run, self._item.name, stays)
        names = [name for name in end.checkpoints if name != left]
        await forget_checkpoints(self._around, self._item.name, names, "passed")

    async def _result(self, end: AttemptEnd, attempt: int) -> TestFinished:
        finished = TestFinished(
            test=self._item.name,
            outcome=end.outcome,
            duration=end.duration,
            attempt=attempt,
            message=end.message,
            step=end.step,
            machine=end.machine,
            artifacts=str(self._folder.relative_to(self._around.folder)),
            console_tail=end.console_tail,
        )
        around = self._around
        if around.checkpoints is not None:
            await around.checkpoints.supersede(
                around.registry, around.run, self._item.name, but=self._item.snapshot
            )
        told, steps = around.masker.of(finished), around.masker.of(end.steps)
        text = json.dumps(asdict(told) | {"steps": [asdict(s) for s in steps]}, indent=1)
        with contextlib.suppress(OSError):
            await self._around.writer.run(replace_text, self._folder / "result.json", text)
        return finished


class _Attempt:
    """One attempt of a test, on one machine."""

    def __init__(
        self,
        test: Test,
        item: PlanItem,
        around: Surroundings,
        folder: Path,
        number: int,
        retries_left: Mapping[Outcome, int],
    ) -> None:
        self._test = test
        self._item = item
        self._around = around
        self._folder = folder / f"attempt-{number}"
        self._number = number
        self._retries_left = retries_left
        self._name = item.name
        self._steps: list[StepFinished] = []
        self._checkpoints: list[str] = []
        self._no_more_checkpoints = False
        forked = bool(item.fork_of or item.snapshot)
        self._origin = "kept" if item.machine else "checkpoint" if forked else "boot"

    def _emit(self, event: Event) -> None:
        self._around.emit(event)

    def _phase(self, phase: Phase, *, machine: str = "", detail: str = "") -> None:
        self._emit(MachinePhase(test=self._name, phase=phase, machine=machine, detail=detail))

    async def run(self) -> AttemptEnd:
        """Run the attempt; whatever goes wrong becomes its end, only a cancellation passes through."""
        self._emit(TestStarted(test=self._name, attempt=self._number))
        lease: Lease | None = None
        try:
            await self._make_folder()
            await self._around.images.ready(
                self._item.planned.backend,
                self._item.request.image,
                lambda detail: self._phase(Phase.IMAGE, detail=detail),
            )
            lease = await self._around.admission.acquire(
                self._item.request.memory, on_wait=lambda why: self._phase(Phase.WAITING, detail=why)
            )
            return await self._with_machine(lease)
        except BackendError as error:
            return AttemptEnd(outcome=Outcome.ERROR, message=explain(error), console_tail=error.detail)
        except Exception as error:
            return AttemptEnd(outcome=Outcome.ERROR, message=await self._report(error))
        finally:
            if lease is not None:
                await lease.release()

    async def _make_folder(self) -> None:
        try:
            await off_loop(self._folder.mkdir, mode=0o700, parents=True)
        except OSError as error:
            raise BackendError(
                f"cannot make the folder of artifacts {self._folder}: {error.strerror or error}",
                remedy="free some disk space, or point VMBENCH_STATE to a folder you can write to",
            ) from error

    async def _with_machine(self, lease: Lease) -> AttemptEnd:
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._phase(Phase.CREATING)
        request = replace(self._item.request, run=self._around.run)
        machine = await self._make(request)
        end: AttemptEnd | None = None
        try:
            self._emit(
                MachineCreated(
                    test=self._name,
                    machine=machine.id,
                    backend=self._item.planned.backend,
                    accel=machine.accel,
                    image=request.image,
                    cpus=request.cpus,
                    memory=request.memory,
                    console=str(machine.console_log),
                    origin=self._origin,
                )
            )
            await lease.bind(machine.folder)
            self._around.machines[self._name] = machine
            end = await self._drive(machine)
        finally:
            self._around.machines.pop(self._name, None)
            await unbroken(self._clean_up(machine, end))
        return replace(
            end,
            checkpoints=tuple(self._checkpoints),
            machine=machine.id,
            duration=round(loop.time() - began, 6),
            steps=tuple(self._steps),
        )

    async def _make(self, request: MachineRequest) -> Machine:
        backend = self._around.backends[self._item.planned.backend]
        if self._item.machine:
            return await backend.adopt(self._item.machine)
        snapshot = self._item.snapshot
        if self._item.fork_of:
            snapshot = checkpoint_name(self._around.run, self._item.fork_of, len(self._item.before))
        if not snapshot:
            return await backend.create(request)
        return await backend.fork(snapshot, label=request.label, run=request.run)

    async def _clean_up(self, machine: Machine, end: AttemptEnd | None) -> None:
        """Put the machine away; ``end`` is ``None`` when the test was cancelled."""
        await self._put_away(machine, end)
        if end is None:
            await forget_checkpoints(self._around, self._name, self._checkpoints, "cancelled")

    async def _drive(self, machine: Machine) -> AttemptEnd:
        """Boot the machine and take it through the steps."""
        watch = ConsoleWatch(machine.console_log, self._test)
        watching = asyncio.create_task(watch.run())
        try:
            end = await self._boot_and_step(machine, watch)
            watching.cancel()
            await asyncio.wait({watching})
            await watch.finish()
            return await self._judge(end, machine, watch)
        finally:
            watching.cancel()
            await asyncio.wait({watching})

    async def _boot_and_step(self, machine: Machine, watch: ConsoleWatch) -> AttemptEnd:
        index: int | None = None
        try:
            await self._bring_up(machine, watch)
            self._emit(
                MachinePhase(test=self._name, phase=Phase.READY, machine=machine.id, origin=self._origin)
            )
            first = self._item.first
            session = Session.after((*self._item.before, *self._test.steps[:first]))
            limit = self._test.timeout
            deadline = None if limit is None else asyncio.get_running_loop().time() + limit
            for index, step in enumerate(self._test.steps[first:], first):
                if self._around.save_checkpoints or index == self._item.save_at:
                    waited = await self._checkpoint(index, machine, watch)
                    deadline = None if deadline is None else deadline + waited
                finished = await self._step(index, step, session, machine, watch, deadline)
                if finished.outcome is not Outcome.PASSED:
                    return AttemptEnd(outcome=finished.outcome, message=finished.message, step=index)
            if self._item.save_after:
                index = None
                await self._save_for_forks(machine, watch)
        except BackendError as error:
            return AttemptEnd(
                outcome=Outcome.ERROR, message=explain(error), step=index, console_tail=error.detail
            )
        except Exception as error:
            return AttemptEnd(outcome=Outcome.ERROR, message=await self._report(error), step=index)
        return AttemptEnd(outcome=Outcome.PASSED)

    async def _bring_up(self, machine: Machine, watch: ConsoleWatch) -> None:
        """Start the machine, unless it is a kept one that runs."""
        if self._item.machine and machine.state is MachineState.RUNNING:
            return
        await self._raced(machine.start(on_phase=self._on_boot(machine, watch)), machine, watch, booting=True)

    async def _checkpoint(self, index: int, machine: Machine, watch: ConsoleWatch) -> float:
        """Save a checkpoint before a step, if that can be; return the seconds that it took.

        Raises:
            MachineDied: the guest's process ended.
            GuestPanicked: its kernel gave up.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        checkpoints = self._around.checkpoints
        if checkpoints is None or self._no_more_checkpoints:
            return 0.0
        try:
            saved = await self._raced(
                checkpoints.save(machine, self._around.run, self._name, index), machine, watch
            )
        except (MachineDied, GuestPanicked):
            raise
        except (BackendError, OSError) as error:
            # What keeps one from being saved, such as a full disk, keeps the next one too.
            self._no_more_checkpoints = True
            said = explain(error) if isinstance(error, BackendError) else str(error)
            message = f"{self._name}: no checkpoints from step {index + 1} on: {said}"
            self._emit(Notice(level="warning", message=message))
        else:
            await self._note(saved, checkpoints)
        return loop.time() - began

    async def _note(self, saved: CheckpointSaved, checkpoints: Checkpoints) -> None:
        """Tell of a checkpoint, and make room where it is one too many."""
        self._checkpoints.append(saved.snapshot)
        self._emit(saved)
        gone = await checkpoints.thin([saved.snapshot])
        for test, names in checkpoints.by_test(gone, self._around.run).items():
            self._emit(CheckpointsRemoved(test=test, snapshots=names, reason="budget"))

    async def _save_for_forks(self, machine: Machine, watch: ConsoleWatch) -> None:
        """Save the checkpoint that other tests of the run fork.

        Raises:
            BackendError: it cannot be saved.
        """
        checkpoints = self._around.checkpoints
        if checkpoints is None:
            raise BackendError("this vmbench has nowhere to save checkpoints")
        index = len(self._test.steps)
        saved = await self._raced(
            checkpoints.save(machine, self._around.run, self._name, index), machine, watch
        )
        checkpoints.held.add(saved.snapshot)
        self._checkpoints.append(saved.snapshot)
        self._emit(saved)

    def _on_boot(self, machine: Machine, watch: ConsoleWatch) -> Callable[[str, str], None]:
        def tell(phase: str, detail: str) -> None:
            if detail.startswith(FORKED) and self._origin == "boot":
                self._origin = "fork"
            elif phase == Phase.BOOTING and self._origin == "fork":
                self._origin = "boot"  # the template did not resume
            if phase == Phase.BOOTING:
                watch.boots()
            # READY is said once the machine's start has returned.
            if phase in (Phase.IMAGE, Phase.CREATING, Phase.BOOTING):
                self._phase(Phase(phase), machine=machine.id, detail=detail)

        return tell

    async def _judge(self, end: AttemptEnd, machine: Machine, watch: ConsoleWatch) -> AttemptEnd:
        """Weigh the end against what the guest's kernel said on the console."""
        for finding in watch.findings:
            if finding.kind is Complaint.LOCKUP:
                message = f"{self._name}: the guest stood still for a while: {finding.line}"
                self._emit(Notice(level="warning", message=message))
        found = worst(watch.findings)
        if watch.panicked.done():
            end = replace(end, outcome=Outcome.ERROR, message=f"guest panicked: {watch.panicked.result()}")
        elif found is not None and end.outcome is Outcome.PASSED:
            message = f"all steps passed, but the guest's kernel reported {found.kind}: {found.line}"
            end = replace(end, outcome=Outcome.FAILED, message=message)
        elif found is not None:
            end = replace(
                end, message=f"{end.message}; the guest's kernel reported {found.kind}: {found.line}"
            )
        if end.outcome is Outcome.PASSED:
            return end
        tail = await off_loop(console_tail, machine.console_log, around=found.line if found else "")
        return replace(end, console_tail=tail or end.console_tail)

    async def _step(
        self,
        index: int,
        step: Step,
        session: Session,
        machine: Machine,
        watch: ConsoleWatch,
        deadline: float | None,
    ) -> StepFinished:
        name, loop = self._name, asyncio.get_running_loop()
        self._emit(
            StepStarted(
                test=name,
                index=index,
                action=step.action,
                name=step.name,
                command=command_of(step, self._around.services),
                console=_size_of(machine.console_log),
            )
        )
        outputs = StepOutputs(
            lambda stream, text: self._emit(StepOutput(test=name, index=index, stream=stream, text=text)),
            self._folder / f"step-{index + 1:02d}-{step.action}",
            self._around.writer,
            self._around.masker,
        )
        context = StepContext(
            machine=machine,
            test=self._test,
            services=self._around.services,
            session=session,
            artifacts=self._folder,
            outputs=outputs,
        )
        began = loop.time()
        outcome, message, exit_code = Outcome.ERROR, "", None
        cancelled: asyncio.CancelledError | None = None
        own = began + deadline_of(step)
        limit = own if deadline is None else min(own, deadline)
        try:
            async with asyncio.timeout_at(limit):
                result = await self._raced(run_step(step, context), machine, watch)
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
                message = f"the whole test timed out after {seconds(self._test.timeout or 0)}"
        except asyncio.CancelledError as error:
            outcome, message, cancelled = Outcome.SKIPPED, "cancelled", error
        except Exception as error:
            message = await self._report(error)
        output = await unbroken(outputs.close())
        finished = StepFinished(
            test=name,
            index=index,
            outcome=outcome,
            duration=round(loop.time() - began, 6),
            message=message,
            exit_code=exit_code,
            output=str(output.relative_to(self._around.folder)) if output else "",
        )
        self._emit(finished)
        self._steps.append(finished)
        if cancelled is not None:
            raise cancelled
        return finished

    async def _raced(
        self,
        work: Coroutine[object, object, T],
        machine: Machine,
        watch: ConsoleWatch,
        *,
        booting: bool = False,
    ) -> T:
        """Await ``work``, and no longer than the guest lives and is sane.

        Raises:
            MachineDied: the guest's process ended first.
            GuestPanicked: its kernel gave up first.
        """
        task = asyncio.ensure_future(work)
        waiting: set[asyncio.Future[object]] = {task, watch.panicked}  # type: ignore[arg-type]
        # A machine that boots tells of its own death.
        death = None if booting else asyncio.create_task(machine.died())
        if death is not None:
            waiting.add(death)  # type: ignore[arg-type]
        limit = CANCEL_LIMIT
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            limit = FAILED_LIMIT
            if watch.panicked.done():
                raise GuestPanicked(f"guest panicked: {watch.panicked.result()}")
            if task.done():
                return task.result()
            assert death is not None
            raise MachineDied(f"the guest ended: {death.result()}")
        finally:
            for other in (task, death):
                if other is not None and not other.done():
                    other.cancel()
                    await unbroken(_settle(other, limit))

    async def _put_away(self, machine: Machine, end: AttemptEnd | None) -> None:
        """Keep the machine or remove it; ``end`` is ``None`` when the test was cancelled."""
        name = self._name
        try:
            async with asyncio.timeout(CLEAN_UP_LIMIT):
                console = self._folder / "console.log"
                await off_loop(_copy_log, machine.console_log, console, self._around.masker)
                await off_loop(_copy_times, machine.console_log, console)
                reason = self._why_kept(machine, end)
                if reason and machine.state is MachineState.RUNNING:
                    await machine.keep(reason)
                    command = f"vmbench shell {machine.id}"
                    self._emit(MachineKept(test=name, machine=machine.id, reason=reason, command=command))
                    self._phase(Phase.KEPT, machine=machine.id, detail=reason)
                    await machine.release()
                    return
                if self._item.machine and self._wish(machine) is not False:
                    await machine.release()  # it was kept before, and is not ours to remove
                    return
                self._phase(Phase.STOPPING, machine=machine.id)
                await machine.remove()
                self._phase(Phase.REMOVED, machine=machine.id)
        except (BackendError, OSError) as error:
            said = explain(error) if isinstance(error, BackendError) else str(error)
            message = f"machine {machine.id} of {name} could not be put away: {said}"
            if isinstance(error, TimeoutError):
                message = f"machine {machine.id} of {name} was not put away within {seconds(CLEAN_UP_LIMIT)}"
            self._emit(Notice(level="warning", message=f"{message}; vmbench rm {machine.id} tries again"))

    def _wish(self, machine: Machine) -> bool | None:
        """Return what somebody asked for, here or by another vmbench."""
        wished = self._around.wishes.get(self._name)
        return wish_of(machine.folder) if wished is None else wished

    def _why_kept(self, machine: Machine, end: AttemptEnd | None) -> str:
        """Return why the machine is kept, or nothing."""
        policy = self._around.keep or self._test.keep or self._around.default_keep
        wish = self._wish(machine)
        if wish is not None:
            return f"{self._name}: somebody asked for it" if wish else ""
        if self._item.machine:
            return f"{self._name} {end.outcome if end else 'cancelled'}, in a machine that was kept before"
        if end is None or policy is Keep.NEVER:
            return ""
        if policy is Keep.ALWAYS:
            return f"{self._name} {end.outcome}"
        if end.outcome is Outcome.PASSED or self._retries_left.get(end.outcome, 0) > 0:
            return ""
        return f"{self._name} {end.outcome}: {end.message}"[:300]

    async def _report(self, error: Exception) -> str:
        """Write an unexpected error down for whoever mends vmbench, and say where; a full disk is none."""
        if isinstance(error, OSError) and error.errno in FULL:
            where = error.filename or self._folder
            return f"cannot write {where}: {error.strerror} (try: free some disk space)"
        path = self._folder / "internal-error.txt"
        text = self._around.masker.text("".join(traceback.format_exception(error)))
        with contextlib.suppress(OSError):
            await off_loop(path.write_text, text)
        return f"vmbench itself failed: {type(error).__name__}: {error} (details: {path})"


async def forget_checkpoints(around: Surroundings, test: str, names: Sequence[str], reason: str) -> None:
    """Remove checkpoints of a test and tell of it."""
    if around.checkpoints is None or not names:
        return
    gone = await around.checkpoints.remove(names)
    if gone:
        around.emit(CheckpointsRemoved(test=test, snapshots=gone, reason=reason))


async def _settle(task: asyncio.Task[T], limit: float) -> None:
    """Wait a while for a cancelled task to end."""
    await asyncio.wait({task}, timeout=limit)
    if not task.done():
        task.add_done_callback(_take_exception)
    elif not task.cancelled():
        task.exception()


def _take_exception(task: asyncio.Task[T]) -> None:
    if not task.cancelled():
        task.exception()


def explain(error: BackendError) -> str:
    """Return an error's message and remedy in one line."""
    return f"{error.message} (try: {error.remedy})" if error.remedy else error.message


def safe_name(name: str) -> str:
    """Return a folder name for a test: readable, unique, and harmless whatever the test is called."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", name)[:100]
    if safe == name and safe.strip("."):
        return safe
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:8]
    return f"{safe.strip('.') or 'test'}-{digest}"


def _size_of(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _copy_times(source: Path, target: Path) -> None:
    """Copy when the lines of a console's log came; masking leaves every line on its own."""
    with contextlib.suppress(FileNotFoundError):
        shutil.copyfile(beside(source), beside(target))


def _copy_log(source: Path, target: Path, masker: Masker) -> None:
    """Copy a console's log, secrets masked."""
    with contextlib.suppress(FileNotFoundError):
        if not masker:
            shutil.copyfile(source, target)
            return
        stream = MaskedStream(masker)
        with source.open("rb") as read, target.open("wb") as write:
            while chunk := read.read(1 << 20):
                write.write(stream.feed(chunk))
            write.write(stream.flush())
