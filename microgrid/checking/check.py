"""The check itself: every derivative at every point is compared, doubted, and given a verdict.

What is checked is the gradient that ``backward`` leaves on a graph recorded by the function, or a gradient that
somebody wrote by hand, or both. Nothing is called wrong because two numbers differ: the difference has to be larger
than what the reference owns to and what rounding can do, and then there has to be evidence. For a graph that is a node
whose value, local derivative or adjoint is wrong, or a number that the inputs move where no path leads. For a function
of plain numbers it is the Taylor remainder, which shrinks as h for a wrong derivative and as h² for a right one.
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
from microgrid.checking.points import Place, derivatives, places
from microgrid.checking.recordings import Recording, record
from microgrid.checking.report import Judgement, Report, Verdict
from microgrid.checking.subjects import AUTODIFF, Function, PlainFunction, RecordedFunction, agreement
from microgrid.core.value import Value
from microgrid.errors import DataError, GradientError

__all__ = ["assert_gradients", "check_gradients"]

Reference = Literal["auto", "complex step", "differences", "mpmath", "closed form"]
Gradient = Callable[..., Any]

_CLOSED_FORM = "closed form"
_NO_DERIVATIVE = (Verdict.KINK, Verdict.NON_FINITE)  # where the remainder's order says nothing


@dataclass(frozen=True, slots=True)
class _Question:
    """One function at one point, the gradients that are said to be its own, and what the report calls them.

    Parameters
    ----------
    function : Function
        What is differentiated.
    names : list of str
        Each derivative, such as ``df/dw``.
    subjects : dict
        From "autodiff" and "closed form" to a gradient.
    outside : list of Estimate or None
        A reference that came from elsewhere.
    """

    function: Function
    names: list[str]
    subjects: dict[str, list[float]]
    outside: list[Estimate] | None


@dataclass(slots=True)
class _Findings:
    """What has been found so far: judgements with the lines that they are about, nodes to blame, and the rest."""

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
    """Check gradients at one point, many points or over a region, and say what is wrong.

    If ``f`` takes Values, its graph is recorded, and what ``backward`` finds is checked: against a reference that uses
    no derivative of any rule, and node by node. If a closed form is given, it is checked as well, against the same
    reference. If ``f`` takes only plain numbers, the closed form alone is checked: the gradient that somebody wrote by
    hand for a function that somebody wrote by hand.

    Parameters
    ----------
    f : callable
        A function with one number as its result. It is called more than once at each point.
    at : point, list of points, or region
        A point is a number, a tuple of arguments, a dict of arguments by name, or an array, which is one argument.
        Arguments may be lists, dicts and arrays of numbers. A list holds many points. With an ``Interval`` in the
        place of a number, points are drawn.
    closed_form : callable, optional
        Takes plain numbers as ``f`` does and gives the gradient, arranged as the arguments are; for ``order=2`` the
        matrix of second derivatives.
    reference : str or callable
        "auto" takes the best that the point allows: the complex step, where every operation of the graph runs in
        complex numbers; mpmath in two precisions that must agree, where complex numbers overflow; otherwise central
        differences, extrapolated, with a step found for each coordinate. "complex step", "mpmath" and "differences"
        insist on one. "closed form" holds autodiff against the closed form. A callable is another library's gradient.
    order : {1, 2}
        2 checks second derivatives as well: the gradients of the gradient's own graph.
    tol : float
        The relative error that counts as agreement. A reference that is less exact than that is too noisy.
    count : int
        How many points are drawn from a region.
    seed : int
        Of the points that are drawn, and of the directions in which sides of a point are looked at.

    Returns
    -------
    Report
        True if everything is right. Its text is the verdict, the worst derivative, the node to blame, and a line that
        repeats the check.

    Raises
    ------
    DataError
        If an option has no meaning, or a point or a gradient doesn't fit the function.

    Examples
    --------
    >>> from microgrid import check_gradients, exp
    >>> bool(check_gradients(lambda w, x: exp(-w * x) / (1 + x**2), (0.5, 2.0)))
    True

    A gradient by hand, with a sign wrong:

    >>> import math
    >>> report = check_gradients(math.cos, 0.5, closed_form=math.sin)
    >>> print(report.verdict, "|", report.worst.name, report.worst.got, round(report.worst.expected, 6))
    wrong gradient | dcos/dx 0.479425538604203 -0.479426
    """
    asked = _asked(f, closed_form, reference, order, tol, seed)
    findings = _Findings()
    points = places(f, at, count, seed)
    for index, place in enumerate(points):
        given = _given(closed_form, place, order)
        for question in _questions(f, place, given, asked, findings):
            _answer(question, index, asked, findings)
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
    """The judgements in the report's order, the first with its Taylor order."""
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
        What was found: everything is right.

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


