"""The set-up script's decisions, on systems that are made of stubs in a folder of programs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
REAL = ("cat", "cksum", "dirname", "env", "mv", "rm", "sed", "sh")
RELEASES = {
    "debian": "ID=debian\n",
    "ubuntu": 'ID=ubuntu\nID_LIKE="debian"\n',
    "mint": 'ID=linuxmint\nID_LIKE="ubuntu debian"\n',
    "fedora": "ID=fedora\n",
    "rocky": 'ID="rocky"\nID_LIKE="rhel centos fedora"\n',
    "arch": "ID=arch\n",
    "manjaro": "ID=manjaro\nID_LIKE=arch\n",
    "unknown": "ID=plan9\n",
}
GOOD_PYTHON = "exit 0"
OLD_PYTHON = 'case "$2" in *version_info*) exit 1 ;; esac'
NO_ENSUREPIP = 'case "$2" in *ensurepip*) exit 1 ;; *"%d.%d"*) echo 3.11 ;; esac'


@dataclass
class System:
    """A checkout and a PATH of stubs; ``calls`` tells what was run on them."""

    top: Path
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def bin(self) -> Path:
        return self.top / "bin"

    @property
    def checkout(self) -> Path:
        return self.top / "checkout"

    def program(self, name: str, body: str = "exit 0") -> None:
        file = self.bin / name
        file.write_text(f'#!/bin/sh\necho "{name} $*" >>"{self.top}/calls"\n{body}\n')
        file.chmod(0o755)

    def calls(self) -> list[str]:
        file = self.top / "calls"
        return file.read_text().splitlines() if file.exists() else []

    def run(self, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.checkout / "tools" / "setup.sh")],
            env={"PATH": str(self.bin), "HOME": str(self.top), **self.environ, **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
        )


@pytest.fixture
def system(tmp_path: Path) -> Callable[..., System]:
    def make(
        release: str = "debian", *, uid: int = 0, qemu: bool = False, python: str = GOOD_PYTHON
    ) -> System:
        made = System(tmp_path)
        made.bin.mkdir()
        (made.checkout / "tools").mkdir(parents=True)
        shutil.copy(ROOT / "tools" / "setup.sh", made.checkout / "tools")
        for name in ("requirements.lock", "pyproject.toml"):
            (made.checkout / name).write_text("")
        for name in REAL:
            (made.bin / name).symlink_to(shutil.which(name) or name)
        made.program("id", f"echo {uid}")
        made.program("uname", "echo Darwin" if release == "macos" else "echo Linux")
        made.program("python3", python)
        if qemu:
            made.program("qemu-system-x86_64")
            made.program("qemu-img")
        (tmp_path / "os-release").write_text(RELEASES.get(release, ""))
        made.environ["VMBENCH_SETUP_OS_RELEASE"] = str(tmp_path / "os-release")
        return made

    return make


MANAGERS = [
    ("debian", "apt-get install -y --no-install-recommends qemu-system-x86 qemu-utils"),
    ("ubuntu", "apt-get install -y --no-install-recommends qemu-system-x86 qemu-utils"),
    ("mint", "apt-get install -y --no-install-recommends qemu-system-x86 qemu-utils"),
    ("fedora", "dnf install -y qemu-system-x86-core qemu-img"),
    ("rocky", "dnf install -y qemu-system-x86-core qemu-img"),
    ("arch", "pacman -S --needed --noconfirm qemu-base"),
    ("manjaro", "pacman -S --needed --noconfirm qemu-base"),
    ("macos", "brew install qemu"),
]


@pytest.mark.parametrize(("release", "command"), MANAGERS)
def test_a_dry_run_tells_what_each_system_would_get(
    system: Callable[..., System], release: str, command: str
) -> None:
    here = system(release)
    for name in ("apt-cache", "brew"):
        here.program(name)
    done = here.run(VMBENCH_SETUP_DRY_RUN="1")
    assert done.returncode == 0, done.stderr
    would = [line.removeprefix("would run: ") for line in done.stdout.splitlines()]
    assert would[0].removeprefix("env DEBIAN_FRONTEND=noninteractive ") == command
    assert any("-m venv .venv" in line for line in would)
    assert any("--require-hashes -r requirements.lock" in line for line in would)
    assert not (here.checkout / ".venv").exists()
    assert not any(re.match(r"(apt-get|dnf|pacman|brew|sudo)\b", call) for call in here.calls())


@pytest.mark.parametrize(("release", "command"), MANAGERS)
def test_installing_can_be_forbidden(system: Callable[..., System], release: str, command: str) -> None:
    here = system(release, uid=1000)
    done = here.run(VMBENCH_NO_INSTALL="1")
    assert done.returncode == 3
    sudo = "" if release == "macos" else "sudo "
    assert f"try: {sudo}{command}\n" in done.stderr
    assert "qemu-system-x86_64 qemu-img" in done.stderr


def test_without_sudo_the_command_for_root_is_printed(system: Callable[..., System]) -> None:
    done = system(uid=1000).run()
    assert done.returncode == 3
    assert "as root: apt-get install" in done.stderr


def test_sudo_that_wants_a_password_is_not_asked_without_a_terminal(system: Callable[..., System]) -> None:
    here = system(uid=1000)
    here.program("sudo", "exit 1")
    done = here.run()
    assert done.returncode == 3
    assert "try: sudo apt-get install" in done.stderr
    assert [c for c in here.calls() if c.startswith("sudo")] == ["sudo -n true"]


def test_sudo_that_is_allowed_is_used(system: Callable[..., System]) -> None:
    here = system("fedora", uid=1000)
    here.program("sudo")
    done = here.run()
    # The stub installs nothing, so the script says that it is still missing.
    assert done.returncode == 3
    assert "still missing" in done.stderr
    assert "sudo -n dnf install -y qemu-system-x86-core qemu-img" in here.calls()


def test_apt_lists_are_read_only_when_they_lack_the_package(system: Callable[..., System]) -> None:
    here = system()
    here.program("apt-get")
    here.program("apt-cache")
    here.run()
    assert not any("update" in call for call in here.calls())
    here.program("apt-cache", "exit 1")
    here.run()
    apt = [call for call in here.calls() if call.startswith("apt-get")]
    assert apt[-2:] == [
        "apt-get update -q",
        "apt-get install -y --no-install-recommends qemu-system-x86 qemu-utils",
    ]


def test_out_of_date_apt_lists_are_read_again_after_a_failure(system: Callable[..., System]) -> None:
    here = system()
    here.program("apt-cache")
    install_fails_once = (
        f'case "$1" in install) [ -e "{here.top}/once" ] || {{ : >"{here.top}/once"; exit 100; }} ;; esac'
    )
    here.program("apt-get", install_fails_once)
    here.run()
    apt = [call.split()[1] for call in here.calls() if call.startswith("apt-get")]
    assert apt == ["install", "update", "install"]


def test_an_unknown_system_is_told_what_is_needed(system: Callable[..., System]) -> None:
    done = system("unknown").run()
    assert done.returncode == 3
    assert "install QEMU" in done.stderr


def test_macos_without_homebrew_is_told_where_to_get_it(system: Callable[..., System]) -> None:
    done = system("macos").run()
    assert done.returncode == 3
    assert "https://brew.sh" in done.stderr


def test_a_python_without_ensurepip_gets_its_package(system: Callable[..., System]) -> None:
    here = system(qemu=True, python=NO_ENSUREPIP)
    done = here.run(VMBENCH_NO_INSTALL="1")
    assert done.returncode == 3
    assert "python3.11-venv" in done.stderr


def test_a_python_that_can_make_environments_is_preferred_to_a_newer_one(
    system: Callable[..., System],
) -> None:
    here = system(qemu=True)
    here.program("python3.13", NO_ENSUREPIP)
    done = here.run(VMBENCH_SETUP_DRY_RUN="1")
    assert "would run: python3 -m venv .venv" in done.stdout


def test_the_newest_python_is_taken(system: Callable[..., System]) -> None:
    here = system(qemu=True)
    here.program("python3.12")
    here.program("python3.11")
    done = here.run(VMBENCH_SETUP_DRY_RUN="1")
    assert "would run: python3.12 -m venv .venv" in done.stdout


def test_a_system_whose_python_is_too_old_says_so(system: Callable[..., System]) -> None:
    here = system("arch", qemu=True, python=OLD_PYTHON)
    here.program("pacman")
    done = here.run()
    assert done.returncode == 3
    assert "pacman -S --needed --noconfirm python" in here.calls()
    assert "older than 3.11" in done.stderr


def test_a_named_python_that_does_not_fit_is_refused(system: Callable[..., System]) -> None:
    here = system(qemu=True)
    here.program("mine", OLD_PYTHON)
    done = here.run(VMBENCH_PYTHON="mine")
    assert done.returncode == 3
    assert "VMBENCH_PYTHON" in done.stderr


def test_a_folder_that_is_no_environment_is_not_touched(system: Callable[..., System]) -> None:
    here = system(qemu=True)
    (here.checkout / ".venv").mkdir()
    (here.checkout / ".venv" / "notes.txt").write_text("mine")
    done = here.run()
    assert done.returncode == 1
    assert "mv .venv .venv.old" in done.stderr
    assert (here.checkout / ".venv" / "notes.txt").read_text() == "mine"


def make_working_python(here: System) -> None:
    """Let the stub's ``-m venv`` make an environment whose pip notes what it is asked."""
    inner = f'#!/bin/sh\\necho "inner $*" >>{here.top}/calls\\ncase "$1" in -V) echo Python 3.11.9 ;; esac\\n'
    body = f"""
case "$*" in "-m venv"*)
    mkdir -p .venv/bin
    : >.venv/pyvenv.cfg
    for name in python pip vmbench; do
        printf '{inner}' >.venv/bin/$name
        chmod +x .venv/bin/$name
    done ;;
esac"""
    for name in ("mkdir", "chmod"):
        (here.bin / name).symlink_to(shutil.which(name) or name)
    here.program("python3", body)


