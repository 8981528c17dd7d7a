"""``service.toml`` to a service: ours, and as much of another runner's as is worth knowing."""

from __future__ import annotations

import os.path
import re
from collections.abc import Mapping
from pathlib import Path

from registry.decode import Problems, Table, shown, suggest
from registry.model import ReadyCheck, Service, ServiceCommand, ServiceFile

INSTALL_TIMEOUT = 300.0
START_TIMEOUT = 60.0
STOP_TIMEOUT = 30.0
REMOVE_TIMEOUT = 60.0

_FILE_MODE = 0o644
_MODE = re.compile(r"0?[0-7]{3,4}")
_LIFECYCLE = frozenset({"install", "start", "stop", "remove", "ready", "files"})
_KEYS = _LIFECYCLE | {"service", "description", "requirements", "ports", "env"}
_SERVICE_KEYS = frozenset({"name", "description", "url"})
_REQUIREMENT_KEYS = frozenset({"ram", "disk"})
_AMOUNT_KEYS = frozenset({"min", "recommended"})
_FILE_KEYS = frozenset({"from", "to", "mode"})
_COMMAND_KEYS = frozenset({"run", "timeout"})
_READY_KEYS = frozenset({"tcp", "http", "exec", "status", "port"})
_READY_KINDS = ("tcp", "http", "exec")
_PORT_KEYS = frozenset({"name", "port", "container_port"})
_ENV_KEYS = frozenset({"name", "value"})
_FOREIGN = "its service.toml describes a container for another runner: it has no [install] and no [start]"


def decode_service(data: Mapping[str, object], name: str, folder: str, problems: Problems) -> Service | None:
    """Return a service, or ``None`` after reporting what is wrong with it.

    A file with a ``[service]`` table and nothing about how to install or start it was written for
    another runner: its keys are not checked, and the service says in ``foreign`` why it cannot be
    added.
    """
    before = problems.errors
    top = Table(data, "", problems)
    foreign = "service" in data and not (data.keys() & _LIFECYCLE)
    head = top.table("service")
    if not foreign:
        top.check_keys(_KEYS)
        if head is not None:
            head.check_keys(_SERVICE_KEYS)
            if (head.text("name") or name) != name:
                remedy = f"rename the folder, or write name = {shown(name)}"
                problems.warning("service.name", f"the folder is called {shown(name)}, and counts", remedy)
    requirements = top.table("requirements")
    if requirements is not None and not foreign:
        requirements.check_keys(_REQUIREMENT_KEYS)
    ports = _ports(top, foreign)
    service = Service(
        name=name,
        folder=Path(folder),
        description=top.text("description") or (head and head.text("description")) or "",
        memory=_amount(requirements, "ram", foreign),
        disk=_amount(requirements, "disk", foreign),
        files=tuple(_file(table, folder) for table in top.tables("files")),
        install=_command(top, "install", INSTALL_TIMEOUT),
        start=_command(top, "start", START_TIMEOUT),
        stop=_command(top, "stop", STOP_TIMEOUT),
        remove=_command(top, "remove", REMOVE_TIMEOUT),
        ready=_ready(top, ports),
        ports=ports,
        env={} if foreign else _env(top),
        foreign=_FOREIGN if foreign else None,
    )
    return None if problems.errors > before else service


def quadlet(name: str, folder: Path) -> Service:
    """Return what stands for a quadlet that a ``[setup]`` names: known, but nothing to add here."""
    return Service(name=name, folder=folder, foreign="it is a quadlet for another runner, not a service.toml")


def _amount(requirements: Table | None, name: str, foreign: bool) -> int | None:
    """Return a recommended amount in MiB: a number, a string, or a table of min and recommended."""
    if requirements is None:
        return None
    if not isinstance(requirements.data.get(name), dict):
        return requirements.size(name)
    table = requirements.table(name)
    if table is None:
        return None
    if not foreign:
        table.check_keys(_AMOUNT_KEYS)
    least, recommended = table.size("min"), table.size("recommended")
    if least and recommended and recommended < least:
        table.error("recommended", f"{recommended} MiB is less than the minimum of {least} MiB", "raise it")
    return recommended or least


