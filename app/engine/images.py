"""Images made ready once a run, however many tests wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from backends.base import Backend

PACE = 0.2
"""Seconds between two reports of progress of the same stage."""


class ImageGate:
    """Calls ``Backend.prepare`` once for each image and backend.

    Args:
        backends: All of them, by name.
    """

    def __init__(self, backends: Mapping[str, Backend]) -> None:
        self._backends = backends
        self._work: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._listeners: dict[tuple[str, str], list[Callable[[str], None]]] = {}

    async def ready(self, backend: str, image: str, on_progress: Callable[[str], None]) -> None:
        """Return when the image is ready.

        Args:
            backend: Which backend needs it.
            image: Its name.
            on_progress: Called with a line for people, a few times a second at most.

        Raises:
            BackendError: it cannot be had; the same error for everyone who waits.
        """
        key = (backend, image)
        listeners = self._listeners.setdefault(key, [])
        listeners.append(on_progress)
        try:
            if key not in self._work:
                self._work[key] = asyncio.create_task(self._prepare(key))
            # Shielded: one cancelled test must not take the image from the others.
            await asyncio.shield(self._work[key])
        finally:
            listeners.remove(on_progress)

    async def _prepare(self, key: tuple[str, str]) -> None:
        loop = asyncio.get_running_loop()
        backend, image = key
        last_time, last_stage = -PACE, ""

        def tell(phase: str, detail: str) -> None:
            # May be called from a thread that builds.
            loop.call_soon_threadsafe(pass_on, detail)

        def pass_on(detail: str) -> None:
            nonlocal last_time, last_stage
            stage, now = detail.rstrip("0123456789% "), loop.time()
            if stage == last_stage and now - last_time < PACE:
                return
            last_time, last_stage = now, stage
            for listener in list(self._listeners.get(key, ())):
                listener(detail)

        await self._backends[backend].prepare(image, on_phase=tell)

    async def close(self) -> None:
        """Stop what is still being made ready."""
        for task in self._work.values():
            task.cancel()
        await asyncio.gather(*self._work.values(), return_exceptions=True)