def test_the_second_time_nothing_is_done_until_something_changes(system: Callable[..., System]) -> None:
    here = system(qemu=True)
    make_working_python(here)

    def installs() -> int:
        return sum("-r requirements.lock" in call for call in here.calls())

    first = here.run()
    assert first.returncode == 0, first.stderr
    assert installs() == 1
    again = here.run()
    assert (again.returncode, again.stderr) == (0, "")
    assert installs() == 1
    (here.checkout / "requirements.lock").write_text("click==8.1.0\n")
    assert here.run().returncode == 0
    assert installs() == 2
    # The environment was reused, not made again.
    assert sum("-m venv" in call for call in here.calls()) == 1


def test_a_checkout_that_moved_gets_a_new_environment(system: Callable[..., System]) -> None:
    here = system(qemu=True)
    make_working_python(here)
    assert here.run().returncode == 0
    moved = here.top / "elsewhere"
    here.checkout.rename(moved)
    (here.top / "checkout").symlink_to(moved)
    assert here.run().returncode == 0
    assert sum("-m venv" in call for call in here.calls()) == 2


def test_a_failed_installation_is_told_and_tried_again(system: Callable[..., System]) -> None:
    here = system(qemu=True)
    make_working_python(here)
    assert here.run().returncode == 0
    inner = here.checkout / ".venv" / "bin" / "python"
    works = inner.read_text()
    inner.write_text(works + 'case "$*" in *requirements.lock*) exit 1 ;; esac\n')
    (here.checkout / "pyproject.toml").write_text("# changed\n")
    done = here.run()
    assert done.returncode == 1
    assert "could not be installed" in done.stderr
    inner.write_text(works)
    before = len(here.calls())
    assert here.run().returncode == 0
    assert any("-r requirements.lock" in call for call in here.calls()[before:])


