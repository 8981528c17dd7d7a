"""Terminals: the emulator, its model, key encoding, the pane that shows one, and what it shows."""
