"""The three shapes of ``test.toml``, every default and alias, and how tests are named."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from registry.model import (
    AddStep,
    ConsoleStep,
    CopyStep,
    HttpStep,
    Keep,
    MachineSpec,
    MailStep,
    PlaywrightStep,
    Poll,
    RebootStep,
    Registry,
    RemoveStep,
    ResetStep,
    ShellStep,
    Step,
    Test,
    WaitStep,
)

Loader = Callable[[dict[str, str]], Registry]
SERVICE = '[start]\nrun = "true"\n'


def only(registry: Registry) -> Test:
    assert registry.problems == ()
    (test,) = registry.tests
    return test


@pytest.fixture
def step(loaded: Loader) -> Callable[[str], Step]:
    def load_step(body: str) -> Step:
        (found,) = only(loaded({"web/service.toml": SERVICE, "tests/one.toml": f"[[steps]]\n{body}"})).steps
        return found

    return load_step


DEFAULTS: list[tuple[str, Step]] = [
    ('action = "add"\nservice = "web"', AddStep(name="add web", service="web", args="", env={}, timeout=300)),
    (
        'action = "add"\nservice = "web"\nargs = "--fast"\nenv = { A = "1" }\ntimeout = 5',
        AddStep(name="add web", service="web", args="--fast", env={"A": "1"}, timeout=5),
    ),
    ('action = "remove"\nservice = "web"', RemoveStep(name="remove web", service="web")),
    ('action = "reset"', ResetStep(name="reset")),
    ('action = "wait"\nservice = "web"', WaitStep(name="wait web", service="web", timeout=30)),
    ('action = "wait"\nservice = "web"\ntimeout = 0', WaitStep(name="wait web", service="web", timeout=60)),
    ('action = "wait"\nservice = "web"\ntimeout = -1', WaitStep(name="wait web", service="web", timeout=60)),
    ('action = "shell"\nname = "x"\nrun = "true"', ShellStep(name="x", run="true", timeout=30, poll=None)),
    ('action = "run"\nname = "x"\nrun = "true"', ShellStep(name="x", run="true")),
    ('action = "assert"\nname = "x"\nrun = "true"', ShellStep(name="x", run="true")),
    ('action = "shell"\nrun = """\nset -e\ntrue"""', ShellStep(name="set -e", run="set -e\ntrue")),
    (
        'action = "shell"\nname = "x"\nrun = "true"\ntimeout = "500ms"\n'
        'poll = { interval = "2m", attempts = 3 }',
        ShellStep(name="x", run="true", timeout=0.5, poll=Poll(interval=120, attempts=3)),
    ),
    (
        'action = "http"\nurl = "http://127.0.0.1/"',
        HttpStep(
            name="GET http://127.0.0.1/",
            url="http://127.0.0.1/",
            method="GET",
            content_type="application/json",
            status=200,
            timeout=30,
        ),
    ),
    (
        'action = "http"\nname = "n"\nurl = "u"\nmethod = "post"\nbody = "b"\ncontent_type = "text/plain"\n'
        'headers = { apikey = "k" }\nstatus = 201\nservice = "web"\npoll = { interval = 0, attempts = 2 }',
        HttpStep(
            name="n",
            url="u",
            method="POST",
            body="b",
            content_type="text/plain",
            headers={"apikey": "k"},
            status=201,
            service="web",
            poll=Poll(interval=0, attempts=2),
        ),
    ),
    (
        'action = "playwright"\nspec = "a.spec.ts"',
        PlaywrightStep(name="a.spec.ts", spec="a.spec.ts", timeout=120),
    ),
    (
        'action = "mail"\nmailbox = "me"',
        MailStep(name="mail me", mailbox="me", contains=None, poll=Poll(interval=2, attempts=30), timeout=30),
    ),
    (
        'action = "copy"\nfrom = "a.bin"\nto = "guest:/root/a.bin"',
        CopyStep(
            name="copy a.bin to guest:/root/a.bin", source="a.bin", target="guest:/root/a.bin", timeout=60
        ),
    ),
    (
        'action = "console"\npattern = "ready$"',
        ConsoleStep(name="console ready$", pattern="ready$", since="boot", timeout=30),
    ),
    (
        'action = "console"\npattern = "x"\nsince = "step"',
        ConsoleStep(name="console x", pattern="x", since="step"),
    ),
    ('action = "reboot"', RebootStep(name="reboot", timeout=60)),
]


@pytest.mark.parametrize(("body", "expected"), DEFAULTS, ids=[b.replace("\n", " ") for b, _ in DEFAULTS])
def test_a_step(step: Callable[[str], Step], body: str, expected: Step) -> None:
    assert step(body) == expected


def test_top_level_steps_take_the_service_s_name(loaded: Loader) -> None:
    test = only(loaded({"web/test.toml": '[[steps]]\naction = "shell"\nname = "x"\nrun = "true"'}))
    assert (test.name, test.group, test.key) == ("web", "web", "steps")


@pytest.mark.parametrize(
    ("file", "given_name", "known_as"),
    [
        ("web/test.toml", "smoke", "web-smoke"),
        ("web/test.toml", "web", "web"),
        ("web/test.toml", "web-smoke", "web-smoke"),
        ("web/test.toml", "website", "web-website"),
        ("tests/file.toml", "smoke", "smoke"),
    ],
)
def test_names(loaded: Loader, file: str, given_name: str, known_as: str) -> None:
    as_list = f'[[tests]]\nname = "{given_name}"\nrun = "true"\n'
    assert only(loaded({file: as_list})).name == known_as
    as_steps = f'[test]\nname = "{given_name}"\n[[steps]]\naction = "shell"\nrun = "true"\n'
    assert only(loaded({file: as_steps})).name == known_as


def test_a_loose_file_lends_its_stem(loaded: Loader) -> None:
    assert only(loaded({"tests/many-things.toml": '[[steps]]\naction = "reset"'})).name == "many-things"
    assert only(loaded({"tests/many-things.toml": '[[tests]]\nrun = "true"'})).name == "many-things"


def test_steps_in_tests(loaded: Loader) -> None:
    registry = loaded(
        {
            "db/service.toml": SERVICE,
            "web/service.toml": SERVICE,
            "web/test.toml": """
