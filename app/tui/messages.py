"""What workers tell the workbench, in the past tense; the handlers own the state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from textual.message import Message

from backends.files import disk_full

if TYPE_CHECKING:
    from app.engine.api import LastResult
    from app.tui.run_session import RunSession
    from registry.model import Registry


class RegistryLoaded(Message):
    """The registry and the last results were read."""

    def __init__(self, registry: Registry, results: Mapping[str, LastResult]) -> None:
        super().__init__()
        self.registry = registry
        self.results = results


class RegistryFailed(Message):
    """The registry could not be read at all."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__()
        self.message = message
        self.remedy = remedy


class RunBegan(Message):
    """A run was started."""

    def __init__(self, session: RunSession) -> None:
        super().__init__()
        self.session = session


class RunRefused(Message):
    """A run could not be started."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__()
        self.message = message
        self.remedy = remedy


class RunEnded(Message):
    """The events of a run came to their end."""

    def __init__(self, session: RunSession) -> None:
        super().__init__()
        self.session = session


class PaneBroke(Message):
    """A pane could not draw a part of itself."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


def explain(error: BaseException) -> tuple[str, str]:
    """Return what an error says, and what it says to do about it."""
    full = disk_full(error)
    if full is not None:
        return full
    message = str(getattr(error, "message", "")) or str(error) or type(error).__name__
    return message, str(getattr(error, "remedy", "") or "")
