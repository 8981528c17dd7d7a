"""What arguments of several commands may be; names are completed by the shell without heavy imports."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import click
from click.shell_completion import CompletionItem

_AGE = re.compile(r"(\d+(?:\.\d+)?) ?(d|w)")
_DAY = 86400.0


class _FolderName(click.ParamType[str]):
    """A name that is completed with the folders of one of vmbench's own folders."""

    def folder(self) -> Path:
        """Return where the named things are."""
        raise NotImplementedError

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return what begins with what was typed."""
        given = set(ctx.params.get(param.name or "") or ()) if param.nargs == -1 else set()
        return [
            CompletionItem(n) for n in sorted(self._names()) if n.startswith(incomplete) and n not in given
        ]

    def _names(self) -> Iterator[str]:
        try:
            yield from (e.name for e in os.scandir(self.folder()) if e.is_dir() and e.name[0] != ".")
        except OSError:
            return


class MachineName(_FolderName):
    """A machine's id or an unambiguous beginning of one."""

    name = "MACHINE"

    def folder(self) -> Path:
        """Return the folder of the machines."""
        from app.paths import user_paths

        return user_paths().machines


class SnapshotName(_FolderName):
    """A snapshot's name."""

    name = "SNAPSHOT"

    def folder(self) -> Path:
        """Return the folder of the snapshots."""
        from app.paths import user_paths

        return user_paths().snapshots


class RunName(_FolderName):
    """A run's id, a part of one, or ``last``."""

    name = "RUN"

    def folder(self) -> Path:
        """Return the folder of the runs."""
        from app.paths import user_paths

        return user_paths().runs

    def _names(self) -> Iterator[str]:
        yield "last"
        yield from super()._names()


class Duration(click.ParamType[float]):
    """A duration in seconds, such as ``2``, ``500ms`` or ``1m``."""

    name = "DURATION"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds."""
        try:
            return _seconds(value)
        except ValueError:
            self.fail(f'{value!r} is no duration: give 2, "500ms", "30s" or "1m"', param, ctx)


class Age(click.ParamType[float]):
    """An age in seconds, such as ``12h``, ``7d`` or ``2w``."""

    name = "AGE"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds."""
        if isinstance(value, str) and (found := _AGE.fullmatch(value.strip())):
            return float(found[1]) * (_DAY if found[2] == "d" else 7 * _DAY)
        try:
            return _seconds(value)
        except ValueError:
            self.fail(f'{value!r} is no age: give "12h", "7d" or "2w"', param, ctx)


class Size(click.ParamType[int]):
    """A size in MiB, such as ``512``, ``512M`` or ``2G``."""

    name = "SIZE"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the MiB."""
        from registry.units import parse_size

        try:
            text = str(value).strip()
            return parse_size(int(text) if text.isdigit() else text)
        except ValueError:
            self.fail(f'{value!r} is no size: give a number of MiB, "512M" or "2G"', param, ctx)


def _seconds(value: object) -> float:
    from registry.units import parse_duration

    text = str(value).strip()
    return parse_duration(float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else text)
