"""Every mistake is explained with file, key path and remedy, and hides nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from registry.model import Problem, Registry, Severity

Loader = Callable[[dict[str, str]], Registry]
GOOD = '[[tests]]\nname = "good"\nrun = "true"\n'
SERVICE = '[start]\nrun = "true"\n'


def errors(registry: Registry) -> list[Problem]:
    assert all(
        str(p.file) in str(p) and p.remedy in str(p) and p.message and p.remedy for p in registry.problems
    )
    return list(registry.errors())


BAD_TESTS = [
    # body of the test after its name; key path after tests[1]; part of the message; part of the remedy
    ('run = "true"\nsteps = []', ".run", 'both "run" and "steps"', "exactly one"),
    ("", ".steps", 'neither "run" nor "steps"', "exactly one"),
    ("run = 3", ".run", "expected a string, found an integer (3)", 'run = "…"'),
    ('run = "  "', ".run", "empty", 'run = "…"'),
    ('run = "a\\u0000b"', ".run", "NUL", "remove it"),
    ("steps = []", ".steps", "no steps", "add a step"),
    ('steps = "x"', ".steps", "expected an array of tables, found a string", "[[tests.steps]]"),
    ("steps = [1]", ".steps[0]", "expected a table, found an integer", "table"),
    ('run = "true"\ntimeout = "soon"', ".timeout", 'expected a duration, found a string ("soon")', "500ms"),
    ('run = "true"\ntimeout = 0', ".timeout", "too short", "more than 0"),
    ('run = "true"\ntimeout = true', ".timeout", "found a boolean (true)", "seconds"),
    ('run = "true"\nram = "big"', ".ram", "expected a size above 0", "2G"),
    ('run = "true"\nram = -1', ".ram", "expected a size above 0", "2G"),
    ('run = "true"\nmachine = 3', ".machine", "expected a table", "[tests[1].machine]"),
    ('run = "true"\nmachine = { cpus = 0 }', ".machine.cpus", "out of range", "from 1 to 256"),
    ('run = "true"\nmachine = { image = "" }', ".machine.image", "empty", "image"),
    ('run = "true"\nbrowser = "yes"', ".browser", "expected a boolean", "without quotes"),
    ('run = "true"\nkeep = "sometimes"', ".keep", 'unknown value "sometimes"', "on-failure"),
    ('run = "true"\nkeep = "allways"', ".keep", "unknown value", 'did you mean "always"?'),
    ('run = "true"\nretries = -1', ".retries", "out of range", "from 0"),
    ('run = "true"\ntags = [1]', ".tags[0]", "found an integer", "tags ="),
    ('run = "true"\nenv = { A = 1 }', ".env.A", "expected a string", 'A = "…"'),
    ('run = "true"\nenv = { "A B" = "1" }', '.env."A B"', "cannot name a variable", "letters"),
    ('run = "true"\nenv = "A=1"', ".env", "expected a table", "[tests[1].env]"),
    ('run = "true"\ndepends_on = ["zzz"]', ".depends_on[0]", 'no test "zzz"', "vmbench list"),
    ('run = "true"\ndepends_on = ["goood"]', ".depends_on[0]", 'no test "goood"', 'did you mean "good"?'),
    ('run = "true"\ndepends_on = ["bad"]', ".depends_on", "depends on itself: bad → bad", "remove"),
]
BAD_STEPS = [
    ('name = "x"', "action", '"action" is missing', "shell"),
    ("action = 1", "action", "expected a string", "action"),
    ('action = "shel"\nrun = "true"', "action", 'unknown action "shel"', 'did you mean "shell"?'),
    ('action = "teleport"', "action", "unknown action", "write one of add"),
    ('action = "shell"', "run", '"run" is missing', 'add run = "…"'),
    ('action = "shell"\nrun = "x"\npoll = 3', "poll", "expected a table", "poll"),
    (
        'action = "shell"\nrun = "x"\npoll = { interval = 1 }',
        "poll",
        "interval and a number",
        "attempts = 30",
    ),
    (
        'action = "shell"\nrun = "x"\npoll = { interval = -1, attempts = 2 }',
        "poll.interval",
        "too short",
        "at least 0",
    ),
    (
        'action = "shell"\nrun = "x"\npoll = { interval = 1, attempts = 0 }',
        "poll.attempts",
        "range",
        "from 1",
    ),
    ('action = "add"', "service", '"service" is missing', "service"),
    ('action = "add"\nservice = "wbe"', "service", 'no service "wbe"', 'did you mean "web"?'),
    ('action = "wait"\nservice = "nothing-like-it"', "service", "no service", "service.toml"),
    ('action = "remove"\nservice = "ugly"', "service", 'service "ugly" is broken', "ugly/service.toml"),
    ('action = "http"\nurl = "u"\nmethod = "fetch"', "method", 'unknown value "fetch"', "GET"),
    ('action = "http"\nurl = "u"\nstatus = "ok"', "status", "expected an integer", "from 100 to 599"),
    ('action = "http"\nurl = "u"\nheaders = { a = 1 }', "headers.a", "expected a string", "a ="),
    ('action = "copy"\nfrom = "a"\nto = "b"', "from", "neither side", "guest:"),
    ('action = "copy"\nfrom = "guest:/a"\nto = "guest:/b"', "from", "both sides", "exactly one"),
    ('action = "copy"\nfrom = "a"\nto = "guest:b"', "to", "no absolute path", "guest:/"),
    ('action = "console"\npattern = "a("', "pattern", "not a regular expression", "escape"),
    ('action = "console"\npattern = "a"\nsince = "now"', "since", "unknown value", '"boot", "step"'),
    ('action = "mail"', "mailbox", "missing", "mailbox"),
    ('action = "playwright"', "spec", "missing", "spec"),
]
SERVICES = {"web/service.toml": SERVICE, "ugly/service.toml": "[start]\n"}


@pytest.mark.parametrize(("body", "key", "message", "remedy"), BAD_TESTS, ids=[repr(b[0]) for b in BAD_TESTS])
def test_a_wrong_test(loaded: Loader, body: str, key: str, message: str, remedy: str) -> None:
    registry = loaded({"tests/x.toml": f'{GOOD}[[tests]]\nname = "bad"\n{body}\n'})
    assert [t.name for t in registry.tests] == ["good"]
    (problem,) = errors(registry)
    assert problem.file.name == "x.toml"
    assert (problem.key, problem.test) == (f"tests[1]{key}", "bad")
    assert message in problem.message
    assert remedy in problem.remedy


@pytest.mark.parametrize(("body", "key", "message", "remedy"), BAD_STEPS, ids=[repr(b[0]) for b in BAD_STEPS])
def test_a_wrong_step(loaded: Loader, body: str, key: str, message: str, remedy: str) -> None:
    ok = '[[tests.steps]]\naction = "reset"\n'
    registry = loaded(
        {**SERVICES, "tests/x.toml": f'{GOOD}[[tests]]\nname = "bad"\n{ok}[[tests.steps]]\n{body}\n'}
    )
    assert [t.name for t in registry.tests] == ["good"]
    (problem,) = [p for p in errors(registry) if p.file.name == "x.toml"]
    assert (problem.key, problem.test) == (f"tests[1].steps[1].{key}", "bad")
    assert message in problem.message
    assert remedy in problem.remedy


def test_all_problems_of_a_file_are_found_at_once(loaded: Loader) -> None:
    registry = loaded(
        {
            "tests/x.toml": """
