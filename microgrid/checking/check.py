"""The check: every derivative at every point is compared with its reference and given a verdict.

Checked is the gradient that ``backward`` computes on the recorded graph, or a closed form, or both. A difference alone
is no verdict of "wrong": it has to be larger than the reference's stated error bound plus the rounding error, and there
has to be evidence. In a graph, the evidence is a node whose value, local derivative or adjoint is wrong, or a constant
that changes with the inputs, so that a path is missing. For a function of plain numbers it is the Taylor remainder,
which shrinks as h for a wrong derivative and as h² for a right one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from microgrid._public import public
from microgrid.calculus.reverse import gradients
from microgrid.checking.differences import Estimate, taylor_order
from microgrid.checking.nodes import Blame
from microgrid.checking.points import Point, derivatives, sample_points, second_derivatives
from microgrid.checking.recordings import Recording, record
from microgrid.checking.report import Judgement, Report, Verdict
from microgrid.checking.subjects import AUTODIFF, Function, PlainFunction, RecordedFunction
from microgrid.checking.verdicts import agreement
from microgrid.core.engine import Value
from microgrid.errors import DataError, GradientError

__all__ = ["assert_gradients", "check_gradients"]

Reference = Literal["auto", "complex step", "differences", "mpmath", "closed form"]
Gradient = Callable[..., Any]

_CLOSED_FORM = "closed form"
_NO_DERIVATIVE = (Verdict.KINK, Verdict.NON_FINITE)  # verdicts for which the remainder's order means nothing


@dataclass(frozen=True, slots=True)
class _Question:
    """One function at one point, and the gradients to be checked there.

    Parameters
    ----------
    function : Function
        The function.
    names : list of str
        The derivatives' names in the report, such as ``df/dw``.
    subjects : dict
        From "autodiff" and "closed form" to a gradient.
    outside : list of Estimate or None
        A reference given by the caller.
    """

    function: Function
    names: list[str]
    subjects: dict[str, list[float]]
    outside: list[Estimate] | None


@dataclass(slots=True)
class _Findings:
    """The results so far: each judgement with its function of one coordinate and the coordinate, blames, counts."""

    judgements: list[tuple[Judgement, Callable[[float], float], float]] = field(default_factory=list)
    blames: list[Blame] = field(default_factory=list)
    remarks: dict[str, None] = field(default_factory=dict)
    local: int = 0
    unverified: int = 0


@public()
def check_gradients(
    f: Callable[..., Any],
    at: Any,
    *,
    closed_form: Gradient | None = None,
    reference: Reference | Gradient = "auto",
    order: Literal[1, 2] = 1,
    tol: float = 1e-6,
    count: int = 20,
    seed: int = 0,
) -> Report:
    """Check gradients at one point, at many points or over a region, and say what is wrong.

    If ``f`` takes Values, its graph is recorded, and the gradient by ``backward`` is checked against a reference that
    uses no derivative of any rule, and node by node. A closed form, if given, is checked against the same reference.
    If ``f`` takes only plain numbers, the closed form alone is checked.

    Parameters
    ----------
    f : callable
        A function that returns one number. It is called several times at each point.
    at : point, list of points, or region
        A point is a number, a tuple of arguments, a dict of arguments by name, or an array, which is one argument.
        Arguments may be lists, dicts and arrays of numbers. A list holds many points. A point with an ``Interval``
        instead of a number is a region, from which points are drawn.
    closed_form : callable, optional
        Takes plain numbers as ``f`` does and returns the gradient in the structure of the arguments; for ``order=2``
        the matrix of second derivatives.
    reference : str or callable, default "auto"
        "auto" takes the best that the point allows: the complex step, if every operation of the graph runs in complex
        numbers; mpmath in two precisions that must agree, if complex numbers overflow; otherwise extrapolated central
        differences with an adaptive step. "complex step", "mpmath" and "differences" choose one of these. "closed
        form" compares autodiff with the closed form. A callable is another library's gradient.
    order : {1, 2}, default 1
        2 checks second derivatives too, as gradients of the gradient's graph.
    tol : float, default 1e-6
        The relative error that counts as agreement. A reference with a larger error bound is too noisy.
    count : int, default 20
        The number of points drawn from a region.
    seed : int, default 0
        The seed of the drawn points, and of the directions in which a point's neighbourhood is examined.

    Returns
    -------
    Report
        True if every derivative is right. Its text has the verdict, the worst derivative, the node to blame, and a line
        that repeats the check.

    Raises
    ------
    DataError
        If an option is invalid, or a point or a gradient doesn't fit the function.

    Examples
    --------
    >>> from microgrid import check_gradients, exp
    >>> bool(check_gradients(lambda w, x: exp(-w * x) / (1 + x**2), (0.5, 2.0)))
    True

    A closed form with a wrong sign:

    >>> import math
    >>> report = check_gradients(math.cos, 0.5, closed_form=math.sin)
    >>> print(report.verdict, "|", report.worst.name, report.worst.got, round(report.worst.expected, 6))
    wrong gradient | dcos/dx 0.479425538604203 -0.479426
    """
    options = _checked_options(f, closed_form, reference, order, tol, seed)
    findings = _Findings()
    points = sample_points(f, at, count, seed)
    for index, point in enumerate(points):
        given = _given(closed_form, point, order)
        for question in _questions(f, point, given, options, findings):
            _answer(question, index, options, findings)
    return Report(
        _worst_first(findings),
        tuple(findings.blames),
        tuple(points),
        findings.local,
        findings.unverified,
        tol,
        _repeat(f, closed_form, reference, order, tol, seed),
        tuple(findings.remarks),
    )


def _worst_first(findings: _Findings) -> tuple[Judgement, ...]:
    """The judgements in the report's order; the first one gets its Taylor order."""
    found = sorted(findings.judgements, key=lambda one: one[0].severity, reverse=True)
    judgements = [judgement for judgement, _, _ in found]
    if found and judgements[0].taylor_order is None and judgements[0].verdict not in _NO_DERIVATIVE:
        _, along, x = found[0]
        judgements[0] = replace(judgements[0], taylor_order=taylor_order(along, x, judgements[0].got))
    return tuple(judgements)


