"""An emulator over libghostty: the optional extra ``vmbench[ghostty]``."""

from __future__ import annotations

import base64
import re
import weakref
from collections.abc import Callable
from typing import Any

from pyghostty import Terminal, ffi, lib
from pyghostty.core import init_sized

from app.tui.terminal.cells import BLANK, Row
from app.tui.terminal.emulator import Cursor, Modes, Update
from app.tui.terminal.ghostty_rows import TRACK, RowReader, point
from app.tui.terminal.parser import DEVICES, line_parameters
from app.tui.terminal.rewrap import Moves

_CHUNK = 4096
"""Bytes between two looks at the scrollback, so that fewer lines come than it holds."""
_SPARE_LINES = 2 * _CHUNK
"""The library drops whole pages of lines; so many more are asked for that those wanted stay."""
_SCROLLBACK_BYTES = 1 << 28
_LARGEST_COPY = 1 << 20
_MOST_CELLS = 65535
_MOUSE = (1003, 1002, 1000, 9)
_SHAPES = {
    lib.GHOSTTY_RENDER_STATE_CURSOR_VISUAL_STYLE_BAR: 6,
    lib.GHOSTTY_RENDER_STATE_CURSOR_VISUAL_STYLE_UNDERLINE: 4,
}
# What the library does not know, or knows otherwise than xterm. An escape ends whatever came before it.
_OWN = re.compile(
    rb"\x1b(?:(?P<soft>\[!p)|(?P<mouse>\[\?(?:9|100[023])l)|(?P<width>\[\?3[hl])|(?P<push>\[22(?:;[02])?t)|(?P<pop>\[23(?:;[02])?t)"
    rb"|(?P<where>\[\?6n)|(?P<device>\[\?(?:15|2[56]|5[35])n)|(?P<line>\[[01]?x)|(?P<termcap>P\+q)|(?P<title>k)|(?P<palette>\](?:R|P[0-9A-Fa-f]{7})))"
)
_CUT = re.compile(
    rb"\x1b(?:\[(?:!|[01]|\?(?:9|1(?:5|0(?:0[023]?)?)?|2[56]?|3|5[35]?|6)?|2(?:[23](?:;[02]?)?)?)?|P\+?|\](?:P[0-9A-Fa-f]{0,6})?)?\Z"
)
"""The beginning of one of them at the end of what was read."""
_SOFT_RESET = ((1, False), (6, False), (66, False), (7, True), (25, True), (4 | 1 << 15, False))
_TITLES = 10