[[tests]]
name = "both"
timeout = "3m"
[[tests.steps]]
action = "add"
service = "web"
[[tests.steps]]
action = "add"
service = "db"
[[tests.steps]]
action = "add"
service = "web"

[[tests]]
name = "none"
[[tests.steps]]
action = "shell"
run = "true"
""",
        }
    )
    assert registry.problems == ()
    both, none = registry.tests
    assert (both.name, both.services, both.timeout, both.key) == (
        "web-both",
        ("web", "db"),
        180.0,
        "tests[0]",
    )
    assert (none.name, none.services, none.timeout, none.key) == ("web-none", (), None, "tests[1]")


def test_setup_and_run(loaded: Loader) -> None:
    registry = loaded(
        {
            "db/service.toml": SERVICE,
            "web/service.toml": SERVICE,
            "web/test.toml": """
[setup]
services = ["db", "web"]
[[tests]]
name = "a"
run = "check a"
[[tests]]
name = "b"
run = "check b"
timeout = 150
env = { KEY = "value" }
""",
        }
    )
    assert registry.problems == ()
    a, b = registry.tests
    assert a.steps == (
        AddStep(name="add db", service="db"),
        WaitStep(name="wait db", service="db", timeout=60),
        AddStep(name="add web", service="web"),
        WaitStep(name="wait web", service="web", timeout=60),
        ShellStep(name="a", run="check a", timeout=30),
    )
    assert b.steps[-1] == ShellStep(name="b", run="check b", timeout=150)
    assert (b.timeout, b.env, b.services) == (None, {"KEY": "value"}, ("db", "web"))


def test_run_without_setup_uses_the_folder_s_service(loaded: Loader) -> None:
    files = {"web/test.toml": '[[tests]]\nname = "a"\nrun = "true"'}
    assert only(loaded(files)).services == ()
    assert only(loaded({**files, "web/service.toml": SERVICE})).services == ("web",)


def test_quadlets_of_a_setup_are_known_but_foreign(loaded: Loader) -> None:
    registry = loaded(
        {"web/test.toml": '[setup]\nquadlets = ["w.container"]\n[[tests]]\nname = "a"\nrun = "true"'}
    )
    assert only(registry).services == ("w.container",)
    assert "quadlet" in (registry.services["w.container"].foreign or "")


def test_new_tests_stand_beside_top_level_steps(loaded: Loader) -> None:
    registry = loaded(
        {
            "web/test.toml": """
