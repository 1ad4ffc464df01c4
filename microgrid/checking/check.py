"""The check: every derivative at every point is compared with its reference and given a verdict.

Checked is the gradient that ``backward`` computes on the recorded graph, or a closed form, or both. A difference alone
is no verdict of "wrong": it has to be larger than the reference's stated error bound plus the rounding error, and there
has to be evidence. In a graph, the evidence is a node whose value, local derivative or adjoint is wrong, or a constant
that changes with the inputs, so that a path is missing. For a function of plain numbers it is a reference that agrees
with every finer step, and the Taylor remainder, which shrinks as h for a wrong derivative and as h² for a right one.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from microgrid._public import public
from microgrid.checking.differences import DIFFERENCES, ONE_SIDED, Estimate, taylor_order
from microgrid.checking.directions import Direction, blind_below, draw, wrong_coordinates
from microgrid.checking.effort import BudgetSpent, Effort
from microgrid.checking.html import Link, link_to
from microgrid.checking.nodes import Blame
from microgrid.checking.points import Point, Wrt, sample_points
from microgrid.checking.questions import CLOSED_FORM, Options, Question, name_of, questions
from microgrid.checking.report import Judgement, Report, Verdict
from microgrid.checking.subjects import AUTODIFF, Function, PlainFunction, RecordedFunction
from microgrid.checking.verdicts import agreement, border, negligible
from microgrid.core.custom_operations import CustomRule
from microgrid.errors import DataError, GradientError
from microgrid.util.wording import counted

__all__ = ["assert_gradients", "check_gradients"]

Reference = Literal["auto", "complex step", "differences", "mpmath", "ball", "closed form"]
Gradient = Callable[..., Any]

_MANY = 500  # coordinates beyond which differences are taken along directions
_DIRECTIONS = 2
_CALLS_EACH = 40  # calls of f that a derivative by differences takes
_NO_DERIVATIVE = (Verdict.KINK, Verdict.NON_FINITE)  # verdicts for which the remainder's order means nothing


@dataclass(slots=True)
class _Findings:
    """The results so far: each judgement with its function and coordinate, blames, counts."""

    effort: Effort
    judgements: list[tuple[Judgement, Function | None, int]] = field(default_factory=list)
    blames: list[Blame] = field(default_factory=list)
    remarks: dict[str, None] = field(default_factory=dict)
    local: int = 0
    unverified: int = 0
    is_spent: bool = False

    def add(self, judgement: Judgement, function: Function, coordinate: int) -> None:
        """Keep a judgement."""
        self.judgements.append((judgement, function, coordinate))
        self.effort.done()

    def spend(self, unchecked: Iterable[tuple[str, float]], subject: str, index: int) -> None:
        """Note that the budget was spent before derivatives could be checked, by their names and numbers."""
        self.is_spent = True
        self.remarks[f"the budget of {self.effort.budget} was spent: a larger one, or directions=, checks more"] = None
        nothing = Estimate(math.nan, math.inf, "")
        for name, got in unchecked:
            judgement = replace(_judgement(subject, name, got, nothing, Verdict.UNCHECKED), point=index)
            self.judgements.append((judgement, None, 0))


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
    wrt: Wrt = None,
    directions: int | None = None,
    max_calls: int | None = None,
    max_seconds: float | None = None,
    progress: bool | None = None,
) -> Report:
    """Check gradients at one point, at many points or over a region, and say what is wrong.

    If ``f`` takes Values, its graph is recorded, and the gradient by ``backward`` is checked against a reference that
    uses no derivative of any rule, and node by node. A closed form, if given, is checked against the same reference.
    If ``f`` takes only plain numbers, the closed form alone is checked.

    Parameters
    ----------
    f : callable
        A function that returns one number, perhaps in an array of one element; a pair of a number and its gradient,
        which is checked as a closed form; or, if there is a closed form, several numbers. It is called several times at
        each point.
    at : point, list of points, or region
        A point is a number, a tuple of arguments, a dict of arguments by name, or an array, which is one argument.
        Arguments may be lists, dicts and arrays of numbers. A list holds many points. A point with an ``Interval``
        instead of a number is a region, from which points are drawn. Arrays of torch and JAX are converted to NumPy's.
    closed_form : callable, optional
        Takes plain numbers as ``f`` does and returns the gradient in the structure of the arguments, dicts by key; for
        ``order=2`` the matrix of second derivatives; for several numbers their Jacobian, one row each.
    reference : str or callable, default "auto"
        "auto" takes the best that the point allows: the complex step, if every operation of the graph runs in complex
        numbers; mpmath in two precisions that must agree, if complex numbers overflow; otherwise extrapolated central
        differences with an adaptive step. "complex step", "mpmath" and "differences" choose one of these. "ball" is an
        enclosure in ball arithmetic, whose bound is a theorem, for what is smooth at the point. "closed form" compares
        autodiff with the closed form. A callable is another library's gradient.
    order : {1, 2}, default 1
        2 checks second derivatives too, as gradients of the gradient's graph.
    tol : float, default 1e-6
        The relative error that counts as agreement. A reference with a larger error bound is too noisy.
    count : int, default 20
        The number of points drawn from a region.
    seed : int, default 0
        The seed of the drawn points, and of the directions in which a point's neighbourhood is examined.
    wrt : str, int or sequence of those, optional
        The arguments whose numbers are parameters, by name or position; others are passed as they are. By default all.
    directions : int, optional
        Check the gradient along that many random directions instead of coordinate by coordinate, and search for the
        wrong coordinates only where a direction is not right; 0 for none. By default 2 where more than 500 coordinates,
        or more than ``max_calls`` allows, would have to be checked by differences. The report says how small an error
        such a check can miss.
    max_calls : int, optional
        The most calls of ``f``. What is not checked by then is "not checked".
    max_seconds : float, optional
        The time after which ``f`` is not called any more.
    progress : bool, optional
        Whether a progress bar is shown on the standard error stream; by default in terminals and notebooks, where a
        check takes longer than a second.

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
    options = _checked_options(f, closed_form, reference, order, tol, seed, directions)
    effort = Effort(*_checked_budget(max_calls, max_seconds), progress)
    findings = _Findings(effort)
    points = sample_points(f, at, count, seed, wrt)
    effort.expect(sum([len(point.names) for point in points]))
    try:
        for index, point in enumerate(points):
            _check_at(f, point, index, closed_form, options, findings)
        judgements = _worst_first(findings)
    finally:
        effort.close()
    return Report(
        judgements,
        tuple(findings.blames),
        tuple(points),
        findings.local,
        findings.unverified,
        tol,
        _repeat(f, closed_form, options, wrt, max_calls),
        tuple(findings.remarks),
        calls=effort.calls,
        links=_links(closed_form, findings),
    )


