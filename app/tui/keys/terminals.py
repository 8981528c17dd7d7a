"""Keys of terminals and recordings."""

from __future__ import annotations

from collections.abc import Mapping

from app.tui.keys.key import Key

SCOPES: Mapping[str, tuple[Key, ...]] = {
    # After the prefix key of a terminal; the first three are the pane's own.
    "terminal": (
        Key("terminal.read", "left_square_bracket,pageup", "", "scroll", "Read the scrollback; q goes back."),
        Key("terminal.search", "slash", "", "search", "Search the scrollback."),
        Key("terminal.copy", "y", "", "copy", "Copy the selection, or what is seen."),
        Key("terminal.new", "c", "choose", "new", "One more terminal: choose what it shows."),
        Key("terminal.console", "s", "open_console", "console", "The machine's console, to type into."),
        Key("terminal.command", "colon", "ask_command", "command", "Run one command in the machine."),
        Key("terminal.host", "h", "open_host", "host", "A shell of this host."),
        Key("terminal.right", "percent_sign,vertical_line", "split_right", "right", "One more shell beside."),
        Key("terminal.below", "quotation_mark,minus", "split_below", "below", "One more shell below."),
        Key("terminal.next", "o,tab", "next_pane", "next", "Go to the next terminal."),
        Key("terminal.previous", "shift+tab", "previous_pane", "previous", "Go to the one before."),
        Key("terminal.pane-left", "left", "pane_left", "left one", "Go to the terminal on the left."),
        Key("terminal.pane-right", "right", "pane_right", "right one", "Go to the terminal on the right."),
        Key("terminal.pane-above", "up", "pane_above", "upper one", "Go to the terminal above."),
        Key("terminal.pane-below", "down", "pane_below", "lower one", "Go to the terminal below."),
        Key("terminal.jump", "q,semicolon", "jump", "jump", "Show a number on every pane; it leads there."),
        Key("terminal.narrower", "less_than_sign", "narrower", "narrower", "Make it narrower."),
        Key("terminal.wider", "greater_than_sign", "wider", "wider", "Make it wider; the mouse drags rules."),
        Key("terminal.lower", "left_curly_bracket", "lower", "lower", "Make it lower."),
        Key("terminal.higher", "right_curly_bracket", "higher", "higher", "Make it higher."),
        Key("terminal.even", "equals_sign", "even", "even", "Give all terminals the same room."),
        Key("terminal.zoom", "z", "zoom", "zoom", "Give it the whole screen, and back."),
        Key("terminal.broadcast", "b", "broadcast", "all", "Type into all terminals at once, and back."),
        Key(
            "terminal.broadcast-one",
            "B",
            "broadcast_one",
            "chosen",
            "Take this terminal among those that are typed into at once, or out.",
        ),
        Key("terminal.record", "R", "record", "record", "Record the terminal, and end it."),
        Key(
            "terminal.test", "T", "new_test", "new test", "Begin to record a new test; end it, and review it."
        ),
        Key("terminal.play", "P", "play", "play", "Play one of the recordings there are."),
        Key("terminal.mark", "m", "mark", "mark", "Mark this moment of the recording."),
        Key("terminal.close", "x", "close", "close", "Close the terminal."),
        Key("terminal.help", "question_mark", "help", "keys", "These keys."),
        Key("terminal.leave", "d,escape", "leave", "leave", "Leave the terminals; the machine stays."),
    ),
    "replay": (
        Key("replay.pause", "space", "press('space')", "pause", "Pause, and go on."),
        Key("replay.back-5", "left", "press('left')", "back", "Five seconds back."),
        Key("replay.on-5", "right", "press('right')", "on", "Five seconds on."),
        Key("replay.faster", "up", "press('up')", "faster", "Play faster."),
        Key("replay.slower", "down", "press('down')", "slower", "Play slower."),
        Key("replay.step", "full_stop", "press('.')", "step", "The next moment at which something changes."),
        Key("replay.before", "left_square_bracket", "press('[')", "mark before", "To the marker before."),
        Key("replay.after", "right_square_bracket", "press(']')", "next mark", "To the next marker."),
        Key("replay.home", "home", "press('home')", "beginning", "To the beginning."),
        Key("replay.end", "end", "press('end')", "end", "To the end."),
        Key(
            "replay.markers", "tab", "markers", "markers", "Choose among the markers, and back.", False, True
        ),
        Key("replay.leave", "escape", "back", "back", "Leave the recording."),
    ),
    "new-test": (
        Key("new-test.save", "ctrl+s", "save", "save", "Save the test.", True, True),
        Key("new-test.leave", "escape", "back", "leave", "Leave without saving; the recording stays.", True),
    ),
}
