"""The rows of the lineage: images, the snapshots that came of them, and theirs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.engine.snapshots import Lineage, SnapshotView, TemplateView
from app.tui.narrowing import fits


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageRow:
    """One row."""

    text: str
    prefix: str = ""
    """What is drawn before it: the branches of the tree."""
    view: SnapshotView | None = None
    """The snapshot; ``None`` for an image, a parent that is gone, and what is damaged."""
    template: TemplateView | None = None
    """The template, if the row is one."""
    damaged: str = ""
    """Why it cannot be used, if it cannot."""
    gone: bool = False
    """Whether it was removed, and is here for what came of it."""

    @property
    def name(self) -> str:
        """The snapshot's name; empty where the row is none."""
        return self.view.name if self.view is not None else self.text if self.damaged else ""


def lineage_rows(lineage: Lineage, *, checkpoints: bool = False, words: str = "") -> list[LineageRow]:
    """Return the rows of the tree; with a filter those it leaves, without their branches.

    Args:
        lineage: What there is.
        checkpoints: Whether those that runs saved are shown.
        words: The filter: all of them must occur; one after ``-`` must not.
    """
    views = [view for view in lineage.snapshots if checkpoints or not view.checkpoint]
    damaged = [LineageRow(text=name, damaged=why) for name, why in sorted(lineage.damaged.items())]
    if words.strip():
        rows = [LineageRow(text=view.name, view=view) for view in views if fits(_text(view), words)]
        rows += [
            LineageRow(text=view.name, template=view)
            for view in lineage.templates
            if fits(f"{view.name} template {view.record.image} {view.shape}", words)
        ]
        return [*rows, *(row for row in damaged if fits(f"{row.text} damaged", words))]
    every = {view.name: view for view in lineage.snapshots}
    shown = {view.name for view in views}
    children: dict[str, list[SnapshotView]] = {}
    tops: dict[tuple[str, str], list[SnapshotView]] = {}
    """By what they stand below: an image, or a parent that is gone."""
    for view in views:
        parent = _shown_parent(view, every, shown)
        if parent in shown:
            children.setdefault(parent, []).append(view)
        else:
            tops.setdefault(("gone", parent) if parent else ("image", view.record.image), []).append(view)
    templates: dict[str, list[TemplateView]] = {}
    for template in lineage.templates:
        templates.setdefault(template.record.image, []).append(template)
        tops.setdefault(("image", template.record.image), [])
    reached: set[str] = set()
    found: list[LineageRow] = []
    for (kind, name), below in sorted(tops.items(), key=lambda top: (top[0][0] == "gone", top[0][1])):
        found.append(LineageRow(text=name, gone=kind == "gone"))
        if kind == "image":
            of_image = templates.get(name, [])
            found += [
                LineageRow(
                    text=template.name,
                    prefix="├─ " if below or template is not of_image[-1] else "└─ ",
                    template=template,
                )
                for template in of_image
            ]
        found += _branches(below, children, "", reached)
    # Names are used again, so that a snapshot may stand above itself.
    while circle := [view for view in views if view.name not in reached]:
        first = min(circle, key=lambda view: view.record.created)
        found.append(LineageRow(text=first.record.parent, gone=True))
        found += _branches([first], children, "", reached)
    return [*found, *damaged]


def _shown_parent(view: SnapshotView, every: dict[str, SnapshotView], shown: set[str]) -> str:
    """Return the nearest ancestor that is shown, one that is gone, or nothing below an image."""
    parent, passed = view.record.parent, {view.name}
    while parent in every and parent not in shown and parent not in passed:
        passed.add(parent)
        parent = every[parent].record.parent
    return parent


def _branches(
    views: Iterable[SnapshotView], children: dict[str, list[SnapshotView]], indent: str, reached: set[str]
) -> list[LineageRow]:
    ordered = sorted(
        (view for view in views if view.name not in reached), key=lambda v: (v.record.created, v.name)
    )
    reached.update(view.name for view in ordered)
    found = []
    for number, view in enumerate(ordered):
        last = number == len(ordered) - 1
        found.append(LineageRow(text=view.name, prefix=indent + ("└─ " if last else "├─ "), view=view))
        found += _branches(
            children.get(view.name, ()), children, indent + ("   " if last else "│  "), reached
        )
    return found


def came_of(name: str, snapshots: Sequence[SnapshotView]) -> list[str]:
    """Return the names of the snapshots that were saved of forks of a snapshot."""
    return [view.name for view in snapshots if view.record.parent == name and view.name != name]


def _text(view: SnapshotView) -> str:
    record = view.record
    kind = "ram" if record.with_ram else "disk"
    return " ".join(
        (view.name, record.machine, record.label, record.image, record.backend, record.parent, kind)
    )
