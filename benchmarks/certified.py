"""What proofs cost: enclosures beside mpmath's interval arithmetic, regions, and every rule's partials.

``python -m benchmarks.certified`` prints the goals with what was measured, and the worst proven bound of each rule.
"""

from __future__ import annotations

import math
import random
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import mpmath

import microgrid
from benchmarks.rule_bounds import bound_of_partial
from microgrid import Interval, Value, certify, precise
from microgrid.core.graph import topological_order
from microgrid.core.rule import Rule
from microgrid.core.rules import EVERY_RULE
from microgrid.util.tables import table

__all__ = ["chain", "interval_gradient", "lines_of", "main", "seconds", "small_net"]

_DIGITS, _LINES, _REPEATS = 30, 4, 5


def chain(operations: int) -> Value:
    """A chain of sines, products and sums of so many operations."""
    x, y = Value(0.5, "x"), Value(2.0, "y")
    z = x
    for _ in range(operations // 4):
        z = microgrid.sin(z * y) * 0.5 + x
    return z


def interval_gradient(output: Value) -> Any:
    """The derivative with respect to the first leaf in mpmath's interval arithmetic, by hand for three operations."""
    values: dict[Value, Any] = {}
    order = topological_order(output)
    for node in order:
        operands = [values[parent] for parent in node.parents]
        if node.op is None:
            values[node] = mpmath.iv.mpf(node.data)
        elif node.op.name == "sin":
            values[node] = mpmath.iv.sin(operands[0])
        else:
            values[node] = operands[0] * operands[1] if node.op.name == "mul" else operands[0] + operands[1]
    adjoints: dict[Value, Any] = {output: mpmath.iv.mpf(1)}
    for node in reversed(order):
        if node.op is not None and node in adjoints:
            operands = [values[parent] for parent in node.parents]
            slopes = operands[::-1] if node.op.name == "mul" else [1, 1]
            slopes = [mpmath.iv.cos(operands[0])] if node.op.name == "sin" else slopes
            for parent, slope in zip(node.parents, slopes, strict=True):
                adjoints[parent] = adjoints.get(parent, 0) + slope * adjoints[node]
    return next(adjoints[node] for node in order if node.op is None and not node.is_constant)


def small_net(x0: Any, x1: Any, x2: Any, x3: Any, x4: Any) -> Any:
    """A network of five inputs and about 100 operations, which rises with the first."""
    xs = (x0, x1, x2, x3, x4)
    hidden = [microgrid.tanh(xs[0] * (0.1 + 0.05 * k) + xs[k % 4 + 1] * 0.3 - 0.1 * k) for k in range(12)]
    total = xs[0] + microgrid.sum([one * (0.2 + 0.05 * k) for k, one in enumerate(hidden)])
    return microgrid.softplus(total) + 0.1 * xs[1] * xs[2] + 0.1 * microgrid.exp(xs[3] * xs[4])


def lines_of(rule: Rule, count: int) -> Iterator[tuple[list[float], int, float, float]]:
    """Lines through a rule's everyday region: the operands, which of them moves, and between what."""
    draw = random.Random(rule.name)
    regions = [region for region in rule.regions for _ in range(2 if rule.arity is None else 1)]
    is_order = [rule.name == "polygamma" and place == 0 for place in range(len(regions))]
    moving = [not (region.constant or order) for region, order in zip(regions, is_order, strict=True)]
    for _ in range(count):
        point = [draw.uniform(region.low, region.high) for region in regions]
        point = [x if moves else float(round(x)) for x, moves in zip(point, moving, strict=True)]
        for place, region in enumerate(regions):
            if moving[place]:
                yield point, place, region.low, region.high


def seconds(call: Callable[[], object], repeats: int = _REPEATS) -> float:
    """The median of a few runs."""
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def _rule_rows() -> list[tuple[str, str, str, str]]:
    rows = []
    for name, rule in EVERY_RULE.items():
        bounds = [bound_of_partial(rule, *line) for line in lines_of(rule, _LINES)]
        if bounds:
            worst, share = max([one.ulp for one in bounds]), min([one.proven for one in bounds])
            rows.append((name, f"{worst:.1e}", f"{share:.2%}", f"{sum([one.pieces for one in bounds])}"))
    return rows


def main() -> None:
    """Measure and print."""
    output = chain(10_000)
    ours = seconds(lambda: certify(output, digits=_DIGITS))
    mpmath.iv.dps = _DIGITS + 10
    intervals = seconds(lambda: interval_gradient(output), 1)
    value_alone = seconds(lambda: precise(output, digits=_DIGITS), 3)
    certificate: list[Any] = []
    region = tuple([Interval(-0.25, 0.25)] * 5)
    box = seconds(lambda: certificate.append(certify(small_net, region, progress=False, budget=200_000)), 3)
    start = time.perf_counter()
    rules = _rule_rows()
    every = time.perf_counter() - start
    rows = [
        ("value and gradient of 10,000 operations, 30 digits", f"{ours:.3f} s", "under 0.2 s"),
        ("the same in mpmath's interval arithmetic", f"{intervals:.2f} s, {intervals / ours:.0f} x", "at least 20 x"),
        ("the value alone by precise", f"{value_alone:.3f} s", ""),
        (f"a gradient over a box of 5 variables: {certificate[-1].signs['x0']}", f"{box:.2f} s", "under 1 s"),
        ("every rule's partials along their intervals", f"{every:.1f} s", "under 120 s"),
    ]
    print(table(("work", "measured", "goal"), rows, "<>>"))
    print()
    print(table(("rule", "proven to ulp", "of the intervals", "pieces"), rules, "<>>>"))
    assert all([math.isfinite(float(worst)) for _, worst, _, _ in rules])


if __name__ == "__main__":
    main()
