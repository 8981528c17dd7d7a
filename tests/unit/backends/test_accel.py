"""The accelerator is decided by facts and a probe, and remembered for one boot of the host."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from backends.base import HostNotAble
from backends.qemu.accel import HostFacts, Verdict, decide, remembered, tsc_khz, without_probe

ABLE = HostFacts(kvm_device=True, cpu_flag=True, system="linux", machine="x86_64")


@pytest.mark.parametrize(
    ("requested", "changes", "accel", "reason"),
    [
        ("tcg", {}, "tcg", "asked for"),
        ("kvm", {}, "kvm", "asked for"),
        ("auto", {"kvm_device": False}, "tcg", "missing"),
        ("auto", {"cpu_flag": False}, "tcg", "vmx"),
        ("auto", {"machine": "aarch64"}, "tcg", "emulated"),
    ],
)
def test_some_hosts_need_no_probe(
    requested: str, changes: dict[str, object], accel: str, reason: str
) -> None:
    verdict = without_probe(requested, dataclasses.replace(ABLE, **changes))  # type: ignore[arg-type]
    assert verdict is not None and verdict.accel == accel and reason in verdict.reason


@pytest.mark.parametrize(
    ("requested", "changes"), [("kvm", {"kvm_device": False}), ("hvf", {"system": "linux"})]
)
def test_an_impossible_wish_is_refused(requested: str, changes: dict[str, object]) -> None:
    with pytest.raises(HostNotAble) as caught:
        without_probe(requested, dataclasses.replace(ABLE, **changes))  # type: ignore[arg-type]
    assert caught.value.remedy


async def test_the_probe_decides_once_a_boot(tmp_path: Path) -> None:
    probed = []

    async def hangs(accel: str) -> str:
        probed.append(accel)
        return "no sign of the guest's ready line"

    cache = tmp_path / "accel.json"
    for _ in range(2):
        verdict = await decide("auto", cache=cache, key="7.2 abc", probe=hangs, facts=ABLE)
        assert verdict.accel == "tcg" and "no sign" in verdict.reason
    assert probed == ["kvm"]
    assert remembered(cache) == verdict

    async def boots(accel: str) -> str:
        return ""

    assert (await decide("auto", cache=cache, key="8.0 abc", probe=boots, facts=ABLE)).accel == "kvm"


async def test_verdicts_of_another_boot_and_a_damaged_file_are_not_trusted(tmp_path: Path) -> None:
    cache = tmp_path / "accel.json"
    cache.write_text(json.dumps({"other-boot 7.2": dataclasses.asdict(Verdict(accel="kvm", reason=""))}))
    assert remembered(cache) is None
    cache.write_text("{")

    async def boots(accel: str) -> str:
        return ""

    assert (await decide("auto", cache=cache, key="7.2", probe=boots, facts=ABLE)).accel == "kvm"


def test_the_counter_agrees_with_itself() -> None:
    first, second = tsc_khz(), tsc_khz()
    if first is not None and second is not None:
        assert abs(first - second) / first < 0.01
