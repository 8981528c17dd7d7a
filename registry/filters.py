"""Selecting tests by words: ``substring``, ``tag:NAME``, ``group:NAME``, and ``-`` to exclude."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from registry.model import Test

_TAG = "tag:"
_GROUP = "group:"


@dataclass(frozen=True, slots=True)
class Filter:
    """Compiled words; call it with a test to learn whether it is selected."""

    wanted: tuple[str, ...] = ()
    """Every one must match."""
    unwanted: tuple[str, ...] = ()
    """None may match."""

    @classmethod
    def of(cls, words: Iterable[str]) -> Filter:
        """Compile words; case does not matter, and a word that says nothing is left out."""
        cleaned = [word.strip().lower() for word in words]
        return cls(
            wanted=tuple(word for word in cleaned if word and word[0] != "-"),
            unwanted=tuple(word[1:] for word in cleaned if len(word) > 1 and word[0] == "-"),
        )

    def __call__(self, test: Test) -> bool:
        """Return whether a test is selected."""
        for word in self.wanted:
            if not _matches(test, word):
                return False
        return all(not _matches(test, word) for word in self.unwanted)

    def select(self, tests: Sequence[Test]) -> tuple[Test, ...]:
        """Return the selected ones of ``tests``, in their order."""
        if not self.wanted and not self.unwanted:
            return tuple(tests)
        return tuple([test for test in tests if self(test)])


def matches(test: Test, words: Iterable[str]) -> bool:
    """Return whether ``words`` select a test; to ask of many tests, compile a ``Filter``."""
    return Filter.of(words)(test)


def _matches(test: Test, word: str) -> bool:
    if word.startswith(_TAG):
        tag = word[len(_TAG) :]
        return any(tag == own.lower() for own in test.tags)
    if word.startswith(_GROUP):
        return word[len(_GROUP) :] == test.group.lower()
    return word in test.name.lower()
