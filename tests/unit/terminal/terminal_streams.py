"""The recorded streams."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "streams"
NAMES = sorted(path.stem for path in FOLDER.glob("*.gz"))


@dataclass(frozen=True)
class Stream:
    columns: int
    rows: int
    stops: list[int]
    data: bytes


def load(name: str) -> Stream:
    header, _, data = gzip.decompress((FOLDER / f"{name}.gz").read_bytes()).partition(b"\n")
    return Stream(**json.loads(header), data=data)
