"""Limits, verdicts, comparison and the files that measurements are kept in."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.engine.latency import measurement as files
from app.engine.latency.compare import compare, unlike
from app.engine.latency.figures import Sample
from app.engine.latency.limits import Limits
from app.engine.latency.measurement import Conditions, Host, LatencyError, Measurement
from app.engine.latency.verdicts import judge


def measured(
    probe: str = "paint", seed: int = 1, *, scale: float = 1.0, n: int = 400, **conditions
) -> Measurement:
    chance = random.Random(seed)
    name = "vmbench 1000 B/s" if probe == "gap" else "vmbench"
    samples = [Sample(at=i * 0.05, ms=scale * chance.lognormvariate(0.5, 0.4), busy=0.25) for i in range(n)]
    return Measurement(conditions=Conditions(probe=probe, **conditions), series={name: samples}, when=1e9)


def failed(measurement: Measurement, limits: Limits = Limits()) -> list[str]:  # noqa: B008
    return [v.figure for v in judge(measurement, limits) if not v.kept]


def test_the_limits_of_paint() -> None:
    assert failed(measured()) == []
    assert failed(measured(scale=5.5)) == ["p99"]
    assert failed(measured(scale=100)) == ["p99", "max"]
    assert failed(measured(scale=5.5), Limits(paint_p99=49)) == []


def test_more_is_allowed_with_two_burning_processors() -> None:
    slow = 30.0
    assert failed(measured("gap", scale=slow, load="burn", guests=1, vcpus=1)) == ["p99"]
    assert failed(measured("gap", scale=slow, load="burn", guests=1, vcpus=2)) == []
    assert failed(measured("gap", scale=slow, load="flood", guests=1, vcpus=2)) == ["p99"]


def test_a_lost_key_is_a_missed_limit_and_others_are_not_judged() -> None:
    m = measured()
    lost = Sample(at=99.0, ms=None, busy=0.0)
    m = replace(m, series={"vmbench": [*m.series["vmbench"], lost], "tmux": [lost]})
    assert failed(m) == ["lost"]
    (verdict,) = [v for v in judge(m, Limits()) if not v.kept]
    assert verdict.words() == "vmbench: 1 key lost"


def test_echo_has_no_limit_until_one_is_set() -> None:
    assert failed(measured("echo", scale=1000)) == []
    assert failed(measured("echo", scale=1000), Limits(echo_p99=3)) == ["p99"]


def test_the_same_twice_does_not_differ_and_slower_is_told() -> None:
    one, other, slower = measured(seed=1), measured(seed=2), measured(seed=3, scale=1.5)
    assert [d.differs for d in compare(one, other)] == [False, False]
    first, _ = compare(one, slower)
    assert first.differs and first.low > 0 and "slower" in first.words()
    first, _ = compare(slower, one)
    assert first.differs and "quicker" in first.words()


def test_too_few_samples_say_nothing() -> None:
    for difference in compare(measured(n=10), measured(n=10, scale=50)):
        assert not difference.differs and "too few" in difference.words()
    p50, p99 = compare(measured(n=100), measured(n=100, scale=50))
    assert p50.differs and not p99.enough, "one sample beyond a percentile is none"


def test_conditions_that_differ_are_named() -> None:
    one = measured(columns=80)
    other = replace(measured(columns=200, load="burn"), host=Host(cpus=4))
    told = " ".join(unlike(one, other))
    assert "columns: 80" in told and "load: none" in told and "cpus: 0" in told


SAMPLES = st.builds(
    Sample,
    at=st.floats(0, 1e4),
    ms=st.none() | st.floats(0, 1e5),
    busy=st.floats(0, 1),
)


@given(st.dictionaries(st.text(min_size=1, max_size=8), st.lists(SAMPLES, max_size=20), max_size=3))
def test_a_file_gives_back_what_was_written(series: dict[str, list[Sample]]) -> None:
    m = Measurement(conditions=Conditions(probe="echo", floods=3), series=series, when=5.5, host=Host(cpus=2))
    raw = json.loads(json.dumps(m.document()))
    found = files.decoded(raw)
    assert found.conditions == m.conditions and found.host == m.host and set(found.series) == set(series)
    for name, samples in series.items():
        key = lambda s: (s.at, s.ms is None, s.ms or 0)  # noqa: E731
        wanted = [replace(s, busy=0.0) if s.ms is None else s for s in samples]
        assert sorted(found.series[name], key=key) == sorted(wanted, key=key)


def test_what_is_no_measurement_is_told_with_its_file_and_key(tmp_path: Path) -> None:
    file = tmp_path / "m.json"
    with pytest.raises(LatencyError, match=r"m\.json cannot be read"):
        files.read(file)
    for text, said in (
        ("{", "is no JSON"),
        ("[]", "no measurement"),
        ('{"kind": "vmbench latency", "format": 9}', "format 9"),
    ):
        file.write_text(text)
        with pytest.raises(LatencyError, match=said) as raised:
            files.read(file)
        assert raised.value.remedy
    for key in ("samples", "when", "columns", "host", "complete", "at"):
        document = measured().document()
        document[key] = "wrong"
        file.write_text(json.dumps(document))
        with pytest.raises(LatencyError, match=r"m\.json"):
            files.read(file)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
def test_hostile_values_never_raise_anything_else(value: object) -> None:
    base = measured(n=3).document()
    for key in list(base):
        try:
            files.decoded({**base, key: value})
        except (KeyError, TypeError, ValueError, AttributeError):
            continue
