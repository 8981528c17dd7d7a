from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.discovery import Filter, matches
from registry.model import Test


def make(name: str, group: str = "web", tags: tuple[str, ...] = ()) -> Test:
    return Test(name=name, file=Path("x"), key="", group=group, steps=(), tags=tags)


WEB = make("web-Smoke", tags=("Fast", "http"))


@pytest.mark.parametrize(
    ("words", "selected"),
    [
        ([], True),
        (["smoke"], True),
        (["WEB", "smoke"], True),
        (["web", "other"], False),
        (["tag:fast"], True),
        (["tag:fas"], False),
        (["group:web"], True),
        (["group:we"], False),
        (["-smoke"], False),
        (["-tag:http"], False),
        (["-group:db"], True),
        (["web", "-tag:slow"], True),
        (["", " ", "-"], True),
    ],
)
def test_words(words: list[str], selected: bool) -> None:
    assert matches(WEB, words) is selected


words = st.lists(
    st.one_of(
        st.text(alphabet="abAB-: ", max_size=4),
        st.sampled_from(["tag:a", "-tag:b", "group:a", "-group:b", "-a", "b"]),
    ),
    max_size=4,
)
names = st.text(alphabet="ab-", min_size=1, max_size=5)
tests = st.lists(st.builds(make, names, names, st.lists(names, max_size=2).map(tuple)), max_size=8)


@given(tests, words, words)
def test_every_word_narrows(found: list[Test], some: list[str], more: list[str]) -> None:
    narrow = Filter.of(some + more).select(found)
    assert list(narrow) == [t for t in found if matches(t, some) and matches(t, more)]


@given(tests, st.sampled_from(["a", "b", "tag:a", "group:b", "ab"]))
def test_a_word_and_its_exclusion_split_all(found: list[Test], word: str) -> None:
    chosen, others = Filter.of([word]).select(found), Filter.of([f"-{word}"]).select(found)
    assert len(chosen) + len(others) == len(found)
    assert not {id(t) for t in chosen} & {id(t) for t in others}
