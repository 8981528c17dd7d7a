"""The doctor, on hosts that are made up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.engine.checkup import Doctor
from app.engine.doctor import Check, Host, Status, examine
from app.paths import Paths
from backends.base import HostNotAble
from backends.qemu.accel import HostFacts

FACTS = HostFacts(kvm_device=True, cpu_flag=True, system="linux", machine="x86_64")


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(cache=tmp_path / "cache", state=tmp_path / "state", config=tmp_path / "config")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/os-release").write_text("ID=debian\n")
    (root / "sys/fs/cgroup").mkdir(parents=True)
    (root / "sys/fs/cgroup/cgroup.controllers").write_text("cpu memory\n")
    return Host(
        which=lambda name: f"/usr/bin/{name}",
        version=lambda binary: "9.2.1",
        facts=lambda: FACTS,
        available_memory=lambda: 1 << 20,
        total_memory=lambda: 1 << 20,
        free_disk=lambda path: 1 << 20,
        cores=lambda: 4,
        python=(3, 12, 1),
        root=root,
        environ={"TERM": "xterm-256color", "LANG": "C.UTF-8"},
        superuser=False,
        columns=120,
    )


def look(checks: list[Check], name: str) -> Check:
    return next(c for c in checks if c.name == name)


def test_a_good_host_has_nothing_to_mend(paths: Paths, host: Host) -> None:
    checks = examine(paths, host)
    assert [c.name for c in checks if c.status is not Status.OK] == ["images"]
    assert look(checks, "qemu").found == "9.2.1 (/usr/bin/qemu-system-x86_64)"
    assert "memory" in look(checks, "cgroups").found
    assert not paths.cache.exists() and not paths.state.exists()


@pytest.mark.parametrize(
    ("release", "command"),
    [
        ("ID=ubuntu\nID_LIKE=debian\n", "sudo apt-get install -y --no-install-recommends qemu-system-x86"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "sudo dnf install -y qemu-system-x86-core"),
        ("ID=arch\n", "sudo pacman -S --needed qemu-base"),
    ],
)
def test_a_missing_qemu_fails_with_the_distributions_command(
    paths: Paths, host: Host, release: str, command: str
) -> None:
    (host.root / "etc/os-release").write_text(release)
    check = look(examine(paths, replace(host, which=lambda name: None)), "qemu")
    assert (check.status, check.remedy) == (Status.FAIL, command)
    as_root = look(examine(paths, replace(host, which=lambda name: None, superuser=True)), "qemu")
    assert as_root.remedy == command.removeprefix("sudo ")


def test_macos_is_told_of_homebrew(paths: Paths, host: Host) -> None:
    facts = replace(FACTS, system="darwin", kvm_device=False, cpu_flag=False)
    checks = examine(paths, replace(host, which=lambda name: None, facts=lambda: facts))
    assert look(checks, "qemu-img").remedy == "brew install qemu"


def test_a_qemu_that_is_too_old_or_broken_fails(paths: Paths, host: Host) -> None:
    def broken(binary: str) -> str:
        raise HostNotAble("it does not start", remedy="reinstall QEMU")

    old = look(examine(paths, replace(host, version=lambda binary: "5.2.0")), "qemu")
    assert old.status is Status.FAIL and "too old" in old.found
    odd = look(examine(paths, replace(host, version=broken)), "qemu")
    assert (odd.status, odd.remedy) == (Status.FAIL, "reinstall QEMU")


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({}, Status.OK, "first run boots a probe"),
        ({"cpu_flag": False}, Status.WARN, "CPU lacks vmx and svm"),
        ({"kvm_device": False}, Status.WARN, "/dev/kvm is missing"),
        ({"machine": "aarch64"}, Status.WARN, "emulated"),
    ],
)
def test_acceleration(paths: Paths, host: Host, change: dict[str, object], status: Status, said: str) -> None:
    facts = replace(FACTS, **change)  # type: ignore[arg-type]
    check = look(examine(paths, replace(host, facts=lambda: facts)), "acceleration")
    assert check.status is status
    assert said in check.found
    assert bool(check.remedy) == (status is Status.WARN)


def test_an_accelerator_that_was_asked_for_and_cannot_work_fails(paths: Paths, host: Host) -> None:
    facts = replace(FACTS, kvm_device=False)
    checks = examine(paths, replace(host, facts=lambda: facts), requested_accel="kvm")
    assert look(checks, "acceleration").status is Status.FAIL
    asked = examine(paths, replace(host, facts=lambda: facts), requested_accel="tcg")
    assert look(asked, "acceleration").status is Status.OK


def fewer(host: Host, **change: object) -> Host:
    return replace(host, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "name", "status", "said"),
    [
        ({"python": (3, 10, 2)}, "python", Status.FAIL, "3.11 or newer"),
        ({"available_memory": lambda: 700}, "memory", Status.WARN, "run.reserve"),
        ({"cores": lambda: 1}, "cores", Status.WARN, "--parallel 1"),
        ({"free_disk": lambda path: 100}, "cache", Status.WARN, "VMBENCH_CACHE"),
        ({"free_disk": lambda path: 100}, "state", Status.WARN, "VMBENCH_STATE"),
        ({"environ": {}}, "terminal", Status.WARN, "vmbench run"),
        ({"environ": {"TERM": "xterm", "LANG": "C"}}, "terminal", Status.WARN, "export LANG=C.UTF-8"),
        ({"columns": 60}, "terminal", Status.WARN, "80 columns"),
    ],
)
def test_what_a_poorer_host_is_told(
    paths: Paths, host: Host, change: dict[str, Callable[..., int]], name: str, status: Status, said: str
) -> None:
    check = look(examine(paths, fewer(host, **change)), name)
    assert check.status is status
    assert said in check.remedy


def test_without_a_terminal_the_terminal_does_not_matter(paths: Paths, host: Host) -> None:
    check = look(examine(paths, fewer(host, terminal=False, environ={})), "terminal")
    assert check.status is Status.OK


def test_this_very_host_can_be_examined(paths: Paths) -> None:
    checks = examine(paths)
    assert len({c.name for c in checks}) == len(checks)
    assert all(c.remedy for c in checks if c.status is Status.FAIL)


def test_the_workbench_is_told_how_wide_its_terminal_is(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Host] = []
    monkeypatch.setattr("app.engine.doctor.examine", lambda paths, host, **_: told.append(host) or [])
    monkeypatch.setenv("COLUMNS", "133")
    Doctor(paths=Paths(cache=tmp_path, state=tmp_path, config=tmp_path)).checks()
    assert [host.columns for host in told] == [133]