@public()
def assert_gradients(
    f: Callable[..., Any],
    at: Any,
    *,
    closed_form: Gradient | None = None,
    reference: Reference | Gradient = "auto",
    order: Literal[1, 2] = 1,
    tol: float = 1e-6,
    count: int = 20,
    seed: int = 0,
) -> Report:
    """Check gradients, and raise unless all of them are right.

    Parameters
    ----------
    f, at, closed_form, reference, order, tol, count, seed
        As for ``check_gradients``.

    Returns
    -------
    Report
        The report, in which every derivative is right.

    Raises
    ------
    GradientError
        An ``AssertionError`` with the report as its text, and as its ``report``.

    Examples
    --------
    >>> from microgrid import assert_gradients, log
    >>> assert_gradients(lambda x: log(x) * x, 3.0)
    <right: 1 derivative agrees with its reference>
    """
    __tracebackhide__ = True
    report = check_gradients(
        f, at, closed_form=closed_form, reference=reference, order=order, tol=tol, count=count, seed=seed
    )
    if not report:
        raise GradientError(report)
    return report


# ---- options ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Options:
    """The options, and the name of f in the report."""

    name: str
    reference: Any
    order: int
    tol: float
    seed: int


def _checked_options(f: Any, closed_form: Any, reference: Any, order: Any, tol: Any, seed: int) -> _Options:
    if not callable(reference) and reference not in get_args(Reference):
        raise DataError(
            f"reference is one of {', '.join(map(repr, get_args(Reference)))} or a function, not {reference!r}"
        )
    if reference == _CLOSED_FORM and closed_form is None:
        raise DataError("reference='closed form' needs closed_form=, the function that gives it")
    if order not in (1, 2):
        raise DataError(f"order is 1 or 2, not {order!r}")
    if not 0.0 < tol < 1.0:
        raise DataError(f"tol is a relative error between 0 and 1, not {tol!r}")
    return _Options(_name(f, "f"), reference, order, float(tol), seed)


