"""The logistic-regression graph, its five components and their closed forms; fitting for its own sake is not here.

    z = w1·x1 + … + wn·xn + b
    a = σ(z) = 1 / (1 + e^(-z))
    L(a, y) = -( y·log a + (1 - y)·log(1 - a) ),   y in {0, 1}

The chain rule along the edges, backwards, gives dL/dw_i = dL/da · da/dz · dz/dw_i and dL/db = dL/da · da/dz · dz/db.
The two leftmost factors multiply to a - y, so that dL/dw_i = (a - y)·x_i and dL/db = a - y.

There are two ways to build L, the same function with different roundings. The *textbook* form follows the formulas
above from exp, add, div, log and mul; as a nears 1 its gradient loses its digits, and where a rounds to 0 or 1 it is
0·inf. The form from the *logit*, L = softplus(z) - y·z, has the gradient a - y for every finite z.
"""

from __future__ import annotations

import contextlib
import copy
import math
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, Self, get_args

from microgrid._public import public
from microgrid.checking import Blame, Judgement, Report, Verdict
from microgrid.checking.nodes import blame_for_infinity, inspect_nodes
from microgrid.checking.points import Place
from microgrid.checking.recordings import Recording
from microgrid.checking.references import rounding
from microgrid.core.arithmetic import FLOAT
from microgrid.core.graph import pullback
from microgrid.core.value import FUNCTIONS, Value, flatten_graph, named, restore_graph
from microgrid.errors import DataError, InvalidValueError

__all__ = [
    "Agreement",
    "DatasetLoss",
    "Form",
    "SampleLoss",
    "Step",
    "check",
    "components",
    "dataset_loss",
    "gradient_descent",
    "mean_gradient",
    "sample_loss",
]

_NODE_TOLERANCE = 1e-9  # the relative error of a local derivative that is a fault, and no rounding
_ROUNDINGS = 8.0  # how many of them a closed form may take, each in ulp of its terms

Form = Literal["textbook", "logit"]

_exp, _log, _sum = FUNCTIONS["exp"], FUNCTIONS["log"], FUNCTIONS["sum"]
_sigmoid, _softplus = FUNCTIONS["sigmoid"], FUNCTIONS["softplus"]


# ---- building the graph ---------------------------------------------------------------------------------------


class _Whole:
    """Copied, deep-copied and pickled as one graph, so that the nodes of its fields stay shared between them."""

    __slots__ = ()

    def __copy__(self) -> Self:
        return self  # as a tuple's copy is the tuple

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        parts: Any = [copy.deepcopy(getattr(self, field.name), memo) for field in fields(self)]  # type: ignore[arg-type]
        return type(self)(*parts)


@public("microgrid.logistic")
@dataclass(frozen=True, slots=True, eq=False)
class SampleLoss(_Whole):
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

    def _nodes(self) -> tuple[Value, ...]:
        return (*self.x, *self.w, self.y, self.b, self.z, self.a, self.loss)

    def __reduce__(self) -> tuple[Callable[..., SampleLoss], tuple[Any, ...]]:
        return _restore_sample, (self.form, *flatten_graph(*self._nodes()))


@public("microgrid.logistic")
@dataclass(frozen=True, slots=True, eq=False)
class DatasetLoss(_Whole):
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

    def __reduce__(self) -> tuple[Callable[..., DatasetLoss], tuple[Any, ...]]:
        nodes = [node for sample in self.samples for node in sample._nodes()]
        return _restore_dataset, (self.samples[0].form, len(self.samples), *flatten_graph(*nodes, self.loss))


def _sample_of(nodes: Sequence[Value], form: Form) -> SampleLoss:
    """A sample's graph from its nodes, in the order in which ``_nodes`` lists them."""
    *leaves, y, b, z, a, loss = nodes
    features = len(leaves) // 2
    return SampleLoss(tuple(leaves[:features]), y, tuple(leaves[features:]), b, z, a, loss, form)


def _restore_sample(form: Form, *columns: Any) -> SampleLoss:
    return _sample_of(restore_graph(*columns), form)


def _restore_dataset(form: Form, count: int, *columns: Any) -> DatasetLoss:
    *nodes, loss = restore_graph(*columns)
    each = len(nodes) // count
    samples = [_sample_of(nodes[start : start + each], form) for start in range(0, len(nodes), each)]
    return DatasetLoss(tuple(samples), loss)


