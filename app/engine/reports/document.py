"""A run as one JSON document, for scripts."""

from __future__ import annotations

import json

from app.engine.events import Outcome
from app.engine.harmless import harmless
from app.engine.state import RunState, TestState


def document(state: RunState) -> str:
    """Return the report; times are seconds, ``time`` is since the epoch."""
    assert state.started is not None
    finished = state.finished
    counts = state.counts()
    data = {
        "run": state.started.run,
        "registry": state.started.registry,
        "folder": state.started.folder,
        "version": state.started.version,
        "selection": state.started.selection,
        "time": state.started_time,
        "duration": finished.duration if finished else state.mono,
        "finished": finished is not None,
        "cancelled": finished.cancelled if finished else False,
        "counts": {outcome.value: counts[outcome] for outcome in Outcome},
        "notices": [{"level": notice.level, "message": notice.message} for notice in state.notices],
        "tests": [_test(test) for test in state.tests.values()],
    }
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def _test(test: TestState) -> dict[str, object]:
    result = test.result
    return {
        "name": test.name,
        "group": test.plan.group,
        "tags": list(test.plan.tags),
        "file": test.plan.file,
        "outcome": result.outcome.value if result else None,
        "duration": result.duration if result else None,
        "attempt": result.attempt if result else test.attempt,
        "message": harmless(result.message) if result else "",
        "failed_step": None if result is None or result.step is None else result.step + 1,
        "machine": test.machine,
        "kept": test.kept.command if test.kept else None,
        "artifacts": result.artifacts if result else "",
        "steps": [
            {
                "action": step.action,
                "name": step.name,
                "command": step.command,
                "outcome": step.outcome.value if step.outcome else None,
                "duration": step.duration,
                "exit_code": step.exit_code,
                "message": harmless(step.message),
                "output": step.artifact,
            }
            for step in test.steps
        ],
    }
