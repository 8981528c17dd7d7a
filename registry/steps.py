"""One decoder for every action a step can have."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Literal

from registry.decode import Table, shown, suggest
from registry.model import (
    AddStep,
    ConsoleStep,
    CopyStep,
    HttpStep,
    MailStep,
    PlaywrightStep,
    Poll,
    RebootStep,
    RemoveStep,
    ResetStep,
    ShellStep,
    Step,
    WaitStep,
)

GUEST = "guest:"
"""Marks the side of a ``copy`` that is in the guest."""

_METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD")
_WAIT_FOR_ZERO = 60.0  # what `timeout = 0` of a wait has always meant
_POLL_KEYS = frozenset({"interval", "attempts"})
_COMMON = frozenset({"action", "name"})
_NAME_WIDTH = 60


def _name(table: Table, default: str) -> str:
    given = table.text("name")
    if given is not None and given.strip():
        return given if given.isprintable() else " ".join(given.split())
    line = default.strip().partition("\n")[0].strip()
    return line if len(line) <= _NAME_WIDTH else f"{line[: _NAME_WIDTH - 1]}…"


def _poll(table: Table) -> Poll | None:
    poll = table.table("poll")
    if poll is None:
        return None
    poll.check_keys(_POLL_KEYS)
    if not poll.data.keys() >= _POLL_KEYS:
        table.error(
            "poll",
            "a poll has an interval and a number of attempts",
            "write poll = { interval = 1, attempts = 30 }",
        )
    return Poll(
        interval=poll.duration("interval", 1.0, minimum=0.0),
        attempts=poll.integer("attempts", 1, 1_000_000) or 1,
    )


def _add(table: Table) -> Step:
    service = table.required("service")
    return AddStep(
        name=_name(table, f"add {service}"),
        service=service,
        args=table.text("args") or "",
        env=table.variables("env"),
        timeout=table.duration("timeout", 300.0),
    )


def _remove(table: Table) -> Step:
    service = table.required("service")
    return RemoveStep(
        name=_name(table, f"remove {service}"), service=service, timeout=table.duration("timeout", 60.0)
    )


def _reset(table: Table) -> Step:
    return ResetStep(name=_name(table, "reset"), timeout=table.duration("timeout", 120.0))


def _wait(table: Table) -> Step:
    service = table.required("service")
    timeout = table.duration("timeout", 30.0, minimum=float("-inf"))
    return WaitStep(
        name=_name(table, f"wait {service}"),
        service=service,
        timeout=timeout if timeout > 0 else _WAIT_FOR_ZERO,
    )


def _shell(table: Table) -> Step:
    run = table.required("run")
    return ShellStep(
        name=_name(table, run), run=run, timeout=table.duration("timeout", 30.0), poll=_poll(table)
    )


def _http(table: Table) -> Step:
    url = table.required("url")
    method = table.choice("method", _METHODS, "GET")
    return HttpStep(
        name=_name(table, f"{method} {url}"),
        url=url,
        method=method,
        body=table.text("body"),
        content_type=table.text("content_type") or "application/json",
        headers=table.strings("headers"),
        status=table.integer("status", 100, 599) or 200,
        service=table.text("service"),
        poll=_poll(table),
        timeout=table.duration("timeout", 30.0),
    )


def _playwright(table: Table) -> Step:
    spec = table.required("spec")
    return PlaywrightStep(
        name=_name(table, spec),
        spec=spec,
        env=table.variables("env"),
        timeout=table.duration("timeout", 120.0),
    )


def _mail(table: Table) -> Step:
    mailbox = table.required("mailbox")
    return MailStep(
        name=_name(table, f"mail {mailbox}"),
        mailbox=mailbox,
        contains=table.text("contains"),
        poll=_poll(table) or Poll(interval=2.0, attempts=30),
        timeout=table.duration("timeout", 30.0),
    )


def _copy(table: Table) -> Step:
    source, target = table.required("from"), table.required("to")
    if source and target and source.startswith(GUEST) == target.startswith(GUEST):
        side = "both sides are" if source.startswith(GUEST) else "neither side is"
        table.error(
            "from",
            f"{side} in the guest",
            f'put "{GUEST}" before exactly one of them, such as to = "{GUEST}/root/data.bin"',
        )
    for key, path in (("from", source), ("to", target)):
        if path.startswith(GUEST) and not path.startswith(f"{GUEST}/"):
            table.error(key, f"{shown(path)} is no absolute path", f'write "{GUEST}/…"')
    return CopyStep(
        name=_name(table, f"copy {source} to {target}"),
        source=source,
        target=target,
        timeout=table.duration("timeout", 60.0),
    )


def _console(table: Table) -> Step:
    pattern = table.required("pattern")
    try:
        with warnings.catch_warnings(action="ignore"):
            re.compile(pattern.encode())
    except (re.error, OverflowError, RecursionError) as fault:
        table.error(
            "pattern", f"not a regular expression: {fault}", "escape ( ) [ ] { } * + ? . | ^ $ with \\"
        )
    fresh = table.choice("since", ("boot", "step"), "boot") == "step"
    since: Literal["boot", "step"] = "step" if fresh else "boot"
    return ConsoleStep(
        name=_name(table, f"console {pattern}"),
        pattern=pattern,
        since=since,
        timeout=table.duration("timeout", 30.0),
    )


def _reboot(table: Table) -> Step:
    return RebootStep(name=_name(table, "reboot"), timeout=table.duration("timeout", 60.0))


_Decoder = Callable[[Table], Step]
_SHELL: tuple[_Decoder, frozenset[str]] = (_shell, _COMMON | {"run", "timeout", "poll"})
_ACTIONS: dict[str, tuple[_Decoder, frozenset[str]]] = {
    "add": (_add, _COMMON | {"service", "args", "env", "timeout"}),
    "remove": (_remove, _COMMON | {"service", "timeout"}),
    "reset": (_reset, _COMMON | {"timeout"}),
    "wait": (_wait, _COMMON | {"service", "timeout"}),
    "shell": _SHELL,
    "run": _SHELL,
    "assert": _SHELL,
    "http": (
        _http,
        _COMMON
        | {"url", "method", "body", "content_type", "headers", "status", "service", "poll", "timeout"},
    ),
    "playwright": (_playwright, _COMMON | {"spec", "env", "timeout"}),
    "mail": (_mail, _COMMON | {"mailbox", "contains", "poll", "timeout"}),
    "copy": (_copy, _COMMON | {"from", "to", "timeout"}),
    "console": (_console, _COMMON | {"pattern", "since", "timeout"}),
    "reboot": (_reboot, _COMMON | {"timeout"}),
}


def decode_step(table: Table) -> Step | None:
    """Return the step a table describes, or ``None`` where its action cannot be told."""
    action = table.text("action")
    if action is None:
        if "action" not in table.data:
            table.error("action", '"action" is missing', f'add action = "…", one of {", ".join(_ACTIONS)}')
        return None
    entry = _ACTIONS.get(action)
    if entry is None:
        table.error(
            "action",
            f"unknown action {shown(action)}",
            suggest(action, _ACTIONS, f"write one of {', '.join(_ACTIONS)}"),
        )
        return None
    decoder, known = entry
    table.check_keys(known)
    return decoder(table)
