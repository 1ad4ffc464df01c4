"""Derivatives of orders 1 to 3 of every rule, in every way, against high precision; at kinks, the same in every way."""

from __future__ import annotations

import math

import pytest
from accuracy import MEASURED, PAGE, POINTWISE, Points, faults, indices_of, measure, on_rows
from helpers import SLOW_IN_MPMATH, regions_of

from microgrid.core.rules import EVERY_RULE, RULES

KINKED = [name for name in MEASURED if EVERY_RULE[name].kinks]
PIECEWISE_LINEAR = (
    "abs",
    "relu",
    "maximum",
    "amax",
    "amin",
    "minimum",
    "where",
    "less",
    "less_equal",
    "equal",
    "clip",
    "floor",
    "hypot",
)
"""Rules whose second derivatives at a kink are those of the piece that the convention chooses: 0."""


@pytest.mark.unmeasured
@pytest.mark.parametrize("name", MEASURED)
def test_derivatives_of_three_orders_keep_their_digits_at_a_point(name: str) -> None:
    assert faults(name, measure(EVERY_RULE[name], 1, 0, rows=False)) == []


@pytest.mark.trials
@pytest.mark.parametrize("name", MEASURED)
def test_derivatives_of_three_orders_keep_their_digits(name: str) -> None:
    everyday, extreme = (2, 4) if name in SLOW_IN_MPMATH else (8, 12)
    measured = measure(EVERY_RULE[name], everyday, extreme)
    assert faults(name, measured) == []
    assert sum([worst.checks for worst in measured.worst.values()]) > 20


@pytest.mark.trials
def test_the_page_has_every_rule() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in MEASURED if f"\n| `{name}` |" not in text] == []


@pytest.mark.unmeasured
@pytest.mark.parametrize("name", KINKED)
def test_at_a_kink_every_way_to_a_second_derivative_gives_the_same(name: str) -> None:
    rule = EVERY_RULE[name]
    for kink in rule.kinks:
        regions = regions_of(rule, len(kink.at))
        indices = indices_of(regions, 2)
        if not all(map(math.isfinite, kink.partials)):
            continue
        found = {way: run(rule, Points(regions, [], []), kink.at, indices) for way, run in POINTWISE.items()}
        found["rows"] = on_rows(rule, regions, [kink.at], indices)[kink.at]
        for way, derivatives in found.items():
            assert derivatives == pytest.approx(found["eager"], rel=1e-12, nan_ok=True), (way, kink)
        if name in PIECEWISE_LINEAR:
            assert set(found["eager"].values()) == {0.0}


def test_the_rules_that_are_measured_are_the_table() -> None:
    assert set(RULES) <= set(MEASURED)


LIMITS_AT_0: dict[float, dict[float, str]] = {
    0.5: {-math.inf: "xy yx", math.inf: "xyy yxy xxy yxx"},
    1.0: {-math.inf: "xy yx", math.inf: "xxy xyx yxx xyy yyx", 0.0: "xx yy yyy"},
    1.5: {0.0: "xy yx xyy yxy", -math.inf: "xxy xyx yxx", math.inf: "xx"},
    2.0: {-math.inf: "xxy xyx yxx", 0.0: "xy yy xxx yyy xyy", 2.0: "xx"},
    3.5: {0.0: "xx xy yx xxy xyx yxx xyy yyx"},
}
"""The limits, where x goes to 0, of derivatives of x**y by the letters; for each y."""


@pytest.mark.parametrize("y", LIMITS_AT_0)
def test_the_mixed_derivatives_of_a_power_of_0_are_their_limits(y: float) -> None:
    rule = RULES["pow"]
    wanted = {tuple(map("xy".index, name)): limit for limit, names in LIMITS_AT_0[y].items() for name in names.split()}
    regions = list(rule.regions)
    for way, run in POINTWISE.items():
        found = run(rule, Points(regions, [], []), (0.0, y), list(wanted))
        assert found == {index: wanted[index] for index in found}, way
    assert on_rows(rule, regions, [(0.0, y)], list(wanted))[0.0, y] == wanted
