"""Everything on this host that outlives a run, as the workbench reads and commands it beside the engine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What is in the house besides runs; each part is a protocol of its own that tests can fake.

    A part that is ``None`` is not there, and its place in the workbench says so.
    """
