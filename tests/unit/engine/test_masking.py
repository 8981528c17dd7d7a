"""Secrets are masked wherever they are cut."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.engine.events import Outcome, StepOutput, StepStarted, TestFinished
from app.engine.masking import MASK, MaskedStream, Masker
from tests.fakes import FakeMachine, Reply, Script, make_registry, make_test, shell

WORDS = st.text(alphabet="ab\n", min_size=1, max_size=6)


@given(
    secrets=st.lists(WORDS, max_size=3),
    text=st.text(alphabet="abc\n", max_size=60),
    cuts=st.lists(st.integers(0, 60), max_size=6),
)
def test_a_stream_cut_anywhere_tells_no_secret_and_loses_nothing_else(secrets, text, cuts) -> None:
    masker = Masker(secrets)
    stream = MaskedStream(masker)
    data = text.encode()
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    got = b"".join(stream.feed(data[a:b]) for a, b in pairwise(edges)) + stream.flush()
    plain = got.decode().replace(MASK, "\0")
    for secret in masker.secrets:
        assert secret not in plain
    if not any(secret in text for secret in masker.secrets):
        assert got == data


def test_nothing_is_held_back_without_reason() -> None:
    stream = MaskedStream(Masker(["hunter2"]))
    assert stream.feed(b"prompt $ ") == b"prompt $ "
    assert stream.feed(b"say hun") == b"say "
    assert stream.feed(b"ger") == b"hunger"
    assert stream.feed(b"hunter2!") == f"{MASK}!".encode()


def test_a_secret_of_several_lines_is_masked_as_a_terminal_shows_it_and_line_by_line() -> None:
    masker = Masker(["first-line-of-key\nsecond-line-of-key\n"])
    assert masker.data(b"first-line-of-key\r\nsecond-line-of-key\r\n") == f"{MASK}\r\n".encode()
    assert masker.text("> second-line-of-key <") == f"> {MASK} <"


def test_every_text_of_an_event_is_masked_and_nothing_else() -> None:
    masker = Masker(["s3cret", "passed"])
    event = StepStarted(test="t", index=0, action="shell", name="use s3cret", command="curl -H s3cret")
    masked = masker.of(event)
    assert (masked.name, masked.command, masked.index) == (f"use {MASK}", f"curl -H {MASK}", 0)
    finished = TestFinished(test="t", outcome=Outcome.PASSED, duration=1.0)
    assert masker.of(finished) is finished


async def test_a_run_writes_no_secret_down(bench, monkeypatch) -> None:
    monkeypatch.setenv("TOKEN", "hunter2-from-outside")
    secret_step = shell("login")

    async def login(machine: FakeMachine) -> Reply:
        machine.say("console: hunter2-from-outside\n")
        return Reply(stdout=b"as hunter2-from-outside\n", stderr=b"pass word-in-env\n", exit_code=3)

    test = replace(
        make_test("t", secret_step), env={"PASSWORD": "word-in-env"}, secrets=("TOKEN", "PASSWORD")
    )
    done = await bench.run(make_registry(test), {"t": Script(commands={"login": login})})
    (machine,) = bench.backend.machines
    assert machine.execs[-1][1]["TOKEN"] == "hunter2-from-outside"
    written = [path for path in done.run.folder.rglob("*") if path.is_file()]
    assert {"events.jsonl", "result.json", "console.log"} <= {path.name for path in written}
    for path in written:
        text = path.read_bytes().decode(errors="replace")
        assert "hunter2" not in text and "word-in-env" not in text, path
    assert f"as {MASK}\n" in "".join(e.text for e in done.of(StepOutput))


async def test_a_secret_without_a_value_is_an_error_that_says_what_to_type(bench, monkeypatch) -> None:
    monkeypatch.delenv("TOKEN", raising=False)
    done = await bench.run(make_registry(replace(make_test("t", shell("x")), secrets=("TOKEN",))))
    result = done.result("t")
    assert result.outcome is Outcome.ERROR
    assert "the secret TOKEN has no value" in result.message and "export TOKEN=" in result.message
    assert bench.backend.machines == []
