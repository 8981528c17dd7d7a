"""What a guest is told before anybody sees it, when it resumes from a saved state.

It gets the right time, random numbers of its own, its own name and the key of this machine alone.
"""

from __future__ import annotations

import os
import re
import shlex
import time

from backends.base import BackendError
from backends.commands import MASK
from backends.images.wake import ENTROPY, message
from backends.qemu.control import ControlChannel

WAKE = "/etc/vmbench/wake"
"""The guest's program that takes the time and the entropy, by its pipes ``wake.in`` and ``wake.out``."""

_OCTAL = re.compile(r"(?:\\[0-7]{3})+")


async def set_clock(control: ControlChannel) -> None:
    """Set the guest's clock and reseed its random numbers.

    Raises:
        BackendError: the guest gives no answer, or cannot.
    """
    await _run(control, _clock())


async def personalise(control: ControlChannel, *, machine: str, client_key: str) -> None:
    """Make a fork a machine of its own: clock, random numbers, name and authorised key.

    Raises:
        BackendError: the guest gives no answer, or cannot.
    """
    key, name = shlex.quote(client_key), shlex.quote(machine)
    await _run(
        control,
        f"{_clock()} && echo {key} >/root/.ssh/authorized_keys && "
        f"echo {name} >/proc/sys/kernel/hostname && echo 127.0.1.1 {name} >>/etc/hosts",
    )


def _clock() -> str:
    # The time is the last thing made, so that it is as right as it can be.
    entropy = os.urandom(ENTROPY)
    octal = "".join(f"\\{byte:03o}" for byte in message(time.time(), entropy))
    # Builtins of the shell alone: each process that a fresh fork starts costs it a tenth of a second.
    return f"printf '{octal}' 1<>{WAKE}.in && read -r -t 10 woken 0<>{WAKE}.out && [ \"$woken\" = 0 ]"


async def _run(control: ControlChannel, command: str) -> None:
    told = _OCTAL.sub(MASK, command)  # entropy is a secret of the guest
    code, said = await control.run(command, timeout=20.0, builtin=True, told=told)
    if code != 0:
        raise BackendError(
            f"the guest could not be woken: {said.decode(errors='replace').strip() or f'exit code {code}'}",
            remedy="boot it instead: use --cold",
        )
