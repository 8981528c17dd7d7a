"""The place of the images: what machines boot; built, checked, removed."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.content import Content
from textual.worker import Worker

from app.engine.image_shelf import ImagesApi, ShelvedImage
from app.tui import keymap, signs
from app.tui.keys.key import PaneHelp
from app.tui.screens.dialogs import Confirm
from app.tui.screens.polled import PolledScreen
from app.tui.widgets.key_footer import KeyFooter
from app.tui.widgets.line_list import Cell, LineList, Row, fit
from app.tui.widgets.places_bar import PlacesBar
from app.tui.widgets.still import StillText

if TYPE_CHECKING:
    from backends.images.progress import Progress

DRAW = 0.1
"""Seconds between two drawings of the progress."""
BAR = 30


def mebibytes(size: int) -> str:
    """Return a number of bytes for people."""
    return f"{size / (1 << 20):.1f} MiB"


class ImageList(LineList):
    """Shows images; a build that a newer one replaced is below its recipe."""

    HEADED = True
    PANE_HELP: ClassVar[PaneHelp] = PaneHelp(
        "the list of images", "What is built, how large it is and who uses it.", "list"
    )

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.images: list[ShelvedImage] = []

    @property
    def current(self) -> ShelvedImage | None:
        """The image under the cursor."""
        return self.images[self.cursor] if self.cursor < len(self.images) else None

    def load(self, images: list[ShelvedImage]) -> None:
        """Take over what was read."""
        self.images = images
        self.set_count(len(images))

    def _columns(self, width: int) -> list[tuple[str, int]]:
        """Return the columns there is room for, with their widths."""
        found = [("IMAGE", 22), ("STATE", 11), ("SIZE", 12), ("BUILT", 13)]
        if width < 100:
            return [*found, ("USED BY", width - 3 - 58)]
        return [*found, ("DIGEST", 14), ("USED BY", 36), ("WHAT", width - 3 - 108)]

    def head(self, width: int) -> str:
        """Return the columns' names."""
        return "   " + "".join(
            f"{name:>{size - 2}}  " if name == "SIZE" else fit(name, size)
            for name, size in self._columns(width)
        )

    def draw_row(self, index: int, width: int) -> Row:
        """Return the cells of a row."""
        image = self.images[index]
        info = image.info
        if not info.built:
            yield Cell(" · ", "dim")
        else:
            yield Cell(" – " if image.replaced else " ✓ ", "dim" if image.replaced else "good")  # noqa: RUF001
        for name, size in self._columns(width):
            match name:
                case "IMAGE":
                    yield Cell(fit(info.name, size - 1) + " ", bold=not image.replaced)
                case "STATE":
                    state = "replaced" if image.replaced else "built" if info.built else "not built"
                    yield Cell(fit(state, size), "dim" if image.replaced or not info.built else "good")
                case "SIZE":
                    yield Cell(f"{mebibytes(info.size) if info.built else '':>{size - 2}}  ", "plain")
                case "BUILT":
                    yield Cell(fit(self._age(image), size), "dim")
                case "DIGEST":
                    yield Cell(fit(info.digest[:12], size), "dim")
                case "USED BY":
                    yield Cell(fit(image.users or ("unused" if image.unused else ""), size))
                case "WHAT":
                    yield Cell(info.description, "dim")

    def _age(self, image: ShelvedImage) -> str:
        from app.tui.app import Workbench

        assert isinstance(self.app, Workbench)
        created = image.info.created
        return self.app.clock.ago(created.timestamp()) if created else ""


