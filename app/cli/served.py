"""The workbench as a browser shows it: ``vmbench serve`` starts one for every window.

Run as ``python -m app.cli.served [--registry DIR | --project DIR]``.
"""

from __future__ import annotations

import argparse
import sys

from app.cli.workbench import build_workbench
from app.tui.process import run_app


def main() -> int:
    """Open the workbench with the driver that the environment names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--registry")
    parser.add_argument("--project")
    chosen = parser.parse_args()
    return run_app(build_workbench(registry=chosen.registry, project=chosen.project))


if __name__ == "__main__":
    sys.exit(main())
