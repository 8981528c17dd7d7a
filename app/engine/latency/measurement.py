"""A measurement: what was asked, every sample, and the file it is kept in."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from app.engine.latency.figures import Sample, summarise
from backends.base import BackendError

KIND = "vmbench latency"
FORMAT = 1
T = TypeVar("T")


class LatencyError(BackendError):
    """A measurement cannot be taken, or its file cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What was measured, and under which conditions."""

    probe: str
    """``echo``, ``paint`` or ``gap``."""
    machine: str = ""
    """Id of the machine that was typed into; empty for a shell of this host."""
    keys: int = 500
    """Keys of each series."""
    rate: float = 20.0
    """Keys a second on average, at random moments."""
    seed: int = 0
    columns: int = 200
    rows: int = 50
    floods: int = 0
    """Flooding panes beside the one that was typed into."""
    load: str = "none"
    """What worked meanwhile: ``none``, ``burn``, ``flood``, ``both``."""
    guests: int = 0
    """Guests that did."""
    vcpus: int = 0
    """Processors of each of them."""
    burners: int = 0
    """Programs of this host that did nothing but burn its processors."""
    isolation: str = "off"
    """Whether the guests were kept off one core: ``auto`` or ``off``."""

    @property
    def burning(self) -> int:
        """Virtual processors that burned meanwhile."""
        return self.guests * self.vcpus if self.load in ("burn", "both") else 0

    def words(self) -> str:
        """Return the load in a few words."""
        parts = []
        if self.guests and self.load != "none":
            does = {"burn": "burning", "flood": "flooding their consoles", "both": "burning and flooding"}
            guests = f"{self.guests} guest{'' if self.guests == 1 else 's'}"
            parts.append(f"{guests} with {self.vcpus} vCPU {does[self.load]}, isolation {self.isolation}")
        if self.burners:
            parts.append(f"{self.burners} host burner{'' if self.burners == 1 else 's'}")
        if self.floods:
            parts.append(f"{self.floods} flooding panes")
        return " + ".join(parts) or "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The host on which it was measured."""

    system: str = ""
    cpus: int = 0
    load_before: float = 0.0
    """Load average when it began."""
    load_after: float = 0.0
    stolen: float = 0.0
    """Part of all processors' time that the hypervisor kept for others meanwhile, from 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One measurement."""

    conditions: Conditions
    series: Mapping[str, Sequence[Sample]]
    """Samples by what was typed into."""
    when: float
    """Wall time at which it began, in seconds since the epoch."""
    version: str = ""
    host: Host = Host()
    advanced: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """Bytes that each flooding pane printed while it was measured, by what was typed into."""
    complete: bool = True
    """Whether all keys were sent; it was interrupted otherwise."""

    def document(self) -> dict[str, object]:
        """Return it as JSON's types."""
        c = self.conditions
        names = list(self.series)
        return {
            "kind": KIND,
            "format": FORMAT,
            "version": self.version,
            "when": self.when,
            "complete": self.complete,
            "unit": "ms",
            "percentiles": "nearest rank",
            **{name: getattr(c, name) for name in Conditions.__slots__},
            "host": {name: getattr(self.host, name) for name in Host.__slots__},
            "summary": {name: _summary(self.series[name]) for name in names},
            "samples": {name: [s.ms for s in self.series[name] if s.ms is not None] for name in names},
            "at": {name: [s.at for s in self.series[name] if s.ms is not None] for name in names},
            "busy": {name: [s.busy for s in self.series[name] if s.ms is not None] for name in names},
            "lost": {name: [s.at for s in self.series[name] if s.ms is None] for name in names},
            "advanced": {name: list(counts) for name, counts in self.advanced.items()},
        }


def _summary(samples: Sequence[Sample]) -> dict[str, object]:
    found = summarise(samples)
    if found is None:
        return {"n": 0, "lost": len(samples)}
    return {name: getattr(found, name) for name in found.__slots__}


def write(measurement: Measurement, file: Path) -> None:
    """Write a measurement; blocking.

    Raises:
        LatencyError: it cannot be written.
    """
    half = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        half.write_text(json.dumps(measurement.document()) + "\n")
        half.replace(file)
    except OSError as error:
        half.unlink(missing_ok=True)
        raise LatencyError(
            f"{file} cannot be written: {error.strerror or error}", remedy="name a file that can be written"
        ) from error


def read(file: Path) -> Measurement:
    """Read a measurement; blocking.

    Raises:
        LatencyError: it is none, or cannot be read; the message names the file and the key.
    """
    remedy = f"give a file that vmbench latency --json printed, or that --save wrote, not {file}"
    try:
        raw = json.loads(file.read_text())
    except OSError as error:
        raise LatencyError(f"{file} cannot be read: {error.strerror or error}", remedy=remedy) from error
    except ValueError as error:
        raise LatencyError(f"{file} is no JSON: {error}", remedy=remedy) from error
    if not isinstance(raw, dict) or raw.get("kind") != KIND:
        raise LatencyError(f"{file} is no measurement of latency", remedy=remedy)
    if raw.get("format") != FORMAT:
        raise LatencyError(
            f"{file}: format {raw.get('format')!r} is not known here",
            remedy="measure again with this vmbench",
        )
    try:
        return decoded(raw)
    except (KeyError, TypeError, ValueError) as error:
        raise LatencyError(f"{file}: {error} does not fit a measurement", remedy=remedy) from error


def decoded(raw: Mapping[str, object]) -> Measurement:
    """Return the measurement of a ``document``.

    Raises:
        KeyError: a key is missing.
        TypeError: a value is of the wrong kind.
        ValueError: values do not fit each other.
    """
    defaults = Conditions(probe="")
    conditions = {
        name: _typed(raw, name, type(getattr(defaults, name))) for name in Conditions.__slots__ if name in raw
    }
    host = _typed(raw, "host", dict)
    series: dict[str, list[Sample]] = {}
    samples, at = _typed(raw, "samples", dict), _typed(raw, "at", dict)
    busy, lost = _typed(raw, "busy", dict), _typed(raw, "lost", dict)
    for name, values in samples.items():
        rows = zip(values, at[name], busy[name], strict=True)
        found = [Sample(at=float(a), ms=float(ms), busy=float(b)) for ms, a, b in rows]
        found += [Sample(at=float(a), ms=None, busy=0.0) for a in lost.get(name, ())]
        series[str(name)] = sorted(found, key=lambda sample: sample.at)
    return Measurement(
        conditions=Conditions(**conditions),
        series=series,
        when=_typed(raw, "when", float),
        version=_typed(raw, "version", str),
        host=Host(**{name: host[name] for name in Host.__slots__ if name in host}),
        advanced={str(k): [int(n) for n in v] for k, v in _typed(raw, "advanced", dict).items()},
        complete=_typed(raw, "complete", bool),
    )


def _typed(raw: Mapping[str, object], name: str, kind: type[T]) -> T:
    value = raw[name]
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kind):
        raise TypeError(f'"{name}": {value!r}')
    return value
