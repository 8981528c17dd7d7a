"""What to test: the registry's data and its parsing. Imports nothing else of vmbench."""