def _links(closed_form: Gradient | None, findings: _Findings) -> dict[str, Link]:
    """Where the closed form, and the derivatives of the operations that are to blame, are written."""
    written = {CLOSED_FORM: closed_form} if closed_form is not None else {}
    for blame in findings.blames:
        if isinstance(blame.node.op, CustomRule):
            written[blame.node.op.name] = blame.node.op.written[1]
    links = {name: link_to(function) for name, function in written.items()}
    return {name: link for name, link in links.items() if link is not None}


def _check_at(
    f: Callable[..., Any],
    point: Point,
    index: int,
    closed_form: Gradient | None,
    options: Options,
    findings: _Findings,
) -> None:
    """Check all derivatives at one point, or as many as the budget allows."""
    try:
        if findings.is_spent:
            raise BudgetSpent
        for question in questions(f, point, closed_form, options, findings.effort, findings.remarks):
            _answer(question, index, options, findings)
    except BudgetSpent:
        subject = AUTODIFF if closed_form is None else CLOSED_FORM
        findings.spend([(f"d{options.name}/d{name}", math.nan) for name in point.names], subject, index)


def _worst_first(findings: _Findings) -> tuple[Judgement, ...]:
    """The judgements in the report's order; the first one gets its Taylor order."""
    found = sorted(findings.judgements, key=lambda one: one[0].severity, reverse=True)
    judgements = [judgement for judgement, _, _ in found]
    worst, function, coordinate = found[0] if found else (None, None, 0)
    if worst is None or function is None or worst.taylor_order is not None or worst.verdict in _NO_DERIVATIVE:
        return tuple(judgements)
    if worst.verdict is Verdict.RIGHT and function.is_large:  # not worth some dozens of long calls
        return tuple(judgements)
    with suppress(BudgetSpent):
        error = worst.error + worst.bound if worst.verdict is Verdict.RIGHT else 0.0  # tolerated, so no evidence
        order = taylor_order(function.along(coordinate), function.numbers[coordinate], worst.got, error)
        judgements[0] = replace(worst, taylor_order=order)
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
    wrt: Wrt = None,
    directions: int | None = None,
    max_calls: int | None = None,
    max_seconds: float | None = None,
    progress: bool | None = None,
) -> Report:
    """Check gradients, and raise unless all of them are right.

    Parameters
    ----------
    f, at, closed_form, reference, order, tol, count, seed, wrt, directions, max_calls, max_seconds, progress
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
        f,
        at,
        closed_form=closed_form,
        reference=reference,
        order=order,
        tol=tol,
        count=count,
        seed=seed,
        wrt=wrt,
        directions=directions,
        max_calls=max_calls,
        max_seconds=max_seconds,
        progress=progress,
    )
    if not report:
        raise GradientError(report)
    return report


# ---- options ----------------------------------------------------------------------------------------------------


def _checked_options(
    f: Any, closed_form: Any, reference: Any, order: Any, tol: Any, seed: int, directions: Any
) -> Options:
    if not callable(reference) and reference not in get_args(Reference):
        raise DataError(
            f"reference is one of {', '.join(map(repr, get_args(Reference)))} or a function, not {reference!r}"
        )
    if reference == CLOSED_FORM and closed_form is None:
        raise DataError("reference='closed form' needs closed_form=, the function that gives it")
    if order not in (1, 2):
        raise DataError(f"order is 1 or 2, not {order!r}")
    if not 0.0 < tol < 1.0:
        raise DataError(f"tol is a relative error between 0 and 1, not {tol!r}")
    if directions is not None and (isinstance(directions, bool) or not isinstance(directions, int) or directions < 0):
        raise DataError(f"directions is a whole number from 0, not {directions!r}")
    return Options(name_of(f, "f"), reference, order, float(tol), seed, directions)


def _checked_budget(max_calls: Any, max_seconds: Any) -> tuple[int | None, float | None]:
    if max_calls is not None and (isinstance(max_calls, bool) or not isinstance(max_calls, int) or max_calls < 1):
        raise DataError(f"max_calls is a whole number from 1, not {max_calls!r}")
    if max_seconds is not None and not max_seconds > 0.0:
        raise DataError(f"max_seconds is a positive number, not {max_seconds!r}")
    return max_calls, max_seconds


def _repeat(
    f: Callable[..., Any], closed_form: Gradient | None, options: Options, wrt: Wrt, max_calls: int | None
) -> tuple[str, str]:
    """The parts of the line that repeats a check, before and after the point."""
    arguments = [f"closed_form={name_of(closed_form, 'closed_form')}"] if closed_form is not None else []
    reference = options.reference
    if reference != "auto":
        arguments.append(f"reference={name_of(reference, 'reference') if callable(reference) else repr(reference)}")
    given = (
        ("order", options.order, 1),
        ("tol", options.tol, 1e-6),
        ("wrt", wrt, None),
        ("directions", options.directions, None),
        ("max_calls", max_calls, None),
    )
    arguments += [f"{name}={value!r}" for name, value, default in given if value != default]
    return f"check_gradients({name_of(f, 'f')}, ", f", {', '.join([*arguments, f'seed={options.seed}'])})"


# ---- one point --------------------------------------------------------------------------------------------------


def _answer(question: Question, index: int, options: Options, findings: _Findings) -> None:
    """Compare every derivative of a question with its reference."""
    function, start = question.function, len(findings.judgements)
    for subject in question.subjects:
        count = _directions(question, options, findings.effort)
        if count:
            _answer_along_directions(question, subject, index, count, options, findings)
        else:
            _answer_by_coordinates(question, subject, index, options, findings)
    if isinstance(function, RecordedFunction):
        own = [judgement for judgement, _, _ in findings.judgements[start:]]
        wrong = [one.verdict is Verdict.WRONG and one.subject == AUTODIFF for one in own]
        blames = function.blames
        findings.blames += blames or (function.missing_path if any(wrong) else [])
        findings.local += function.inspection.checked
        findings.unverified += function.inspection.unverified


def _answer_by_coordinates(question: Question, subject: str, index: int, options: Options, findings: _Findings) -> None:
    for coordinate in range(len(question.names)):
        try:
            judgement = _judge(question, subject, coordinate, options)
        except BudgetSpent:
            rest = list(zip(question.names, question.subjects[subject], strict=True))[coordinate:]
            findings.spend(rest, subject, index)
            return
        findings.add(replace(judgement, point=index), question.function, coordinate)


def _directions(question: Question, options: Options, effort: Effort) -> int:
    """How many directions a question's gradients are checked along; 0 for coordinate by coordinate."""
    if options.directions is not None:
        return options.directions
    count = len(question.names)
    if question.function.is_cheap or question.outside is not None or count == 1:
        return 0
    is_beyond = effort.max_calls is not None and count * _CALLS_EACH > effort.max_calls - effort.calls
    return _DIRECTIONS if count > _MANY or is_beyond else 0


