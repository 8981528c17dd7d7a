from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.engine.api import RunOptions
from app.engine.plan import PlanError, make_plan
from backends.base import Availability, HostNotAble
from registry.model import (
    AddStep,
    MachineSpec,
    MailStep,
    PlaywrightStep,
    Problem,
    Service,
    Severity,
)
from tests.fakes import FakeBackend, make_registry, make_test, shell

BACKENDS = {"fake": FakeBackend(Path("/nowhere"))}


def plan(registry, backends=BACKENDS, default="fake", **options):
    return make_plan(registry, RunOptions(**options), backends, default)


def names(made):
    return [item.name for item in made.items]


def problem(test=None, **values):
    defaults = {
        "severity": Severity.ERROR,
        "file": Path("/registry/web/test.toml"),
        "key": "tests[0].steps[0].action",
        "message": 'unknown action "shel"',
        "remedy": "did you mean shell?",
        "test": test,
    }
    return Problem(**(defaults | values))


def test_filters_and_names_select():
    registry = make_registry(make_test("web-a", tags=("slow",)), make_test("web-b"), make_test("db-a"))
    assert names(plan(registry)) == ["web-a", "web-b", "db-a"]
    assert names(plan(registry, filters=("web", "-tag:slow"))) == ["web-b"]
    assert names(plan(registry, names=("db-a", "web-b"))) == ["web-b", "db-a"]


def test_nothing_selected_is_explained_with_a_guess():
    registry = make_registry(make_test("web-start"), make_test("db"))
    with pytest.raises(PlanError) as caught:
        plan(registry, filters=("wbe-start",))
    assert "'wbe-start'" in caught.value.message
    assert caught.value.remedy == "did you mean web-start?"
    with pytest.raises(PlanError) as caught:
        plan(registry, names=("dbb",))
    assert "'dbb'" in caught.value.message and "db" in caught.value.remedy
    with pytest.raises(PlanError) as caught:
        plan(make_registry())
    assert "no tests" in caught.value.message and caught.value.remedy


def test_dependencies_are_selected_and_come_first():
    registry = make_registry(
        make_test("a", depends_on=("c", "b")),
        make_test("b", depends_on=("d",)),
        make_test("c"),
        make_test("d"),
    )
    assert names(plan(registry, names=("a",))) == ["c", "d", "b", "a"]
    assert names(plan(registry)) == ["c", "d", "b", "a"]


def test_a_chain_longer_than_the_stack_is_planned():
    tests = [make_test(f"t{n}", depends_on=(f"t{n + 1}",) if n < 4999 else ()) for n in range(5000)]
    assert names(plan(make_registry(*tests), names=("t0",))) == [f"t{n}" for n in reversed(range(5000))]


@given(st.integers(0, 2**32), st.integers(1, 30), st.data())
def test_any_order_keeps_dependencies_first(seed, size, data):
    tests = []
    for n in range(size):
        needs = data.draw(st.sets(st.integers(0, n - 1), max_size=3)) if n else set()
        tests.append(make_test(f"t{n}", depends_on=tuple(f"t{m}" for m in sorted(needs))))
    registry = make_registry(*tests)
    order = names(plan(registry, shuffle=seed))
    assert sorted(order) == sorted(t.name for t in tests)
    assert order == names(plan(registry, shuffle=seed))
    for test in tests:
        assert all(order.index(need) < order.index(test.name) for need in test.depends_on)


def test_an_action_that_the_backend_lacks_fails_this_test_alone():
    backends = {
        "fake": BACKENDS["fake"],
        "full": FakeBackend(Path("/nowhere"), actions=frozenset({"shell", "mail"}), name="full"),
    }
    registry = make_registry(
        make_test("good"),
        make_test("browser", shell(), PlaywrightStep(name="p", spec="x.ts")),
        make_test("post", MailStep(name="m", mailbox="me")),
    )
    errors = {item.name: item.error for item in plan(registry, backends).items}
    assert errors["good"] is None
    assert errors["browser"].message == "step 2 (playwright) is not available on backend fake"
    assert "shell" in errors["browser"].remedy
    assert errors["post"].remedy == "set machine.backend to full"


def test_an_unknown_backend_is_explained():
    registry = make_registry(make_test("t", machine=MachineSpec(backend="fkae")))
    (item,) = plan(registry).items
    assert "'fkae'" in item.error.message
    assert item.error.remedy == "did you mean fake? known backends: fake"


def test_a_service_of_another_runner_cannot_be_added():
    service = Service(name="web", folder=Path("/r/web"), foreign="it has containers of another runner")
    registry = make_registry(
        make_test("t", AddStep(name="add web", service="web"), services=("web",)), services=(service,)
    )
    (item,) = plan(registry).items
    assert "step 1 (add web)" in item.error.message and "another runner" in item.error.message


def test_broken_tests_that_are_selected_are_errors_and_the_others_run():
    registry = make_registry(
        make_test("good"), problems=(problem("broken"), problem(None, message="no TOML"))
    )
    made = plan(registry)
    assert names(made) == ["good", "broken"]
    error = made.items[1].error
    assert error.message.startswith(
        "broken: /registry/web/test.toml: tests[0].steps[0].action: unknown action"
    )
    assert "did you mean shell?" in error.message
    (notice,) = made.notices
    assert notice.level == "warning" and "no TOML" in notice.message
    assert names(plan(registry, filters=("good",))) == ["good"]
    assert names(plan(registry, filters=("group:web",))) == ["broken"]
    assert names(plan(registry, names=("broken",))) == ["broken"]


def test_warnings_are_not_told_at_every_run():
    registry = make_registry(make_test("t"), problems=(problem(severity=Severity.WARNING),))
    assert plan(registry).notices == ()


def test_a_host_without_any_backend_is_said_before_anything_starts():
    backend = FakeBackend(
        Path("/nowhere"), availability=Availability(ok=False, reason="no QEMU", remedy="install it")
    )
    with pytest.raises(HostNotAble) as caught:
        plan(make_registry(make_test("a"), make_test("b")), {"fake": backend})
    assert "no QEMU" in caught.value.message and caught.value.remedy == "install it"


def test_a_backend_that_only_some_tests_need_fails_those_alone():
    missing = FakeBackend(Path("/nowhere"), name="vz", availability=Availability(ok=False, reason="no Mac"))
    registry = make_registry(make_test("a"), make_test("b", machine=MachineSpec(backend="vz")))
    made = plan(registry, BACKENDS | {"vz": missing})
    assert [bool(item.error) for item in made.items] == [False, True]
    assert "no Mac" in made.items[1].error.message


def test_the_machine_follows_from_test_and_services():
    service = Service(name="db", folder=Path("/r/db"), memory=500, disk=1000)
    registry = make_registry(
        make_test("t", services=("db",), machine=MachineSpec(cpus=2, image="big")), services=(service,)
    )
    (item,) = plan(registry).items
    assert (item.request.cpus, item.request.image, item.request.memory, item.request.disk) == (
        2,
        "big",
        704,
        1000,
    )
    assert (item.planned.memory, item.planned.cpus, item.planned.backend) == (704, 2, "fake")


def test_ten_thousand_tests_are_planned_in_one_go():
    tests = [
        make_test(f"test-{n:05d}", depends_on=(f"test-{n - 1:05d}",) if n % 10 else ()) for n in range(10_000)
    ]
    made = plan(make_registry(*tests), filters=("test-",), shuffle=1)
    assert len(set(names(made))) == 10_000
