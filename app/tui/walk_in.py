"""Hands the whole terminal to a shell in a machine and takes it back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from textual.app import App

from app.attach import attach
from backends.base import Machine

Walk = Callable[[App[int], Machine, str], Awaitable[None]]


async def walk_in(app: App[int], machine: Machine, typed: str = "") -> None:
    """Give the terminal to a login shell in a machine until it ends.

    Args:
        app: The app that has the terminal; its timers and workers go on meanwhile, it draws nothing.
        machine: A running machine.
        typed: Typed for the person, who sends it.

    Raises:
        BackendError: the machine takes no terminal, or its connection broke.
        textual.app.SuspendNotSupported: there is no terminal to give.
    """
    with app.suspend(), app.batch_update():
        await attach(machine, typed=typed)