@public("microgrid.logistic")
def sample_loss(
    x: Iterable[Any], y: float | Value, w: Iterable[Any], b: float | Value, *, form: Form = "textbook"
) -> SampleLoss:
    """Build the graph of one sample's logistic loss, every node named.

    Plain numbers become leaves named x1, …, xn, y, w1, …, wn and b. Values are used themselves: a name that they
    have is kept, and one that has none is given the name of its place.

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
        If there are no features, as many weights as features are not given, something is not a finite number, the
        label is not 0 or 1, one Value is given for two parameters, or the form is unknown.

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
    if form not in get_args(Form):
        raise DataError(f"form is 'textbook' or 'logit', not {form!r}")
    features, weights = _leaves(x, "x"), _leaves(w, "w")
    label, intercept = _label(y), _leaf(b, "b")
    _check_sample(features, label, weights, intercept)
    products = [
        named(weight * feature, f"{weight.name}·{feature.name}")
        for weight, feature in zip(weights, features, strict=True)
    ]
    z = named(_sum([*products, intercept]), "z")
    if form == "textbook":
        a = _textbook_probability(z)
        loss = _textbook_loss(a, label)
    else:
        a = named(_sigmoid(z), "a")
        loss = named(named(_softplus(z), "softplus(z)") - named(label * z, "y·z"), "L")
    return SampleLoss(features, label, weights, intercept, z, a, loss, form)


def _textbook_probability(z: Value) -> Value:
    growth = named(_exp(named(-z, "-z")), "e^(-z)")
    return named(1.0 / named(1.0 + growth, "1 + e^(-z)"), "a")


def _textbook_loss(a: Value, y: Value) -> Value:
    if_one = named(y * named(_log(a), "log a"), "y·log a")
    log_rest = named(_log(named(1.0 - a, "1 - a")), "log(1 - a)")
    if_zero = named(named(1.0 - y, "1 - y") * log_rest, "(1 - y)·log(1 - a)")
    return named(-named(if_one + if_zero, "log-likelihood"), "L")


@public("microgrid.logistic")
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
        The features; lists, a NumPy array or a data frame.
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
    rows, labels = _samples(X, y)
    weights, intercept = _leaves(w, "w"), _leaf(b, "b")
    samples = []
    for index, (row, label) in enumerate(zip(rows, labels, strict=True)):
        with _naming_sample(index):
            samples.append(sample_loss(row, label, weights, intercept, form=form))
    total = named(_sum([sample.loss for sample in samples]), "sum of L")
    mean = named(total / len(samples), "mean L")
    return DatasetLoss(tuple(samples), mean)


# ---- reading what was given -----------------------------------------------------------------------------------

_WANTED = {
    "X": "one row per sample is needed, with one column per feature (X.reshape(-1, 1) if there is a single feature)",
    "y": "a list with one label per sample is needed (y.ravel() makes one of a column)",
    "x": "a list with one number per feature is needed",
    "w": "a list with one weight per feature is needed",
}
_LABELS = "labels are 0 or 1 (encode other classes first)"


def _listed(numbers: Any, what: str, dimensions: int = 1) -> list[Any]:
    """The elements or rows of a list, an array or a data frame, which by itself would list its columns' names."""
    if hasattr(numbers, "to_numpy"):
        numbers = numbers.to_numpy()
    if len(getattr(numbers, "shape", (1,) * dimensions)) != dimensions:
        raise DataError(f"{what} has the shape {numbers.shape}: {_WANTED[what]}")
    try:
        elements = iter(numbers)
    except TypeError:
        raise DataError(f"{what} is {numbers!r}: {_WANTED[what]}") from None
    return list(elements)


def _samples(X: Any, y: Any) -> tuple[list[list[Any]], list[Any]]:
    """The rows and the labels of a data set, as many of the one as of the other."""
    rows, labels = _listed(X, "X", 2), _listed(y, "y")
    if len(rows) != len(labels):
        raise DataError(f"X has {len(rows)} samples and y has {len(labels)} labels: one label per sample is needed")
    if not rows:
        raise DataError("the data set is empty: the mean loss of no samples is not defined")
    for index, row in enumerate(rows):
        with _naming_sample(index):
            rows[index] = _listed(row, "x")
    return rows, labels


@contextlib.contextmanager
def _naming_sample(index: int) -> Iterator[None]:
    try:
        yield
    except DataError as error:
        raise DataError(f"sample {index}: {error}") from None


def _leaf(number: Any, name: str) -> Value:
    if isinstance(number, Value):
        return number if number.name else named(number, name)
    try:
        return Value(number, name)
    except InvalidValueError as error:
        raise DataError(f"{name}: {error}") from None


def _label(number: Any) -> Value:
    try:
        return _leaf(number, "y")
    except DataError:
        raise DataError(f"the label is {number!r}: {_LABELS}") from None


def _leaves(numbers: Any, letter: str) -> tuple[Value, ...]:
    return tuple([_leaf(number, f"{letter}{index}") for index, number in enumerate(_listed(numbers, letter), start=1)])


