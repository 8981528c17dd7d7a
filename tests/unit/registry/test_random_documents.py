"""Whatever a file holds, loading answers with tests and problems, never with an exception."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.decode import Problems
from registry.loader import Origin, decode_tests, parse
from registry.model import Problem
from registry.services import decode_service

KEYS = st.sampled_from(
    "test tests steps setup machine name action run service services timeout poll interval attempts env url "
    "method headers status pattern from to since tags keep retries depends_on ram memory disk cpus browser "
    "install start stop remove ready tcp http exec ports port files mode requirements min recommended value "
    "description quadlets summary spec mailbox x".split()
)
LEAVES = st.one_of(
    st.sampled_from(
        ["shell", "http", "add", "wait", "copy", "console", "mail", "guest:/x", "2s", "1G", "(", "a\0b"]
    ),
    st.text(max_size=5),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.datetimes(),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=5)),
    max_leaves=25,
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=8)


def explained(found: list[Problem]) -> bool:
    return all(p.message and p.remedy and p.message.isprintable() and "\n" not in str(p) for p in found)


@settings(max_examples=400, deadline=None)
@given(DOCUMENTS)
def test_any_table(document: Mapping[str, object]) -> None:
    for group in ("tests", "web"):
        problems = Problems("x/test.toml")
        decoded = decode_tests(
            document, Origin(file=Path("x"), group=group, stem="x", service="web"), problems
        )
        assert explained(problems.found)
        broken = {p.test for p in problems.found}
        assert all(test.name not in broken and test.steps for test in decoded.tests)
    problems = Problems("x/service.toml")
    service = decode_service(document, "web", "x", problems)
    assert (service is None) == (problems.errors > 0)
    assert explained(problems.found)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=80), st.text(max_size=80).map(lambda t: t.encode("utf-8", "replace"))))
def test_any_bytes(content: bytes) -> None:
    problems = Problems("x")
    assert (parse(content, problems) is None) == (problems.errors == 1)


@settings(max_examples=100, deadline=None)
@given(DOCUMENTS)
def test_what_tomlkit_writes_is_read(document: Mapping[str, object]) -> None:
    problems = Problems("x")
    try:
        text = tomlkit.dumps(document)
    except ValueError:
        return
    data = parse(text.encode("utf-8", "replace"), problems)
    if data is not None:
        decode_tests(data, Origin(file=Path("x"), group="tests", stem="x"), problems)
