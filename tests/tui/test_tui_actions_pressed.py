"""Every action of the keymap is pressed by a test of its place: a new one without a test fails here."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from app.tui import keymap

SHARED = ("test_tui_every_key",)
WHERE = {
    "app": ("test_tui_broken_panes", "test_tui_pilot", "test_tui_layout", *SHARED),
    "screen": ("test_tui_pilot", "test_tui_layout", "test_terminal_pane", *SHARED),
    "tests": ("test_tui_actions", "test_tui_pilot", "test_tui_layout"),
    "run": (
        "test_tui_actions",
        "test_tui_pilot",
        "test_run_room",
        "test_tui_past_runs",
        "test_tui_walk_in",
        "test_terminal_workbench",
        "test_tui_full_disk",
        *SHARED,
    ),
    "past-run": ("test_tui_past_runs", *SHARED),
    "runs": ("test_tui_past_runs",),
    "compare": ("test_tui_past_runs",),
    "output": ("test_tui_pilot", *SHARED),
    "consoles": ("test_tui_log_keys", *SHARED),
    "panes": ("test_tui_layout", *SHARED),
    "list": SHARED,
    "log": ("test_tui_log_keys", *SHARED),
    "text": SHARED,
    "find": ("test_tui_log_keys",),
    "commands": ("test_tui_layout",),
    "machines": ("test_machines_place",),
    "snapshots": ("test_snapshots_place", *SHARED),
    "images": ("test_tui_host_places",),
    "latency": ("test_tui_latency",),
    "doctor": ("test_tui_host_places",),
    "settings": ("test_tui_settings", *SHARED),
    "keys": ("test_tui_settings", *SHARED),
    "terminal": (
        "test_terminal_pane",
        "test_terminal_sources",
        "test_terminal_new_test",
        "test_run_room",
        "test_terminal_workbench",
        *SHARED,
    ),
    "replay": ("test_terminal_replay", *SHARED),
    "new-test": ("test_terminal_new_test", *SHARED),
    "choices": ("test_tui_faults_everywhere",),
    "entry": SHARED,
    "ask": ("test_tui_past_runs",),
    "export": ("test_tui_log_keys",),
    "options": SHARED,
    "confirm": ("test_tui_pilot",),
    "confirm-buttons": SHARED,
    "report": ("test_tui_faults_everywhere",),
    "close": SHARED,
}
"""The tests that press the keys of each scope."""


@cache
def pressed(file: str) -> frozenset[str]:
    """Return every literal in a test file that is, or leads to, a key that is pressed."""
    tree = ast.parse((Path(__file__).with_name(f"{file}.py")).read_text())
    return frozenset(
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


@pytest.mark.parametrize("scope", keymap.SCOPES)
def test_every_action_is_pressed(scope) -> None:
    there = frozenset().union(*(pressed(file) for file in WHERE[scope]))
    if scope == "panes":
        there |= {f"alt+{number}" for number in range(1, 10)}  # made in a loop
    if scope == "app":
        there |= set("1234567890")
    missing = [key.id for key in keymap.SCOPES[scope] if not there & set(key.keys.split(","))]
    assert not missing, f"no test in {', '.join(WHERE[scope])} presses a key of these actions"
