"""What a shared folder holds, and what must change where so that both copies are the same.

Pure data and one pure function; paths are relative, ``/`` between their parts.
"""

from __future__ import annotations

import itertools
import json
import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["file", "folder", "link"]
CONFLICT = ".vmbench-conflict"
STATE_FILE = ".vmbench-share"
"""In the guest's copy: what both sides held when they were last the same."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, folder or symbolic link."""

    kind: Kind
    mode: int = 0
    """Permission bits; 0 for links."""
    what: str = ""
    """SHA-256 of a file's content, or a link's target."""


Tree = Mapping[str, Entry]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a read-write share does to the host, before the guest is made like the host."""

    take: Mapping[str, str] = field(default_factory=dict)
    """Path in the guest → path on the host where it goes; folders come before what is in them."""
    delete: tuple[str, ...] = ()
    """Paths on the host, the deepest first."""
    conflicts: Mapping[str, str] = field(default_factory=dict)
    """Path that both sides changed → path of the guest's version on the host."""


def unsafe(path: str) -> bool:
    """Whether a relative path might lead out of its folder."""
    parts = path.split("/")
    return not path or "\0" in path or any(part in ("", ".", "..") for part in parts)


def leaves(path: str, target: str) -> bool:
    """Whether the link ``path`` with this target leads out of the folder.

    Only targets are let in that go up first and down afterwards: ``a/../b`` might climb out of a link
    ``a``, however harmless it looks.
    """
    if not target or target.startswith("/"):
        return True
    parts = [p for p in target.split("/") if p not in ("", ".")]
    ups = sum(1 for _ in itertools.takewhile(lambda p: p == "..", parts))
    return ".." in parts[ups:] or ups > path.count("/")


def under(path: str, roots: Iterable[str]) -> bool:
    """Whether ``path`` is one of ``roots`` or inside one."""
    return any(path == root or path.startswith(f"{root}/") for root in roots)


def plan(base: Tree, host: Tree, guest: Tree, left_out: Iterable[str] = ()) -> Plan:
    """Decide what the guest's changes since ``base`` do to the host.

    What one side changed and the other did not is taken over. What both changed stays as it is on the
    host, and the guest's version is put beside it. Nothing that either side changed is deleted.

    Args:
        base: What both sides held when they were last the same.
        host: What the host holds now.
        guest: What the guest holds now.
        left_out: Paths that are not shared, with all that is in them.
    """
    outside = set(left_out)
    take: dict[str, str] = {}
    delete: list[str] = []
    conflicts: dict[str, str] = {}
    taken_names = set(host) | set(guest)
    for path in sorted(set(base) | set(host) | set(guest)):
        if outside and under(path, outside):
            continue
        before, here, there = base.get(path), host.get(path), guest.get(path)
        moved = next((f"{new}{path[len(old) :]}" for old, new in conflicts.items() if under(path, [old])), "")
        if moved:
            if there is not None:
                take[path] = moved
        elif here == there or there == before:
            continue
        elif here == before or here is None:
            if there is None:
                delete.append(path)
            else:
                take[path] = path
        elif there is not None and not (here.kind == there.kind == "folder"):
            if here.kind == there.kind and here.what == there.what:
                continue  # modes alone differ: the host's is as good
            name = _free(path, taken_names)
            taken_names.add(name)
            conflicts[path] = take[path] = name
    # A folder survives where something in it does.
    survivors = {p for p in host if p not in delete} | set(take.values())
    parents = {parent for p in survivors for parent in _parents(p)}
    return Plan(
        take=take,
        delete=tuple(p for p in sorted(delete, reverse=True) if p not in parents),
        conflicts=conflicts,
    )


def _free(path: str, taken: set[str]) -> str:
    names = (f"{path}{CONFLICT}{'' if n == 1 else f'-{n}'}" for n in itertools.count(1))
    return next(name for name in names if name not in taken)


def _parents(path: str) -> Iterable[str]:
    while path := posixpath.dirname(path):
        yield path


def to_json(tree: Tree) -> str:
    """Return a tree as JSON; names that are not UTF-8 survive."""
    return json.dumps({path: [e.kind, e.mode, e.what] for path, e in tree.items()})


def from_json(text: str) -> dict[str, Entry]:
    """Read a tree.

    Raises:
        ValueError: the text is none.
    """
    try:
        found = {}
        for path, (kind, mode, what) in json.loads(text).items():
            if kind not in ("file", "folder", "link") or unsafe(path):
                raise ValueError(f"not an entry of a shared folder: {path!r}")
            found[path] = Entry(kind, int(mode), str(what))
        return found
    except (TypeError, AttributeError) as error:
        raise ValueError(f"not a shared folder's state: {error}") from error
