"""What the tests of the rule table share: points, references in high precision, errors counted in ulps."""

from __future__ import annotations

import itertools
import math
import random
import struct
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import mpmath
import pytest

from microgrid.arithmetics.mpmath import MPMATH
from microgrid.core.arithmetic import FLOAT, Arithmetic
from microgrid.core.engine import Value, recorder
from microgrid.core.rule import Region, Rule
from microgrid.core.rules import RULES
from microgrid.program import Program

LENGTHS = (1, 2, 3, 7, 30)
"""How many operands an n-ary rule is tried with, for each of its lists."""

BOUND = 4.0
"""The largest error that a rule may have, in units of what an ulp of its operands and of its result makes."""

EVERYDAY_DIGITS, TAIL_DIGITS = 120, 1500
"""Working precision. In the tails 1e308 and 5e-324 meet, and a difference of their functions has to be resolved."""

GAMMA_DIGITS = 420
"""Enough for one operand, and what mpmath's gamma functions can be computed with in good time."""

Operands = tuple[float, ...]

few_or_all = pytest.mark.parametrize(
    "everything", [pytest.param(False, id="few"), pytest.param(True, id="all", marks=pytest.mark.trials)]
)
"""A test of one size in ``make test`` and of a larger one in ``make trials``."""

SLOW_IN_MPMATH = {
    *("beta", "betaln", "digamma", "digamma_gap", "erfinv", "gamma", "lgamma", "polygamma", "trigamma", "trigamma_gap")
}
"""Rules whose references in hundreds of digits take seconds."""

every_rule_in_time = pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.trials] if name in SLOW_IN_MPMATH else []) for name in RULES],
)
"""A test of every rule, of those that take long in ``make trials``."""


# ---- points ---------------------------------------------------------------------------------------------------


def random_of(rule: Rule) -> random.Random:
    """A generator of the rule's own: adding a rule leaves the points of the others as they were."""
    return random.Random(rule.name)


def layouts(rule: Rule) -> list[list[Region]]:
    """The region of every operand; for an n-ary rule, for several numbers of operands."""
    if rule.arity is not None:
        return [list(rule.regions)]
    return [[region for region in rule.regions for _ in range(length)] for length in LENGTHS]


def everyday(rule: Rule, count: int) -> Iterator[Operands]:
    """Random points of the open intervals in which the rule is regular."""
    draw = random_of(rule)
    for regions in layouts(rule):
        for _ in range(count):
            yield tuple(draw.uniform(region.low, region.high) for region in regions)


