from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.engine.console_watch import Complaint, ConsoleWatch, Finding, clean, console_tail, worst
from tests.fakes import make_test

LINES = {
    Complaint.PANIC: "[ 1.0] Kernel panic - not syncing: sysrq triggered crash",
    Complaint.OOPS: "[ 1.0] BUG: kernel NULL pointer dereference, address: 0000000000000000",
    Complaint.OOM: "[ 1.0] Memory cgroup out of memory: Killed process 12 (tail) total-vm:9kB",
    Complaint.SEGFAULT: "[ 1.0] sh[77]: segfault at 0 ip 0000 sp 0000 error 4 in busybox",
    Complaint.LOCKUP: "[ 1.0] rcu: INFO: rcu_sched self-detected stall on CPU",
}


@pytest.mark.parametrize("kind", list(Complaint))
@pytest.mark.parametrize("cut", [1, 7, 30])
async def test_complaints_are_found_however_the_text_arrives(tmp_path, kind, cut):
    path = tmp_path / "console.log"
    path.write_bytes(b"")
    watch = ConsoleWatch(path, make_test("t"))
    text = f"harmless\n\x1b[31m{LINES[kind]}\x1b[0m\r\nmore\n".encode()
    for at in range(0, len(text), cut):
        with path.open("ab") as file:
            file.write(text[at : at + cut])
        await watch.catch_up()
    await watch.finish()
    assert watch.findings == [Finding(kind, LINES[kind])]
    assert watch.panicked.done() == (kind is Complaint.PANIC)
    assert (worst(watch.findings) is None) == (kind is Complaint.LOCKUP)


async def test_a_line_without_an_end_is_found_at_the_end(tmp_path):
    path = tmp_path / "console.log"
    path.write_text(LINES[Complaint.OOM])
    watch = ConsoleWatch(path, make_test("t"))
    await watch.catch_up()
    assert watch.findings == []
    await watch.finish()
    assert len(watch.findings) == 1


async def test_a_read_that_is_cancelled_loses_nothing(tmp_path):
    path = tmp_path / "console.log"
    path.write_text(LINES[Complaint.OOM] + "\n")
    for turns in range(6):
        watch = ConsoleWatch(path, make_test("t"))
        task = asyncio.create_task(watch.run())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        await watch.finish()
        assert len(watch.findings) == 1


async def test_a_flooding_guest_does_not_fill_the_memory(tmp_path):
    path = tmp_path / "console.log"
    path.write_text((LINES[Complaint.SEGFAULT] + "\n") * 1000 + "x" * 1_000_000)
    watch = ConsoleWatch(path, make_test("t"))
    await watch.finish()
    assert len(watch.findings) == 50


async def test_a_missing_console_has_no_complaints(tmp_path):
    watch = ConsoleWatch(tmp_path / "none", make_test("t"))
    await watch.finish()
    assert watch.findings == []
    assert console_tail(tmp_path / "none") == ""


def test_a_tail_shows_the_line_it_is_about(tmp_path):
    path = tmp_path / "console.log"
    path.write_text("\n".join(f"line {n}\r" for n in range(100)) + "\n")
    assert console_tail(path, 3) == "line 97\nline 98\nline 99"
    assert console_tail(path, 7, around="line 50") == "\n".join(f"line {n}" for n in range(46, 53))
    assert console_tail(path, 3, around="line 99") == "line 97\nline 98\nline 99"
    assert console_tail(path, 3, around="no such line") == "line 97\nline 98\nline 99"


@given(st.text())
def test_cleaned_text_has_no_control_characters(text):
    cleaned = clean(text)
    assert not any(ord(c) < 32 and c not in "\t\n" for c in cleaned)
