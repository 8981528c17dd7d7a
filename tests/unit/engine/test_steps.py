from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.engine.events import StepFinished, StepOutput, StepStarted
from app.engine.steps.context import StepFailed, expand, last_line
from app.engine.steps.files import artifact_path
from app.engine.steps.guest_http import is_loopback
from registry.model import (
    AddStep,
    ConsoleStep,
    CopyStep,
    HttpStep,
    Poll,
    ReadyCheck,
    RebootStep,
    RemoveStep,
    ResetStep,
    Service,
    ServiceCommand,
    ServiceFile,
    WaitStep,
)
from tests.fakes import FakeMachine, Gate, Reply, Script, make_registry, make_test, shell

Respond = Callable[[str, dict[str, str], bytes], tuple[int, dict[str, str], bytes]]


@asynccontextmanager
async def http_server(respond: Respond, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve HTTP on a loopback port: ``respond`` gets the request line, the headers and the body."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        status, extra, content = respond(head[0], headers, body)
        fields = {"Content-Length": str(len(content)), "Connection": "close"} | extra
        lines = [f"HTTP/1.1 {status} Whatever", *(f"{k}: {v}" for k, v in fields.items()), "", ""]
        writer.write("\r\n".join(lines).encode() + content)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def service(name: str = "web", **values: object) -> Service:
    return Service(**({"name": name, "folder": Path(f"/registry/{name}")} | values))


WEB = service(
    ports={"http": 8080},
    env={"WEB_MODE": "fast"},
    install=ServiceCommand(run="install web", timeout=10),
    start=ServiceCommand(run="start web", timeout=10),
    stop=ServiceCommand(run="stop web", timeout=10),
    remove=ServiceCommand(run="remove web", timeout=10),
    ready=ReadyCheck(exec="is-ready"),
)
ADD = AddStep(name="add web", service="web")


# http


async def test_http_asks_the_guest_and_keeps_the_host_header(bench):
    seen = []

    def respond(line: str, headers: dict[str, str], body: bytes):
        seen.append((line, headers["host"], headers.get("content-type"), headers.get("x-key"), body))
        return 201, {}, b'{"id": 7}'

    test = make_test(
        "t",
        HttpStep(
            name="post",
            url="http://app.test:${VMBENCH_PORT_HTTP}/items?q=$WHAT",
            method="post",
            body='{"mode": "$WEB_MODE", "price": "$5 or $unknown"}',
            headers={"X-Key": "$WHAT"},
            status=201,
            service="web",
        ),
        env={"WHAT": "x"},
    )
    async with http_server(respond) as port:
        done = await bench.run(make_registry(test, services=(WEB,)), {"t": Script(ports={8080: port})})
    assert done.outcomes == {"t": "passed"}
    assert seen == [
        (
            "POST /items?q=x HTTP/1.1",
            "app.test:8080",
            "application/json",
            "x",
            b'{"mode": "fast", "price": "$5 or $unknown"}',
        )
    ]
    (step,) = done.of(StepFinished)
    assert (done.run.folder / step.output).read_bytes() == b'{"id": 7}'
    assert done.of(StepStarted)[0].command.startswith("POST http://app.test")


async def test_http_follows_redirects_to_other_ports_of_the_guest(bench):
    def first(line: str, headers: dict[str, str], body: bytes):
        return 302, {"Location": "http://127.0.0.1:9090/there"}, b""

    def second(line: str, headers: dict[str, str], body: bytes):
        assert headers["host"] == "127.0.0.1:9090"
        return 200, {}, b"here"

    test = make_test("t", HttpStep(name="get", url="http://localhost/"))
    async with http_server(first) as a, http_server(second) as b:
        done = await bench.run(make_registry(test), {"t": Script(ports={80: a, 9090: b})})
    assert done.outcomes == {"t": "passed"}


async def test_http_polls_until_the_status_is_right(bench):
    statuses = iter([503, 404, 200])
    test = make_test(
        "t", HttpStep(name="get", url="http://127.0.0.1:80/", poll=Poll(interval=0.001, attempts=5))
    )
    async with http_server(lambda *_: (next(statuses), {}, b"")) as port:
        done = await bench.run(make_registry(test), {"t": Script(ports={80: port})})
    (step,) = done.of(StepFinished)
    assert (step.outcome, step.message) == ("passed", "at attempt 3 of 5")
    notes = "".join(e.text for e in done.of(StepOutput))
    assert "attempt 1 of 5: answered 503 Whatever, expected 200" in notes


async def test_http_shows_the_last_answer_when_it_fails(bench):
    test = make_test("t", HttpStep(name="get", url="http://127.0.0.1/x"))
    async with http_server(lambda *_: (500, {}, b"stack\ntrace: boom\n")) as port:
        done = await bench.run(make_registry(test), {"t": Script(ports={80: port})})
    message = "GET http://127.0.0.1/x answered 500 Whatever, expected 200: trace: boom"
    assert done.result("t").message == message


async def test_http_with_nobody_listening_is_a_failure_of_the_product(bench):
    test = make_test(
        "t", HttpStep(name="get", url="http://127.0.0.1/", poll=Poll(interval=0.001, attempts=2))
    )
    done = await bench.run(make_registry(test))
    result = done.result("t")
    assert result.outcome == "failed"
    assert result.message.startswith(
        "no success in 2 attempts; the last one: GET http://127.0.0.1/ no answer"
    )


async def test_http_that_never_answers_times_out(bench):
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    test = make_test("t", HttpStep(name="get", url="http://127.0.0.1/", timeout=0.05))
    done = await bench.run(make_registry(test), {"t": Script(ports={80: port})})
    server.close()
    assert done.result("t").message == "GET http://127.0.0.1/ timed out after 0.05s"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:$NOPE/", "unknown variable $NOPE"),
        ("ftp://127.0.0.1/", "no http:// or https:// URL"),
        ("/just/a/path", "no http:// or https:// URL"),
        ("http://127.0.0.1:99999999/", "there is no port 99999999"),
        ("http://127.0.0.1:port/", "the URL makes no sense"),
    ],
)
async def test_http_explains_urls_that_make_no_sense(bench, url, said):
    done = await bench.run(make_registry(make_test("t", HttpStep(name="get", url=url))))
    assert done.outcomes == {"t": "failed"}
    assert said in done.result("t").message