def _check_sample(x: Sequence[Value], y: Value, w: Sequence[Value], b: Value) -> None:
    if not x:
        raise DataError("there are no features: x is empty")
    if len(x) != len(w):
        raise DataError(f"there are {len(x)} features and {len(w)} weights: one weight per feature is needed")
    for leaf in (*x, *w, b):
        if not math.isfinite(leaf.data):
            raise DataError(f"{leaf.name} is {leaf.data}: features, weights and the intercept must be finite numbers")
    if y.data not in (0.0, 1.0):
        raise DataError(f"the label is {y.data:g}: {_LABELS}")
    parameters = {*w, b}
    if len(parameters) <= len(w) or not parameters.isdisjoint((*x, y)):
        raise DataError(
            "one Value is given for two places: each weight and the intercept need one of their own, for otherwise "
            "the derivative with respect to it is the sum of two"
        )


# ---- autodiff beside the closed forms -------------------------------------------------------------------------


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
    size : float
        How large the terms are that were added or subtracted: a and y in a - y, and the sum of such sizes in a mean.
        0 for a formula in which nothing cancels.

    Examples
    --------
    >>> from microgrid.logistic.graph import Agreement
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
        """How far the two lie apart, in units in the last place of the closed form's value.

        Infinite where one of the two is nan, or where they disagree and one of them is infinite: that never counts
        as agreement.
        """
        return self._apart(self.closed_form)

    @property
    def ulp_of_terms(self) -> float:
        """The same distance in units in the last place of ``size``; without a size, the same as ``ulp``.

        At the minimum of a mean loss its terms cancel: their rounding is little beside the terms, and many ulp of
        what is left of them.
        """
        return self._apart(max(abs(self.closed_form), self.size))

    def _apart(self, number: float) -> float:
        if self.autodiff == self.closed_form:
            return 0.0
        distance = abs(self.autodiff - self.closed_form) / math.ulp(number)
        return distance if math.isfinite(distance) else math.inf


@public("microgrid.logistic")
def components(graph: SampleLoss) -> list[Agreement]:
    """The five components of the gradient and the final products, each by autodiff and by its closed form.

    Every value by autodiff is an adjoint of the recorded graph: of L, of a, or of z. Every closed form is evaluated in
    floats at the graph's own a, and a - y is what floats give for it; as a nears y, it keeps fewer digits of the true
    derivative, and so does a gradient from the logit, which is the same subtraction. In a(1 - a), which neither form of
    the graph finds by a subtraction, 1 - a is evaluated as σ(-z) and keeps them all.

    Parameters
    ----------
    graph : SampleLoss
        One sample's graph. In the form from the logit L does not pass through a, so dL/da is not among the rows.

    Returns
    -------
    list of Agreement
        dL/da, da/dz, dL/dz, the dz/dw_i, dz/db, the dL/dw_i, dL/db. They bear the names of the leaves, and come in
        the order of the weights where two of these have one name.

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
    rows = []
    if graph.form == "textbook":
        # y switches one of the two off, so that nothing cancels.
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
        How far autodiff and closed form may lie apart, in ulp of the closed form's value. The form from the logit
        stays within 2 everywhere. The textbook form does not: its 1 - a, or else the closed form's a - y, loses
        digits as z grows, and the two part by some e^z ulp.

    Returns
    -------
    Report
        Of ``microgrid.checking``, in which the samples are the points. Where the two disagree, the sample's graph is
        walked: the derivative is wrong if a node is, or if rounding can't explain the distance; else it is lost to
        rounding, or not finite.

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
    parameters = Place((), tuple([leaf.data for leaf in (*graph.w, graph.b)]), {"w": [0.0] * len(graph.w), "b": 0.0})
    return Report(
        tuple(sorted(judgements, key=lambda one: one.severity, reverse=True)),
        tuple(blames),
        tuple([_place(sample) for sample in graph.samples]),
        0,
        0,
        tolerance,
        ("logistic.check(*", f", **{parameters.written()}, form={form!r}, tolerance={tolerance!r})"),
        unit="ulp",
        each="sample",
    )


class _Doubts:
    """What a sample's graph says of derivatives that disagree with their closed forms."""

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
        """Why a derivative and its closed form lie apart."""
        if not (math.isfinite(row.autodiff) and math.isfinite(row.closed_form)):
            return Verdict.NON_FINITE
        is_wrong = self.blame is not None and self.blame.kind != "not finite"
        explained = self._rounding[row.name] + _ROUNDINGS * math.ulp(max(abs(row.closed_form), row.size))
        return Verdict.WRONG if is_wrong or abs(row.autodiff - row.closed_form) > explained else Verdict.ROUNDED