def test_the_lock_names_no_place_and_every_package_has_hashes() -> None:
    text = (ROOT / "requirements.lock").read_text()
    assert not re.search(r"://|--index|--find-links|file:| @ |/home|/opt", text)
    entries = re.split(r"\n(?=\S)", text.strip())
    assert len(entries) > 30
    for entry in entries:
        assert re.match(r"[a-z0-9-]+==\S+( ;.*)? \\\n", entry), entry[:80]
        assert "--hash=sha256:" in entry


def test_the_lock_meets_every_requirement_of_the_project() -> None:
    import tomllib

    from packaging.requirements import Requirement

    locked = dict(
        re.findall(r"^([a-z0-9-]+)==([^\s;]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for text in project["project"]["dependencies"] + project["dependency-groups"]["dev"]:
        wanted = Requirement(text)
        version = locked.get(re.sub(r"[-_.]+", "-", wanted.name).lower())
        assert version is not None, f"{wanted.name} is not in requirements.lock: make lock"
        assert wanted.specifier.contains(version), f"{text} is not met by {version}: make lock"


def test_the_scripts_are_plain_posix(tmp_path: Path) -> None:
    for script in ("setup.sh", "lock.sh"):
        subprocess.run(["sh", "-n", str(ROOT / "tools" / script)], check=True)
        assert os.access(ROOT / "tools" / script, os.X_OK)
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert sys.version_info >= (3, 11)