async def test_https_takes_any_certificate_of_loopback_and_no_false_one_of_other_names(bench, tmp_path):
    context = self_signed(tmp_path)
    registry = make_registry(
        make_test("loop", HttpStep(name="get", url="https://localhost/")),
        make_test("named", HttpStep(name="get", url="https://shop.test/")),
    )
    async with http_server(lambda *_: (200, {}, b""), context) as port:
        script = Script(ports={443: port})
        done = await bench.run(registry, {"loop": script, "named": script})
    assert done.outcomes == {"loop": "passed", "named": "failed"}
    assert "certificate" in done.result("named").message.lower()


def self_signed(folder: Path) -> ssl.SSLContext:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "guest")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = folder / "guest.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("app.localhost", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("10.0.2.15", False),
        ("localhost.test", False),
    ],
)
def test_what_loopback_is(host, expected):
    assert is_loopback(host) is expected


# add, remove, reset, wait


async def test_add_puts_files_installs_and_starts_and_later_steps_see_the_variables(bench, tmp_path):
    source = tmp_path / "web.conf"
    source.write_text("port 8080")
    files = (ServiceFile(source=source, target="/etc/web/a b.conf", mode=0o755),)
    web = Service(
        **{f: getattr(WEB, f) for f in ("name", "folder", "ports", "env", "install", "start")}, files=files
    )
    step = AddStep(name="add web", service="web", args="--fast 'x y'", env={"COLOR": "red"})
    done = await bench.run(make_registry(make_test("t", step, shell("after")), services=(web,)))
    assert done.outcomes == {"t": "passed"}
    (machine,) = bench.backend.machines
    assert [c for c, _ in machine.execs] == [
        "mkdir -p -- /etc/web",
        "chmod 755 '/etc/web/a b.conf'",
        "install web",
        "start web",
        "after",
    ]
    assert machine.files == {"/etc/web/a b.conf": b"port 8080"}
    install, after = machine.execs[2][1], machine.execs[4][1]
    assert install["VMBENCH_ARGS"] == "--fast 'x y'" and install["VMBENCH_SERVICE"] == "web"
    expected = {"COLOR": "red", "WEB_MODE": "fast", "VMBENCH_PORT_HTTP": "8080", "RYRA_PORT_HTTP": "8080"}
    assert expected.items() <= after.items() and expected.items() <= install.items()
    assert "VMBENCH_ARGS" not in after


