"""Where vmbench keeps its things: the user's cache, state and config folders, each with its override."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

CACHE_ENV = "VMBENCH_CACHE"
STATE_ENV = "VMBENCH_STATE"
CONFIG_ENV = "VMBENCH_CONFIG"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """The three folders everything is in; nothing is written anywhere else."""

    cache: Path
    """What can be made again: images."""
    state: Path
    """What cannot: machines, snapshots, runs, results; and templates, which share files with machines."""
    config: Path
    """The user's own ``vmbench.toml``."""

    @property
    def images(self) -> Path:
        """Folder of the image cache."""
        return self.cache / "images"

    @property
    def machines(self) -> Path:
        """Folder of the machines, one folder each."""
        return self.state / "machines"

    @property
    def runs(self) -> Path:
        """Folder of past and present runs, one folder each."""
        return self.state / "runs"

    @property
    def snapshots(self) -> Path:
        """Folder of the snapshots, one folder each."""
        return self.state / "snapshots"

    @property
    def templates(self) -> Path:
        """Folder of the templates that new machines are forked from, one folder each."""
        return self.state / "templates"

    @property
    def latency(self) -> Path:
        """Folder of measurements of latency, one file each."""
        return self.state / "latency"

    @property
    def recordings(self) -> Path:
        """Folder of recorded terminals that belong to no run."""
        return self.state / "recordings"

    @property
    def reports(self) -> Path:
        """Folder of reports about faults inside vmbench itself."""
        return self.state / "reports"

    @property
    def user_settings(self) -> Path:
        """The user's settings file, whether it exists or not."""
        return self.config / "vmbench.toml"

    @property
    def user_keys(self) -> Path:
        """The user's keys of the workbench, whether the file exists or not."""
        return self.config / "keys.toml"

    @property
    def user_themes(self) -> Path:
        """Folder of the user's own themes, whether it exists or not."""
        return self.config / "themes"

    def make(self) -> None:
        """Create the folders vmbench writes to, closed to other users.

        Raises:
            OSError: one of them cannot be created.
        """
        folders = (
            self.cache,
            self.images,
            self.state,
            self.machines,
            self.snapshots,
            self.templates,
            self.runs,
        )
        for folder in folders:
            private_folder(folder)


def private_folder(folder: Path) -> Path:
    """Create ``folder`` with mode 0700 and its parents; one that exists is left as it is."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def user_paths(environ: Mapping[str, str] | None = None) -> Paths:
    """Return the folders of this user, after the overrides in ``environ`` (by default the process's)."""
    env = os.environ if environ is None else environ
    return Paths(
        cache=_folder(env, CACHE_ENV, platformdirs.user_cache_path("vmbench")),
        state=_folder(env, STATE_ENV, platformdirs.user_state_path("vmbench")),
        config=_folder(env, CONFIG_ENV, platformdirs.user_config_path("vmbench")),
    )


def _folder(env: Mapping[str, str], name: str, default: Path) -> Path:
    value = env.get(name, "")
    return Path(value).expanduser().absolute() if value else default
