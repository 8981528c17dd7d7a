"""``copy``: files and folders from the host into the guest, or from there into the test's artifacts."""

from __future__ import annotations

from pathlib import Path

from app.engine.offload import off_loop
from app.engine.steps.context import StepContext, StepFailed, StepResult
from registry.model import CopyStep

GUEST = "guest:"


async def copy(step: CopyStep, context: StepContext) -> StepResult:
    """Run the step.

    Raises:
        StepFailed: the source is missing, or the target is outside the artifacts folder.
    """
    if step.target.startswith(GUEST):
        source = context.test.file.parent / Path(step.source).expanduser()
        if not await off_loop(source.exists):
            raise StepFailed(f"there is no {source} on this host; the path is relative to the test's file")
        await context.machine.copy_in(source, step.target.removeprefix(GUEST), timeout=step.timeout)
        return StepResult()
    target = await off_loop(artifact_path, context.artifacts, step.target)
    await context.machine.copy_out(step.source.removeprefix(GUEST), target, timeout=step.timeout)
    return StepResult(message=f"in the artifacts as {step.target}")


def artifact_path(folder: Path, target: str) -> Path:
    """Return the path of ``target`` in the artifacts folder, with the folders above it made. Blocking.

    Raises:
        StepFailed: it leads out of the folder.
    """
    top = folder.resolve()
    path = (top / target).resolve()
    if path == top or top not in path.parents:
        raise StepFailed(f"{target!r} leads out of the test's artifacts; give a relative path without '..'")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
