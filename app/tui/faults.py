"""Faults of the workbench's own: one in a pane is reported there, and the rest lives on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial, wraps
from typing import Protocol, runtime_checkable

from textual._callback import invoke
from textual.message import Message
from textual.message_pump import MessagePump
from textual.timer import Timer
from textual.worker import Worker, WorkerState

TimerCallback = Callable[[], Awaitable[object]] | Callable[[], object]


@runtime_checkable
class Reporting(Protocol):
    """An app that shows faults of its own without ending."""

    def report(self, error: BaseException) -> None:
        """Show one."""
        ...


class Contained(MessagePump):
    """What comes first among the bases of a screen or a pane whose faults must not end the workbench.

    Textual ends the whole app when a handler, an action, a timer or a worker raises. Here these are
    reported. Only painting stays out: what cannot be painted could not show a report either, so panes
    that draw lines by themselves contain that line by line.
    """

    async def _dispatch_message(self, message: Message) -> None:
        try:
            await super()._dispatch_message(message)
        except Exception as error:
            report(self, error)

    def set_interval(
        self,
        interval: float,
        callback: TimerCallback | None = None,
        *,
        name: str | None = None,
        repeat: int = 0,
        pause: bool = False,
    ) -> Timer:
        """Call a function again and again."""
        return super().set_interval(interval, _kept(self, callback), name=name, repeat=repeat, pause=pause)

    def set_timer(
        self,
        delay: float,
        callback: TimerCallback | None = None,
        *,
        name: str | None = None,
        pause: bool = False,
    ) -> Timer:
        """Call a function after a while."""
        return super().set_timer(delay, _kept(self, callback), name=name, pause=pause)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Report what ended a worker, unless its app ends with it."""
        error = event.worker.error
        if event.state is WorkerState.ERROR and error is not None and not event.worker.exit_on_error:
            report(self, error)


def report(pump: MessagePump, error: BaseException) -> None:
    """Report an error.

    Raises:
        BaseException: the same error, where the app cannot.
    """
    app = pump.app
    if not isinstance(app, Reporting):
        raise error
    app.report(error)


def _kept(pump: MessagePump, callback: TimerCallback | None) -> TimerCallback | None:
    """Return a callback whose fault is reported; Textual's own, such as painting, as it is."""
    function = callback.func if isinstance(callback, partial) else callback
    if callback is None or not str(getattr(function, "__module__", "")).startswith("app."):
        return callback

    @wraps(callback)
    async def run() -> None:
        try:
            await invoke(callback)
        except Exception as error:
            report(pump, error)

    return run
