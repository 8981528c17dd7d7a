"""QEMU's command line and the answers of its monitor."""

from __future__ import annotations

import dataclasses

import pytest

from backends.base import BackendError
from backends.qemu.argv import LaunchSpec, argv, kernel_arguments
from backends.qemu.monitor import parse_usernet

SPEC = LaunchSpec(
    binary="qemu",
    machine_type="microvm",
    accel="tcg",
    cpus=1,
    memory=256,
    kernel="/k",
    initrd="i",
    cmdline=("a=b",),
    tsc_khz=2500000,
    qmp_fd=7,
    control_fd=8,
    console_fd=9,
)


def test_a_microvm_has_mmio_devices_and_a_known_clock() -> None:
    line = " ".join(argv(SPEC))
    assert "-M microvm,memory-backend=ram " in line and "virtio-net-device" in line and "-pci" not in line
    assert "tsc_early_khz=2500000 tsc=reliable" in line
    assert "fd=7,server=on,wait=off" in line and "logfile=console.log" in line
    assert "hostfwd=tcp:127.0.0.1:0-:22" in line
    assert "virtio-blk" not in line


def test_q35_has_pci_devices_and_a_disk_when_asked() -> None:
    line = " ".join(argv(dataclasses.replace(SPEC, machine_type="q35", disk="d.qcow2")))
    assert "-M q35," in line and "virtio-net-pci" in line
    assert "file=d.qcow2,format=qcow2" in line and "virtio-blk-pci,drive=disk0" in line


@pytest.mark.parametrize(
    ("changes", "present", "absent"),
    [
        ({}, {"noreplace-smp", "a=b", "tsc=reliable"}, set()),
        ({"cpus": 2}, set(), {"noreplace-smp"}),
        ({"accel": "kvm"}, set(), {"tsc=reliable"}),
        ({"tsc_khz": None}, set(), {"tsc=reliable"}),
    ],
)
def test_kernel_arguments(changes: dict[str, object], present: set[str], absent: set[str]) -> None:
    found = set(kernel_arguments(dataclasses.replace(SPEC, **changes)))  # type: ignore[arg-type]
    assert present <= found and not absent & found


USERNET = """Hub -1 (net0):
  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ
  TCP[ESTABLISHED]   17       127.0.0.1 33445       10.0.2.15    22     0     0
  TCP[HOST_FORWARD]  14       127.0.0.1 40613       10.0.2.15    22     0     0
"""


def test_the_forwarded_port_is_read_from_the_monitor() -> None:
    assert parse_usernet(USERNET, 22) == 40613
    with pytest.raises(BackendError, match="port 80"):
        parse_usernet(USERNET, 80)
