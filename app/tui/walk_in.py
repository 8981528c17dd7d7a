"""Hands the whole terminal to a shell in a machine and takes it back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from textual.app import App

from app.attach import attach, fresh_page
from backends.base import Machine

Walk = Callable[[App[int], Machine, str], Awaitable[None]]


@asynccontextmanager
async def lent_screen(app: App[int]) -> AsyncIterator[None]:
    """Give the terminal away while the block runs, and take it back however that ends.

    Raises:
        textual.app.SuspendNotSupported: there is no terminal to give.
    """
    failure: Exception | None = None
    with app.suspend(), app.batch_update():
        try:
            yield
        except Exception as error:  # the app takes its terminal back only from a block that ended well
            failure = error
    if failure is not None:
        raise failure


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
    way_back = "exit leads back to the workbench"
    heading = " · ".join([machine.id, way_back, *(["the step is typed: enter runs it"] if typed else [])])
    async with lent_screen(app):  # first, so that what is typed meanwhile is for the shell
        await asyncio.to_thread(fresh_page, heading)
        await attach(machine, typed=typed)
