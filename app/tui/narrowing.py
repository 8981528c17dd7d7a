"""The filter of lists: words that must occur in a row, and words that must not."""

from __future__ import annotations


def fits(text: str, words: str) -> bool:
    """Whether every word of a filter occurs in a row's text, and none that follows ``-``, in any case."""
    folded = text.casefold()
    for word in words.casefold().split():
        excludes = word.startswith("-") and len(word) > 1
        if (word.removeprefix("-") in folded) is excludes:
            return False
    return True
