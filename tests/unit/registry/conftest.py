from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from registry.discovery import load
from registry.model import Registry

Loader = Callable[[dict[str, str]], Registry]


@pytest.fixture
def loaded(tmp_path: Path) -> Loader:
    """Write files into a registry and load it."""

    def write_and_load(files: dict[str, str]) -> Registry:
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return load(tmp_path)

    return write_and_load
