"""The bundled registry: what can be told of it without a machine."""

from __future__ import annotations

import os

import pytest

from registry.discovery import CATALOG, load, memory_for
from registry.model import Registry, ShellStep


@pytest.fixture(scope="module")
def catalog() -> Registry:
    return load(CATALOG)


def test_it_has_no_problems(catalog: Registry) -> None:
    assert [str(p) for p in catalog.problems] == []
    assert len(catalog.tests) >= 14


def test_every_test_says_what_it_is(catalog: Registry) -> None:
    for test in catalog.tests:
        assert test.summary, test.name
        assert test.tags, test.name
        assert len(test.steps) > 1, f"{test.name} is trivial"
        assert memory_for(test, catalog.services) == 256, test.name


def test_every_service_is_used_and_described(catalog: Registry) -> None:
    used = {name for test in catalog.tests for name in test.services}
    assert used == set(catalog.services)
    assert all(s.description and s.ready and not s.foreign for s in catalog.services.values())


def test_no_check_is_swallowed_by_set_e(catalog: Registry) -> None:
    """Under ``set -e`` a line that begins with ``!`` never ends a script, unless it is the last one."""
    for test in catalog.tests:
        for step in test.steps:
            if isinstance(step, ShellStep):
                *lines, _ = step.run.strip().splitlines()
                lost = [line for line in lines if line.startswith("! ") and "||" not in line]
                assert not lost, (test.name, step.name, lost)


def test_programs_among_its_files_are_executable() -> None:
    for name in ("web/site/health", "web/site/notes", "counter/visit", "kv/kv", "tests/data/tree/run.sh"):
        assert os.access(CATALOG / name, os.X_OK), name