# ---- what was asked for -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Asked:
    """The options, and what f is called."""

    name: str
    reference: Any
    order: int
    tol: float
    seed: int


def _asked(f: Any, closed_form: Any, reference: Any, order: Any, tol: Any, seed: int) -> _Asked:
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
    return _Asked(_name(f, "f"), reference, order, float(tol), seed)


def _name(function: Any, otherwise: str) -> str:
    """What a function is called; a lambda has no name."""
    name = getattr(function, "__name__", type(function).__name__)
    return name if name.isidentifier() else otherwise


def _repeat(
    f: Callable[..., Any], closed_form: Gradient | None, reference: Any, order: int, tol: float, seed: int
) -> tuple[str, str]:
    """The line that repeats a check, around its point."""
    options = [f"closed_form={_name(closed_form, 'closed_form')}"] if closed_form is not None else []
    if reference != "auto":
        options.append(f"reference={_name(reference, 'reference') if callable(reference) else repr(reference)}")
    options += [
        f"{name}={value!r}" for name, value, default in (("order", order, 1), ("tol", tol, 1e-6)) if value != default
    ]
    return f"check_gradients({_name(f, 'f')}, ", f", {', '.join([*options, f'seed={seed}'])})"


def _given(closed_form: Gradient | None, place: Place, order: int) -> list[list[float]] | None:
    """The closed form at a point: one row, or one for each first derivative."""
    if closed_form is None:
        return None
    result = place.call(closed_form, place.numbers)
    if order == 1:
        return [derivatives(result, place, _CLOSED_FORM)]
    rows = (
        result.tolist() if hasattr(result, "tolist") else list(result.values() if isinstance(result, dict) else result)
    )
    if len(rows) != len(place.names):
        raise DataError(
            f"the closed form of order 2 gave {len(rows)} rows, and the point has {len(place.names)} coordinates"
        )
    return [derivatives(row, place, _CLOSED_FORM) for row in rows]


# ---- one point --------------------------------------------------------------------------------------------------


def _questions(
    f: Callable[..., Any], place: Place, given: list[list[float]] | None, asked: _Asked, findings: _Findings
) -> Iterator[_Question]:
    """The function, and for the second order each of its first derivatives."""

    def call(values: Sequence[Any]) -> Any:
        return place.call(f, values)

    names = [f"d{asked.name}/d{name}" for name in place.names]
    outside = _outside(asked.reference, place)
    recording = record(call, place.names, place.numbers) if given is None else _try_to_record(call, place, findings)
    if recording is None and asked.order == 2:
        raise DataError(
            "second derivatives are checked on recorded graphs, and f takes plain numbers only: check each component "
            "of the gradient as a function of its own"
        )
    if recording is None:
        assert given is not None  # without a closed form, f was recorded
        yield _Question(PlainFunction(call, place.numbers), names, {_CLOSED_FORM: given[0]}, outside)
    else:
        first = given[0] if given is not None and asked.order == 1 else None
        yield _recorded_question(call, recording, names, first, outside, asked)
    for row, name in enumerate(place.names if asked.order == 2 else []):
        names = [f"d²{asked.name}/d{name}d{other}" for other in place.names]
        slope = _slope_of(call, row)
        recording = record(slope, place.names, place.numbers)
        yield _recorded_question(slope, recording, names, given[row] if given else None, None, asked)


