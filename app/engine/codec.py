"""Events as lines of JSON and back; lines of a newer vmbench are read as far as they are understood."""

from __future__ import annotations

import dataclasses
import functools
import json
import types
import typing
from collections.abc import Mapping
from enum import Enum

if typing.TYPE_CHECKING:
    from _typeshed import DataclassInstance

from app.engine.events import Event, Notice, PlannedStep, PlannedTest, Stamped

EVENT_TYPES: Mapping[str, type] = {t.__name__: t for t in typing.get_args(Event)}


class NotAnEvent(ValueError):
    """A line is no event; its message says why."""


def encode(stamped: Stamped) -> str:
    """Return the event as one line of JSON, without the line's end.

    The keys are ``seq``, ``time``, ``mono``, ``type`` and then the event's own fields.
    """
    event = stamped.event
    head = {"seq": stamped.seq, "time": stamped.time, "mono": stamped.mono, "type": type(event).__name__}
    return json.dumps(head | _plain_fields(event), separators=(",", ":"))


def decode(line: str | bytes) -> Stamped:
    """Read a line that ``encode`` wrote, in this or another version of vmbench.

    Unknown fields are left out. An event of an unknown type, or one whose fields make no sense here,
    becomes a ``Notice``, so that sequence numbers have no gaps.

    Raises:
        NotAnEvent: the line is no JSON object with a sequence number, such as a torn last line.
    """
    try:
        data = json.loads(line)
        seq, time, mono, name = int(data["seq"]), float(data["time"]), float(data["mono"]), str(data["type"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise NotAnEvent(f"not an event: {error!r}") from error
    cls = EVENT_TYPES.get(name)
    event: Event
    if cls is None:
        event = Notice(level="info", message=f"left out an event of the unknown type {name!r}")
    else:
        try:
            event = _build(cls, data)
        except (ValueError, KeyError, TypeError) as error:
            event = Notice(level="warning", message=f"left out a {name} event that cannot be read: {error}")
    return Stamped(seq=seq, time=time, mono=mono, event=event)


def _plain_fields(item: DataclassInstance) -> dict[str, object]:
    return {f.name: _plain(getattr(item, f.name)) for f in dataclasses.fields(item)}


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain_fields(value)
    return value


@functools.cache
def _field_types(cls: type) -> dict[str, object]:
    hints = typing.get_type_hints(cls)
    return {f.name: hints[f.name] for f in dataclasses.fields(cls)}


def _build(cls: type, data: Mapping[str, object]) -> typing.Any:
    return cls(**{name: _typed(kind, data[name]) for name, kind in _field_types(cls).items() if name in data})


def _typed(kind: object, value: object) -> object:
    if kind in (PlannedTest, PlannedStep) and isinstance(kind, type):
        if not isinstance(value, dict):
            raise TypeError(f"{value!r} is no {kind.__name__}")
        return _build(kind, value)
    origin = typing.get_origin(kind)
    if origin is tuple:
        if not isinstance(value, list):
            raise TypeError(f"{value!r} is no list")
        return tuple(_typed(typing.get_args(kind)[0], v) for v in value)
    if origin in (types.UnionType, typing.Union):
        if value is None:
            return None
        (inner,) = (k for k in typing.get_args(kind) if k is not types.NoneType)
        return _typed(inner, value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(kind, type) and isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    raise TypeError(f"{value!r} is no {getattr(kind, '__name__', kind)}")
