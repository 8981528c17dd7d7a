"""Echo from a real guest, through pane, SSH and guest, with a load of other guests: no judgement of times."""

from __future__ import annotations

import json

from tests.real_user import User


def test_echo_from_a_guest_beside_bare_ssh_under_load(user: User) -> None:
    machine = user.run("up").stdout.strip()
    words = ["--against", "ssh", "--keys", "10", "--load", "both", "--isolation", "auto", "--json"]
    found = json.loads(user.run("latency", machine[:4], *words).stdout)
    assert found["machine"] == machine and found["load"] == "both" and found["guests"] == 1
    assert set(found["samples"]) == {"vmbench", "ssh"}
    for name, samples in found["samples"].items():
        assert len(samples) + len(found["lost"][name]) == 10 and all(ms > 0 for ms in samples)
    assert [record.id for record in user.store.records()] == [machine], "the load's guests are gone"
    user.run("stop", machine)
    assert "does not run" in user.run("latency", machine, code=1).stderr