def _name(function: Any, otherwise: str) -> str:
    """A function's name, or another one for a lambda."""
    name = getattr(function, "__name__", type(function).__name__)
    return name if name.isidentifier() else otherwise


def _repeat(
    f: Callable[..., Any], closed_form: Gradient | None, reference: Any, order: int, tol: float, seed: int
) -> tuple[str, str]:
    """The parts of the line that repeats a check, before and after the point."""
    arguments = [f"closed_form={_name(closed_form, 'closed_form')}"] if closed_form is not None else []
    if reference != "auto":
        arguments.append(f"reference={_name(reference, 'reference') if callable(reference) else repr(reference)}")
    arguments += [
        f"{name}={value!r}" for name, value, default in (("order", order, 1), ("tol", tol, 1e-6)) if value != default
    ]
    return f"check_gradients({_name(f, 'f')}, ", f", {', '.join([*arguments, f'seed={seed}'])})"


def _given(closed_form: Gradient | None, point: Point, order: int) -> list[list[float]] | None:
    """The closed form at a point: one row, or for the second order one row per first derivative."""
    if closed_form is None:
        return None
    result = point.call(closed_form, point.numbers)
    if order == 1:
        return [derivatives(result, point, _CLOSED_FORM)]
    return second_derivatives(result, point, _CLOSED_FORM)


# ---- one point --------------------------------------------------------------------------------------------------


def _questions(
    f: Callable[..., Any], point: Point, given: list[list[float]] | None, options: _Options, findings: _Findings
) -> Iterator[_Question]:
    """A question for the function, and for the second order one for each of its first derivatives."""

    def call(values: Sequence[Any]) -> Any:
        return point.call(f, values)

    names = [f"d{options.name}/d{name}" for name in point.names]
    outside = _outside(options.reference, point)
    recording = record(call, point.names, point.numbers) if given is None else _try_to_record(call, point, findings)
    if recording is None and options.order == 2:
        raise DataError(
            "second derivatives are checked on recorded graphs, and f takes plain numbers only: check each component "
            "of the gradient as a function of its own"
        )
    if recording is None:
        assert given is not None  # without a closed form, f was recorded
        yield _Question(PlainFunction(call, point.numbers), names, {_CLOSED_FORM: given[0]}, outside)
    else:
        first = given[0] if given is not None and options.order == 1 else None
        yield _recorded_question(call, recording, names, first, outside, options)
    for row, name in enumerate(point.names if options.order == 2 else []):
        names = [f"d²{options.name}/d{name}d{other}" for other in point.names]
        slope = _slope_of(call, row)
        recording = record(slope, point.names, point.numbers)
        yield _recorded_question(slope, recording, names, given[row] if given else None, None, options)


def _try_to_record(call: Callable[..., Any], point: Point, findings: _Findings) -> Recording | None:
    """The graph of f, or None if it takes plain numbers only."""
    try:
        recording = record(call, point.names, point.numbers)
    except Exception as error:  # noqa: BLE001  # of any kind: f is called again, with plain numbers
        why = f"f takes plain numbers only ({type(error).__name__} on Values)"
    else:
        if recording.output.op is not None or recording.output in recording.inputs:
            return recording
        why = "f gives a plain number for Values"
    findings.remarks[f"{why}, so that the closed form alone was checked"] = None
    return None


