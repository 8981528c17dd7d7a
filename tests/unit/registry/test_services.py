from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from registry.model import ReadyCheck, Registry, Service, ServiceCommand, ServiceFile, Severity

Loader = Callable[[dict[str, str]], Registry]

OURS = """
description = "Answers on a port"
[requirements]
ram = "64M"
disk = { min = 128, recommended = "1G" }
[[ports]]
name = "http"
port = 8080
[[ports]]
name = "admin"
port = 8081
[env]
GREETING = "hello"
[install]
run = "install it"
[start]
run = "start it"
timeout = "5s"
[stop]
run = "stop it"
[remove]
run = "remove it"
[ready]
http = "/health"
port = "admin"
status = 204
"""


def service(registry: Registry, name: str = "web") -> Service:
    assert registry.problems == ()
    return registry.services[name]


def test_a_whole_service(loaded: Loader, tmp_path: Path) -> None:
    files = (
        '\n[[files]]\nfrom = "run.sh"\nto = "/usr/bin/run"\nmode = "0755"\n'
        '[[files]]\nfrom = "run.sh"\nto = "/x"\n'
    )
    found = service(loaded({"web/service.toml": OURS + files, "web/run.sh": "true"}))
    source = tmp_path / "web" / "run.sh"
    assert found == Service(
        name="web",
        folder=tmp_path / "web",
        description="Answers on a port",
        memory=64,
        disk=1024,
        files=(
            ServiceFile(source=source, target="/usr/bin/run", mode=0o755),
            ServiceFile(source=source, target="/x", mode=0o644),
        ),
        install=ServiceCommand(run="install it", timeout=300),
        start=ServiceCommand(run="start it", timeout=5),
        stop=ServiceCommand(run="stop it", timeout=30),
        remove=ServiceCommand(run="remove it", timeout=60),
        ready=ReadyCheck(http="http://127.0.0.1:8081/health", status=204),
        ports={"http": 8080, "admin": 8081},
        env={"GREETING": "hello"},
        foreign=None,
    )
    assert found.variables()["RYRA_PORT_HTTP"] == "8080"


@pytest.mark.parametrize(
    ("ready", "expected"),
    [
        ("tcp = 5432", ReadyCheck(tcp=5432)),
        ('tcp = "http"', ReadyCheck(tcp=8080)),
        ('http = "/"', ReadyCheck(http="http://127.0.0.1:8080/")),
        ('http = "/x"\nport = 99', ReadyCheck(http="http://127.0.0.1:99/x")),
        ('http = "https://127.0.0.1:1/x"', ReadyCheck(http="https://127.0.0.1:1/x")),
        ('exec = "test -e /x"', ReadyCheck(exec="test -e /x")),
    ],
)
def test_ready(loaded: Loader, ready: str, expected: ReadyCheck) -> None:
    assert (
        service(loaded({"web/service.toml": f"ports = {{ http = 8080 }}\n[ready]\n{ready}"})).ready
        == expected
    )


def test_env_as_a_list(loaded: Loader) -> None:
    body = '[[env]]\nname = "A"\nvalue = ""\n[[env]]\nname = "B"\nvalue = "2"\n[start]\nrun = "x"'
    assert service(loaded({"web/service.toml": body})).env == {"A": "", "B": "2"}


def test_minimum_stands_in_for_recommended(loaded: Loader) -> None:
    body = '[requirements.ram]\nmin = 96\n[start]\nrun = "x"'
    assert service(loaded({"web/service.toml": body})).memory == 96


FOREIGN = """
[service]
name = "notes"
description = "Keeps notes"
url = "https://example.org/"
image = "example.org/notes:1"
architecture = ["amd64", "arm64"]
kind = "application"
https = "required"

[requirements.ram]
min = 256
recommended = 512

[requirements.disk]
min = 1000

[[ports]]
name = "http"
container_port = 3000
protocol = "tcp"

[[volumes]]
name = "data"
mount_path = "/data"

[[containers]]
name = "database"
image = "example.org/db:2"
[[containers.volumes]]
name = "db"
mount_path = "/var/db"

[[env]]
name = "PASSWORD"
value = "{{secret.password}}"
kind = "required"
prompt = "Password"
format = "hex"
length = 32

[integrations]
auth = ["oidc"]
smtp = true

[mappings.auth]
CLIENT = "{{auth.client_id}}"

[[post_start]]
name = "configure"
run = "true"
timeout = 60

[[tests]]
name = "responds"
run = "curl -sf http://127.0.0.1:$RYRA_PORT_HTTP"
"""