[[steps]]
action = "shell"
timeout = "x"
nam = "typo"
[[steps]]
action = "htpp"
"""
        }
    )
    assert [(p.severity, p.key) for p in registry.problems] == [
        ("warning", "steps[0].nam"),
        ("error", "steps[0].run"),
        ("error", "steps[0].timeout"),
        ("error", "steps[1].action"),
    ]
    assert registry.tests == ()


def test_a_syntax_error_names_its_line(loaded: Loader) -> None:
    registry = loaded({"web/test.toml": 'a = 1\nb = "open\n', "tests/good.toml": GOOD})
    assert [t.name for t in registry.tests] == ["good"]
    (problem,) = errors(registry)
    assert (problem.line, problem.key) == (2, "")
    assert "not valid TOML" in problem.message
    assert f"{problem.file}:2:" in str(problem)


def test_a_file_that_is_not_utf8(loaded: Loader, tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "test.toml").write_bytes(b"# one\n# \xff\n")
    (problem,) = errors(loaded({"tests/good.toml": GOOD}))
    assert (problem.line, problem.remedy) == (2, "save it as UTF-8")


def test_a_byte_order_mark_is_no_fault(loaded: Loader) -> None:
    assert loaded({"tests/good.toml": "\ufeff" + GOOD}).problems == ()


def test_a_folder_in_the_place_of_a_file(loaded: Loader, tmp_path: Path) -> None:
    (tmp_path / "web" / "test.toml").mkdir(parents=True)
    registry = loaded({"tests/good.toml": GOOD})
    (problem,) = errors(registry)
    assert "cannot read the file" in problem.message
    assert len(registry.tests) == 1


def test_nesting_without_end(loaded: Loader) -> None:
    registry = loaded({"tests/deep.toml": "a = " + "[" * 100_000, "tests/good.toml": GOOD})
    assert len(errors(registry)) == 1
    assert len(registry.tests) == 1


@pytest.mark.parametrize(
    "body", ["tests = 3", 'steps = "x"', "tests = [1, 2]", "test = 1\n" + GOOD, "setup = []\n" + GOOD]
)
def test_a_wrong_type_at_the_top(loaded: Loader, body: str) -> None:
    registry = loaded({"tests/x.toml": body})
    assert errors(registry)
    assert registry.tests == ()


def test_an_entry_that_is_no_step(loaded: Loader) -> None:
    registry = loaded(
        {
            "tests/x.toml": 'steps = [1, { action = "reset" }]\n'
            + GOOD.replace("run =", "steps =").replace('"true"', '[{ action = "reset" }]')
        }
    )
    assert [p.key for p in errors(registry)] == ["steps[0]"]
    assert [t.name for t in registry.tests] == ["good"]


def test_a_file_s_own_mistake_breaks_all_its_tests(loaded: Loader) -> None:
    registry = loaded({"tests/x.toml": f'[machine]\nmemory = "big"\n{GOOD}'})
    (problem,) = errors(registry)
    assert (problem.key, registry.tests) == ("machine.memory", ())


def test_duplicate_names(loaded: Loader) -> None:
    registry = loaded({"tests/a.toml": GOOD, "tests/b.toml": GOOD})
    (problem,) = errors(registry)
    assert [t.file.name for t in registry.tests] == ["a.toml"]
    assert (problem.file.name, problem.key, problem.test) == ("b.toml", "tests[0].name", None)
    assert "a.toml" in problem.message
    assert "tests[0]" in problem.message


def test_run_beside_top_level_steps(loaded: Loader) -> None:
    registry = loaded({"web/test.toml": f'[[steps]]\naction = "reset"\n{GOOD}'})
    (problem,) = errors(registry)
    assert (problem.key, problem.test) == ("tests[0].run", "web-good")
    assert "beside" in problem.message
    assert [t.name for t in registry.tests] == ["web"]


def test_a_missing_service_of_a_setup(loaded: Loader) -> None:
    registry = loaded({"web/test.toml": f'[setup]\nservices = ["db"]\n{GOOD}'})
    found = errors(registry)
    assert {(p.key, p.test) for p in found} == {("tests[0].run", "web-good")}
    assert 'no service "db"' in found[0].message


@pytest.mark.parametrize("name", ["a/b", "-x", "../up", "", "a\\nb", "x" * 200])
def test_names_that_cannot_be(loaded: Loader, name: str) -> None:
    registry = loaded({"tests/x.toml": f'[[tests]]\nname = "{name}"\nrun = "true"'})
    (problem,) = errors(registry)
    assert (problem.key, registry.tests) == ("tests[0].name", ())


def test_a_test_among_several_needs_a_name(loaded: Loader) -> None:
    registry = loaded({"tests/x.toml": f'{GOOD}[[tests]]\nrun = "true"'})
    (problem,) = errors(registry)
    assert (problem.key, problem.message) == ("tests[1].name", '"name" is missing')


def test_cycles_and_what_hangs_on_them(loaded: Loader) -> None:
    def entry(name: str, *needs: str) -> str:
        return f'[[tests]]\nname = "{name}"\nrun = "true"\ndepends_on = {list(needs)}\n'

    registry = loaded(
        {
            "tests/x.toml": entry("a", "b")
            + entry("b", "c")
            + entry("c", "a")
            + entry("d", "c")
            + entry("e", "d")
            + entry("f")
        }
    )
    assert [t.name for t in registry.tests] == ["f"]
    found = {p.test: p.message for p in errors(registry)}
    assert found["a"] == "the test depends on itself: a → b → c → a"
    assert found.keys() == {"a", "b", "c", "d", "e"}
    assert found["e"] == 'the test "d" is broken'


def test_depending_on_a_broken_test(loaded: Loader) -> None:
    registry = loaded(
        {
            "tests/x.toml": '[[tests]]\nname = "a"\nrun = 3\n'
            '[[tests]]\nname = "b"\nrun = "true"\ndepends_on = "a"\n'
        }
    )
    assert [(p.test, p.key) for p in errors(registry)] == [
        ("a", "tests[0].run"),
        ("b", "tests[1].depends_on[0]"),
    ]


UNKNOWN = [
    ('[[tests]]\nname = "x"\nrun = "true"\ntimout = 3', "tests[0].timout", 'did you mean "timeout"?'),
    ('[[tests]]\nname = "x"\nrun = "true"\nzzz = 3', "tests[0].zzz", "remove it; known keys are"),
    ('[[test]]\nname = "x"', "test", "did you mean [[tests]]?"),
    ('[[steps]]\naction = "reset"\n[machin]\ncpus = 1', "machin", 'did you mean "machine"?'),
    ('[[steps]]\naction = "reset"\n[machine]\ncpu = 1', "machine.cpu", 'did you mean "cpus"?'),
    ('[test]\ntag = []\n[[steps]]\naction = "reset"', "test.tag", 'did you mean "tags"?'),
    ('[setup]\nservice = []\n[[tests]]\nrun = "true"', "setup.service", 'did you mean "services"?'),
    ('[[steps]]\naction = "reset"\nwhy = ""', "steps[0].why", "remove it"),
    (
        '[[steps]]\naction = "shell"\nrun = "x"\npoll = { interval = 1, attempts = 1, try = 1 }',
        "steps[0].poll.try",
        "rem",
    ),
    ('[test]\nsummary = "x"\n[[tests]]\nrun = "true"', "test.summary", "move it"),
    ("", "", "add [[tests]]"),
]


@pytest.mark.parametrize(("body", "key", "remedy"), UNKNOWN, ids=[u[1] for u in UNKNOWN])
def test_unknown_keys_are_warnings(loaded: Loader, body: str, key: str, remedy: str) -> None:
    registry = loaded({"tests/x.toml": body})
    (problem,) = registry.problems
    assert problem.key == key
    assert remedy in problem.remedy
    assert problem.severity is (Severity.ERROR if key == "test" else Severity.WARNING)
