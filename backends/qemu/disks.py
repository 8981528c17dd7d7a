"""Disks as qcow2 layers: each a file of the machine's folder, above its backing file beside it."""

from __future__ import annotations

import secrets
import subprocess
from pathlib import Path

from backends.base import BackendError, HostNotAble
from backends.commands import noted


def fresh_name() -> str:
    """Return a name that no layer of any machine bears."""
    return f"disk-{secrets.token_hex(6)}.qcow2"


def blank(folder: Path, size: int) -> str:
    """Make an empty disk of ``size`` MiB; return its name. Blocking.

    Raises:
        BackendError: qemu-img is missing or fails.
    """
    name = fresh_name()
    _create(folder, name, f"{size}M")
    return name


def overlay(folder: Path, backing: str) -> str:
    """Make a layer above the layer ``backing`` of the same folder; return its name. Blocking, some 10 ms.

    Raises:
        BackendError: qemu-img is missing or fails.
    """
    name = fresh_name()
    _create(folder, name, "-b", backing, "-F", "qcow2")
    return name


def _create(folder: Path, name: str, *arguments: str) -> None:
    options = arguments if arguments[0] == "-b" else ()
    size = () if options else arguments
    command = ["qemu-img", "create", "-q", "-f", "qcow2", *options, name, *size]
    try:
        with noted("tool", command, folder.name) as ending:
            done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=60)
            ending.exit_code = done.returncode
    except FileNotFoundError as error:
        raise HostNotAble("qemu-img is not installed", remedy="make setup installs it") from error
    except subprocess.SubprocessError as error:
        (folder / name).unlink(missing_ok=True)
        said = str(getattr(error, "stderr", "") or error).strip()
        raise BackendError(
            f"qemu-img cannot make {folder / name}: {said}", remedy="free some disk space"
        ) from error
