"""The logistic-regression graph, its five components and their closed forms; fitting for its own sake is not here.

    z = w1·x1 + … + wn·xn + b
    a = σ(z) = 1 / (1 + e^(-z))
    L(a, y) = -( y·log a + (1 - y)·log(1 - a) ),   y in {0, 1}

The chain rule along the edges, backwards, gives dL/dw_i = dL/da · da/dz · dz/dw_i and dL/db = dL/da · da/dz · dz/db.
The two leftmost factors multiply to a - y, so that dL/dw_i = (a - y)·x_i and dL/db = a - y.

There are two ways to build L, the same function with different roundings. The *textbook* form follows the formulas
above from exp, add, div, log and mul; where a rounds to 0 or 1, its gradient is 0·inf. The form from the *logit*,
L = softplus(z) - y·z, has the gradient a - y for every finite z.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from microgrid.arithmetic import FLOAT
from microgrid.errors import DataError
from microgrid.graph import pullback
from microgrid.value import FUNCTIONS, Value, named

__all__ = [
    "Agreement",
    "DatasetLoss",
    "Report",
    "SampleLoss",
    "Step",
    "check",
    "components",
    "dataset_loss",
    "gradient_descent",
    "mean_gradient",
    "sample_loss",
]

Form = Literal["textbook", "logit"]

_exp, _log, _sum = FUNCTIONS["exp"], FUNCTIONS["log"], FUNCTIONS["sum"]
_sigmoid, _softplus = FUNCTIONS["sigmoid"], FUNCTIONS["softplus"]


# ---- building the graph ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class SampleLoss:
    """The graph of one sample's loss, node by node.

    Parameters
    ----------
    x : tuple of Value
        The features x1, …, xn.
    y : Value
        The label, 0 or 1.
    w : tuple of Value
        The weights w1, …, wn.
    b : Value
        The intercept.
    z : Value
        The logit.
    a : Value
        The probability σ(z).
    loss : Value
        L.
    form : {"textbook", "logit"}
        How L was built.
    """

    x: tuple[Value, ...]
    y: Value
    w: tuple[Value, ...]
    b: Value
    z: Value
    a: Value
    loss: Value
    form: Form


@dataclass(frozen=True, slots=True, eq=False)
class DatasetLoss:
    """The graph of the mean loss over a data set.

    Parameters
    ----------
    samples : tuple of SampleLoss
        One graph per sample, all on the same weights and intercept.
    loss : Value
        Their mean.
    """

    samples: tuple[SampleLoss, ...]
    loss: Value

    @property
    def w(self) -> tuple[Value, ...]:
        """The weights."""
        return self.samples[0].w

    @property
    def b(self) -> Value:
        """The intercept."""
        return self.samples[0].b


def sample_loss(
    x: Iterable[Any], y: float | Value, w: Iterable[Any], b: float | Value, *, form: Form = "textbook"
) -> SampleLoss:
    """Build the graph of one sample's logistic loss, every node named.

    Parameters
    ----------
    x : iterable of float or Value
        The n features.
    y : float or Value
        The label, 0 or 1.
    w : iterable of float or Value
        The n weights.
    b : float or Value
        The intercept.
    form : {"textbook", "logit"}
        L from the probability a, by exp, add, div, log and mul; or from the logit z, as softplus(z) - y·z, which
        saturation does not harm.

    Returns
    -------
    SampleLoss
        The nodes by name.

    Raises
    ------
    DataError
        If there are no features, as many weights as features are not given, a number is not finite, the label is
        not 0 or 1, or the form is unknown.

    Examples
    --------
    >>> from microgrid import logistic
    >>> graph = logistic.sample_loss(x=[1.0, 2.0], y=1, w=[0.5, -0.25], b=0.0)
    >>> graph.z.data, graph.a.data
    (0.0, 0.5)
    >>> graph.loss.backward()
    >>> [weight.grad for weight in graph.w], graph.b.grad
    ([-0.5, -1.0], -0.5)
    """
    features, weights = _leaves(x, "x"), _leaves(w, "w")
    label, intercept = _leaf(y, "y"), _leaf(b, "b")
    _check_sample(features, label, weights, intercept)
    products = [
        named(weight * feature, f"{weight.name}·{feature.name}")
        for weight, feature in zip(weights, features, strict=True)
    ]
    z = named(_sum([*products, intercept]), "z")
    if form == "textbook":
        a = _textbook_probability(z)
        loss = _textbook_loss(a, label)
    elif form == "logit":
        a = named(_sigmoid(z), "a")
        loss = named(named(_softplus(z), "softplus(z)") - named(label * z, "y·z"), "L")
    else:
        raise DataError(f"form is 'textbook' or 'logit', not {form!r}")
    return SampleLoss(features, label, weights, intercept, z, a, loss, form)


def _textbook_probability(z: Value) -> Value:
    growth = named(_exp(named(-z, "-z")), "e^(-z)")
    return named(1.0 / named(1.0 + growth, "1 + e^(-z)"), "a")


def _textbook_loss(a: Value, y: Value) -> Value:
    if_one = named(y * named(_log(a), "log a"), "y·log a")
    log_rest = named(_log(named(1.0 - a, "1 - a")), "log(1 - a)")
    if_zero = named(named(1.0 - y, "1 - y") * log_rest, "(1 - y)·log(1 - a)")
    return named(-named(if_one + if_zero, "log-likelihood"), "L")


def dataset_loss(
    X: Iterable[Iterable[Any]],
    y: Iterable[Any],
    w: Iterable[Any],
    b: float | Value,
    *,
    form: Form = "logit",
) -> DatasetLoss:
    """Build the graph of the mean logistic loss over a data set.

    Parameters
    ----------
    X : iterable of rows, shape (samples, features)
        The features; lists or a NumPy array.
    y : iterable of float, shape (samples,)
        The labels, each 0 or 1.
    w : iterable of float or Value, shape (features,)
        The weights, shared by all samples.
    b : float or Value
        The intercept, shared by all samples.
    form : {"textbook", "logit"}
        How each sample's loss is built.

    Returns
    -------
    DatasetLoss
        The samples' graphs and their mean.

    Raises
    ------
    DataError
        As for ``sample_loss``, naming the sample; if X and y differ in length, or are empty.
    """
    rows, labels = list(X), list(y)
    if len(rows) != len(labels):
        raise DataError(f"X has {len(rows)} samples and y has {len(labels)} labels: one label per sample is needed")
    if not rows:
        raise DataError("the data set is empty: the mean loss of no samples is not defined")
    weights, intercept = _leaves(w, "w"), _leaf(b, "b")
    samples = []
    for index, (row, label) in enumerate(zip(rows, labels, strict=True)):
        try:
            samples.append(sample_loss(row, label, weights, intercept, form=form))
        except DataError as error:
            raise DataError(f"sample {index}: {error}") from None
    total = named(_sum([sample.loss for sample in samples]), "sum of L")
    mean = named(total / len(samples), "mean L")
    return DatasetLoss(tuple(samples), mean)


def _leaf(number: Any, name: str) -> Value:
    if isinstance(number, Value):
        return number if number.name else named(number, name)
    return Value(number, name)


def _leaves(numbers: Iterable[Any], letter: str) -> tuple[Value, ...]:
    return tuple([_leaf(number, f"{letter}{index}") for index, number in enumerate(numbers, start=1)])


def _check_sample(x: Sequence[Value], y: Value, w: Sequence[Value], b: Value) -> None:
    if not x:
        raise DataError("there are no features: x is empty")
    if len(x) != len(w):
        raise DataError(f"there are {len(x)} features and {len(w)} weights: one weight per feature is needed")
    for leaf in (*x, *w, b):
        if not math.isfinite(leaf.data):
            raise DataError(f"{leaf.name} is {leaf.data}: features, weights and the intercept must be finite numbers")
    if y.data not in (0.0, 1.0):
        raise DataError(f"the label is {y.data:g}: labels are 0 or 1 (encode other classes first)")


# ---- autodiff beside the closed forms -------------------------------------------------------------------------


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
    scale : float
        The size of the largest term in the formula: a difference can't be known better than its terms.

    Examples
    --------
    >>> from microgrid.logistic import Agreement
    >>> Agreement("dL/db", "a - y", autodiff=-0.25, closed_form=-0.25, scale=1.0).ulp
    0.0
    """

    name: str
    formula: str
    autodiff: float
    closed_form: float
    scale: float

    @property
    def ulp(self) -> float:
        """How far the two lie apart, in units in the last place of the larger of result and ``scale``.

        Infinite where one of the two is nan, or where they disagree and one of them is infinite: that never counts
        as agreement.
        """
        if self.autodiff == self.closed_form:
            return 0.0
        unit = math.ulp(max(abs(self.closed_form), self.scale))
        distance = abs(self.autodiff - self.closed_form) / unit
        return distance if math.isfinite(distance) else math.inf


