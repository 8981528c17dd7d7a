"""The line that names keys which follow the prefix key, while a terminal takes all others."""

from __future__ import annotations

from collections.abc import Mapping

from rich.cells import cell_len
from textual.widgets import Static

from app.setting_kinds import prefix_name
from app.tui import keymap
from app.tui.faults import Contained

GAP = "  "


class PrefixKeys(Contained, Static):
    """Names as many keys as there is room for; the last one stays.

    Args:
        words: What keys do, by the ids of their actions.
    """

    def __init__(self, words: Mapping[str, str], *, id: str) -> None:
        super().__init__(id=id, markup=False)
        self._words = words
        self._told = ("", "")

    def tell(self, prefix: str, before: str = "") -> None:
        """Name them.

        Args:
            prefix: The prefix key, as the settings name it.
            before: What is said before them.
        """
        self._told = (prefix, before)
        self._fit()

    def on_resize(self) -> None:
        """Use the room there is."""
        self._fit()

    def _fit(self) -> None:
        prefix, before = self._told
        if not prefix:
            return
        changes: Mapping[str, str] = getattr(self.app, "key_changes", {})
        known = {key.id: key for key in keymap.SCOPES["terminal"]}
        *named, last = (
            f"{keymap.shown(keymap.keys_of(known[name], changes).split(',')[0])} {does}"
            for name, does in self._words.items()
        )
        head = f"{before}{prefix_name(prefix)} then: "
        room = self.size.width or self.app.size.width
        while named and cell_len(head + GAP.join([*named, last])) > room:
            named.pop()
        words = head + GAP.join([*named, last])
        if words != self.content:
            self.update(words, layout=False)