async def test_a_start_command_that_fails_names_itself(bench):
    script = Script(commands={"start web": Reply(exit_code=2, stderr=b"bind: in use\n")})
    done = await bench.run(make_registry(make_test("t", ADD), services=(WEB,)), {"t": script})
    assert done.outcomes == {"t": "failed"}
    assert done.result("t").message == "start exited with 2: bind: in use"
    assert "bind: in use" in "".join(e.text for e in done.of(StepOutput))


async def test_a_command_of_a_service_has_its_own_deadline(bench):
    slow = Service(name="web", folder=Path("/r/web"), start=ServiceCommand(run="start", timeout=0.02))
    script = Script(commands={"start": Gate()})
    done = await bench.run(make_registry(make_test("t", ADD), services=(slow,)), {"t": script})
    assert done.result("t").message == "start timed out after 0.02s"


async def test_remove_stops_removes_and_deletes_and_its_variables_are_gone(bench, tmp_path):
    source = tmp_path / "f"
    source.write_text("x")
    web = service(
        stop=ServiceCommand(run="stop web", timeout=1),
        env={"A": "1"},
        files=(ServiceFile(source=source, target="/srv/x"),),
    )
    test = make_test("t", ADD, RemoveStep(name="r", service="web"), shell("after"))
    await bench.run(make_registry(test, services=(web,)))
    commands = [c for c, _ in bench.backend.machines[0].execs]
    assert commands[-3:] == ["stop web", "rm -f -- /srv/x", "after"]
    assert "A" not in bench.backend.machines[0].execs[-1][1]


async def test_what_was_not_added_cannot_be_removed(bench):
    test = make_test("t", RemoveStep(name="r", service="web"))
    done = await bench.run(make_registry(test, services=(WEB,)))
    assert "was not added by this test" in done.result("t").message


async def test_reset_removes_all_in_reverse(bench):
    services = tuple(service(n, stop=ServiceCommand(run=f"stop {n}", timeout=1)) for n in ("a", "b"))
    adds = [AddStep(name=f"add {n}", service=n) for n in ("a", "b")]
    done = await bench.run(make_registry(make_test("t", *adds, ResetStep(name="reset")), services=services))
    assert [c for c, _ in bench.backend.machines[0].execs] == ["stop b", "stop a"]
    assert done.of(StepFinished)[-1].message == "removed b, a"


async def test_wait_probes_until_ready(bench):
    script = Script(commands={"is-ready": [Reply(exit_code=1), Reply(exit_code=1), Reply()]})
    test = make_test("t", WaitStep(name="w", service="web"))
    done = await bench.run(make_registry(test, services=(WEB,)), {"t": script})
    assert done.of(StepFinished)[0].message == "ready at probe 3"


@pytest.mark.parametrize(
    ("ready", "said"),
    [
        (ReadyCheck(exec="is-ready"), "exited with 4: not today"),
        (ReadyCheck(tcp=8080), "nothing listens on port 8080"),
        (ReadyCheck(http="http://127.0.0.1:8080/health"), "http://127.0.0.1:8080/health: no answer"),
    ],
    ids=["exec", "tcp", "http"],
)
async def test_wait_gives_up_with_the_last_answer(bench, ready, said):
    async def no_listener(machine: FakeMachine) -> Reply:
        return Reply(exit_code=1)

    tcp = "cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -q ':1F90 [0-9A-F]*:0000 0A '"
    commands = {"is-ready": Reply(exit_code=4, stderr=b"not today\n"), tcp: no_listener}
    test = make_test("t", WaitStep(name="w", service="web", timeout=0.7))
    done = await bench.run(
        make_registry(test, services=(service(ready=ready),)), {"t": Script(commands=commands)}
    )
    result = done.result("t")
    assert result.outcome == "failed"
    assert result.message.startswith(f"web was not ready within 0.7s; last answer: {said}")


