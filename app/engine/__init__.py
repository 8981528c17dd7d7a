"""How it runs: planning, the worker pool, the runner and the events. No Textual here."""
