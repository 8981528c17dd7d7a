"""Faults of the workbench's own: one in a pane is told there, and the rest lives on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial, wraps
from typing import Any, Protocol, runtime_checkable

from textual import events
from textual._callback import invoke
from textual.content import Content
from textual.message import Message
from textual.message_pump import MessagePump
from textual.timer import Timer
from textual.visual import Visual
from textual.widget import Widget
from textual.worker import Worker, WorkerState

from app.tui.broken import Fault, fault_of

TimerCallback = Callable[[], Awaitable[object]] | Callable[[], object]


@runtime_checkable
class Reporting(Protocol):
    """An app that shows faults of its own without ending."""

    def report(self, error: BaseException) -> None:
        """Show one."""
        ...

    def broke(self, widget: Widget, fault: Fault) -> None:
        """Show one in the place of the pane that it broke."""
        ...


class Contained(MessagePump):
    """What comes first among the bases of a screen or a pane whose faults must not end the workbench.

    Textual ends the whole app when a handler, an action, a timer or a worker raises. Here these are
    reported, and what keeps a pane from being made or drawn is told in its place: lines that cannot be drawn
    are seen to where the screen is put together (``frugal.py``).
    """

    composing = False
    """Whether its children are being made."""

    async def _dispatch_message(self, message: Message) -> None:
        try:
            await super()._dispatch_message(message)
        except Exception as error:
            if isinstance(message, events.Compose | events.Mount) and isinstance(self, Widget):
                tell(self, Fault(error, made=False))
            else:
                report(self, error)

    def _get_dispatch_methods(
        self, method_name: str, message: Message
    ) -> Iterable[tuple[type, Callable[[Message], Awaitable[Any]]]]:
        methods = super()._get_dispatch_methods(method_name, message)
        fault = fault_of(self) if isinstance(self, Widget) else None
        if fault is None or fault.made:
            return methods
        # What was never made whole is laid out and left by Textual, and knows nothing else to do.
        return [(owner, method) for owner, method in methods if owner.__module__.startswith("textual.")]

    async def _compose(self) -> None:
        self.composing = True
        try:
            await super()._compose()  # type: ignore[misc]  # of widgets, not of apps
        finally:
            self.composing = False

    def _render(self) -> Visual:
        assert isinstance(self, Widget)
        if fault_of(self) is not None:
            return Content("")
        try:
            visual: Visual = super()._render()  # type: ignore[misc]  # of widgets, not of apps
        except Exception as error:
            tell(self, Fault(error, made=True))
            return Content("")
        return visual

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


def tell(widget: Widget, fault: Fault) -> None:
    """Tell in a pane's place what broke it.

    Raises:
        Exception: the fault, where the app cannot.
    """
    app = widget.app
    if not isinstance(app, Reporting):
        raise fault.error
    app.broke(widget, fault)


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
