"""Every key of the workbench in one table: what it does, where, and whether the footer names it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from textual.binding import Binding, BindingType

from app.tui import places


@dataclass(frozen=True, slots=True)
class Key:
    """A key and its action.

    Attributes:
        id: Stable name by which a keymap may give the action another key.
        keys: Keys, separated by commas; the first one is shown.
        action: Textual's action string.
        label: A word or two for the footer.
        help: A sentence for the help screen; empty keeps it out.
        footer: Whether the footer names it.
        priority: Whether it is taken before the focused widget sees it. Keys that move the focus are,
            or what is typed right after them would still go to the widget that had it.
    """

    id: str
    keys: str
    action: str
    label: str
    help: str = ""
    footer: bool = False
    priority: bool = False


SCOPES: dict[str, tuple[Key, ...]] = {
    "app": (
        Key("app.help", "question_mark", "help", "help", "What this screen is for, and its keys.", True),
        Key("app.guide", "f1", "guide", "guide", "What can be done, in a few lines."),
        Key("app.theme", "t", "toggle_theme", "theme", "Switch between the dark and the light theme."),
        *(
            Key(f"app.go-{place}", digit, f"go('{place}')", title, f"Go to {title}.")
            for digit, place, title in places.titles()
        ),
        Key(
            "app.commands", "ctrl+l", "commands", "command log", "The commands that were run on your behalf."
        ),
        Key("app.quit", "q", "quit", "quit", "Leave. Asks first when a run is going on.", True),
    ),
    "tests": (
        Key("tests.mark", "space", "mark", "mark", "Mark the test, or every test of the group.", True),
        Key(
            "tests.run",
            "r",
            "run",
            "run",
            "Run the marked tests, or the one under the cursor if none is marked.",
            True,
        ),
        Key("tests.run-shown", "R", "run_shown", "run all", "Run every test that the filter leaves.", True),
        Key("tests.run-failed", "f", "run_failed", "failed", "Run again what failed the last time."),
        Key(
            "tests.retest",
            "W",
            "retest",
            "without set-up",
            "Run without the set-up, from a checkpoint or the kept machine.",
        ),
        Key(
            "tests.shake",
            "S",
            "shake",
            "shake",
            "Run the rest many times from one moment: how often does it fail?",
        ),
        Key("tests.edit", "e", "edit", "edit", "Open the test in your editor, at its line."),
        Key(
            "tests.copy", "Y", "copy_command", "copy command", "Copy the command that runs the chosen tests."
        ),
        Key("tests.group", "T", "group", "tree or flat", "List by service, by tag, or flat."),
        Key(
            "tests.sort", "o", "sort", "order", "Order as in the registry, by name, last result or duration."
        ),
        Key("tests.filter", "slash", "filter", "filter", "Filter: words, tag:NAME, -not.", True, True),
        Key("tests.mark-shown", "a", "mark_shown", "mark all", "Mark every test that is shown."),
        Key("tests.unmark", "u", "unmark", "unmark", "Take all marks away; again, or after esc: undo that."),
        Key("tests.fold-all", "left_square_bracket", "fold_all(True)", "fold", "Fold every group."),
        Key("tests.unfold-all", "right_square_bracket", "fold_all(False)", "unfold", "Unfold every group."),
        Key("tests.reload", "L", "reload", "reload", "Read the registry again from disk."),
        Key(
            "tests.view-run",
            "v",
            "view_run",
            "view run",
            "Go to the run: the one going on, or the last.",
            True,
        ),
        Key("tests.back", "escape", "back", "back", "Close the details, clear the filter, then the marks."),
    ),
    "run": (
        Key(
            "run.cancel-test",
            "c",
            "cancel_test",
            "cancel",
            "Cancel the selected test.",
            True,
        ),
        Key("run.cancel", "C,ctrl+x", "cancel_run", "cancel all", "Cancel the whole run.", True),
        Key("run.failed", "f", "run_failed", "failed again", "When the run is over: run again what failed."),
        Key(
            "run.attach",
            "a",
            "attach",
            "attach",
            "Walk into the test's machine, also beside the test; exit leads back.",
            True,
        ),
        Key(
            "run.rewind",
            "b",
            "rewind",
            "rewind",
            "Walk into a fork of the machine from before the step under the cursor, or the one that failed.",
            True,
        ),
        Key(
            "run.output",
            "o",
            "open_output",
            "output",
            "Open a step's whole output.",
            True,
        ),
        Key(
            "run.keep",
            "K",
            "keep",
            "keep",
            "Keep the machine of a test that runs when it is over, or remove it.",
        ),
        Key(
            "run.retest",
            "W",
            "retest",
            "without set-up",
            "When the run is over: run the test without its set-up.",
        ),
        Key(
            "run.from-step",
            "s",
            "from_step",
            "from step",
            "When the run is over: run the test from the step under the cursor, or the one that failed.",
        ),
        Key(
            "run.shake",
            "S",
            "shake",
            "shake",
            "When the run is over: run the rest many times from one moment.",
        ),
        Key("run.edit", "e", "edit", "edit", "Open the test in your editor, at the step that failed."),
        Key(
            "run.copy-command",
            "Y",
            "copy_command",
            "copy command",
            "Copy the step's command: the failed one's.",
        ),
        Key("run.terminal", "A", "terminal", "terminal", "Open terminal panes in the test's kept machine."),
        Key(
            "run.terminal-right",
            "vertical_line,percent_sign",
            "split('right')",
            "terminal beside",
            "A terminal in the test's machine here, beside the console or the focused terminal.",
        ),
        Key(
            "run.terminal-below",
            "quotation_mark",
            "split('below')",
            "terminal below",
            "A terminal in the test's machine here, below the console or the focused terminal.",
        ),
        Key("run.pin", "p", "pin", "pin console", "Keep this console in view, in a pane; _ closes it."),
        Key("run.export", "X", "export", "report", "Write a report: JUnit XML, JSON, Markdown or HTML."),
        Key("run.follow", "F", "follow", "follow", "Console: follow the end, or stay where it is."),
        Key("run.search", "slash", "search", "search", "Search the console.", True, True),
        Key("run.next-hit", "n", "hit(1)", "next hit", "Next place where the searched text occurs."),
        Key("run.previous-hit", "N", "hit(-1)", "previous hit", "The place before."),
        Key(
            "run.copy",
            "y",
            "copy",
            "copy",
            "Copy the selection, the step's output, or the console in view.",
        ),
        Key("run.consoles", "M", "consoles", "merged", "The consoles of all machines as one, by time."),
        Key("run.back", "escape", "back", "tests", "Back to the tests; the run goes on.", True),
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
        Key(
            "panes.jump",
            "semicolon",
            "jump",
            "jump",
            "Show a letter on every row and a number on every pane.",
        ),
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
    "latency": (
        Key("latency.measure", "n", "measure", "measure", "Measure what a key costs.", True),
        Key("latency.stop", "c", "stop", "end it", "End the measurement; what it has is kept.", True),
        Key("latency.mark", "space", "mark", "compare", "Compare others with the one here.", True),
        Key("latency.back", "escape", "back", "back", "Back to where you were.", True),
    ),
    "machines": (
        Key("machines.attach", "a", "attach", "attach", "Walk in; exit leads back.", True),
        Key("machines.terminal", "A", "terminal", "terminals", "Open terminal panes in it."),
        Key("machines.save", "s", "save", "save", "Save it as a snapshot.", True),
        Key("machines.new", "n", "new", "new", "Start a new machine.", True),
        Key(
            "machines.start", "o", "start", "start", "Start what is marked, or the machine under the cursor."
        ),
        Key("machines.stop", "x", "stop", "stop", "Stop it; its disk stays. Asks first.", True),
        Key("machines.kill", "X", "kill", "kill", "End it as a power cut would. Asks first."),
        Key("machines.pause", "p", "pause", "pause", "Halt its processors, or let them go on."),
        Key("machines.reboot", "R", "reboot", "reboot", "Reboot it: with its disk kept, or discarded."),
        Key("machines.remove", "d,delete", "remove", "remove", "Remove it with all in it. Asks first.", True),
        Key("machines.keep", "K", "keep", "keep or drop", "Keep it, or keep it no longer."),
        Key("machines.forward", "f", "forward", "forward", "Lead a port of this host into it."),
        Key("machines.forwards", "F", "forwards", "ports", "The ports that lead into machines; close one."),
        Key("machines.relabel", "e", "relabel", "label", "Say what it is for."),
        Key("machines.copy-ssh", "y", "copy_ssh", "copy ssh", "Copy the plain ssh command into it."),
        Key("machines.copy-exec", "Y", "copy_exec", "copy exec", "Copy the start of a vmbench exec command."),
        Key("machines.mark", "space", "mark", "mark", "Mark it, for start, stop, kill and remove."),
        Key("machines.unmark", "u", "unmark", "unmark", "Take all marks away."),
        Key("machines.filter", "slash", "filter", "filter", "Filter: words of any column, -not.", True, True),
        Key("machines.cancel", "c", "cancel", "cancel", "Cancel what goes on with it, or began last."),
        Key(
            "machines.back", "escape", "back", "back", "Close the console, clear the filter, then the marks."
        ),
    ),
    "snapshots": (
        Key("snapshots.fork", "f", "fork", "fork", "Start a new machine from it, and show it.", True),
        Key(
            "snapshots.fork-terminal", "A", "fork_terminal", "fork, terminal", "Fork it and open a terminal."
        ),
        Key("snapshots.restore", "r", "restore", "restore", "Make a machine what it was. Asks first.", True),
        Key(
            "snapshots.rename", "e", "rename", "rename", "Call it otherwise; what came of it stays below it."
        ),
        Key("snapshots.export", "x", "export", "export", "Write it as one file, for another host.", True),
        Key("snapshots.import", "i", "import", "import", "Read one from a file.", True),
        Key("snapshots.remove", "d,delete", "remove", "remove", "Remove it; what came of it stays.", True),
        Key("snapshots.checkpoints", "C", "checkpoints", "checkpoints", "Show what runs saved, or hide it."),
        Key("snapshots.copy", "y", "copy", "copy", "Copy the command that forks it."),
        Key("snapshots.mark", "space", "mark", "mark", "Mark it, to remove several."),
        Key("snapshots.unmark", "u", "unmark", "unmark", "Take all marks away."),
        Key(
            "snapshots.filter", "slash", "filter", "filter", "Filter: words of any column, -not.", True, True
        ),
        Key("snapshots.cancel", "c", "cancel", "cancel", "Cancel what goes on with it, or began last."),
        Key("snapshots.back", "escape", "back", "back", "Close the details, clear the filter, the marks."),
    ),
    "past-run": (
        Key("past-run.play", "space", "play", "play", "Play the run from here; stop.", True),
        Key("past-run.back", "left", "event(-1)", "event before", "Go to the event before or after."),
        Key("past-run.on", "right", "event(1)", "event after"),
        Key("past-run.second-back", "shift+left", "seconds(-1)", "1 s back", "Go a second back or on."),
        Key("past-run.second-on", "shift+right", "seconds(1)", "1 s on"),
        Key("past-run.begin", "shift+home", "ends(False)", "begin", "Go to the run's beginning or its end."),
        Key("past-run.end", "shift+end", "ends(True)", "end"),
        Key("past-run.speed", "S", "speed", "speed", "Play 1, 2, 5, 10 or 50 times as fast."),
    ),
    "runs": (
        Key("runs.mark", "space", "mark", "mark", "Mark the run: two marked ones are compared.", True),
        Key(
            "runs.compare",
            "c",
            "compare",
            "compare",
            "Compare the two marked runs, or this one with the marked one, or with the one before it.",
            True,
        ),
        Key("runs.failed", "f", "run_failed", "failed again", "Run again what failed in this run.", True),
        Key("runs.export", "x", "export", "report", "Write a report: JUnit XML, JSON, Markdown or HTML."),
        Key("runs.delete", "d,delete", "delete", "delete", "Delete the marked runs, or this one.", True),
        Key("runs.filter", "slash", "filter", "filter", "Filter: words, -not.", True, True),
        Key("runs.copy", "y", "copy", "copy", "Copy the run's id."),
        Key("runs.unmark", "u", "unmark", "unmark", "Take all marks away."),
        Key("runs.back", "escape", "back", "back", "Clear the filter, then the marks."),
    ),
    "compare": (
        Key("compare.copy", "y", "copy", "copy", "Copy the comparison as text.", True),
        Key("compare.failed", "f", "run_worse", "run worse", "Run again what became worse.", True),
        Key("compare.back", "escape", "back", "back", "Back to the runs.", True),
    ),
    "ask": (
        Key("ask.done", "enter", "done", "write", "", True, True),
        Key("ask.cancel", "escape", "cancel", "cancel", "", True, True),
    ),
    "images": (
        Key("images.build", "b", "build(False)", "build", "Build the image from the newest packages.", True),
        Key("images.rebuild", "B", "build(True)", "build anew", "Build it anew even if nothing changed."),
        Key("images.verify", "v", "verify", "verify", "Check every file against its checksum.", True),
        Key("images.remove", "d,delete", "remove", "remove", "Remove the image from the cache.", True),
        Key("images.clean", "D", "clean", "clean unused", "Remove replaced builds that nothing uses.", True),
        Key("images.cancel", "c,ctrl+x", "cancel_work", "cancel", "Cancel what is being done.", True),
    ),
    "doctor": (
        Key("doctor.rerun", "r", "rerun", "look again", "Look at this host again.", True),
        Key("doctor.copy", "y", "copy", "copy", "Copy the remedy of the check, or the name.", True),
        Key("doctor.reclaim", "d,delete", "reclaim(False)", "reclaim", "Reclaim the thing selected.", True),
        Key("doctor.reclaim-all", "D", "reclaim(True)", "reclaim all", "Reclaim all that is listed.", True),
        Key("doctor.age", "o", "age", "age", "List what was not used for 7 days, 1 day, at all, 30 days."),
        Key("doctor.other", "tab", "other", "other list", "Go to the other list."),
    ),
    "output": (
        Key("output.other", "s", "other", "other stream", "Standard output or standard error.", True),
        Key("output.search", "slash", "search", "search", "Search the output.", True, True),
        Key("output.next-hit", "n", "hit(1)", "next hit", "Next place where the searched text occurs.", True),
        Key("output.previous-hit", "N", "hit(-1)", "previous hit", "The place before."),
        Key("output.copy", "y", "copy", "copy", "Copy the selected text, or what is in view.", True),
        Key("output.back", "escape", "back", "back", "Back to the run.", True),
    ),
    "settings": (
        Key("settings.edit", "e", "edit", "edit", "Give the setting another value.", True),
        Key("settings.reset", "d,delete", "reset", "reset", "Take the value out of its file.", True),
        Key("settings.undo", "u", "undo", "undo", "Take the last change back.", True),
        Key("settings.file", "p", "file", "file", "Let changes go to your file, or the project's.", True),
        Key(
            "settings.keys", "K", "keys", "keys", "Every key of the workbench, and another one for it.", True
        ),
        Key("settings.copy", "y", "copy", "copy", "Copy the setting as a line."),
        Key("settings.back", "escape", "back", "tests", "Back to the tests."),
    ),
    "keys": (
        Key("keys.change", "e", "change", "change", "Press another key for the action.", True),
        Key("keys.add", "plus", "add", "add", "Press one more key for the action.", True),
        Key("keys.reset", "d,delete", "reset", "reset", "Give the action its default keys.", True),
        Key("keys.undo", "u", "undo", "undo", "Take the last change back.", True),
        Key("keys.filter", "slash", "filter", "filter", "Filter the actions.", True, True),
        Key("keys.back", "escape", "back", "back", "Back to the settings.", True),
    ),
    "list": (
        Key("list.up", "up,k", "move(-1)", "up", "Up and down."),
        Key("list.down", "down,j", "move(1)", "down"),
        Key("list.page-up", "pageup,ctrl+b", "page(-1)", "page up", "A page up or down."),
        Key("list.page-down", "pagedown,ctrl+f", "page(1)", "page down"),
        Key("list.first", "home,g", "first", "first", "First and last row."),
        Key("list.last", "end,G", "last", "last"),
        Key("list.choose", "enter", "choose", "open", "Open: details, a group, or a step's output."),
    ),
    "log": (
        Key("log.up", "up,k", "scroll_up", "up", "Scroll; the pane stops following."),
        Key("log.down", "down,j", "scroll_down", "down"),
        Key("log.left", "left,h", "scroll_sideways(-8)", "left", "Scroll sideways; long lines stay whole."),
        Key("log.right", "right,l", "scroll_sideways(8)", "right"),
        Key("log.page-up", "pageup,ctrl+b", "page_up", "page up"),
        Key("log.page-down", "pagedown,ctrl+f", "page_down", "page down"),
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
    "choices": (Key("choices.close", "escape", "close", "close", "", True),),
    "entry": (
        Key("entry.done", "enter", "screen.keep_entry", "keep", "", True, True),
        Key("entry.clear", "escape", "screen.back", "clear", "", True, True),
        Key("entry.leave", "down,up", "screen.focus_list", "to the list", "", True, True),
    ),
    "find": (
        Key("find.done", "enter", "done", "keep", "Keep it, and go to the log.", True, True),
        Key("find.clear", "escape", "screen.back", "clear", "End the search or the filter.", True, True),
        Key("find.older", "up", "recall(-1)", "earlier", "What was looked for before.", True),
        Key("find.newer", "down", "recall(1)", "later", "What was looked for after that."),
        Key("find.regex", "ctrl+r", "switch('regex')", "regex", "Regular expression, or plain text.", True),
        Key("find.case", "ctrl+t", "switch('case')", "Aa", "Tell upper from lower case, or do not.", True),
    ),
    "consoles": (
        Key("consoles.search", "slash", "search", "search", "Search all consoles.", True, True),
        Key("consoles.next-hit", "n", "hit(1)", "next hit", "Next line with the searched text.", True),
        Key("consoles.previous-hit", "N", "hit(-1)", "previous hit", "The line before."),
        Key("consoles.copy", "y", "copy", "copy", "Copy the selected text, or what is in view."),
        Key("consoles.back", "escape", "back", "back", "End the search, the filter, then go back.", True),
    ),
    "export": (Key("export.close", "escape", "close", "close", "Close.", True),),
    "marks": (
        Key("marks.up", "k", "cursor_up", "up"),
        Key("marks.down", "j", "cursor_down", "down"),
    ),
    "new-test": (
        Key("new-test.save", "ctrl+s", "save", "save", "Save the test.", True, True),
        Key("new-test.leave", "escape", "back", "leave", "Leave without saving; the recording stays.", True),
    ),
    "confirm": (
        Key("confirm.yes", "y", "answer(True)", "yes", "Do it."),
        Key("confirm.no", "n,escape", "answer(False)", "no", "Do not."),
    ),
    "confirm-buttons": (
        Key("confirm.left", "left,h", "app.focus_previous", "left"),
        Key("confirm.right", "right,l", "app.focus_next", "right"),
    ),
    "report": (Key("report.copy", "y", "copy", "copy", "Copy the report.", True),),
    "close": (Key("close.close", "escape,q,question_mark,enter", "close", "close", "Close.", True),),
}


def bindings(scope: str) -> list[BindingType]:
    """Return Textual's bindings for one scope; every one has an id."""
    found: list[BindingType] = []
    for key in SCOPES[scope]:
        for position, name in enumerate(key.keys.split(",")):
            found.append(
                Binding(
                    name,
                    key.action,
                    key.label,
                    show=key.footer and position == 0,
                    priority=key.priority,
                    id=key.id,
                    tooltip=key.help,
                )
            )
    return found