def components(graph: SampleLoss) -> list[Agreement]:
    """The five components of the gradient and the final products, each by autodiff and by its closed form.

    Every value by autodiff is an adjoint of the recorded graph: of L, of a, or of z.

    Parameters
    ----------
    graph : SampleLoss
        One sample's graph. In the form from the logit L does not pass through a, so dL/da is not among the rows.

    Returns
    -------
    list of Agreement
        dL/da, da/dz, dL/dz, the dz/dw_i, dz/db, the dL/dw_i, dL/db.

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
    a, y = graph.a.data, graph.y.data
    of_loss, of_a, of_z = pullback(graph.loss), pullback(graph.a), pullback(graph.z)
    rows = []
    if graph.form == "textbook":
        if_zero, if_one = FLOAT.div(1.0 - y, 1.0 - a), FLOAT.div(y, a)
        scale = max(abs(if_zero), abs(if_one))
        rows.append(Agreement("dL/da", "(1 - y)/(1 - a) - y/a", of_loss[graph.a], if_zero - if_one, scale))
    rows.append(Agreement("da/dz", "a(1 - a)", of_a[graph.z], a * (1.0 - a), a))
    rows.append(Agreement("dL/dz", "a - y", of_loss[graph.z], a - y, max(a, y)))
    for weight, x in zip(graph.w, graph.x, strict=True):
        rows.append(Agreement(f"dz/d{weight.name}", f"{x.name}", of_z[weight], x.data, 0.0))
    rows.append(Agreement(f"dz/d{graph.b.name}", "1", of_z[graph.b], 1.0, 0.0))
    for weight, x in zip(graph.w, graph.x, strict=True):
        product, scale = (a - y) * x.data, max(a, y) * abs(x.data)
        rows.append(Agreement(f"dL/d{weight.name}", f"(a - y)·{x.name}", of_loss[weight], product, scale))
    rows.append(Agreement(f"dL/d{graph.b.name}", "a - y", of_loss[graph.b], a - y, max(a, y)))
    return rows


@dataclass(frozen=True, slots=True)
class Report:
    """What a check of many comparisons found; true if all of them agree.

    Parameters
    ----------
    checked : int
        How many comparisons were made.
    tolerance : float
        How far autodiff and closed form may lie apart, in ulp.
    worst : Agreement
        The comparison with the largest distance.
    sample : int
        The sample that it belongs to.
    """

    checked: int
    tolerance: float
    worst: Agreement
    sample: int

    def __bool__(self) -> bool:
        return self.worst.ulp <= self.tolerance

    def __str__(self) -> str:
        verdict = "agree" if self else "DISAGREE"
        worst = self.worst
        return (
            f"autodiff and closed forms {verdict}: {self.checked} derivatives checked, "
            f"the worst {worst.ulp:.3g} ulp apart (tolerance {self.tolerance:g})\n"
            f"  {worst.name} of sample {self.sample}: "
            f"autodiff {worst.autodiff!r}, {worst.formula} = {worst.closed_form!r}"
        )


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
    tolerance : float
        How far autodiff and closed form may lie apart, in ulp.

    Returns
    -------
    Report
        The count and the worst.

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

    The textbook form fails where a rounds to 1:

    >>> bool(logistic.check([[800.0, -2.0]], [1], w=[1.0, 0.5], b=-1.0, form="textbook"))
    False
    """
    graph = dataset_loss(X, y, w, b, form=form)
    found = [(index, row) for index, sample in enumerate(graph.samples) for row in components(sample)]
    sample, worst = max(found, key=lambda pair: pair[1].ulp)
    return Report(len(found), tolerance, worst, sample)


