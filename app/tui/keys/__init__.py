"""Every key of the workbench: in tables by scope, which ``app.tui.keymap`` puts together."""
