"""One attempt of a test: its machine made, booted, taken through the steps, judged and put away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from app.engine.admission import Lease
from app.engine.attempt import Attempt, AttemptEnd
from app.engine.attempt_checkpoints import AttemptCheckpoints, forget_checkpoints
from app.engine.checkpoints import checkpoint_name
from app.engine.console_watch import Complaint, ConsoleWatch, console_tail, worst
from app.engine.events import Event, MachineCreated, MachinePhase, Notice, Outcome, Phase, TestStarted
from app.engine.faults import explain, report
from app.engine.offload import off_loop, unbroken
from app.engine.putting_away import put_away
from app.engine.stepping import Steps
from app.engine.steps import Session
from app.engine.watched import WatchedMachine
from backends.base import WARNING, BackendError, Machine, MachineRequest, MachineState

FORKED = "fork of "
"""How a backend's detail of ``booting`` begins for a machine that resumes instead."""


class AttemptRunner:
    """Makes one attempt of a test, on one machine.

    Args:
        attempt: The attempt.
    """

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt
        self._around = attempt.around
        self._item, self._test, self._name = attempt.item, attempt.test, attempt.name
        self._steps = Steps(attempt)
        self._checkpoints = AttemptCheckpoints(attempt)
        forked = bool(self._item.fork_of or self._item.snapshot)
        self._origin = "kept" if self._item.machine else "checkpoint" if forked else "boot"

    def _emit(self, event: Event) -> None:
        self._around.emit(event)

    def _phase(self, phase: Phase, *, machine: str = "", detail: str = "") -> None:
        self._emit(MachinePhase(test=self._name, phase=phase, machine=machine, detail=detail))

    async def run(self) -> AttemptEnd:
        """Run the attempt; whatever goes wrong becomes its end, only a cancellation passes through."""
        self._emit(TestStarted(test=self._name, attempt=self._attempt.number))
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
            await off_loop(self._attempt.folder.mkdir, mode=0o700, parents=True)
        except OSError as error:
            raise BackendError(
                f"cannot make the folder of artifacts {self._attempt.folder}: {error.strerror or error}",
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
            checkpoints=tuple(self._checkpoints.names),
            machine=machine.id,
            duration=round(loop.time() - began, 6),
            steps=tuple(self._steps.finished),
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
        await put_away(self._attempt, machine, end)
        if end is None:
            await forget_checkpoints(self._around, self._name, self._checkpoints.names, "cancelled")

    async def _drive(self, machine: Machine) -> AttemptEnd:
        """Boot the machine and take it through the steps."""
        watch = ConsoleWatch(machine.console_log, self._test)
        watching = asyncio.create_task(watch.run())
        try:
            end = await self._boot_and_step(WatchedMachine(machine, watch))
            watching.cancel()
            await asyncio.wait({watching})
            await watch.finish()
            return await self._judge(end, machine, watch)
        finally:
            watching.cancel()
            await asyncio.wait({watching})

    async def _boot_and_step(self, watched: WatchedMachine) -> AttemptEnd:
        index: int | None = None
        try:
            await self._bring_up(watched)
            self._emit(
                MachinePhase(
                    test=self._name, phase=Phase.READY, machine=watched.machine.id, origin=self._origin
                )
            )
            first = self._item.first
            session = Session.after((*self._item.before, *self._test.steps[:first]))
            limit = self._test.timeout
            deadline = None if limit is None else asyncio.get_running_loop().time() + limit
            for index, step in enumerate(self._test.steps[first:], first):
                if self._around.save_checkpoints or index == self._item.save_at:
                    waited = await self._checkpoints.save_before(index, watched)
                    deadline = None if deadline is None else deadline + waited
                finished = await self._steps.run(index, step, session, watched, deadline)
                if finished.outcome is not Outcome.PASSED:
                    return AttemptEnd(outcome=finished.outcome, message=finished.message, step=index)
            if self._item.save_after:
                index = None
                await self._checkpoints.save_for_forks(watched)
        except BackendError as error:
            return AttemptEnd(
                outcome=Outcome.ERROR, message=explain(error), step=index, console_tail=error.detail
            )
        except Exception as error:
            return AttemptEnd(outcome=Outcome.ERROR, message=await self._report(error), step=index)
        return AttemptEnd(outcome=Outcome.PASSED)

    async def _bring_up(self, watched: WatchedMachine) -> None:
        """Start the machine, unless it is a kept one that runs."""
        machine = watched.machine
        if self._item.machine and machine.state is MachineState.RUNNING:
            return
        await watched.raced(machine.start(on_phase=self._on_boot(machine, watched.watch)), booting=True)

    def _on_boot(self, machine: Machine, watch: ConsoleWatch) -> Callable[[str, str], None]:
        def tell(phase: str, detail: str) -> None:
            if phase == WARNING:
                self._emit(Notice(level="warning", message=f"{self._name}: {detail}"))
                return
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

    async def _report(self, error: Exception) -> str:
        return await report(error, self._attempt.folder, self._around.masker)