def mean_gradient(graph: DatasetLoss) -> list[Agreement]:
    """The gradient of the mean loss, by autodiff and by the mean of the closed forms.

    The closed forms are summed exactly, and the scale is the sum of their sizes: adding n numbers in floating point
    is known to within n/2 ulp of that, in whatever order it is done.

    Parameters
    ----------
    graph : DatasetLoss
        The data set's graph.

    Returns
    -------
    list of Agreement
        dL/dw_i for every weight, and dL/db.
    """
    adjoints = pullback(graph.loss)
    residuals = [sample.a.data - sample.y.data for sample in graph.samples]
    rows = []
    for index, weight in enumerate(graph.w):
        terms = [residual * sample.x[index].data for residual, sample in zip(residuals, graph.samples, strict=True)]
        rows.append(_mean_agreement(weight, f"mean (a - y)·x{index + 1}", adjoints[weight], terms))
    rows.append(_mean_agreement(graph.b, "mean (a - y)", adjoints[graph.b], residuals))
    return rows


def _mean_agreement(leaf: Value, formula: str, autodiff: float, terms: list[float]) -> Agreement:
    count = len(terms)
    scale = math.fsum([abs(term) for term in terms]) / count
    return Agreement(f"dL/d{leaf.name}", formula, autodiff, math.fsum(terms) / count, scale)