def all_keys() -> Iterator[tuple[str, Key]]:
    """Yield every key with its scope, those that people are told of."""
    for scope, keys in SCOPES.items():
        for key in keys:
            yield scope, key


def keys_of(key: Key, changes: Mapping[str, str]) -> str:
    """Return the keys that an action has, by a person's changes or by default."""
    return changes.get(key.id, key.keys)


_EVERYWHERE = frozenset({"app", "list", "log"})
"""Scopes that hold together with the scope of any place."""
_APART = frozenset({"entry", "confirm", "confirm-buttons", "report", "close", "terminal"})
"""Scopes that hold alone: dialogs, and what follows the prefix key."""


@dataclass(frozen=True, slots=True)
class Clash:
    """Two actions that one key would have at the same time."""

    name: str
    """The key, as Textual calls it."""
    first: Key
    second: Key


def clashes(changes: Mapping[str, str]) -> list[Clash]:
    """Return where a changed key is also another action's, in scopes that hold at the same time."""
    everything = list(all_keys())
    found: list[Clash] = []
    for scope, key in everything:
        if key.id not in changes:
            continue
        for other_scope, other in everything:
            if other.id == key.id or not _together(scope, other_scope):
                continue
            if other.id in changes and other.id < key.id:
                continue  # told from the other side
            both = set(keys_of(key, changes).split(",")) & set(keys_of(other, changes).split(","))
            found += [Clash(name, key, other) for name in sorted(both)]
    return found


def _together(scope: str, other: str) -> bool:
    if scope == other:
        return True
    if scope in _APART or other in _APART:
        return False
    return scope in _EVERYWHERE or other in _EVERYWHERE


_NAMES = {
    "question_mark": "?",
    "slash": "/",
    "ampersand": "&",
    "plus": "+",
    "minus": "-",
    "space": "space",
    "delete": "del",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "percent_sign": "%",
    "vertical_line": "|",
    "quotation_mark": '"',
    "colon": ":",
    "full_stop": ".",
    "left_curly_bracket": "{",
    "right_curly_bracket": "}",
    "underscore": "_",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "equals_sign": "=",
    "semicolon": ";",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "escape": "esc",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
}


def shown(keys: str) -> str:
    """Return keys as people read them: ``↑ k``, ``^x``."""
    return " ".join(_NAMES.get(k, k.replace("ctrl+", "^")) for k in keys.split(","))