[[steps]]
action = "shell"
run = "true"
[[tests]]
name = "other"
[[tests.steps]]
action = "shell"
run = "true"
"""
        }
    )
    assert [t.name for t in registry.tests] == ["web", "web-other"]
    assert registry.problems == ()


def test_what_a_file_says_holds_for_its_tests(loaded: Loader) -> None:
    registry = loaded(
        {
            "tests/x.toml": """
[test]
browser = true
requires_sudo = true
ram = 512
tags = ["slow"]
env = { A = "file", B = "file" }
keep = "on-failure"
retries = 2
[machine]
backend = "qemu"
cpus = 2
disk = "1G"
[[tests]]
name = "inherits"
run = "true"
[[tests]]
name = "overrides"
summary = " Says what it is "
browser = false
requires_sudo = false
tags = ["fast", "slow"]
env = { B = "test" }
keep = "never"
retries = 0
ram = "1G"
machine = { cpus = 1, image = "debian" }
run = "true"
"""
        }
    )
    assert registry.problems == ()
    inherits, overrides = registry.tests
    assert inherits.machine == MachineSpec(backend="qemu", cpus=2, disk=1024, memory=512)
    assert (inherits.browser, inherits.requires_sudo, inherits.tags) == (True, True, ("slow",))
    assert (inherits.env, inherits.keep, inherits.retries) == ({"A": "file", "B": "file"}, Keep.ON_FAILURE, 2)
    assert overrides.machine == MachineSpec(backend="qemu", cpus=1, disk=1024, memory=1024, image="debian")
    assert (overrides.browser, overrides.requires_sudo, overrides.tags) == (False, False, ("slow", "fast"))
    assert (overrides.env, overrides.keep, overrides.retries) == ({"A": "file", "B": "test"}, Keep.NEVER, 0)
    assert (inherits.summary, overrides.summary) == ("", "Says what it is")


def test_machine_memory_wins_over_ram_and_says_so(loaded: Loader) -> None:
    registry = loaded(
        {"tests/x.toml": '[[tests]]\nname = "x"\nram = 512\nrun = "true"\nmachine = { memory = 1024 }'}
    )
    assert registry.tests[0].machine.memory == 1024
    (problem,) = registry.problems
    assert (problem.severity, problem.key) == ("warning", "tests[0].ram")


def test_ram_is_an_alias_in_machine(loaded: Loader) -> None:
    assert (
        only(loaded({"tests/x.toml": '[machine]\nram = "1G"\n[[tests]]\nrun = "true"'})).machine.memory
        == 1024
    )


def test_dependencies_are_resolved_within_the_group(loaded: Loader) -> None:
    registry = loaded(
        {
            "web/test.toml": '[[tests]]\nname = "a"\nrun = "true"\n'
            '[[tests]]\nname = "b"\nrun = "true"\ndepends_on = ["a", "loose"]\n',
            "tests/loose.toml": '[[tests]]\nrun = "true"',
        }
    )
    assert registry.problems == ()
    assert {t.name: t.depends_on for t in registry.tests}["web-b"] == ("web-a", "loose")


def test_tests_are_sorted_by_group_and_name(loaded: Loader) -> None:
    registry = loaded(
        {
            "zeta/test.toml": '[[tests]]\nname = "b"\nrun = "true"\n[[tests]]\nname = "a"\nrun = "true"',
            "alpha/test.toml": '[[tests]]\nname = "z"\nrun = "true"',
            ".hidden/test.toml": '[[tests]]\nname = "z"\nrun = "true"',
        }
    )
    assert [t.name for t in registry.tests] == ["alpha-z", "zeta-a", "zeta-b"]