def tails(rule: Rule, count: int) -> Iterator[Operands]:
    """Combinations of extreme and everyday operands: all of them if they are few, else a sample with the diagonals."""
    draw = random_of(rule)
    for regions in layouts(rule):
        choices = [(*region.tails, 0.75 * region.low + 0.25 * region.high, region.high) for region in regions]
        if math.prod(map(len, choices)) <= count:
            yield from itertools.product(*choices)
            continue
        for region in regions[:1]:
            for tail in draw.sample(region.tails, min(len(region.tails), count // 4)):
                for signs in ((tail,), (-tail, tail)):
                    others = [[x for x in signs if x in region.tails] or region.tails for region in regions[1:]]
                    yield (tail, *map(draw.choice, others))
        for _ in range(count // 2):
            yield tuple(draw.choice(options) for options in choices)


def regions_of(rule: Rule, count: int) -> list[Region]:
    """The region of each of so many operands."""
    return [region for region in rule.regions for _ in range(count // len(rule.regions))]


def beside_kinks(rule: Rule) -> Iterator[Operands]:
    """Points on both sides of every kink, near it and as near as floats come."""
    for kink in rule.kinks:
        for index, (at, region) in enumerate(zip(kink.at, regions_of(rule, len(kink.at)), strict=True)):
            if region.constant:
                continue
            steps = (at - 1e-3, at + 1e-3, at - 1e-9, at + 1e-9)
            for moved in (*steps, math.nextafter(at, -math.inf), math.nextafter(at, math.inf)):
                yield (*kink.at[:index], moved, *kink.at[index + 1 :])


# ---- references -----------------------------------------------------------------------------------------------


# mpmath's fmod has the sign of y, its sinc no pi; its erfc fails at 1e200, its erfinv beyond 1, its polygamma at an
# order between two.
_OF_ANOTHER_MEANING = ("erfc", "erfinv", "fmod", "polygamma", "sinc")


def definition(rule: Rule) -> Callable[..., Any]:
    """The rule's value in high precision: mpmath's function of that name or, where there is none, the definition.

    nan where there is no real value.
    """
    own = None if rule.name in _OF_ANOTHER_MEANING else getattr(mpmath, rule.name, None)
    function = own or MPMATH.bind(rule)[0]

    def real(*operands: Any) -> Any:
        try:
            result = function(*operands)
        except ZeroDivisionError:
            return mpmath.nan
        return mpmath.nan if isinstance(result, mpmath.mpc) else mpmath.mpf(result)

    return real


def difference(function: Callable[..., Any], operands: Sequence[Any], index: int, exponent: int = -30) -> Any:
    """The derivative by a central difference. The step is relative, so that 5e-324 and 1e308 are moved alike.

    Nothing here knows the rule's own partials.
    """
    x = operands[index]
    step = mpmath.mpf(10) ** exponent / max([1, *map(abs, operands)])
    step *= x or min([abs(y) for y in operands if y], default=1)

    def at(moved: Any) -> Any:
        return function(*operands[:index], moved, *operands[index + 1 :])

    return (at(x + step) - at(x - step)) / (2 * step)


def second_difference(function: Callable[..., Any], operands: Sequence[Any], i: int, j: int) -> Any:
    """The derivative with respect to operand i of that with respect to operand j."""
    return difference(lambda *moved: difference(function, moved, j), operands, i)


def is_finite(reference: Any) -> bool:
    """Whether the reference rounds to a finite float."""
    return bool(mpmath.isfinite(reference) and abs(reference) < mpmath.mpf(2) ** 1024 - mpmath.mpf(2) ** 970)


def ulp(reference: Any) -> Any:
    """The distance of the floats around the reference, subnormal ones included."""
    exponent = mpmath.frexp(reference)[1] if reference else -1074
    return mpmath.mpf(2) ** max(exponent - 53, -1074)


def distance(got: float, reference: Any) -> Any:
    """How far off; infinite for nan and for a wrong infinity."""
    return abs(mpmath.mpf(got) - reference) if math.isfinite(got) else mpmath.inf


def bits(numbers: Sequence[float]) -> list[bytes]:
    """Bit patterns, with every nan the same: its sign and payload mean nothing and depend on the compiler."""
    return [struct.pack("d", number if number == number else math.nan) for number in numbers]


def ulps(found: float, wanted: float) -> float:
    """How far off, in units in the last place of what is wanted."""
    if bits([found]) == bits([wanted]) or found == wanted:
        return 0.0
    if not math.isfinite(found) or not math.isfinite(wanted):
        return math.inf
    return abs(found - wanted) / math.ulp(wanted)


# ---- code that was made of a program --------------------------------------------------------------------------


class Run:
    """Code with buffers of its own, and what it has to give."""

    def __init__(self, code: Any, program: Program, wrt: Sequence[int]) -> None:
        self.code, self.program, self.wrt = code, program, wrt
        counts = (len(program.inputs), len(program.outputs), len(program.outputs), len(wrt))
        self.buffers = [array("d", [math.nan] * count) for count in counts]
        self.forward: Any
        self.reverse: Any
        self.forward, self.reverse = code.bind(*[buffer.buffer_info()[0] for buffer in self.buffers])

    def at(self, numbers: Sequence[float], seeds: Sequence[float] | None = None) -> tuple[list[float], list[float]]:
        """The outputs and the gradient, after having seen that ``forward`` by itself has the same outputs."""
        inputs, weights, outputs, gradient = self.buffers
        inputs[:] = array("d", numbers)
        weights[:] = array("d", [1.0] * len(outputs) if seeds is None else seeds)
        self.forward()
        before = bits(outputs)
        outputs[:] = array("d", [math.nan] * len(outputs))
        self.reverse()
        assert bits(outputs) == before
        return outputs.tolist(), gradient.tolist()

    def wanted(self, numbers: Sequence[float], seeds: Sequence[float] | None = None) -> tuple[list[float], list[float]]:
        """The same from Python's floats."""
        values = self.program.evaluate(FLOAT, numbers)
        weights = [1.0] * len(self.program.outputs) if seeds is None else seeds
        adjoints = self.program.pullback(FLOAT, values, weights, zero=0.0)
        gradient = [0.0 if (slope := adjoints[slot]) is None else slope for slot in self.wrt]
        return [values[slot] for slot in self.program.outputs], gradient


# ---- the check ------------------------------------------------------------------------------------------------


@dataclass
class Worst:
    """The largest errors seen for a rule's value or for its partials, and how many were looked at.

    ``strict`` counts ulps of the reference. ``mixed`` counts in units of such an ulp plus what the reference itself
    moves when each operand moves by one of its own ulps: what is lost by the rounding of the operands, as in a
    difference of nearly equal numbers, isn't blamed on the rule.
    """

    strict: float = 0.0
    mixed: float = 0.0
    at: Operands = ()
    checks: int = 0

    def see(self, got: float, reference: Any, movement: Callable[[], Any], operands: Operands) -> None:
        """Take one result into account. The movement is costly and asked for only where it matters."""
        self.checks += 1
        error = distance(got, reference)
        strict = float(error / ulp(reference))
        self.strict = max(self.strict, strict)
        if strict > self.mixed:
            mixed = float(error / (ulp(reference) + movement())) if math.isfinite(strict) else math.inf
            if mixed > self.mixed:
                self.mixed, self.at = mixed, operands


@dataclass
class Report:
    """What the check of one rule found."""

    value: Worst = field(default_factory=Worst)
    partials: Worst = field(default_factory=Worst)

    def verdict(self) -> str | None:
        """What is wrong with the rule, or None. Nothing checked is wrong, too."""
        for what, worst in (("value", self.value), ("partials", self.partials)):
            if not worst.checks:
                return f"no {what} checked"
            if not worst.mixed <= BOUND:
                return f"{what}: {worst.mixed:.3g} mixed ulp at {worst.at}"
        return None


REPORTS: dict[str, Report] = {}
"""The reports that are printed at the end of the run, by rule."""


def jax_arithmetic(jax: Any) -> Arithmetic:
    """JAX's arrays as the numbers."""
    numpy_of_jax = jax.numpy
    same = ("exp", "expm1", "log", "log1p", "sqrt", "abs", "hypot", "log2", "log10", "exp2", "cbrt", "floor", "fmod")
    names = {name: getattr(numpy_of_jax, name) for name in (*same, "copysign")}
    names |= {name: getattr(numpy_of_jax, name) for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")}
    names |= {name: getattr(numpy_of_jax, f"arc{name[1:]}") for name in ("asin", "acos", "atan", "atan2")}
    names |= {f"a{name}": getattr(numpy_of_jax, f"arc{name}") for name in ("sinh", "cosh", "tanh")}
    return Arithmetic(
        "JAX",
        **names,
        pow=numpy_of_jax.power,
        erf=jax.scipy.special.erf,
        erfc=jax.scipy.special.erfc,
        fma=lambda x, y, z: x * y + z,
        pi=math.pi,
        inf=math.inf,
        less=lambda x, y: x < y,
        less_equal=lambda x, y: x <= y,
        equal=lambda x, y: x == y,
        where=numpy_of_jax.where,
    )


COMPILED: dict[str, dict[str, dict[str, float]]] = {}
"""Likewise of code that need not be precise: by rule, by backend, of the value and of the partials, in mixed ulp."""


def record(rule: Rule, operands: Sequence[Any]) -> Value:
    """The node that the eager engine records for any rule, of the table or not."""
    return recorder(rule)(*[x if isinstance(x, Value) else Value(x) for x in operands])


def check(rule: Rule, points: Iterator[Operands], digits: int, report: Report) -> None:
    """Hold the recorded value and partials against high precision at each point."""
    draw = random_of(rule)
    function = definition(rule)
    for operands in points:
        if max(report.value.mixed, report.partials.mixed) > BOUND:
            return  # one failure is enough, and measuring wrong results takes long
        node = record(rule, operands)
        with mpmath.workdps(digits):
            xs = [mpmath.mpf(x) for x in operands]
            if rule.arity is None and not is_finite(function(*map(abs, xs))):
                continue  # a partial sum overflows, as it does in any summation
            ulps = [mpmath.mpf(math.ulp(x)) for x in operands]
            indices = list(range(len(operands)))

            def value_moves(xs: Any = xs, ulps: Any = ulps) -> Any:
                return _finite_total(abs(difference(function, xs, j)) * ulp for j, ulp in enumerate(ulps))

            reference = function(*xs)
            if is_finite(reference):
                report.value.see(node.data, reference, value_moves, operands)

            varying = [i for i in indices if rule.arity is None or not rule.regions[i].constant]
            for i in varying if len(varying) <= 3 else draw.sample(varying, 2):

                def slope_moves(xs: Any = xs, ulps: Any = ulps, i: int = i) -> Any:
                    with mpmath.workdps(digits + 300):
                        return _finite_total(
                            abs(second_difference(function, xs, j, i)) * ulp for j, ulp in enumerate(ulps)
                        )

                reference = difference(function, xs, i)
                if rule.kinks and abs(reference - difference(function, xs, i, -33)) > abs(reference) / 10**20:
                    continue  # a jump: the quotient grows as the step shrinks
                if is_finite(reference):
                    report.partials.see(node.partials[i], reference, slope_moves, operands)


def _finite_total(terms: Iterator[Any]) -> Any:
    return mpmath.fsum([term for term in terms if mpmath.isfinite(term)])


def full_check(rule: Rule, everyday_count: int = 12, tail_count: int = 80, of_lists: int = 6) -> Report:
    """Everyday points, tails and both sides of every kink."""
    report = Report()
    n_ary = rule.arity is None
    check(rule, everyday(rule, 3 if n_ary else everyday_count), EVERYDAY_DIGITS, report)
    digits = GAMMA_DIGITS if "gamma" in rule.name or "beta" in rule.name else TAIL_DIGITS
    check(rule, tails(rule, of_lists if n_ary else tail_count), digits, report)
    check(rule, beside_kinks(rule), digits, report)
    return report
