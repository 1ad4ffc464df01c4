"""The two kinds of functions that are checked, with the reference for a derivative and the verdict on a doubtful one.

A ``PlainFunction`` is known by its values alone. A ``RecordedFunction`` has a graph, which can be replayed in other
arithmetics and inspected node by node.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from microgrid.checking.differences import DIFFERENCES, Estimate, differentiate
from microgrid.checking.nodes import Blame, blame_for_detached, blame_for_infinity, describe, inspect_nodes
from microgrid.checking.recordings import Neighbourhood, Recording, examine_neighbourhood, node_on_kink, single
from microgrid.checking.references import (
    NOTHING,
    SMALLEST,
    Sweep,
    complex_step,
    enclosed,
    high_precision,
    is_portable,
    rounding,
)
from microgrid.checking.report import Judgement, Verdict
from microgrid.checking.verdicts import agreement, by_values
from microgrid.core.engine import Value

__all__ = ["AUTODIFF", "Function", "PlainFunction", "RecordedFunction"]

AUTODIFF = "autodiff"
_ULP, _EPSILON = 2.0**-50, 1e-12  # of the largest number in a graph: rounding of one operation, and of many
_SAME_VALUE = 1e-9  # relative difference of f(Values) and f(floats) that rounding may make
_SMALL, _LARGE = 100, 2000  # nodes up to which vectors cost more than they save, and beyond which a call takes long
_SAFETY = 4.0  # multiple of the measured rounding error beyond which the Taylor remainder decides

Call = Callable[[Sequence[Any]], Any]
Finding = tuple[Verdict, str]


def _not_finite(value: float, x: float) -> Finding | None:
    """The finding if the function or the coordinate is infinite or nan: there, any reference would be 0 or nan."""
    if not math.isfinite(value):
        return Verdict.NON_FINITE, f"f is {value!r} there"
    return None if math.isfinite(x) else (Verdict.NON_FINITE, f"its coordinate is {x!r}")


class _Lines:
    """A function of a row of numbers and its values along each coordinate: called once at each number, whoever asks."""

    def __init__(self, value: Callable[[Any], float], row: Any) -> None:
        self._value, self._row = value, row
        self._known: dict[int, dict[float, float]] = {}

    def value(self, numbers: Any) -> float:
        """The function's value; nan where it is undefined."""
        try:
            return self._value(numbers)
        except Exception:  # noqa: BLE001  # defined at the point itself, so any exception means: undefined here
            return math.nan

    def along(self, coordinate: int) -> Callable[[float], float]:
        """The function of one coordinate."""
        known = self._known.setdefault(coordinate, {})

        def along(x: float) -> float:
            if x not in known:
                moved = self._row.copy()
                moved[coordinate] = x
                known[x] = self.value(moved)
            return known[x]

        return along

    def towards(self, coordinates: Sequence[int], steps: Sequence[float]) -> Call:
        """The function of a row of one number, at which these coordinates have gone that multiple of their steps."""
        if isinstance(self._row, list):
            pairs = [(coordinate, steps[coordinate]) for coordinate in coordinates]

            def moved(multiple: float) -> Any:
                row = self._row.copy()
                for coordinate, step in pairs:
                    row[coordinate] += multiple * step
                return row
        else:
            import numpy

            places, own = numpy.array(coordinates), numpy.array(steps)[coordinates]

            def moved(multiple: float) -> Any:
                row = self._row.copy()
                row[places] += multiple * own
                return row

        return lambda multiples: self.value(moved(multiples[0]))


class PlainFunction(_Lines):
    """A function of plain numbers; the row, a list or an array, is the point, ``tol`` the error that is agreement."""

    is_cheap = is_large = False

    def __init__(self, call: Call, row: Any, tol: float) -> None:
        self._tol = tol
        super().__init__(lambda numbers: single(call(numbers)).data, row)
        self.numbers: list[float] = list(map(float, row))
        self.value_there = single(call(row)).data  # an exception at the point itself is the caller's to see

    def obstacle(self, coordinate: int) -> Finding | None:
        """The finding that the function or the coordinate is infinite or nan."""
        return _not_finite(self.value_there, self.numbers[coordinate])

    def reference(self, coordinate: int, name: str, tol: float, got: float) -> Estimate:  # noqa: ARG002  # as RecordedFunction has it
        """By central differences, the only reference that needs values alone."""
        if name in ("complex step", "mpmath", "ball"):
            return Estimate(math.nan, math.inf, f"{name}, for which there is no graph")
        return differentiate(self.along(coordinate), self.numbers[coordinate])

    def explain(self, judgement: Judgement, coordinate: int) -> Judgement:
        """By the values of the function."""
        return by_values(judgement, self.along(coordinate), self.numbers[coordinate], self._tol)


