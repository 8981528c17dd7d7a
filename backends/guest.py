"""The SSH channel to a guest: commands, copies and forwarded ports.

Connections are pooled and each carries one channel at a time, because dropbear 2022.83 dies of
overlapping channels (its issue 321); few handshakes run at once, because they are costly for a guest.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import itertools
import os
import shlex
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from backends.base import BackendError, ExecResult, MachineTimeout, OutputSink
from backends.commands import noted

if TYPE_CHECKING:
    import asyncssh

    from backends.ssh_session import CommandSession
    from backends.terminal import SshTerminal

MAX_CONNECTIONS = 8
MAX_HANDSHAKES = 4
HANDSHAKE_DEADLINE = 20.0
"""Seconds; a loaded host with many booting guests needs several."""
KEEPALIVE = 3.0
"""Seconds between signs of life: a guest that restarted answers one by breaking the connection."""
KILL_GRACE = 5.0
"""Seconds a killed command has to be gone before its connection is cut."""
STATE_FOLDER = "/run/vmbench"
_TERMINAL_WINDOW = 1 << 18
"""Bytes that a terminal in a guest may print ahead of being read, so that a flood waits in the guest."""

Killer = Callable[[str], Awaitable[None]]
"""Runs a shell command in the guest beside SSH, to kill what a command left."""


def preload() -> None:
    """Import asyncssh, which takes a third of a second. Blocking."""
    importlib.import_module("asyncssh")


class GuestChannel:
    """SSH to one guest.

    Args:
        port: Loopback port that leads to the guest's SSH server.
        client_key: OpenSSH private key.
        host_key: The guest's public host key, ``ssh-ed25519 BASE64``.
        kill: Runs a command in the guest beside SSH.
        env: Variables every command sees.
        machine: The machine's id, for the command log.
        login: The plain ``ssh`` command that does what a login does, for the same.
    """

    def __init__(
        self,
        *,
        port: int,
        client_key: bytes,
        host_key: str,
        kill: Killer,
        env: Mapping[str, str],
        machine: str = "",
        login: str = "",
    ) -> None:
        self.port = port
        self._client_key = client_key
        self._host_key = host_key
        self._kill = kill
        self._env = dict(env)
        self._machine = machine
        self._login = login or f"ssh -p {port} root@127.0.0.1"
        self._idle: list[_Slot] = []
        self._room = asyncio.Semaphore(MAX_CONNECTIONS)
        self._handshakes = asyncio.Semaphore(MAX_HANDSHAKES)
        self._numbers = itertools.count(1)
        self._open: set[_Slot] = set()

    async def connect(self, *, timeout: float) -> None:
        """Wait until the guest's SSH server takes a connection, and keep it for the first command.

        Raises:
            MachineTimeout: the message says what the last attempt met.
        """
        self._idle.append(await self._new_slot(timeout))

    async def exec(
        self,
        command: str,
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        timeout: float | None = None,
        on_output: OutputSink | None = None,
    ) -> ExecResult:
        """Run a shell command; see ``backends.base.Machine.exec``.

        Raises:
            BackendError: the connection broke.
        """
        for name in (env or {}).keys() | self._env.keys():
            if not name.isidentifier():
                raise BackendError(
                    f"{name!r} is no name of a variable", remedy="use letters, digits and underscores"
                )
        async with self._slot() as slot:
            script = _wrap(command, cwd, {**self._env, **(env or {})}, slot.pid_file)
            return await self._run(slot, script, stdin, timeout, on_output)

    async def _run(
        self,
        slot: _Slot,
        script: str,
        stdin: bytes | None,
        timeout: float | None,
        on_output: OutputSink | None,
    ) -> ExecResult:
        import asyncssh

        from backends.ssh_session import CommandSession

        started = time.monotonic()
        sink = CommandSession(on_output)
        try:
            timed_out = False
            channel = None
            try:
                async with asyncio.timeout(timeout):
                    # A guest that hangs does not even open the session.
                    channel, _ = await slot.connection.create_session(lambda: sink, script, encoding=None)
                    if stdin:
                        channel.write(stdin)
                    channel.write_eof()
                    await sink.done.wait()
            except TimeoutError:
                timed_out = slot.broken = True
                if channel is not None:
                    await self._kill_command(slot, sink)
            except asyncio.CancelledError:
                slot.broken = True
                await asyncio.shield(self._kill_command(slot, sink))
                raise
        except (asyncssh.Error, OSError) as error:
            slot.broken = True
            raise BackendError(f"the SSH connection to the guest broke: {error}") from error
        if sink.exit_code is None and not timed_out:
            slot.broken = True
            raise BackendError(f"the SSH connection to the guest broke: {sink.error or 'it was closed'}")
        return ExecResult(
            exit_code=None if timed_out else sink.exit_code,
            stdout=b"".join(sink.chunks["stdout"]),
            stderr=b"".join(sink.chunks["stderr"]),
            duration=time.monotonic() - started,
            timed_out=timed_out,
        )

    async def _kill_command(self, slot: _Slot, sink: CommandSession) -> None:
        """Kill the session the command leads; closing its channel alone would leave it running."""
        slot.broken = True
        with contextlib.suppress(BackendError):
            await self._kill(
                f"s=$(cat {slot.pid_file}) && {{ pkill -KILL -s $s; kill -KILL -- -$s; }} 2>/dev/null"
            )
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(KILL_GRACE):
                await sink.done.wait()

    async def copy_in(self, source: Path, target: str, *, timeout: float) -> None:
        """Copy a host file or folder into the guest.

        Raises:
            BackendError: it cannot be read here or written there.
        """
        if not source.exists():
            raise BackendError(f"there is no {source} to copy", remedy="check the path")
        parent = target.rstrip("/").rpartition("/")[0] or "/"
        async with self._sftp(timeout, f"copying {source} to the guest's {target}") as sftp:
            await sftp.makedirs(parent, exist_ok=True)
            await sftp.put(str(source), target, preserve=True, recurse=source.is_dir())

    async def copy_out(self, source: str, target: Path, *, timeout: float) -> None:
        """Copy a guest file or folder to the host.

        Raises:
            BackendError: it cannot be read there or written here.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        async with self._sftp(timeout, f"copying the guest's {source} to {target}") as sftp:
            recurse = await sftp.isdir(source)
            await sftp.get(source, str(target), preserve=True, recurse=recurse)

    @asynccontextmanager
    async def _sftp(self, timeout: float, what: str) -> AsyncIterator[asyncssh.SFTPClient]:
        import asyncssh

        try:
            async with asyncio.timeout(timeout), self._slot() as slot:
                slot.broken = True  # the channel's end is not awaited, so nobody may reuse the connection
                async with slot.connection.start_sftp_client() as sftp:
                    yield sftp
        except TimeoutError as error:
            raise MachineTimeout(f"{what} was not done within {timeout:g}s") from error
        except (asyncssh.Error, OSError) as error:
            reason = getattr(error, "reason", "") or str(error)
            raise BackendError(f"{what} failed: {reason}", remedy="check that the path exists") from error

    @asynccontextmanager
    async def forward(self, port: int, host: str) -> AsyncIterator[int]:
        """Open a loopback port that leads to ``host:port`` as the guest sees it."""
        tasks: set[asyncio.Task[None]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            try:
                with contextlib.suppress(asyncio.CancelledError):  # asyncio would log it as a fault
                    await self._carry(reader, writer, host, port)
            finally:
                tasks.discard(task)
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int
    ) -> None:
        import asyncssh

        with contextlib.suppress(asyncssh.Error, OSError, BackendError):
            async with self._slot() as slot:
                slot.broken = True
                far_reader, far_writer = await slot.connection.open_connection(host, port, encoding=None)

                async def upward() -> None:
                    while data := await reader.read(65536):
                        far_writer.write(data)
                        await far_writer.drain()
                    far_writer.write_eof()

                async def downward() -> None:
                    while data := await far_reader.read(65536):
                        writer.write(data)
                        await writer.drain()

                up = asyncio.create_task(upward())
                try:
                    await downward()
                finally:
                    up.cancel()
                    with contextlib.suppress(asyncio.CancelledError, asyncssh.Error, OSError):
                        await up

    async def terminal(self, command: str | None, *, columns: int, rows: int, term: str) -> SshTerminal:
        """Open a terminal with a login shell, or with ``command``.

        Raises:
            BackendError: the connection broke.
        """
        import asyncssh

        from backends.terminal import SshTerminal

        await self._room.acquire()
        slot: _Slot | None = None

        async def hang_up() -> None:
            if slot is not None:
                self._discard(slot)
            self._room.release()

        try:
            slot = await self._new_slot(timeout=30.0)
            process = await slot.connection.create_process(
                self._for_terminal(command),
                term_type=term,
                term_size=(columns, rows),
                encoding=None,
                window=_TERMINAL_WINDOW,
            )
        except (asyncssh.Error, OSError) as error:
            await hang_up()
            raise BackendError(f"the guest opens no terminal: {error}") from error
        except BaseException:
            await hang_up()
            raise
        return SshTerminal(process, hang_up)

    def _for_terminal(self, command: str | None) -> str | None:
        if not self._env:
            return command
        exports = "; ".join(f"export {name}={shlex.quote(value)}" for name, value in self._env.items())
        return f"{exports}; {command or 'exec sh -l'}"

    async def reset(self) -> None:
        """Drop every connection, as a reboot does anyway."""
        self._idle.clear()
        for slot in list(self._open):
            slot.broken = True
            slot.connection.abort()
            self._open.discard(slot)

    async def close(self) -> None:
        """Drop every connection."""
        await self.reset()

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[_Slot]:
        """Hold a connection that nobody else uses meanwhile."""
        async with self._room:
            while self._idle and self._idle[-1].connection.is_closed():
                self._discard(self._idle.pop())
            slot = self._idle.pop() if self._idle else await self._new_slot(timeout=30.0)
            try:
                yield slot
            except BaseException:
                slot.broken = True
                raise
            finally:
                if slot.broken:
                    self._discard(slot)
                else:
                    self._idle.append(slot)

    def _discard(self, slot: _Slot) -> None:
        slot.connection.abort()
        self._open.discard(slot)

    async def _new_slot(self, timeout: float) -> _Slot:
        deadline = time.monotonic() + timeout
        async with self._handshakes:
            with noted("ssh", self._login, self._machine):
                return await self._log_in(deadline, timeout)

    async def _log_in(self, deadline: float, timeout: float) -> _Slot:
        seen = "nothing"
        import asyncssh

        while (left := deadline - time.monotonic()) > 0:
            try:
                slot = _Slot(await self._handshake(left), next(self._numbers))
                self._open.add(slot)
                return slot
            except TimeoutError:
                seen = "no SSH handshake"
            except (OSError, asyncssh.Error) as error:
                seen = str(error) or type(error).__name__
                if isinstance(error, asyncssh.HostKeyNotVerifiable | asyncssh.PermissionDenied):
                    break
                await asyncio.sleep(0.02)
        raise MachineTimeout(
            f"the guest's SSH server did not take a connection within {timeout:g}s; last seen: {seen}"
        )

    async def _handshake(self, timeout: float) -> asyncssh.SSHClientConnection:
        import asyncssh

        return await asyncssh.connect(
            "127.0.0.1",
            self.port,
            config=None,
            username="root",
            client_keys=[asyncssh.import_private_key(self._client_key)],
            known_hosts=([asyncssh.import_public_key(self._host_key)], [], []),
            server_host_key_algs=["ssh-ed25519"],
            kex_algs=["curve25519-sha256", "curve25519-sha256@libssh.org"],
            encryption_algs=["chacha20-poly1305@openssh.com", "aes128-ctr"],
            compression_algs=["none"],
            agent_path=None,
            preferred_auth="publickey",
            keepalive_interval=KEEPALIVE,
            keepalive_count_max=1 << 20,  # a paused guest that is silent for long loses nothing
            connect_timeout=min(timeout, HANDSHAKE_DEADLINE),
            login_timeout=min(timeout, HANDSHAKE_DEADLINE),
        )


class _Slot:
    """A connection and the place where its running command leaves its process id.

    Args:
        connection: The connection.
        number: Of this process; others may work in the guest too, and must not take its place.
    """

    def __init__(self, connection: asyncssh.SSHClientConnection, number: int) -> None:
        self.connection = connection
        self.pid_file = f"{STATE_FOLDER}/ssh-{os.getpid()}-{number}"
        self.broken = False


def _wrap(command: str, cwd: str | None, env: Mapping[str, str], pid_file: str) -> str:
    """Return the script that SSH runs: a session of its own, noted in ``pid_file``, for the command.

    Its own session, because the server's is shared by all commands of a connection: killing one
    that timed out must not kill what an earlier one started.
    """
    lines = [f"[ -d {STATE_FOLDER} ] || mkdir -p {STATE_FOLDER}; echo $$ >{pid_file}"]
    if cwd is not None:
        lines.append(f"cd {shlex.quote(cwd)} || exit 126")
    lines += [f"export {name}={shlex.quote(value)}" for name, value in env.items()]
    script = "\n".join([*lines, command])
    return f"exec setsid sh -c {shlex.quote(script)}"
