"""Keys of the places of machines, snapshots, images, figures and settings."""

from __future__ import annotations

from collections.abc import Mapping

from app.tui.keys.key import Key

SCOPES: Mapping[str, tuple[Key, ...]] = {
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
        Key(
            "machines.consoles",
            "M",
            "consoles",
            "consoles",
            "Its console whole, or those of marked ones as one.",
        ),
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
    "images": (
        Key("images.build", "b", "build(False)", "build", "Build the image from the newest packages.", True),
        Key("images.rebuild", "B", "build(True)", "build anew", "Build it anew even if nothing changed."),
        Key("images.verify", "v", "verify", "verify", "Check every file against its checksum.", True),
        Key("images.remove", "d,delete", "remove", "remove", "Remove the image from the cache.", True),
        Key("images.clean", "D", "clean", "clean unused", "Remove replaced builds that nothing uses.", True),
        Key("images.cancel", "c,ctrl+x", "cancel_work", "cancel", "Cancel what is being done.", True),
    ),
    "latency": (
        Key("latency.measure", "n", "measure", "measure", "Measure what a key costs.", True),
        Key("latency.stop", "c", "stop", "end it", "End the measurement; what it has is kept.", True),
        Key("latency.mark", "space", "mark", "compare", "Compare others with the one here.", True),
        Key("latency.back", "escape", "back", "back", "Back to where you were.", True),
    ),
    "doctor": (
        Key("doctor.rerun", "r", "rerun", "look again", "Look at this host again.", True),
        Key("doctor.copy", "y", "copy", "copy", "Copy the remedy of the check, or the name.", True),
        Key("doctor.reclaim", "d,delete", "reclaim(False)", "reclaim", "Reclaim the thing selected.", True),
        Key("doctor.reclaim-all", "D", "reclaim(True)", "reclaim all", "Reclaim all that is listed.", True),
        Key("doctor.age", "o", "age", "age", "List what was not used for 7 days, 1 day, at all, 30 days."),
        Key("doctor.other", "tab", "other", "other list", "Go to the other list."),
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
}
