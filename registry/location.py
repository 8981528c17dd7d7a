"""Finding the registry: named, a project's, the one a ``vmbench.toml`` names, ``./registry``, the bundled."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

CONFIG = "vmbench.toml"
"""Names a project's registry and its defaults; looked for from the working folder upward."""
CATALOG = Path(__file__).resolve().parent / "catalog"
"""The bundled registry."""
TEST_FILE = "test.toml"
SERVICE_FILE = "service.toml"
TESTS = "tests"
"""The registry's folder of tests that belong to no service, and their group."""


class RegistryError(Exception):
    """There is no registry where one was asked for.

    Args:
        message: What happened and why, in one line.
        remedy: What to type or change next.
    """

    def __init__(self, message: str, *, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class Kind(StrEnum):
    """What was found."""

    REGISTRY = "registry"
    PROJECT = "project"
    CATALOG = "catalog"


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Where the tests are."""

    kind: Kind
    root: Path
    config: Path | None = None
    """The ``vmbench.toml`` that holds here, if there is one."""


def find_config(start: Path) -> Path | None:
    """Return the nearest ``vmbench.toml`` in ``start`` or a folder above it."""
    start = start.resolve()
    for folder in (start, *start.parents):
        if (folder / CONFIG).is_file():
            return folder / CONFIG
    return None


def find_registry(start: Path, explicit: Path | None = None, project: Path | None = None) -> Location:
    """Decide which registry holds.

    Args:
        start: The working folder.
        explicit: A registry's folder that the user named.
        project: A folder with a ``test.toml`` that the user named; it wins.

    Raises:
        RegistryError: what was named does not exist, is no folder, or has no tests in it.
    """
    config = find_config(project if project is not None and project.is_dir() else start)
    if project is not None:
        root = _folder(start / project, "project", "--project DIR")
        if not (root / TEST_FILE).is_file():
            raise RegistryError(
                f"there is no {TEST_FILE} in {root}",
                remedy=f"create {root / TEST_FILE}, or name a registry's folder with --registry DIR",
            )
        return Location(kind=Kind.PROJECT, root=root, config=config)
    if explicit is not None:
        return Location(kind=Kind.REGISTRY, root=_registry(start / explicit, "--registry DIR"), config=config)
    named = _named_by(config) if config is not None else None
    if named is not None and config is not None:
        return Location(
            kind=Kind.REGISTRY, root=_registry(named, f'registry = "…" in {config}'), config=config
        )
    beside = [start] if config is None else [start, config.parent]
    for folder in beside:
        if looks_like_registry(folder / "registry"):
            return Location(kind=Kind.REGISTRY, root=(folder / "registry").resolve(), config=config)
    return Location(kind=Kind.CATALOG, root=CATALOG, config=config)


def looks_like_registry(folder: Path) -> bool:
    """Return whether a folder holds services' ``test.toml`` or ``service.toml``, or ``tests/*.toml``."""
    if not folder.is_dir():
        return False
    found = (
        path
        for pattern in (f"*/{TEST_FILE}", f"*/{SERVICE_FILE}", f"{TESTS}/*.toml")
        for path in folder.glob(pattern)
    )
    return next(found, None) is not None


def _folder(path: Path, what: str, option: str) -> Path:
    if not path.exists():
        raise RegistryError(f"the {what} {path} does not exist", remedy=f"correct the path in {option}")
    if not path.is_dir():
        raise RegistryError(
            f"the {what} {path} is not a folder", remedy=f"name the folder it lies in with {option}"
        )
    return path.resolve()


def _registry(path: Path, option: str) -> Path:
    root = _folder(path, "registry", option)
    if looks_like_registry(root):
        return root
    if (root / TEST_FILE).is_file():
        raise RegistryError(
            f"{root} is a project with a {TEST_FILE}, not a registry", remedy=f"use --project {root}"
        )
    raise RegistryError(
        f"there are no tests in {root}",
        remedy=f"a registry holds <service>/{TEST_FILE} or {TESTS}/<name>.toml; add one, or correct {option}",
    )


def _named_by(config: Path) -> Path | None:
    """Return the registry that a ``vmbench.toml`` names."""
    # Imported where there is such a file: the first paint of most does not wait for the parser.
    from registry.decode import Problems, Table
    from registry.toml import parse

    problems = Problems(str(config))
    try:
        data = parse(config.read_bytes(), problems)
    except OSError as fault:
        raise RegistryError(f"cannot read {config}: {fault.strerror}", remedy="make it readable") from fault
    name = Table(data, "", problems).text("registry") if data is not None else None
    for problem in problems.found:
        where = f"{config}:{problem.line}" if problem.line else str(config)
        key = f" {problem.key}:" if problem.key else ""
        raise RegistryError(f"{where}:{key} {problem.message}", remedy=problem.remedy)
    return config.parent / name if name else None
