"""What you see: the Textual workbench, a reader of the engine's events."""