def _swept(recording: Recording, tol: float) -> Sweep:
    """The findings of a replay in vectors, where there is NumPy and the graph so large that vectors pay."""
    if len(recording.order) <= _SMALL:
        return NOTHING
    try:
        from microgrid.checking.batches import sweep
    except ImportError:
        return NOTHING
    return sweep(recording, tol)


class RecordedFunction(_Lines):
    """A function of Values, with its graph at a point.

    The seed is that of the directions in which the point's neighbourhood is examined.
    """

    def __init__(self, call: Call, recording: Recording, tol: float, seed: int) -> None:
        self.recording = recording
        self.numbers = [leaf.data for leaf in recording.inputs]
        super().__init__(self._recorded_value, self.numbers)
        self._sweep = _swept(recording, tol)
        self.inspection = inspect_nodes(recording, tol, self._sweep.settled, adds_up=self._sweep.adds_up)
        self._call, self._tol = call, tol
        self._names = [leaf.name or "" for leaf in recording.inputs]
        self._is_finite = math.isfinite(recording.output.data)
        around = Neighbourhood(None, [], repeatable=True, alike=True)
        if self._is_finite:
            around = examine_neighbourhood(call, self._names, recording, seed)
        self._neighbourhood = around
        # The graph represents the function, which need not be called: the reference for all coordinates is at hand.
        self.is_cheap = around.alike and not around.detached and around.edge is None and is_portable(recording)
        self.is_large = len(recording.order) > _LARGE

    @property
    def blames(self) -> list[Blame]:
        """The nodes at which a number is wrong or not finite."""
        blames = [self.inspection.blame] if self.inspection.blame else []
        if not (self._is_finite and all(map(math.isfinite, self.recording.gradient))):
            infinite = blame_for_infinity(self.recording)
            blames += [infinite] if infinite else []
        return blames

    @property
    def missing_path(self) -> list[Blame]:
        """The constant that depends on the inputs, if there is one: the path through it is missing."""
        return [blame_for_detached(self.recording, constant) for constant in self._neighbourhood.detached[:1]]

    @cached_property
    def _rounding(self) -> list[float]:
        return rounding(self.recording)

    def _recorded_value(self, numbers: Sequence[float]) -> float:
        leaves = [Value(number, name) for number, name in zip(numbers, self._names, strict=True)]
        return single(self._call(leaves)).data

    def compare_with(self, plain: PlainFunction, row: Any) -> bool:
        """Whether the function gives the same for plain numbers; from then on it is called with these, which is faster.

        A function that does not repeat itself can't be compared.
        """
        here, there = plain.value_there, self.recording.output.data
        if not self._neighbourhood.repeatable or (math.isnan(here) and math.isnan(there)):
            return True
        slack = _SAME_VALUE * max(abs(here), abs(there)) + self._rounding_of_value()
        if here != there and not abs(here - there) <= slack:
            return False
        self._value, self._row = plain.value, row
        return True

    def _rounding_of_value(self) -> float:
        """How much rounding may change the function's value, with Values or with floats."""
        constants = set(self.recording.constants)  # such as 1.8e308 for what can't be computed
        numbers = [abs(number) for place, number in enumerate(self.recording.data) if place not in constants]
        largest = max(filter(math.isfinite, numbers), default=0.0)
        spread = self._sweep.spread
        return spread + _ULP * largest if math.isfinite(spread) else _EPSILON * largest

    def obstacle(self, coordinate: int) -> Finding | None:
        """The finding that a number is not finite, that f is not repeatable, or that the point lies on a kink."""
        if found := _not_finite(self.recording.output.data, self.numbers[coordinate]):
            return found
        if not self._neighbourhood.repeatable:
            return Verdict.NOISY, "f gives other numbers, or another graph, when it is called again at the same point"
        crossing = self._neighbourhood.crossing
        if crossing is None or not (crossing.jump or crossing.kinked[coordinate]):
            return None
        where = "where a condition in Python code changes"
        if crossing.node is not None:
            where = f"at {describe(self.recording, crossing.node)}"
        left, right = crossing.left[coordinate], crossing.right[coordinate]
        sides = f"its slope is {left:.6g} on one side and {right:.6g} on the other"
        return Verdict.KINK, f"{where}: {'f itself jumps' if crossing.jump else sides}"

    def reference(self, coordinate: int, name: str, tol: float, got: float) -> Estimate:
        """By the graph, replayed in another arithmetic, if it represents the function; otherwise by differences."""
        makers = {"complex step": complex_step, "mpmath": high_precision}
        makers |= {"ball": enclosed} if name == "ball" else {}
        swept = self._sweep.gradient and self._sweep.gradient[coordinate]
        if swept and self.is_cheap and name not in ("mpmath", "ball", "differences"):
            is_exact = self._sweep.is_confirmed and swept.bound <= tol * abs(swept.value)
            if is_exact or agreement(got, swept, tol) is Verdict.RIGHT:
                return swept
        if name in makers and not self.is_cheap:
            return Estimate(math.nan, math.inf, f"{name}, {self._why_not()}")
        names = [name] if name in makers else [] if name == "differences" or not self.is_cheap else makers
        found: list[Estimate] = []
        for each in names:
            estimate = makers[each](self.recording, coordinate)
            if estimate is not None and agreement(got, estimate, tol) is not None:
                return estimate
            found += [estimate] if estimate is not None else []
        if found:  # none decides: take the most exact one
            return min(found, key=lambda one: one.bound)
        if name in makers:
            return Estimate(math.nan, math.inf, f"{name}, which finds no finite number there")
        return differentiate(self.along(coordinate), self.numbers[coordinate])

    def _why_not(self) -> str:
        if not is_portable(self.recording):
            return "which a custom operation does not support"
        if self._neighbourhood.edge is not None:
            return f"which does not see both sides of {describe(self.recording, self._neighbourhood.edge)}"
        return "which needs one graph, and the graph changes with the point"

    def explain(self, judgement: Judgement, coordinate: int) -> Judgement:
        """By the graph's nodes for autodiff, by the reference's error bound for a closed form."""
        from_values = judgement.how in DIFFERENCES
        is_blamed = judgement.subject == AUTODIFF and self.inspection.blame is not None
        if math.isinf(judgement.bound) and not (from_values or is_blamed):
            return judgement  # the chosen reference is not available
        if judgement.subject != AUTODIFF:
            if from_values:
                return self._by_values(judgement, coordinate)
            size = max(abs(judgement.got), abs(judgement.expected))
            if judgement.bound <= self._tol * size + SMALLEST:
                return replace(judgement, verdict=Verdict.WRONG)
            return replace(judgement, verdict=Verdict.NOISY, note=_TOO_ROUNDED)
        if is_blamed:
            return replace(judgement, verdict=Verdict.WRONG)
        spread = self._rounding[coordinate]
        in_doubt = from_values or self.inspection.kinked is not None
        if in_doubt or not judgement.error <= judgement.bound + _SAFETY * spread:
            return self._by_values(judgement, coordinate)
        note = f"{_TOO_ROUNDED}: every node is right, and rounding may change autodiff's result by {spread:.1g}"
        size = max(abs(judgement.got), abs(judgement.expected))
        verdict = Verdict.ROUNDED if judgement.bound <= self._tol * size else Verdict.NOISY
        return replace(judgement, verdict=verdict, note=note)

    def _by_values(self, judgement: Judgement, coordinate: int) -> Judgement:
        """The verdict by values; for a kink, with the node that has it.

        Kinks may cancel, as in ``relu(x) - relu(-x)``: the function is smooth, and what its nodes have for derivatives
        by convention doesn't add up to its slope.
        """
        found = by_values(judgement, self.along(coordinate), self.numbers[coordinate], self._tol)
        if found.verdict is Verdict.KINK and self.inspection.kinked is not None:
            return replace(found, note=f"at {describe(self.recording, self.inspection.kinked)}: {found.note}")
        if found.verdict is Verdict.WRONG and judgement.subject == AUTODIFF and not self._neighbourhood.detached:
            kinked = self.inspection.kinked or node_on_kink(self.recording, self._neighbourhood.edge)
            if kinked is not None:
                where = describe(self.recording, kinked)
                note = f"at {where}, on a kink or a jump of its rule: its derivatives are a convention there"
                return replace(found, verdict=Verdict.KINK, note=note, taylor_order=None)
        return found


Function = PlainFunction | RecordedFunction
"""A function at a point, as the check uses it."""

_TOO_ROUNDED = "the graph loses digits to rounding"
