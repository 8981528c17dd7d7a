"""Logs that grow, as lines: reading, searching, times of arrival, several of them as one. No Textual here."""
