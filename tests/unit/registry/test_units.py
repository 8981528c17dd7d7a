from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.units import MAX_DURATION, MAX_SIZE, parse_duration, parse_size


@pytest.mark.parametrize(
    ("given_value", "seconds"),
    [
        (30, 30.0),
        (0.5, 0.5),
        ("500ms", 0.5),
        ("2s", 2.0),
        ("2m", 120.0),
        ("1h", 3600.0),
        ("1.5 s", 1.5),
        (-3, -3.0),
    ],
)
def test_durations(given_value: object, seconds: float) -> None:
    assert parse_duration(given_value) == seconds


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "2",
        "2 days",
        "s",
        "-2s",
        "1e3s",
        "٣s",
        True,
        None,
        [],
        float("nan"),
        float("inf"),
        10**400,
        "9" * 500 + "h",
    ],
)
def test_what_is_no_duration(bad: object) -> None:
    with pytest.raises(ValueError):
        parse_duration(bad)


@pytest.mark.parametrize(
    ("given_value", "mebibytes"),
    [
        (512, 512),
        ("512M", 512),
        ("2G", 2048),
        ("2 GiB", 2048),
        ("1.5g", 1536),
        ("1T", 1024 * 1024),
        ("0.3M", 1),
    ],
)
def test_sizes(given_value: object, mebibytes: int) -> None:
    assert parse_size(given_value) == mebibytes


@pytest.mark.parametrize(
    "bad", ["", "512", "2K", "-1G", 0, -1, 1.5, True, None, "0M", 10**30, "9" * 500 + "T"]
)
def test_what_is_no_size(bad: object) -> None:
    with pytest.raises(ValueError):
        parse_size(bad)


@given(st.floats(min_value=0, max_value=1000, allow_nan=False), st.sampled_from(["ms", "s", "m", "h"]))
def test_a_duration_means_its_number_times_its_unit(number: float, unit: str) -> None:
    factor = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[unit]
    written = f"{number:.3f}"
    if float(written) * factor <= MAX_DURATION:
        assert parse_duration(written + unit) == pytest.approx(float(written) * factor)


@given(st.integers(min_value=1, max_value=2**20), st.sampled_from("MGT"))
def test_a_size_means_its_number_times_its_unit(number: int, unit: str) -> None:
    expected = number * {"M": 1, "G": 1024, "T": 1024**2}[unit]
    if expected <= MAX_SIZE:
        assert parse_size(f"{number}{unit}") == expected


@given(st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none(), st.lists(st.integers())))
def test_anything_parses_or_is_refused(value: object) -> None:
    for parse in (parse_duration, parse_size):
        try:
            found = parse(value)
        except ValueError:
            continue
        assert abs(found) <= max(MAX_DURATION, MAX_SIZE)