def _file(table: Table, folder: str) -> ServiceFile:
    table.check_keys(_FILE_KEYS)
    given, target = table.required("from"), table.required("to")
    source = os.path.join(folder, given)  # noqa: PTH118 - the loader stays with plain strings
    if given and not os.path.isfile(source):  # noqa: PTH113
        table.error("from", f"there is no file {source}", "create it, or correct the path")
    if target and not target.startswith("/"):
        table.error("to", f"{shown(target)} is no absolute path", f'write "/{target}"')
    mode = table.text("mode")
    if mode is not None and not _MODE.fullmatch(mode):
        table.error("mode", f"{shown(mode)} is no file mode", 'write it in octal, such as "0755"')
        mode = None
    return ServiceFile(source=Path(source), target=target, mode=int(mode, 8) if mode else _FILE_MODE)


def _command(top: Table, name: str, timeout: float) -> ServiceCommand | None:
    table = top.table(name)
    if table is None:
        return None
    table.check_keys(_COMMAND_KEYS)
    return ServiceCommand(run=table.required("run"), timeout=table.duration("timeout", timeout))


def _ports(top: Table, foreign: bool) -> dict[str, int]:
    if isinstance(top.data.get("ports"), dict):
        table = top.table("ports")
        return {} if table is None else {n: p for n in table if (p := table.integer(n, 1, 65535))}
    found: dict[str, int] = {}
    for table in top.tables("ports"):
        if not foreign:
            table.check_keys(_PORT_KEYS)
        name = table.required("name")
        key = "container_port" if "container_port" in table.data else "port"
        if key not in table.data:
            table.error("port", '"port" is missing', "add port = 8080, or what the service listens on")
        port = table.integer(key, 1, 65535)
        if name in found:
            table.error("name", f"two ports are called {shown(name)}", "rename one of them")
        if name and port:
            found[name] = port
    return found


def _env(top: Table) -> dict[str, str]:
    if not isinstance(top.data.get("env"), list):
        return top.variables("env")
    found: dict[str, str] = {}
    for table in top.tables("env"):
        table.check_keys(_ENV_KEYS)
        name, value = table.required("name"), table.text("value")
        if "value" not in table.data:
            table.error("value", '"value" is missing', 'add value = "…"; it may be empty')
        if name and table.check_variable(name, "name") and value is not None:
            found[name] = value
    return found


def _ready(top: Table, ports: Mapping[str, int]) -> ReadyCheck | None:
    table = top.table("ready")
    if table is None:
        return None
    table.check_keys(_READY_KEYS)
    kinds = [kind for kind in _READY_KINDS if kind in table.data]
    if len(kinds) != 1:
        found = " and ".join(f'"{kind}"' for kind in kinds) or "none of them"
        top.error("ready", f"found {found}", "give exactly one of tcp, http and exec")
        return None
    status = table.integer("status", 100, 599) or 200
    for extra in ("status", "port"):
        if extra in table.data and kinds[0] != "http":
            table.problems.warning(table.at(extra), "has no effect here", "it belongs to http; remove it")
    if kinds[0] == "tcp":
        return ReadyCheck(tcp=_port(table, "tcp", ports))
    if kinds[0] == "exec":
        return ReadyCheck(exec=table.required("exec"))
    url = table.required("http")
    if url.startswith("/"):
        if "port" in table.data:
            port = _port(table, "port", ports)
        elif len(ports) == 1:
            port = next(iter(ports.values()))
        else:
            table.error("port", '"port" is missing', "add port = 8080, or the name of one of its ports")
            port = None
        url = f"http://127.0.0.1:{port}{url}"
    elif url and not url.startswith(("http://", "https://")):
        table.error(
            "http", f"{shown(url)} is no URL", 'write "http://…", or a path such as "/health" and a port'
        )
    return ReadyCheck(http=url, status=status)


def _port(table: Table, name: str, ports: Mapping[str, int]) -> int | None:
    """Return a port given by number or by name."""
    value = table.data[name]
    if not isinstance(value, str):
        return table.integer(name, 1, 65535)
    if value not in ports:
        table.error(
            name,
            f"there is no port called {shown(value)}",
            suggest(value, ports, "name it in [[ports]], or write its number"),
        )
        return None
    return ports[value]