def test_another_runner_s_registry_loads_as_it_is(loaded: Loader) -> None:
    registry = loaded(
        {
            "notes/service.toml": FOREIGN,
            "notes/test.toml": """
[[tests]]
name = "notes"
[[tests.steps]]
action = "add"
service = "notes"
args = "--smtp=inbox"
env = { PASSWORD = "x" }
timeout = 900
[[tests.steps]]
action = "wait"
service = "notes"
[[tests.steps]]
action = "http"
url = "http://127.0.0.1:$RYRA_PORT_HTTP/"
service = "notes"
poll = { interval = 5, attempts = 60 }
timeout = 360
[[tests.steps]]
action = "mail"
mailbox = "someone"

[[tests]]
name = "sign-in"
browser = true
ram = 2048
[[tests.steps]]
action = "playwright"
name = "signs in"
spec = "notes.spec.ts"
env = { USER_NAME = "a" }
""",
            "tests/everything.toml": """
[test]
name = "everything"
services = ["notes"]
requires_sudo = true
[[steps]]
action = "run"
name = "prepare"
run = "true"
[[steps]]
action = "add"
service = "notes"
[[steps]]
action = "assert"
name = "listed"
run = "true"
timeout = 90
""",
        }
    )
    assert registry.problems == ()
    assert [t.name for t in registry.tests] == ["notes", "notes-sign-in", "everything"]
    notes = registry.services["notes"]
    assert (notes.memory, notes.disk, notes.ports, notes.description) == (
        512,
        1000,
        {"http": 3000},
        "Keeps notes",
    )
    assert notes.env == {}
    assert "another runner" in (notes.foreign or "")
    assert registry.tests[1].browser
    assert registry.tests[1].machine.memory == 2048


BAD = [
    ("[start]", "start.run", "missing", "run"),
    ('[start]\nrun = "x"\ntimeout = "x"', "start.timeout", "duration", "seconds"),
    ('start = "x"', "start", "expected a table, found a string", "[start]"),
    ("[ready]", "ready", "none of them", "exactly one"),
    ('[ready]\ntcp = 1\nexec = "x"', "ready", '"tcp" and "exec"', "exactly one"),
    ("[ready]\ntcp = 70000", "ready.tcp", "out of range", "65535"),
    ('ports = { http = 1 }\n[ready]\ntcp = "htpp"', "ready.tcp", "no port called", 'did you mean "http"?'),
    ('[ready]\nhttp = "/x"', "ready.port", "missing", "port = 8080"),
    ('[ready]\nhttp = "x"', "ready.http", "is no URL", "http://"),
    ('[[files]]\nfrom = "none.sh"\nto = "/x"', "files[0].from", "none.sh", "create it"),
    ('[[files]]\nfrom = "service.toml"\nto = "x"', "files[0].to", "absolute", '"/x"'),
    ('[[files]]\nfrom = "service.toml"\nto = "/x"\nmode = "rwx"', "files[0].mode", "file mode", '"0755"'),
    ('[[files]]\nfrom = "service.toml"\nto = "/x"\nmode = 755', "files[0].mode", "expected a string", "mode"),
    ('[start]\nrun = "x"\n[[ports]]\nname = "a"', "ports[0].port", "missing", "port = 8080"),
    ('[start]\nrun = "x"\n[[ports]]\nname = "a"\nport = "x"', "ports[0].port", "integer", "65535"),
    (
        '[start]\nrun = "x"\n[[ports]]\nname = "a"\nport = 1\n[[ports]]\nname = "a"\nport = 2',
        "ports[1].name",
        "two ports",
        "rename",
    ),
    (
        '[start]\nrun = "x"\n[[env]]\nname = "1A"\nvalue = ""',
        "env[0].name",
        "cannot name a variable",
        "letters",
    ),
    ('[start]\nrun = "x"\n[[env]]\nname = "A"', "env[0].value", "missing", "value"),
    ('[start]\nrun = "x"\n[requirements]\nram = "x"', "requirements.ram", "size", "2G"),
    (
        '[start]\nrun = "x"\n[requirements.ram]\nmin = 9\nrecommended = 8',
        "requirements.ram.recommended",
        "less than the minimum",
        "raise",
    ),
]


@pytest.mark.parametrize(
    ("body", "key", "message", "remedy"), BAD, ids=[b[0].replace("\n", " ") for b in BAD]
)
def test_a_wrong_service(loaded: Loader, body: str, key: str, message: str, remedy: str) -> None:
    registry = loaded({"web/service.toml": body, "web/test.toml": '[[tests]]\nname = "a"\nrun = "true"'})
    of_service = [p for p in registry.errors() if p.file.name == "service.toml"]
    assert [p.key for p in of_service] == [key]
    assert message in of_service[0].message
    assert remedy in of_service[0].remedy
    assert "web" not in registry.services
    (of_test, *_) = [p for p in registry.errors() if p.file.name == "test.toml"]
    assert of_test.message == 'the service "web" is broken'
    assert registry.tests == ()


@pytest.mark.parametrize(
    ("body", "key", "remedy"),
    [
        ('descripton = "x"\n[start]\nrun = "x"', "descripton", 'did you mean "description"?'),
        ('[start]\nrun = "x"\ntimout = 3', "start.timout", 'did you mean "timeout"?'),
        ('[start]\nrun = "x"\n[ready]\ntcp = 1\nstatus = 200', "ready.status", "belongs to http"),
        ('[start]\nrun = "x"\n[service]\nname = "other"', "service.name", "rename the folder"),
        ('[start]\nrun = "x"\n[requirements]\nrma = 3', "requirements.rma", 'did you mean "ram"?'),
    ],
)
def test_oddities_are_warnings(loaded: Loader, body: str, key: str, remedy: str) -> None:
    registry = loaded({"web/service.toml": body})
    (problem,) = registry.problems
    assert (problem.severity, problem.key) == (Severity.WARNING, key)
    assert remedy in problem.remedy
    assert "web" in registry.services
