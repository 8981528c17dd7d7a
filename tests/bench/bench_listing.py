"""How long 10,000 tests take to load, as a ratio to merely reading and parsing the same files.

Prints one line for people and one of JSON. The floor is measured in the same run, interleaved with
the loads, so that a noisy host disturbs both alike.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import tomli

from registry.discovery import Filter, load

_TEST = """\
[[tests]]
name = "case-{index}"
summary = "Answers request {index}"
tags = ["fast", "group-{tag}"]

[[tests.steps]]
action = "add"
service = "{service}"

[[tests.steps]]
action = "wait"
service = "{service}"

[[tests.steps]]
action = "shell"
name = "answers"
run = "wget -qO- http://127.0.0.1:$VMBENCH_PORT_HTTP/{index} | grep -q {index}"
timeout = "10s"

"""
_SERVICE = """\
description = "Service {service}"
[requirements]
ram = 64
[[ports]]
name = "http"
port = 8080
[start]
run = "httpd -p 8080 -h /srv"
[ready]
tcp = "http"
"""


def write_wide(root: Path, tests: int) -> None:
    """Write ten tests to every service's file."""
    for number in range(tests // 10):
        service = f"service{number}"
        folder = root / service
        folder.mkdir()
        (folder / "service.toml").write_text(_SERVICE.format(service=service))
        body = "".join(_TEST.format(index=i, tag=i % 5, service=service) for i in range(10))
        (folder / "test.toml").write_text(body)


def write_flat(root: Path, tests: int) -> None:
    """Write every test to a file of its own."""
    (root / "web").mkdir()
    (root / "web" / "service.toml").write_text(_SERVICE.format(service="web"))
    (root / "tests").mkdir()
    for index in range(tests):
        (root / "tests" / f"t{index}.toml").write_text(
            _TEST.format(index=index, tag=index % 5, service="web")
        )


def floor(root: Path) -> None:
    """Read and parse every file, and nothing more."""
    for path in root.rglob("*.toml"):
        tomli.loads(path.read_bytes().decode())


def seconds(action: Callable[[], object]) -> float:
    """Return how long an action took."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def measure(shape: str, write: Callable[[Path, int], None], tests: int, rounds: int) -> dict[str, object]:
    """Return the medians of one shape of registry."""
    with tempfile.TemporaryDirectory(prefix="vmbench-bench-") as folder:
        root = Path(folder)
        write(root, tests)
        registry = load(root)
        if len(registry.tests) != tests or registry.problems:
            raise SystemExit(f"{shape}: {len(registry.tests)} tests, problems: {registry.problems[:3]}")
        loads, floors, filters = [], [], []
        chosen = Filter.of(["case", "-tag:group-3", "9"])
        for _ in range(rounds):
            floors.append(seconds(lambda: floor(root)))
            loads.append(seconds(lambda: load(root)))
            filters.append(seconds(lambda: chosen.select(registry.tests)))
    load_time, floor_time = statistics.median(loads), statistics.median(floors)
    return {
        "bench": "listing",
        "shape": shape,
        "tests": tests,
        "n": rounds,
        "load_s": round(load_time, 3),
        "load_min_s": round(min(loads), 3),
        "load_max_s": round(max(loads), 3),
        "floor_s": round(floor_time, 3),
        "ratio": round(load_time / floor_time, 2),
        "filter_ms": round(statistics.median(filters) * 1000, 1),
    }


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    for shape, write in (("1 file for 10 tests", write_wide), ("1 file for each", write_flat)):
        found = measure(shape, write, options.tests, options.rounds)
        print(
            f"listing {found['tests']} tests, {shape}: {found['load_s']} s "
            f"({found['load_min_s']} to {found['load_max_s']}, n={found['n']}), "
            f"{found['ratio']} times bare parsing ({found['floor_s']} s); filter {found['filter_ms']} ms"
        )
        print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