def _recorded_question(
    call: Callable[..., Any],
    recording: Recording,
    names: list[str],
    given: list[float] | None,
    outside: list[Estimate] | None,
    options: _Options,
) -> _Question:
    function = RecordedFunction(call, recording, options.tol, options.seed)
    subjects = {AUTODIFF: recording.gradient}
    if options.reference == _CLOSED_FORM and given is not None:
        outside = [Estimate(slope, 0.0, _CLOSED_FORM) for slope in given]
    elif given is not None:
        subjects[_CLOSED_FORM] = given
    return _Question(function, names, subjects, outside)


def _slope_of(call: Callable[..., Any], coordinate: int) -> Callable[[Sequence[Value]], Any]:
    """The derivative with respect to one coordinate, as a function that returns a graph."""

    def slope(values: Sequence[Value]) -> Any:
        output = call(values)
        return gradients(output, values[coordinate]) if isinstance(output, Value) else 0.0

    return slope


def _outside(reference: Any, point: Point) -> list[Estimate] | None:
    """A gradient function given by the caller, as a reference."""
    if not callable(reference):
        return None
    how = _name(reference, "the given reference")
    slopes = derivatives(point.call(reference, point.numbers), point, how)
    return [Estimate(slope, 0.0, how) for slope in slopes]


def _answer(question: _Question, index: int, options: _Options, findings: _Findings) -> None:
    """Compare every derivative of a question with its reference."""
    function, wrong = question.function, False
    for subject, gradient in question.subjects.items():
        for coordinate, (name, got) in enumerate(zip(question.names, gradient, strict=True)):
            judgement = replace(_judge(question, subject, name, got, coordinate, options), point=index)
            wrong = wrong or (subject == AUTODIFF and judgement.verdict is Verdict.WRONG)
            findings.judgements.append((judgement, function.along(coordinate), function.numbers[coordinate]))
    if isinstance(function, RecordedFunction):
        blames = function.blames
        findings.blames += blames or (function.missing_path if wrong else [])
        findings.local += function.inspection.checked
        findings.unverified += function.inspection.unverified


def _judge(question: _Question, subject: str, name: str, got: float, coordinate: int, options: _Options) -> Judgement:
    """The judgement on one derivative: by an obstacle, by the numbers alone, or else by the function's evidence."""
    function = question.function
    obstacle = function.obstacle(coordinate)
    if obstacle is not None:
        nothing = Estimate(math.nan, math.inf, "")
        return _judgement(subject, name, got, nothing, *obstacle)
    if question.outside:
        estimate = question.outside[coordinate]
    else:
        estimate = function.reference(coordinate, options.reference, options.tol, got)
    verdict = agreement(got, estimate, options.tol)
    if verdict is not None:
        return _judgement(subject, name, got, estimate, verdict)
    doubtful = _judgement(subject, name, got, estimate, Verdict.NOISY)
    if question.outside:
        return _against_outside(doubtful, function, coordinate, options)
    return function.explain(doubtful, coordinate)


def _against_outside(doubtful: Judgement, function: Function, coordinate: int, options: _Options) -> Judgement:
    """The judgement on a derivative that differs from the given reference, by an independent one."""
    own = function.reference(coordinate, "auto", options.tol, doubtful.got)
    verdict = agreement(doubtful.got, own, options.tol)
    if verdict is Verdict.RIGHT:
        note = f"{own.how} gives {own.value!r}, so that {doubtful.how} is what is wrong"
        return replace(doubtful, verdict=Verdict.WRONG, note=note)
    explained = function.explain(replace(doubtful, expected=own.value, bound=own.bound, how=own.how), coordinate)
    note = f"{own.how} gives {own.value!r} ± {own.bound:.1g}" + (f"; {explained.note}" if explained.note else "")
    return replace(doubtful, verdict=explained.verdict, note=note, taylor_order=explained.taylor_order)


def _judgement(subject: str, name: str, got: float, estimate: Estimate, verdict: Verdict, note: str = "") -> Judgement:
    return Judgement(subject, name, 0, got, estimate.value, estimate.bound, estimate.how, verdict, note)
