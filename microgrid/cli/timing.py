"""How long a formula's value and gradient take, eagerly and compiled: what ``microgrid compile --bench`` prints."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

from microgrid.compiler.api import compile  # noqa: A004  # microgrid's own is meant
from microgrid.core.engine import Value
from microgrid.formulas.parse import Formula

__all__ = ["seconds_of", "timings"]

_ENOUGH = 0.02  # least seconds of a sample
_SAMPLES = 5
_ROWS = 100_000


def seconds_of(call: Callable[[], Any]) -> float:
    """The seconds that a call takes: the median of a few samples, each of enough calls to be measurable."""
    calls, taken = 1, _time(call, 1)
    while taken < _ENOUGH:
        calls *= 2 if taken == 0.0 else max(2, min(10, round(_ENOUGH / taken)))
        taken = _time(call, calls)
    return median([taken, *[_time(call, calls) for _ in range(_SAMPLES - 1)]]) / calls


def _time(call: Callable[[], Any], calls: int) -> float:
    started = time.perf_counter()
    for _ in range(calls):
        call()
    return time.perf_counter() - started


def timings(formula: Formula, numbers: Mapping[str, float], *, precise: bool) -> list[tuple[str, str]]:
    """Descriptions and times of a formula's value and gradient, at one point and on many, eagerly and compiled."""
    output = formula.output

    def eager() -> None:
        formula.record_on({name: Value(number) for name, number in numbers.items()})[output].backward()

    nodes = formula.record(**numbers)
    inputs = {name: nodes[name] for name in formula.inputs}
    bound = compile(nodes[output], inputs, precise=precise).bind(**numbers)
    found = [("eager, one point", seconds_of(eager)), ("compiled, one point, bound", seconds_of(bound))]
    if inputs:
        found += _on_rows(nodes[output], inputs, numbers, precise=precise)
    return [(what, _formatted(seconds)) for what, seconds in found]


def _on_rows(
    recorded: Value, inputs: dict[str, Value], numbers: Mapping[str, float], *, precise: bool
) -> list[tuple[str, float]]:
    try:
        import numpy
    except ImportError:
        return []
    draw = numpy.random.default_rng(0)
    arrays = {name: number + draw.uniform(-0.01, 0.01, _ROWS) for name, number in numbers.items()}
    call = compile(recorded, inputs, rows=list(inputs), precise=precise).bind(**arrays)
    return [(f"compiled, each of {_ROWS:,} points", seconds_of(call) / _ROWS)]


def _formatted(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"
