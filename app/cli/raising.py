"""Tells of machines that were raised."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backends.base import Machine


def tell_new(machines: Sequence[Machine], *, as_json: bool) -> None:
    """Print the new machines: ids one a line, or JSON."""
    if as_json:
        print(json.dumps([document(m.id, m.folder, m.ssh_command) for m in machines], indent=1))
    else:
        for machine in machines:
            print(machine.id)


def document(machine: str, folder: Path, ssh: str) -> dict[str, object]:
    """Return what JSON says of a new machine."""
    return {"id": machine, "folder": str(folder), "ssh": ssh}