def _judgement(row: Agreement, sample: int, tolerance: float, doubts: _Doubts | None) -> Judgement:
    verdict = Verdict.RIGHT if row.ulp <= tolerance or doubts is None else doubts.verdict(row)
    name = f"{row.name} = {row.formula}"
    return Judgement("autodiff", name, sample, row.autodiff, row.closed_form, 0.0, "closed form", verdict)


def _place(sample: SampleLoss) -> Place:
    x = [feature.data for feature in sample.x]
    names = tuple([leaf.name or "" for leaf in (*sample.x, sample.y)])
    return Place(names, (*x, sample.y.data), ([x], [sample.y.data]))


@public("microgrid.logistic")
def mean_gradient(graph: DatasetLoss) -> list[Agreement]:
    """The gradient of the mean loss, by autodiff and by the mean of the closed forms.

    The closed forms are added up exactly. Their terms cancel where the loss is least, so that autodiff, which rounds
    after each addition, is as good there as its ``ulp_of_terms`` says: n terms are known to within some n ulp of their
    size, here the mean of max(a, y) times the size of x_i, in whatever order they are added.

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
    weighted = [
        (f"mean (a - y)·{x.name}", weight, [sample.x[index].data for sample in graph.samples])
        for index, (weight, x) in enumerate(zip(graph.w, graph.samples[0].x, strict=True))
    ]
    ones = [1.0] * len(graph.samples)
    return [
        _mean_agreement(graph.samples, formula, leaf, adjoints[leaf], factors)
        for formula, leaf, factors in (*weighted, ("mean (a - y)", graph.b, ones))
    ]


def _mean_agreement(
    samples: Sequence[SampleLoss], formula: str, leaf: Value, autodiff: float, factors: Sequence[float]
) -> Agreement:
    """The mean of a - y times a factor of each sample, divided before it is summed, so that no sum overflows."""
    terms, sizes = [], []
    for sample, factor in zip(samples, factors, strict=True):
        a, y = sample.a.data, sample.y.data
        terms.append((a - y) * factor / len(samples))
        sizes.append(max(a, y) * abs(factor) / len(samples))
    return Agreement(f"dL/d{leaf.name}", formula, autodiff, math.fsum(terms), math.fsum(sizes))


# ---- gradient descent, watched --------------------------------------------------------------------------------


@public("microgrid.logistic")
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
        """The gradient's entry that lies farthest from its closed form, measured by the size of its terms."""
        return max(self.gradient, key=lambda row: row.ulp_of_terms)


@public("microgrid.logistic")
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

    Returns
    -------
    iterator of Step
        Where the descent stands, and how well its gradient agrees; each step is taken when it is asked for.

    Raises
    ------
    DataError
        As for ``dataset_loss``, and if ``steps`` is not a whole number from 0: at once. If the descent diverges: at the
        step that leads to numbers which are not finite.

    Examples
    --------
    >>> from microgrid.logistic.graph import gradient_descent
    >>> first, *_, last = gradient_descent([[-2.0], [-1.0], [1.0], [2.0]], [0, 0, 1, 1], steps=20)
    >>> round(first.loss, 3), round(last.loss, 3)
    (0.693, 0.037)
    """
    rows, labels = _samples(X, y)
    w, b = tuple([Value(0.0, f"w{index}") for index in range(1, len(rows[0]) + 1)]), Value(0.0, "b")

    def record() -> DatasetLoss:
        return dataset_loss(rows, labels, w, b, form=form)

    return _descend(record(), record, _count(steps), rate)


def _count(steps: Any) -> int:
    try:
        count = operator.index(steps)
    except TypeError:
        count = -1
    if count < 0:
        raise DataError(f"steps is a whole number from 0, not {steps!r}")
    return count


def _descend(graph: DatasetLoss, record: Callable[[], DatasetLoss], steps: int, rate: float) -> Iterator[Step]:
    step = _step_from(graph)
    yield step
    for taken in range(1, steps + 1):
        for parameter, row in zip((*graph.w, graph.b), step.gradient, strict=True):
            parameter.data -= rate * row.autodiff
            _check_descent(parameter, taken, rate)
        graph = record()
        _check_descent(graph.loss, taken, rate)
        step = _step_from(graph)
        yield step


def _step_from(graph: DatasetLoss) -> Step:
    weights = tuple([weight.data for weight in graph.w])
    return Step(graph.loss.data, weights, graph.b.data, tuple(mean_gradient(graph)))


def _check_descent(node: Value, step: int, rate: float) -> None:
    if not math.isfinite(node.data):
        raise DataError(
            f"the descent diverged: {node.name} is {node.data} after step {step}; the rate {rate:g} may be too large"
        )
