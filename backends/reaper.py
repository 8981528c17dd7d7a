"""The reaper: a tiny process that outlives vmbench and removes what it left behind.

It is started with the first machine and holds the read end of a pipe. When vmbench is gone, however
it went, the pipe closes; the reaper then removes that vmbench's machines, kept ones excepted.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from pathlib import Path

from backends.process import ProcessIdentity, this_process
from backends.store import MachineStore

DISMISSED = b"."
ATTEMPTS = 20
PAUSE = 0.25


class Reaper:
    """Starts the reaper of this process once, for a store.

    Args:
        store: Whose machines to watch over.
    """

    def __init__(self, store: MachineStore) -> None:
        self._store = store
        self._process: subprocess.Popen[bytes] | None = None
        self._starting = asyncio.Lock()

    async def ensure(self) -> None:
        """Start the reaper unless it runs."""
        async with self._starting:
            if self._process is None or self._process.poll() is not None:
                self._process = await asyncio.to_thread(self._start)

    def _start(self) -> subprocess.Popen[bytes]:
        owner = this_process()
        top = str(Path(__file__).resolve().parent.parent)
        return subprocess.Popen(
            [sys.executable, "-m", "backends.reaper", str(self._store.root), str(owner.pid), owner.start],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": top},
            start_new_session=True,
        )

    def close(self) -> None:
        """Dismiss the reaper: nothing is left to watch over. Blocking, shortly."""
        if self._process is not None:
            assert self._process.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(DISMISSED)
                self._process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
            self._process = None


def main(arguments: list[str]) -> int:
    """Wait until standard input closes, then reclaim the machines of the vmbench that held it."""
    import time

    from backends.process import boot_id

    store = MachineStore(Path(arguments[0]))
    owner = ProcessIdentity(pid=int(arguments[1]), start=arguments[2], boot=boot_id())
    if os.read(0, 1) == DISMISSED:
        return 0
    # The pipe may close a moment before the process is gone.
    for _ in range(ATTEMPTS):
        if not owner.alive():
            break
        time.sleep(PAUSE)
    store.report(store.reclaim(owner))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