async def test_wait_on_http_wants_the_right_status(bench):
    statuses = iter([500, 204])
    web = service(
        ready=ReadyCheck(http="http://127.0.0.1:${VMBENCH_PORT_HTTP}/", status=204), ports={"http": 80}
    )
    test = make_test("t", WaitStep(name="w", service="web"))
    async with http_server(lambda *_: (next(statuses), {}, b"")) as port:
        done = await bench.run(make_registry(test, services=(web,)), {"t": Script(ports={80: port})})
    assert done.outcomes == {"t": "passed"}


async def test_wait_that_hangs_in_a_probe_ends_in_time(bench):
    script = Script(commands={"is-ready": Gate()})
    test = make_test("t", WaitStep(name="w", service="web", timeout=0.05))
    done = await bench.run(make_registry(test, services=(WEB,)), {"t": script})
    assert "was not ready within 0.05s" in done.result("t").message


# copy, console, reboot


async def test_a_file_goes_in_and_comes_out(bench, tmp_path):
    (tmp_path / "data.bin").write_bytes(b"\0\xff")
    test = make_test(
        "t",
        CopyStep(name="in", source="data.bin", target="guest:/tmp/d"),
        CopyStep(name="out", source="guest:/tmp/d", target="out/d.bin"),
        file=tmp_path / "t.toml",
    )
    done = await bench.run(make_registry(test))
    folder = done.run.folder / done.result("t").artifacts / "attempt-1"
    assert (folder / "out/d.bin").read_bytes() == b"\0\xff"


async def test_a_missing_source_is_explained(bench, tmp_path):
    test = make_test("t", CopyStep(name="in", source="nope", target="guest:/x"), file=tmp_path / "t.toml")
    done = await bench.run(make_registry(test))
    assert f"there is no {tmp_path / 'nope'}" in done.result("t").message


@pytest.mark.parametrize("target", ["../x", "a/../../x", "/etc/passwd", ".", "", "a/../.."])
def test_nothing_is_copied_out_of_the_artifacts(tmp_path, target):
    with pytest.raises(StepFailed):
        artifact_path(tmp_path / "a", target)


def test_a_link_does_not_lead_out_of_the_artifacts(tmp_path):
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "link").symlink_to("/tmp")
    with pytest.raises(StepFailed):
        artifact_path(folder, "link/x")


async def test_console_waits_for_its_pattern_from_boot_or_from_now(bench):
    async def boot(machine: FakeMachine) -> None:
        machine.say("vmbench: ready\n")

    registry = make_registry(
        make_test("old", ConsoleStep(name="c", pattern="^vmbench: (ready)$")),
        make_test("new", ConsoleStep(name="c", pattern="ready", since="step", timeout=0.05)),
    )
    done = await bench.run(registry, {"old": Script(boot=boot), "new": Script(boot=boot)})
    assert done.outcomes == {"old": "passed", "new": "failed"}
    assert done.result("new").message == "'ready' did not match on the console within 0.05s"
    assert "the console's last lines" in "".join(e.text for e in done.of(StepOutput, "new"))


async def test_reboot_reboots(bench):
    await bench.run(make_registry(make_test("t", RebootStep(name="r"))))
    assert bench.backend.machines[0].reboots == 1


# helpers


@given(st.dictionaries(st.from_regex(r"[A-Z_][A-Z0-9_]{0,5}", fullmatch=True), st.text()), st.text())
def test_text_without_known_variables_stays_as_it_is(env, text):
    if "$" not in text:
        assert expand(text, env) == text
    for name, value in env.items():
        assert expand(f"<${{{name}}}>", env) == f"<{value}>"
        assert expand(f"<${name}>", env) == f"<{value}>"


def test_values_are_not_expanded_again():
    assert expand("$A", {"A": "$B", "B": "no"}) == "$B"


@given(st.binary())
def test_the_last_line_is_one_short_line(data):
    line = last_line(data)
    assert "\n" not in line and len(line) <= 200