def _try_to_record(call: Callable[..., Any], place: Place, findings: _Findings) -> Recording | None:
    """The graph of f, or None if it takes plain numbers only."""
    try:
        recording = record(call, place.names, place.numbers)
    except Exception as error:  # noqa: BLE001  # whatever it is: f is called again, with plain numbers
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
    asked: _Asked,
) -> _Question:
    function = RecordedFunction(call, recording, asked.tol, asked.seed)
    subjects = {AUTODIFF: recording.gradient}
    if asked.reference == _CLOSED_FORM and given is not None:
        outside = [Estimate(slope, 0.0, _CLOSED_FORM) for slope in given]
    elif given is not None:
        subjects[_CLOSED_FORM] = given
    return _Question(function, names, subjects, outside)


def _slope_of(call: Callable[..., Any], place: int) -> Callable[[Sequence[Value]], Any]:
    """The derivative with respect to one coordinate, as a function whose result is a graph."""

    def slope(values: Sequence[Value]) -> Any:
        output = call(values)
        return gradients(output, values[place]) if isinstance(output, Value) else 0.0

    return slope


def _outside(reference: Any, place: Place) -> list[Estimate] | None:
    """The gradient of another library, as a reference."""
    if not callable(reference):
        return None
    how = _name(reference, "the given reference")
    slopes = derivatives(place.call(reference, place.numbers), place, how)
    return [Estimate(slope, 0.0, how) for slope in slopes]


def _answer(question: _Question, point: int, asked: _Asked, findings: _Findings) -> None:
    """Compare every derivative of a question with its reference."""
    function, wrong = question.function, False
    for subject, gradient in question.subjects.items():
        for place, (name, got) in enumerate(zip(question.names, gradient, strict=True)):
            judgement = replace(_judge(question, subject, name, got, place, asked), point=point)
            wrong = wrong or (subject == AUTODIFF and judgement.verdict is Verdict.WRONG)
            findings.judgements.append((judgement, function.along(place), function.numbers[place]))
    if isinstance(function, RecordedFunction):
        blames = function.blames
        findings.blames += blames or (function.missing_path if wrong else [])
        findings.local += function.inspection.checked
        findings.unverified += function.inspection.unverified


def _judge(question: _Question, subject: str, name: str, got: float, place: int, asked: _Asked) -> Judgement:
    """One derivative: an obstacle, or what the numbers say, or what the function says of its doubts."""
    function = question.function
    obstacle = function.obstacle(place)
    if obstacle is not None:
        nothing = Estimate(math.nan, math.inf, "")
        return _judgement(subject, name, got, nothing, *obstacle)
    estimate = (
        question.outside[place] if question.outside else function.reference(place, asked.reference, asked.tol, got)
    )
    verdict = agreement(got, estimate, asked.tol)
    if verdict is not None:
        return _judgement(subject, name, got, estimate, verdict)
    doubtful = _judgement(subject, name, got, estimate, Verdict.NOISY)
    return _against_outside(doubtful, function, place, asked) if question.outside else function.explain(doubtful, place)


def _against_outside(doubtful: Judgement, function: Function, place: int, asked: _Asked) -> Judgement:
    """Which of two gradients is wrong, by a reference that is neither's."""
    own = function.reference(place, "auto", asked.tol, doubtful.got)
    verdict = agreement(doubtful.got, own, asked.tol)
    if verdict is Verdict.RIGHT:
        note = f"{own.how} gives {own.value!r}, so that {doubtful.how} is what is wrong"
        return replace(doubtful, verdict=Verdict.WRONG, note=note)
    explained = function.explain(replace(doubtful, expected=own.value, bound=own.bound, how=own.how), place)
    note = f"{own.how} gives {own.value!r} ± {own.bound:.1g}" + (f"; {explained.note}" if explained.note else "")
    return replace(doubtful, verdict=explained.verdict, note=note, taylor_order=explained.taylor_order)


def _judgement(subject: str, name: str, got: float, estimate: Estimate, verdict: Verdict, note: str = "") -> Judgement:
    return Judgement(subject, name, 0, got, estimate.value, estimate.bound, estimate.how, verdict, note)
