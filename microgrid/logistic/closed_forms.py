"""The components of the gradient of the logistic loss, by autodiff and by their closed forms."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import Any

from microgrid._public import public
from microgrid.core.arithmetic import FLOAT
from microgrid.core.functions import FUNCTIONS
from microgrid.core.graph import pullback
from microgrid.logistic.graph import DatasetLoss, SampleLoss
from microgrid.util.tables import table

__all__ = ["Agreement", "Agreements", "components", "mean_gradient"]

_HEADER = ["derivative", "formula", "autodiff", "closed form", "ulp"]
_sigmoid = FUNCTIONS["sigmoid"]


@public("microgrid.logistic")
@dataclass(frozen=True, slots=True)
class Agreement:
    """One derivative, by autodiff and by its closed form.

    Parameters
    ----------
    name : str
        The derivative, such as ``dL/dw1``.
    formula : str
        Its closed form, such as ``(a - y)·x1``.
    autodiff : float
        Its value from the graph.
    closed_form : float
        The formula's value.
    size : float, default 0.0
        The size of the terms that are added or subtracted: the larger of a and y in a - y, and the sum of such sizes
        in a mean. 0 for a formula without cancellation.

    Examples
    --------
    >>> from microgrid.logistic import Agreement
    >>> Agreement("dL/db", "a - y", autodiff=-0.25, closed_form=-0.25).ulp
    0.0
    """

    name: str
    formula: str
    autodiff: float
    closed_form: float
    size: float = 0.0

    @property
    def ulp(self) -> float:
        """The difference of the two in units in the last place of the closed form's value.

        Infinite if one of the two is nan, or if they differ and one of them is infinite.
        """
        return self._difference_in_ulp_of(self.closed_form)

    @property
    def ulp_of_terms(self) -> float:
        """The difference in units in the last place of ``size``; without a size, the same as ``ulp``.

        At the minimum of a mean loss its terms cancel. Their rounding error is small relative to the terms, but many
        ulp of the mean.
        """
        return self._difference_in_ulp_of(max(abs(self.closed_form), self.size))

    def _difference_in_ulp_of(self, number: float) -> float:
        if self.autodiff == self.closed_form:
            return 0.0
        distance = abs(self.autodiff - self.closed_form) / math.ulp(number)
        return distance if math.isfinite(distance) else math.inf


@public("microgrid.logistic")
class Agreements(list[Agreement]):
    """Rows of ``Agreement``; they print as a table, and a notebook shows one.

    Examples
    --------
    >>> from microgrid import logistic
    >>> print(logistic.components(logistic.sample_loss(x=[1.0], y=1, w=[0.0], b=0.0)))
      derivative  formula                autodiff  closed form  ulp
      ----------  ---------------------  --------  -----------  ---
      dL/da       (1 - y)/(1 - a) - y/a      -2.0         -2.0    0
      da/dz       a(1 - a)                   0.25         0.25    0
      dL/dz       a - y                      -0.5         -0.5    0
      dz/dw1      x1                          1.0          1.0    0
      dz/db       1                           1.0          1.0    0
      dL/dw1      (a - y)·x1                 -0.5         -0.5    0
      dL/db       a - y                      -0.5         -0.5    0
    """

    __slots__ = ()

    def _cells(self) -> list[list[str]]:
        return [[row.name, row.formula, repr(row.autodiff), repr(row.closed_form), f"{row.ulp:g}"] for row in self]

    def __str__(self) -> str:
        return table(_HEADER, self._cells(), "<<>>>")

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002  # as IPython calls it
        printer.text(str(self))

    def _repr_html_(self) -> str:
        rows = [("th", _HEADER), *[("td", cells) for cells in self._cells()]]
        lines = [[f'<{tag} style="text-align:left">{escape(cell)}</{tag}>' for cell in cells] for tag, cells in rows]
        return f"<table>{''.join(['<tr>' + ''.join(line) + '</tr>' for line in lines])}</table>"


@public("microgrid.logistic")
def components(graph: SampleLoss) -> Agreements:
    """The five components of the gradient and the final products, each by autodiff and by its closed form.

    Every value by autodiff is an adjoint of the recorded graph: of L, of a, or of z. Every closed form is evaluated in
    floats at the graph's a. As a nears y, the subtraction a - y keeps fewer digits of the true derivative, and so does
    the gradient from the logit, which is the same subtraction. In a(1 - a), which neither form of the graph computes by
    a subtraction, 1 - a is evaluated as σ(-z) and keeps all digits.

    Parameters
    ----------
    graph : SampleLoss
        One sample's graph. In the form from the logit L does not depend on a, so dL/da is not among the rows.

    Returns
    -------
    Agreements
        A list of ``Agreement`` that prints as a table: dL/da, da/dz, dL/dz, the dz/dw_i, dz/db, the dL/dw_i, dL/db,
        with the names of the leaves and in the order of the weights.

    Examples
    --------
    >>> from microgrid import logistic
    >>> graph = logistic.sample_loss(x=[1.0, 2.0], y=1, w=[0.5, -0.25], b=0.0)
    >>> for row in logistic.components(graph)[:3]:
    ...     print(row.name, row.formula, row.autodiff, row.closed_form)
    dL/da (1 - y)/(1 - a) - y/a -2.0 -2.0
    da/dz a(1 - a) 0.25 0.25
    dL/dz a - y -0.5 -0.5
    """
    a, y, residual = graph.a.data, graph.y.data, graph.a.data - graph.y.data
    of_loss, of_a, of_z = pullback(graph.loss), pullback(graph.a), pullback(graph.z)
    rows = Agreements()
    if graph.form == "textbook":
        # One of the two is 0, since y is 0 or 1, so that nothing cancels.
        if_zero, if_one = FLOAT.div(1.0 - y, 1.0 - a), FLOAT.div(y, a)
        rows.append(Agreement("dL/da", "(1 - y)/(1 - a) - y/a", of_loss[graph.a], if_zero - if_one))
    rows.append(Agreement("da/dz", "a(1 - a)", of_a[graph.z], a * _sigmoid(-graph.z.data)))
    rows.append(Agreement("dL/dz", "a - y", of_loss[graph.z], residual, size=max(a, y)))
    for weight, x in zip(graph.w, graph.x, strict=True):
        rows.append(Agreement(f"dz/d{weight.name}", f"{x.name}", of_z[weight], x.data))
    rows.append(Agreement(f"dz/d{graph.b.name}", "1", of_z[graph.b], 1.0))
    for weight, x in zip(graph.w, graph.x, strict=True):
        size = max(a, y) * abs(x.data)
        rows.append(Agreement(f"dL/d{weight.name}", f"(a - y)·{x.name}", of_loss[weight], residual * x.data, size))
    rows.append(Agreement(f"dL/d{graph.b.name}", "a - y", of_loss[graph.b], residual, size=max(a, y)))
    return rows


@public("microgrid.logistic")
def mean_gradient(graph: DatasetLoss) -> Agreements:
    """The gradient of the mean loss, by autodiff and by the mean of the closed forms.

    The closed forms are summed exactly. Near the minimum of the loss the terms cancel, so judge autodiff, which rounds
    after each addition, by its ``ulp_of_terms``: in any order of addition, the sum of n terms is accurate to about n
    ulp of their size, which is the mean of max(a, y) times the size of x_i.

    Parameters
    ----------
    graph : DatasetLoss
        The data set's graph.

    Returns
    -------
    Agreements
        A list of ``Agreement``: dL/dw_i for every weight, and dL/db.
    """
    adjoints, count = pullback(graph.loss), len(graph.samples)
    rows = Agreements()
    for index, leaf in enumerate((*graph.w, graph.b)):
        is_weight = index < len(graph.w)
        formula = f"mean (a - y)·{graph.samples[0].x[index].name}" if is_weight else "mean (a - y)"
        terms, sizes = [], []
        for sample in graph.samples:
            a, y, factor = sample.a.data, sample.y.data, sample.x[index].data if is_weight else 1.0
            terms.append((a - y) * factor / count)  # each divided first, so that no sum overflows
            sizes.append(max(a, y) * abs(factor) / count)
        rows.append(Agreement(f"dL/d{leaf.name}", formula, adjoints[leaf], math.fsum(terms), math.fsum(sizes)))
    return rows