class GhosttyEmulator:
    """The emulation of the Ghostty terminal; fulfils ``Emulator``.

    Its state is read right after bytes were fed, by the thread that feeds, so that others may ask for it.

    Args:
        columns: Width in cells.
        lines: Height in cells.
        history: Lines of scrollback to keep.
    """

    def __init__(self, columns: int, lines: int, *, history: int = 5000) -> None:
        self.on_reply: Callable[[bytes], None] = lambda data: None
        self.on_bell: Callable[[], None] = lambda: None
        self.on_copy: Callable[[str], None] = lambda data: None
        self.columns, self.lines = _bounded(columns), _bounded(lines)
        self.title = ""
        self.pushed = 0
        self.history = 0
        self._limit = history
        self._owner = Terminal(self.columns, self.lines, scrollback=history + _SPARE_LINES)
        self._terminal = self._owner._t[0]
        self._calls: list[Callable[[], None]] = []
        self._listen()
        self._state = _made("ghostty_render_state", "GhosttyRenderState")
        self._iterator = _made("ghostty_render_state_row_iterator", "GhosttyRenderStateRowIterator")
        weakref.finalize(self, lib.ghostty_render_state_free, self._state[0])
        weakref.finalize(self, lib.ghostty_render_state_row_iterator_free, self._iterator[0])
        self._cursor_data = init_sized("GhosttyRenderStateCursor")
        self._mode_data = ffi.new("GhosttyTerminalModeConfig*")
        self._view, self._y = ffi.new("GhosttyCellsView*"), ffi.new("uint16_t*")
        self._reader = RowReader(self._terminal)
        self._rows: list[Row] = []
        self._past: dict[int, Row] = {}
        """Rows of the scrollback that were read, by the number of their line."""
        self._dirty: set[int] = set()
        self._stale = True
        self._held = b""
        self._titles: list[str] = []
        self._anchor: Any = None
        """A reference to the newest line of the scrollback that the library keeps up to date."""
        self._look()

    def _set(self, option: str, value: object) -> None:
        lib.ghostty_terminal_set(self._terminal, getattr(lib, f"GHOSTTY_TERMINAL_OPT_{option}"), value)

    def _listen(self) -> None:
        """Have what the library calls back for noted, to be done after it returned."""
        calls = self._calls
        # The library's functions know this object weakly, or neither would ever be freed.
        me = weakref.proxy(self)

        def reply(terminal: Any, _: Any, data: Any, size: int) -> None:
            answer = bytes(ffi.buffer(data, size))
            calls.append(lambda: me.on_reply(answer))

        def bell(terminal: Any, _: Any) -> None:
            calls.append(lambda: me.on_bell())

        def title(terminal: Any, _: Any) -> None:
            text = ffi.new("GhosttyString*")
            lib.ghostty_terminal_get(terminal, lib.GHOSTTY_TERMINAL_DATA_TITLE, text)
            name = bytes(ffi.buffer(text.ptr, text.len)).decode("utf-8", "replace") if text.len else ""
            me.title = "".join(char for char in name if char.isprintable())[:512]

        def copy(terminal: Any, _: Any, write: Any) -> None:
            for content in ffi.unpack(write.contents, min(write.contents_len, 1)):
                size = content.data.len
                data = bytes(ffi.buffer(content.data.ptr, min(size, _LARGEST_COPY))) if size else b""
                if data:
                    text = base64.b64encode(data).decode()
                    calls.append(lambda text=text: me.on_copy(text))  # type: ignore[misc]

        def attributes(terminal: Any, _: Any, out: Any) -> bool:
            out.primary.conformance_level, out.primary.num_features = 62, 1
            out.primary.features[0] = 22
            out.secondary.device_type, out.secondary.firmware_version = 41, 377
            out.secondary.rom_cartridge = 0
            out.tertiary.unit_id = 0
            return True

        def size(terminal: Any, _: Any, out: Any) -> bool:
            out.rows, out.columns = me.lines, me.columns
            out.cell_width = out.cell_height = 0
            return True

        self._heard = {
            "WRITE_PTY": ffi.callback("GhosttyTerminalWritePtyFn", reply),
            "BELL": ffi.callback("GhosttyTerminalBellFn", bell),
            "TITLE_CHANGED": ffi.callback("GhosttyTerminalTitleChangedFn", title),
            "CLIPBOARD_WRITE": ffi.callback("GhosttyTerminalClipboardWriteFn", copy),
            "DEVICE_ATTRIBUTES": ffi.callback("GhosttyTerminalDeviceAttributesFn", attributes),
            "SIZE": ffi.callback("GhosttyTerminalSizeFn", size),
        }
        for option, heard in self._heard.items():
            self._set(option, heard)
        self._set("SCROLLBACK_MAX_BYTES", ffi.new("size_t*", _SCROLLBACK_BYTES))
        self._set("CLIPBOARD_WRITE_MAX_BYTES", ffi.new("size_t*", _LARGEST_COPY))
        self._set("KITTY_IMAGE_STORAGE_LIMIT", ffi.new("uint64_t*", 0))  # pictures cannot be shown
        self._set("RESIZE_PULL_SCROLLBACK", ffi.new("bool*", True))

    # bytes in

    def feed(self, data: bytes) -> None:
        """Take the next bytes, cut anywhere."""
        data = self._held + data
        cut = _CUT.search(data, max(len(data) - 16, 0))
        stop = cut.start() if cut else len(data)
        self._held = data[stop:]
        begin = 0
        for found in _OWN.finditer(data, 0, stop):
            self._write(data[begin : found.start()])
            self._act(found.lastgroup or "", found[0])
            begin = found.end()
        self._write(data[begin:stop])
        self._look()
        calls, self._calls[:] = self._calls[:], []
        for call in calls:
            call()

    def _write(self, data: bytes) -> None:
        for position in range(0, len(data), _CHUNK):
            part = data[position : position + _CHUNK]
            lib.ghostty_terminal_vt_write(self._terminal, part, len(part))
            if self._get("COLS", "uint16_t") != self.columns:  # DECCOLM among other modes
                lib.ghostty_terminal_resize(self._terminal, self.columns, self.lines, 8, 16)
            self._count()

    def _act(self, name: str, sequence: bytes) -> None:
        """Do what a sequence asks for that the library leaves out; each ends what was begun before it."""
        if name == "title":
            self._write(b"\x1b]2;")
            return
        if name == "termcap":
            self._calls.append(lambda: self.on_reply(b"\x1bP0+r\x1b\\"))
            self._write(sequence)
            return
        self._write(b"\x1b\\")
        if name == "soft":
            for mode, value in _SOFT_RESET:
                self._mode_data.mode, self._mode_data.value = mode, value
                self._set("MODE", self._mode_data)
            self._write(b"\x1b[m\x1b(B\x1b)B\x0f\x1b7\x1b[r\x1b8")
        elif name == "mouse":
            self._write(b"\x1b[?9;1000;1002;1003l")
        elif name == "width":  # the width is the pane's: what it brings about is done without it
            self._mode_data.mode = 40
            lib.ghostty_terminal_get(self._terminal, lib.GHOSTTY_TERMINAL_DATA_MODE, self._mode_data)
            if self._mode_data.value:
                self._write(b"\x1b[r\x1b[H\x1b[2J")
        elif name == "push":
            self._titles = [*self._titles, self.title][-_TITLES:]
        elif name == "pop" and self._titles:
            self._write(b"\x1b]2;" + self._titles.pop().encode() + b"\x1b\\")
        elif name == "where":
            x, y = self._get("CURSOR_X", "uint16_t"), self._get("CURSOR_Y", "uint16_t")
            self._calls.append(lambda: self.on_reply(b"\x1b[?%d;%dR" % (y + 1, x + 1)))
        elif name == "device":
            answer = f"\x1b[?{DEVICES[int(sequence[3:-1])]}n".encode()
            self._calls.append(lambda: self.on_reply(answer))
        elif name == "line":
            answer = line_parameters(int(sequence[2:-1] or 0)).encode()
            self._calls.append(lambda: self.on_reply(answer))

    def resize(self, columns: int, lines: int) -> Moves | None:
        """Change the size; lines are wrapped anew, and the library does not tell where to."""
        columns, lines = _bounded(columns), _bounded(lines)
        moves = Moves() if columns == self.columns else None
        if (columns, lines) == (self.columns, self.lines):
            return moves
        self.columns, self.lines = columns, lines
        lib.ghostty_terminal_resize(self._terminal, columns, lines, 8, 16)
        self._count()
        self._past.clear()
        self._dirty.update(range(lines))
        self._look()
        self._calls.clear()  # nobody asked for a report of the size
        return moves

    def _get(self, name: str, kind: str) -> Any:
        out = ffi.new(f"{kind}*")
        lib.ghostty_terminal_get(self._terminal, getattr(lib, f"GHOSTTY_TERMINAL_DATA_{name}"), out)
        return out[0]

    @property
    def _on_main(self) -> bool:
        return bool(
            self._get("ACTIVE_SCREEN", "GhosttyTerminalScreen") == lib.GHOSTTY_TERMINAL_SCREEN_PRIMARY
        )

    def _count(self) -> None:
        """Find out how many lines went into the scrollback."""
        if not self._on_main:
            self.history = 0  # the library shows none of it until the program leaves the alternate screen
            return
        kept = self._get("SCROLLBACK_ROWS", "size_t")
        anchor = self._anchor
        before = 0
        if anchor is not None:
            place = ffi.new("GhosttyPointCoordinate*")
            found = lib.ghostty_tracked_grid_ref_point(anchor, lib.GHOSTTY_POINT_TAG_SCREEN, place)
            before = place.y + 1 if found == lib.GHOSTTY_SUCCESS else 0
            if before > kept or not before:
                self._past.clear()
        self.pushed = max(self.pushed + kept - before, 0)
        self.history = min(kept, self._limit, self.pushed)
        self._track(kept)
        if len(self._past) > 2 * self._limit:
            self._past.clear()

    def _track(self, kept: int) -> None:
        if self._anchor is not None:
            lib.ghostty_tracked_grid_ref_free(self._anchor)
            self._anchor = None
        if kept:
            out = ffi.new("GhosttyTrackedGridRef*")
            if TRACK(self._terminal, point(kept - 1), out) == lib.GHOSTTY_SUCCESS:
                self._anchor = out[0]

    def _look(self) -> None:
        """Take down what may be asked for at any time."""
        mode, terminal = self._mode_data, self._terminal

        def on(number: int) -> bool:
            mode.mode = number
            mode.value = False
            lib.ghostty_terminal_get(terminal, lib.GHOSTTY_TERMINAL_DATA_MODE, mode)
            return bool(mode.value)

        tracking = self._get("MOUSE_TRACKING", "bool")
        self.modes = Modes(
            application_cursor=on(1),
            application_keypad=on(66),
            newline=on(20 | 1 << 15),
            bracketed_paste=on(2004),
            focus_events=on(1004),
            mouse=next((number for number in _MOUSE if on(number)), 0) if tracking else 0,
            mouse_sgr=on(1006),
            alternate=not self._on_main,
            alternate_scroll=on(1007),
            reverse=on(5),
            synchronized=on(2026),
        )
        self._stale = True

    # rows out

    @property
    def cursor(self) -> Cursor:
        """Where the cursor is."""
        self._catch_up()
        return self._cursor

    def take(self) -> Update:
        """Return what changed since the last call."""
        self._catch_up()
        rows = frozenset(y for y in self._dirty if y < self.lines)
        self._dirty.clear()
        return Update(rows, self._cursor, self.pushed)

    def row(self, index: int) -> Row:
        """Return a row of the screen, or of the scrollback for -1 (the newest) and below."""
        if index >= 0:
            self._catch_up()
            return self._rows[index]
        if index < -self.history:
            raise IndexError(index)
        number = self.pushed + index
        row = self._past.get(number)
        if row is None:
            kept = self._get("SCROLLBACK_ROWS", "size_t")
            row = self._past[number] = self._reader.read(kept + index, self.columns)
        return row

    def _catch_up(self) -> None:
        """Read the rows that changed since the last time."""
        if not self._stale:
            return
        self._stale = False
        state, iterator = self._state[0], self._iterator
        lib.ghostty_render_state_update(state, self._terminal)
        if len(self._rows) != self.lines or {len(row) for row in self._rows} != {self.columns}:
            self._rows = [Row([BLANK] * self.columns) for _ in range(self.lines)]
            self._dirty.update(range(self.lines))
            everything = True
        else:
            dirty = ffi.new("GhosttyRenderStateDirty*")
            lib.ghostty_render_state_get(state, lib.GHOSTTY_RENDER_STATE_DATA_DIRTY, dirty)
            everything = dirty[0] == lib.GHOSTTY_RENDER_STATE_DIRTY_FULL
        kept = self._get("TOTAL_ROWS", "size_t") - self.lines
        lib.ghostty_render_state_get(state, lib.GHOSTTY_RENDER_STATE_DATA_ROW_ITERATOR, iterator)
        key, y = lib.GHOSTTY_RENDER_STATE_ROW_DATA_CELLS_RAW, -1
        while True:
            if everything:
                y += 1
                if not lib.ghostty_render_state_row_iterator_next(iterator[0]):
                    break
            else:
                if not lib.ghostty_render_state_row_iterator_next_dirty(iterator[0], self._y):
                    break
                y = self._y[0]
            lib.ghostty_render_state_row_get(iterator[0], key, self._view)
            raw = ffi.unpack(self._view.ptr, self._view.len)
            row = self._reader.read(kept + y, self.columns, raw)
            if row != self._rows[y]:
                self._dirty.add(y)
            self._rows[y] = row
        lib.ghostty_render_state_clean(state)
        cursor = self._cursor_data
        lib.ghostty_render_state_get(state, lib.GHOSTTY_RENDER_STATE_DATA_CURSOR, cursor)
        shape = _SHAPES.get(cursor.visual_style, 2) - bool(cursor.blinking)
        x, line = self._get("CURSOR_X", "uint16_t"), self._get("CURSOR_Y", "uint16_t")
        self._cursor = Cursor(min(x, self.columns - 1), line, bool(cursor.visible), shape)


def _bounded(size: int) -> int:
    return max(1, min(size, _MOST_CELLS))


def _made(prefix: str, kind: str) -> Any:
    out = ffi.new(f"{kind}*")
    if getattr(lib, f"{prefix}_new")(ffi.NULL, out) != lib.GHOSTTY_SUCCESS:
        raise MemoryError(kind)
    return out
