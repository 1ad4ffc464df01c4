"""The check of every sample's gradient against the closed forms, with a verdict on each derivative that differs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from microgrid._public import public
from microgrid.checking import Blame, Judgement, Report, Verdict
from microgrid.checking.nodes import blame_for_infinity, inspect_nodes
from microgrid.checking.points import Point
from microgrid.checking.recordings import Recording
from microgrid.checking.references import rounding
from microgrid.core.engine import Value
from microgrid.logistic.closed_forms import Agreement, components
from microgrid.logistic.graph import Form, SampleLoss, dataset_loss

__all__ = ["check"]

_NODE_TOLERANCE = 1e-9  # relative error of a local derivative, above which it is a fault and not rounding
_ROUNDINGS = 8.0  # most roundings of a closed form, each in ulp of its terms


@public("microgrid.logistic")
def check(
    X: Iterable[Iterable[Any]],
    y: Iterable[Any],
    w: Iterable[Any],
    b: float | Value,
    *,
    form: Form = "logit",
    tolerance: float = 2.0,
) -> Report:
    """Compare every component of every sample's gradient with its closed form.

    Parameters
    ----------
    X, y, w, b, form
        The data set, the parameters and the form of the loss, as for ``dataset_loss``.
    tolerance : float, default 2.0
        The allowed difference between autodiff and closed form, in ulp of the closed form's value. The form from the
        logit stays within 2 everywhere. The textbook form does not: its 1 - a, or the closed form's a - y, loses
        digits as z grows, and the two differ by about e^z ulp.

    Returns
    -------
    Report
        A report of ``microgrid.checking``, in which the samples are the points. If a derivative differs from its closed
        form, every node of the sample's graph is inspected: the derivative is wrong if a node is wrong, or if rounding
        can't explain the difference; otherwise it is lost to rounding, or not finite.

    Raises
    ------
    DataError
        As for ``dataset_loss``.

    Examples
    --------
    >>> from microgrid import logistic
    >>> report = logistic.check([[1.0, 2.0], [800.0, -2.0]], [0, 1], w=[1.0, 0.5], b=-1.0)
    >>> bool(report), report.checked
    (True, 16)

    The gradient of the textbook form is nan where a rounds to 1:

    >>> report = logistic.check([[800.0, -2.0]], [1], w=[1.0, 0.5], b=-1.0, form="textbook")
    >>> print(report.verdict, "|", report.blame.where)
    non-finite | node 22 of 25, log(1 - a) = log(1 - a = 0.0)
    """
    graph = dataset_loss(X, y, w, b, form=form)
    judgements: list[Judgement] = []
    blames: list[Blame] = []
    for index, sample in enumerate(graph.samples):
        rows = components(sample)
        doubts = None if all([row.ulp <= tolerance for row in rows]) else _Doubts(sample)
        judgements += [_judgement(row, index, tolerance, doubts) for row in rows]
        blames += [doubts.blame] if doubts is not None and doubts.blame is not None else []
    parameters = Point((), tuple([leaf.data for leaf in (*graph.w, graph.b)]), {"w": [0.0] * len(graph.w), "b": 0.0})
    return Report(
        tuple(sorted(judgements, key=lambda one: one.severity, reverse=True)),
        tuple(blames),
        tuple([_point(sample) for sample in graph.samples]),
        0,
        0,
        tolerance,
        ("logistic.check(*", f", **{parameters.written()}, form={form!r}, tolerance={tolerance!r})"),
        unit="ulp",
        each="sample",
    )


class _Doubts:
    """The inspection of a sample's graph, to explain derivatives that differ from their closed forms."""

    def __init__(self, sample: SampleLoss) -> None:
        recordings = [
            Recording([sample.a, sample.z, *sample.w, sample.b], sample.loss),
            Recording([sample.z], sample.a),
            Recording([*sample.w, sample.b], sample.z),
        ]
        self.blame = inspect_nodes(recordings[0], _NODE_TOLERANCE).blame or blame_for_infinity(recordings[0])
        self._rounding = {
            f"d{of}/d{wrt.name}": spread
            for of, recording in zip("Laz", recordings, strict=True)
            for wrt, spread in zip(recording.inputs, rounding(recording), strict=True)
        }

    def verdict(self, row: Agreement) -> Verdict:
        """The reason why a derivative and its closed form differ."""
        if not (math.isfinite(row.autodiff) and math.isfinite(row.closed_form)):
            return Verdict.NON_FINITE
        is_wrong = self.blame is not None and self.blame.kind != "not finite"
        explained = self._rounding[row.name] + _ROUNDINGS * math.ulp(max(abs(row.closed_form), row.size))
        return Verdict.WRONG if is_wrong or abs(row.autodiff - row.closed_form) > explained else Verdict.ROUNDED


def _judgement(row: Agreement, sample: int, tolerance: float, doubts: _Doubts | None) -> Judgement:
    verdict = Verdict.RIGHT if row.ulp <= tolerance or doubts is None else doubts.verdict(row)
    name = f"{row.name} = {row.formula}"
    return Judgement("autodiff", name, sample, row.autodiff, row.closed_form, 0.0, "closed form", verdict)


def _point(sample: SampleLoss) -> Point:
    x = [feature.data for feature in sample.x]
    names = tuple([leaf.name or "" for leaf in (*sample.x, sample.y)])
    return Point(names, (*x, sample.y.data), ([x], [sample.y.data]))