def _answer_along_directions(
    question: Question, subject: str, index: int, count: int, options: Options, findings: _Findings
) -> None:
    """Check a gradient along random directions, and search for the coordinates that make one of them wrong."""
    function, gradient = question.function, question.subjects[subject]
    source = random.Random(options.seed)
    drawn = [draw(function.numbers, gradient, source) for _ in range(count)]
    of = question.names[0].partition("/")[0]

    def judge(part: Direction, name: str = "") -> Judgement:
        """The judgement on the derivative along a part of a direction, as a function of one number."""
        line = PlainFunction(function.towards(part.coordinates, part.steps), [0.0], options.tol)
        asked = Question(line, [name], {subject: [part.derivative(gradient)]}, None)
        judgement = replace(_judge(asked, subject, 0, options), point=index)
        if name:
            findings.add(judgement, line, 0)
        return judgement

    def judge_one(coordinate: int) -> Judgement:
        judgement = replace(_judge(question, subject, coordinate, options), point=index)
        findings.add(judgement, function, coordinate)
        return judgement

    for place, direction in enumerate(drawn):
        name = f"{of} along direction {place + 1}"
        try:
            if judge(direction, name).verdict is not Verdict.RIGHT:
                found, is_whole = wrong_coordinates(direction, judge, judge_one)
                if not is_whole:
                    findings.remarks[f"the search ended at {len(found)} coordinates: there may be more"] = None
                break
        except BudgetSpent:
            findings.spend([(name, direction.derivative(gradient))], subject, index)
            break
    findings.remarks[
        f"the {counted(len(gradient), 'derivative')} were checked along {counted(count, 'random direction')}, not one "
        f"by one: a relative error below about {blind_below(gradient, drawn, options.tol):.0e} of a single typical "
        "derivative, or any of a negligible one, may be missed; directions=0 checks each"
    ] = None


def _judge(question: Question, subject: str, coordinate: int, options: Options) -> Judgement:
    """The judgement on one derivative: by an obstacle, by the numbers alone, or else by the function's evidence."""
    function, name, got = question.function, question.names[coordinate], question.subjects[subject][coordinate]
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
        is_border = estimate.how == ONE_SIDED and verdict is Verdict.RIGHT
        note = border(name, function.along(coordinate), function.numbers[coordinate]) if is_border else ""
        return _judgement(subject, name, got, estimate, verdict, note)
    doubtful = _judgement(subject, name, got, estimate, Verdict.NOISY)
    if question.outside:
        return _against_outside(doubtful, function, coordinate, options)
    judgement = function.explain(doubtful, coordinate)
    if judgement.verdict is not Verdict.NOISY or judgement.how not in DIFFERENCES:
        return judgement
    scale = max([abs(slope) for slope in question.subjects[subject] if math.isfinite(slope)])
    along, numbers = function.along(coordinate), function.numbers
    return negligible(judgement, along, numbers[coordinate], scale, max(map(abs, numbers)), options.tol)


def _against_outside(doubtful: Judgement, function: Function, coordinate: int, options: Options) -> Judgement:
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