class ImagesScreen(PolledScreen):
    """Lists the images."""

    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("images")
    NAME = "Images"
    SCOPE = "images"
    PURPOSE = (
        "What machines boot. An image is built from distribution packages by the first run that needs it, or "
        "here; a newer build replaces it. What is removed is built again when it is needed."
    )
    HELP_SCOPES: ClassVar[list[tuple[str, str]]] = [
        ("Images", "images"),
        ("Moving around", "list"),
        ("Everywhere", "app"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.loaded = False
        self._doing = ""
        self._told: Progress | None = None
        self._worker: Worker[None] | None = None

    def compose(self) -> ComposeResult:
        """Make the panes."""
        yield PlacesBar("images")
        with Container(id="panes"):
            yield ImageList(id="images")
        yield StillText(id="image-facts", classes="facts")
        yield KeyFooter()

    def on_mount(self) -> None:
        """Begin in the list."""
        self._show_title()
        self.set_focus(self.image_list)
        self.set_interval(DRAW, self._tick)
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self._show_facts())

    @property
    def image_list(self) -> ImageList:
        """The list."""
        return self.query_one("#images", ImageList)

    @property
    def images(self) -> ImagesApi | None:
        """Where images are asked for."""
        return self.workbench.house.images

    @property
    def busy(self) -> bool:
        """Whether an image is being built or checked."""
        return bool(self._doing)

    # reading

    async def look(self) -> None:
        """Look at the images."""
        if self.images is None:
            return
        found = await asyncio.to_thread(self.images.list)
        first, self.loaded = not self.loaded, True
        if first or found != self.image_list.images:
            self.image_list.load(found)
            self._show_title()
            self.refresh_bindings()
        self._show_facts()

    def show_failure(self) -> None:
        """Say why there is nothing to list, or that the list is of an earlier look."""
        self._show_title()
        self._show_facts()

    def _show_title(self) -> None:
        built = [image.info.size for image in self.image_list.images if image.info.built]
        told = f"{len(built)} built, {mebibytes(sum(built))}" if self.loaded else "reading …"
        if self.failure is not None and not self.loaded:
            told = "not read"
        broken = f"{self.not_read()} " if self.loaded and self.failure else ""
        self.image_list.border_title = Content(f"images · {broken}{told}")

    @on(LineList.Moved, "#images")
    def _moved(self) -> None:
        self.follow(self._show_facts)
        self.refresh_bindings()

    def _show_facts(self) -> None:
        if not self.is_mounted:
            return
        colours = self.app.theme_variables
        text = Text()
        image = self.image_list.current
        if self.images is None:
            text.append("This workbench was opened without images.")
        elif image is None:
            text.append(self.not_listed("images"))
        else:
            info = image.info
            text.append(f"{info.name}", "bold")
            text.append(f"  {info.description}\n")
            if info.built:
                text.append(f"digest {info.digest}\n", colours["vm-dim"])
                users = [f"machines: {', '.join(image.machines)}"] if image.machines else []
                users += [f"snapshots: {', '.join(image.snapshots)}"] if image.snapshots else []
                users += [f"templates: {image.templates}"] if image.templates else []
                text.append("used by " + "; ".join(users) if users else "used by no machine and no snapshot")
            else:
                text.append("Not built yet: b builds it, or the first run that needs it does.")
        if self.busy:
            text.append(f"\n{self._doing}", colours["primary"])
            text.append(self._progress_words())
            text.append("  c cancels", colours["vm-dim"])
        self.query_one("#image-facts", StillText).put(text)

    def _progress_words(self) -> str:
        told = self._told
        if told is None:
            return " …"
        words = f"  {told.stage} "
        if told.total:
            share = min(1.0, told.done / told.total)
            full = round(share * BAR)
            words += f"{'━' * full}{'─' * (BAR - full)} {share:4.0%} "
        return words + told.detail

    def _tick(self) -> None:
        if self.busy and self.on_top:
            self._show_facts()

    # working

    def _tell(self, progress: Progress) -> None:
        """Take a report; it may come from another thread."""
        self._told = progress

    def action_build(self, force: bool) -> None:
        """Build the image under the cursor."""
        image = self.image_list.current
        if image is not None and self.images is not None and not self.busy:
            self._begin(f"building {image.info.recipe}")
            self._worker = self._build(self.images, image.info.recipe, force)

    def action_verify(self) -> None:
        """Check the image under the cursor."""
        image = self.image_list.current
        if image is not None and self.images is not None and not self.busy:
            self._begin(f"checking {image.info.name}")
            self._worker = self._verify(self.images, image.info.name)

    def _begin(self, doing: str) -> None:
        self._doing, self._told = doing, None
        self._show_facts()
        self.refresh_bindings()

    def _end(self) -> None:
        self._doing, self._worker = "", None
        if self.is_mounted:
            self._show_facts()
            self.refresh_bindings()
            self.read()

    @work(group="image", exit_on_error=False)
    async def _build(self, images: ImagesApi, name: str, force: bool) -> None:
        try:
            made = await images.build(name, force=force, on_progress=self._tell)
            self.notify(f"Built {made}.", markup=False)
        except asyncio.CancelledError:
            self.notify(f"Cancelled: {name} is as it was.", severity="warning", markup=False)
            raise
        except Exception as error:
            self.workbench.say_not("Not built", error)
        finally:
            self._end()

    @work(group="image", exit_on_error=False)
    async def _verify(self, images: ImagesApi, name: str) -> None:
        try:
            wrong = await images.verify(name, self._tell)
        except Exception as error:
            self.workbench.say_not("Not checked", error)
        else:
            if wrong:
                told = "\n".join([*wrong[:4], "B builds it anew."])
                self.notify(told, title=f"{name} is damaged", severity="error", timeout=15, markup=False)
            else:
                self.notify(f"{name} is good.", markup=False)
        finally:
            self._end()

    def action_cancel_work(self) -> None:
        """Cancel what is being done."""
        if self._worker is not None:
            self._worker.cancel()

    # removing

    def action_remove(self) -> None:
        """Remove the image under the cursor, after a question."""
        image = self.image_list.current
        if image is None:
            return
        loss = f"{mebibytes(image.info.size)} are freed; it is built again when a run needs it."
        if image.replaced:
            loss = f"{mebibytes(image.info.size)} are freed; this build cannot be had again."
        if image.users:
            loss += f" {image.users} made from it may not boot again."
        question = Confirm(f"Remove the image {image.info.name}?", loss, yes="Remove", no="Keep")
        self.app.push_screen(question, partial(self._answered, [image.info.name]))

    def action_clean(self) -> None:
        """Remove all replaced builds that nothing uses, after a question."""
        unused = [image.info for image in self.image_list.images if image.unused]
        if not unused:
            return
        size = mebibytes(sum(info.size for info in unused))
        loss = f"{', '.join(info.name for info in unused)}: {size} are freed; nothing uses them."
        what = signs.counted(len(unused), "replaced build")
        question = Confirm(f"Remove {what}?", loss, yes="Remove", no="Keep")
        self.app.push_screen(question, partial(self._answered, [info.name for info in unused]))

    def _answered(self, names: list[str], yes: bool | None) -> None:
        if yes and self.images is not None:
            self._remove(self.images, names)

    @work(group="remove", exit_on_error=False)
    async def _remove(self, images: ImagesApi, names: list[str]) -> None:
        freed = 0
        for name in names:
            try:
                freed += await asyncio.to_thread(images.remove, name)
            except Exception as error:
                self.workbench.say_not("Not removed", error)
        if freed:
            self.notify(f"Freed {mebibytes(freed)}.")
        self.read()

    def why_not(self, action: str) -> str:
        """Say why an action cannot be done now."""
        image = self.image_list.current
        if action == "cancel_work":
            return "" if self.busy else "Nothing is being done."
        if action in ("build", "verify", "remove") and self.busy:
            return f"Wait: {self._doing}. c cancels it."
        if action in ("build", "verify", "remove") and image is None:
            return "There is no image here."
        if action in ("verify", "remove") and image is not None and not image.info.built:
            return f"{image.info.name} is not built yet; b builds it."
        if action == "clean" and not any(each.unused for each in self.image_list.images):
            return "There is no replaced build that nothing uses."
        return ""
