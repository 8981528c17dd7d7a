"""The examples of docs/test-format.md are taken as they stand."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from registry.model import Registry

DOCUMENT = Path(__file__).parents[3] / "docs" / "test-format.md"
EXAMPLES = re.findall(r"^```toml\n(.*?)^```", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
SERVICE = 'ports = { http = 80 }\n[start]\nrun = "true"\n'


@pytest.mark.parametrize("example", EXAMPLES, ids=[e.splitlines()[0] for e in EXAMPLES])
def test_an_example(loaded: Callable[[dict[str, str]], Registry], example: str) -> None:
    files = {"web/service.toml": SERVICE, "db/service.toml": SERVICE, "web/site/index.html": ""}
    if "[start]" in example:
        registry = loaded({**files, "web/service.toml": example})
    else:
        head = '[[tests]]\nname = "x"\n' if example.startswith("[[tests.steps]]") else ""
        registry = loaded({**files, "tests/x.toml": head + example})
        assert registry.tests
    assert registry.problems == ()


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 5
