"""Keys of parts that many screens have: panes, lists, logs, the command log."""

from __future__ import annotations

from collections.abc import Mapping

from app.tui.keys.key import Key

SCOPES: Mapping[str, tuple[Key, ...]] = {
    "panes": (
        Key(
            "panes.narrower", "less_than_sign", "grow('x', -1)", "narrower", "Make the focused pane narrower."
        ),
        Key(
            "panes.wider",
            "greater_than_sign",
            "grow('x', 1)",
            "wider",
            "Make it wider; the mouse drags the rule.",
        ),
        Key("panes.lower", "left_curly_bracket", "grow('y', -1)", "lower", "Make the focused pane lower."),
        Key("panes.higher", "right_curly_bracket", "grow('y', 1)", "higher", "Make it higher."),
        Key(
            "panes.close",
            "underscore",
            "close_pane",
            "close pane",
            "Close the focused pane, or open it again.",
        ),
        Key("panes.zoom", "z", "zoom", "zoom", "Give a pane the whole screen, and back."),
        Key("panes.even", "equals_sign", "even", "panes as at first", "Put all rules back, open every pane."),
        *(
            Key(
                f"panes.go-{number}",
                f"alt+{number}",
                f"go_pane({number})",
                f"pane {number}",
                "Go to a pane by its number; alt with a digit needs a terminal with kitty's key protocol."
                if number == 1
                else "",
            )
            for number in range(1, 10)
        ),
    ),
    "list": (
        Key("list.up", "up,k", "move(-1)", "up", "Up and down."),
        Key("list.down", "down,j", "move(1)", "down"),
        Key("list.page-up", "pageup,ctrl+b", "page(-1)", "page up", "A page up or down."),
        Key("list.page-down", "pagedown,ctrl+f", "page(1)", "page down"),
        Key("list.half-up", "ctrl+u", "page(-0.5)", "half up", "Half a page up or down."),
        Key("list.half-down", "ctrl+d", "page(0.5)", "half down"),
        Key("list.first", "home,g", "first", "first", "First and last row."),
        Key("list.last", "end,G", "last", "last"),
        Key("list.choose", "enter", "choose", "open", "Open: details, a group, or a step's output."),
    ),
    "text": (
        Key("text.up", "up,k", "scroll_up", "up", "Scroll."),
        Key("text.down", "down,j", "scroll_down", "down"),
        Key("text.page-up", "pageup,ctrl+b", "page_up", "page up", "A page up or down."),
        Key("text.page-down", "pagedown,ctrl+f", "page_down", "page down"),
        Key("text.half-up", "ctrl+u", "half_page(-1)", "half up", "Half a page up or down."),
        Key("text.half-down", "ctrl+d", "half_page(1)", "half down"),
        Key("text.home", "home,g", "scroll_home", "top", "To the first or the last line."),
        Key("text.end", "end,G", "scroll_end", "end"),
    ),
    "log": (
        Key("log.up", "up,k", "scroll_up", "up", "Scroll; the pane stops following."),
        Key("log.down", "down,j", "scroll_down", "down"),
        Key("log.left", "left,h", "scroll_sideways(-8)", "left", "Scroll sideways; long lines stay whole."),
        Key("log.right", "right,l", "scroll_sideways(8)", "right"),
        Key("log.page-up", "pageup,ctrl+b", "page_up", "page up", "A page up or down."),
        Key("log.page-down", "pagedown,ctrl+f", "page_down", "page down"),
        Key("log.half-up", "ctrl+u", "half_page(-1)", "half up", "Half a page up or down."),
        Key("log.half-down", "ctrl+d", "half_page(1)", "half down"),
        Key("log.home", "home,g", "scroll_home", "top", "To the first line."),
        Key("log.end", "end,G", "resume", "end", "To the last line, and follow it again."),
        Key("log.pause", "space", "pause", "pause", "Stay here, whatever comes; again follows the end."),
        Key("log.filter", "ampersand", "ask('filter')", "filter", "Show only lines that match.", True),
        Key("log.more-context", "plus", "context(1)", "more", "Filter: more lines around each match."),
        Key("log.less-context", "minus", "context(-1)", "fewer", "Filter: fewer lines around each match."),
        Key("log.wrap", "w", "wrap", "wrap", "Wrap long lines, or scroll sideways."),
        Key("log.times", "T", "times", "times", "When each line came, in seconds since the machine booted."),
        Key("log.marks", "m", "ask('marks')", "marks", "List of marks: steps, complaints, errors."),
        Key("log.next-mark", "right_square_bracket", "mark(1)", "next mark", "To the next mark."),
        Key("log.previous-mark", "left_square_bracket", "mark(-1)", "previous mark", "To the mark before."),
        Key("log.export", "x", "ask('export')", "export", "Write the log, or what is left of it, to a file."),
    ),
    "find": (
        Key("find.done", "enter", "done", "keep", "Keep it, and go to the log.", True, True),
        Key("find.clear", "escape", "screen.back", "clear", "End the search or the filter.", True, True),
        Key("find.older", "up", "recall(-1)", "earlier", "What was looked for before.", True),
        Key("find.newer", "down", "recall(1)", "later", "What was looked for after that."),
        Key("find.regex", "ctrl+r", "switch('regex')", "regex", "Regular expression, or plain text.", True),
        Key("find.case", "ctrl+t", "switch('case')", "Aa", "Tell upper from lower case, or do not.", True),
    ),
    "commands": (
        Key("commands.copy", "y,Y", "copy", "copy", "Copy the command, as one types it in a shell.", True),
        Key(
            "commands.filter",
            "slash",
            "filter",
            "filter",
            "Filter: kinds (qemu, qmp, guest …), parts of commands and machines, -not.",
            True,
            True,
        ),
        Key(
            "commands.back",
            "escape,ctrl+l",
            "back",
            "back",
            "Clear the filter; back to where you were.",
            True,
        ),
    ),
}