# ---- gradient descent, watched --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """One step of gradient descent, with the gradient that it took compared with the closed form.

    Parameters
    ----------
    loss : float
        The mean loss before the step.
    w : tuple of float
        The weights before the step.
    b : float
        The intercept before the step.
    gradient : tuple of Agreement
        The gradient at that point, weights first.
    """

    loss: float
    w: tuple[float, ...]
    b: float
    gradient: tuple[Agreement, ...]

    @property
    def worst(self) -> Agreement:
        """The gradient's entry that lies farthest from its closed form."""
        return max(self.gradient, key=lambda row: row.ulp)


def gradient_descent(
    X: Iterable[Iterable[Any]],
    y: Iterable[Any],
    *,
    steps: int = 100,
    rate: float = 1.0,
    form: Form = "logit",
) -> Iterator[Step]:
    """Minimise the mean logistic loss from w = 0, b = 0, and yield every step.

    Each step records the graph of the whole data set anew and compares the gradient that autodiff finds with the
    closed form.

    Parameters
    ----------
    X, y, form
        The data set and the form of the loss, as for ``dataset_loss``.
    steps : int
        How many steps to take. One more is yielded: the last one shows where the descent ended.
    rate : float
        The learning rate: how much of the gradient is subtracted in each step.

    Yields
    ------
    Step
        Where the descent stands, and how well its gradient agrees.

    Examples
    --------
    >>> from microgrid.logistic import gradient_descent
    >>> first, *_, last = gradient_descent([[-2.0], [-1.0], [1.0], [2.0]], [0, 0, 1, 1], steps=20)
    >>> round(first.loss, 3), round(last.loss, 3)
    (0.693, 0.037)
    """
    rows, labels = [list(row) for row in X], list(y)
    w = tuple([Value(0.0, f"w{index}") for index in range(1, len(rows[0]) + 1)]) if rows else ()
    b = Value(0.0, "b")
    for _ in range(steps + 1):
        graph = dataset_loss(rows, labels, w, b, form=form)
        gradient = tuple(mean_gradient(graph))
        yield Step(graph.loss.data, tuple([weight.data for weight in w]), b.data, gradient)
        for parameter, row in zip((*w, b), gradient, strict=True):
            parameter.data -= rate * row.autodiff
