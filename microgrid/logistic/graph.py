"""The graph of the logistic loss, of one sample and of a data set; derivatives and descent are in other modules.

    z = w1·x1 + … + wn·xn + b
    a = σ(z) = 1 / (1 + e^(-z))
    L(a, y) = -( y·log a + (1 - y)·log(1 - a) ),   y in {0, 1}

The chain rule along the edges, backwards, gives dL/dw_i = dL/da · da/dz · dz/dw_i and dL/db = dL/da · da/dz · dz/db.
The two leftmost factors multiply to a - y, so that dL/dw_i = (a - y)·x_i and dL/db = a - y.

L can be built in two forms, the same function with different rounding errors. The *textbook* form follows the formulas
above with exp, add, div, log and mul; its gradient loses digits as a nears 1, and is 0·inf where a rounds to 0 or 1.
The form from the *logit*, L = softplus(z) - y·z, has the gradient a - y for every finite z.
"""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, Self, get_args

from microgrid._public import public
from microgrid.core.engine import Value
from microgrid.core.functions import FUNCTIONS
from microgrid.core.pickling import flatten_graph, restore_graph
from microgrid.core.value import named
from microgrid.errors import DataError, InvalidValueError

__all__ = ["DatasetLoss", "Form", "SampleLoss", "dataset_loss", "read_samples", "sample_loss"]

Form = Literal["textbook", "logit"]

_exp, _log, _sum = FUNCTIONS["exp"], FUNCTIONS["log"], FUNCTIONS["sum"]
_sigmoid, _softplus = FUNCTIONS["sigmoid"], FUNCTIONS["softplus"]


# ---- building the graph ---------------------------------------------------------------------------------------


class _OneGraph:
    """A dataclass of nodes that is copied and pickled as one graph, so that its fields still share their nodes."""

    __slots__ = ()

    def __copy__(self) -> Self:
        return self  # immutable, as a tuple is

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        parts: Any = [copy.deepcopy(getattr(self, field.name), memo) for field in fields(self)]  # type: ignore[arg-type]
        return type(self)(*parts)


@public("microgrid.logistic")
@dataclass(frozen=True, slots=True, eq=False)
class SampleLoss(_OneGraph):
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
        The form of L.
    """

    x: tuple[Value, ...]
    y: Value
    w: tuple[Value, ...]
    b: Value
    z: Value
    a: Value
    loss: Value
    form: Form

    def __reduce__(self) -> tuple[Callable[..., SampleLoss], tuple[Any, ...]]:
        return _restore_sample, (self.form, *flatten_graph(*_nodes_of(self)))


@public("microgrid.logistic")
@dataclass(frozen=True, slots=True, eq=False)
class DatasetLoss(_OneGraph):
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
        nodes = [node for sample in self.samples for node in _nodes_of(sample)]
        return _restore_dataset, (self.samples[0].form, len(self.samples), *flatten_graph(*nodes, self.loss))


def _nodes_of(sample: SampleLoss) -> tuple[Value, ...]:
    return (*sample.x, *sample.w, sample.y, sample.b, sample.z, sample.a, sample.loss)


def _sample_of(nodes: Sequence[Value], form: Form) -> SampleLoss:
    """A sample's graph from its nodes, in the order of ``_nodes_of``."""
    *leaves, y, b, z, a, loss = nodes
    features = len(leaves) // 2
    return SampleLoss(tuple(leaves[:features]), y, tuple(leaves[features:]), b, z, a, loss, form)


@public("microgrid.logistic")
def _restore_sample(form: Form, *columns: Any) -> SampleLoss:
    return _sample_of(restore_graph(*columns), form)


@public("microgrid.logistic")
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

    Plain numbers become leaves named x1, …, xn, y, w1, …, wn and b. Values are used as they are; a Value without a
    name gets the name that a number would have.

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
    form : {"textbook", "logit"}, default "textbook"
        L from the probability a, by exp, add, div, log and mul; or from the logit z, as softplus(z) - y·z, which keeps
        its digits under saturation.

    Returns
    -------
    SampleLoss
        The nodes by name.

    Raises
    ------
    DataError
        If there are no features, the numbers of weights and features differ, a number is not finite, the label is not
        0 or 1, one Value is given for two parameters, or the form is unknown.

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
    X: Iterable[Iterable[Any]], y: Iterable[Any], w: Iterable[Any], b: float | Value, *, form: Form = "logit"
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
    form : {"textbook", "logit"}, default "logit"
        The form of each sample's loss, as for ``sample_loss``.

    Returns
    -------
    DatasetLoss
        The samples' graphs and their mean.

    Raises
    ------
    DataError
        As for ``sample_loss``, with the index of the sample; also if X and y differ in length, or are empty.
    """
    rows, labels = read_samples(X, y)
    weights, intercept = _leaves(w, "w"), _leaf(b, "b")
    samples = []
    for index, (row, label) in enumerate(zip(rows, labels, strict=True)):
        with _naming_sample(index):
            samples.append(sample_loss(row, label, weights, intercept, form=form))
    total = named(_sum([sample.loss for sample in samples]), "sum of L")
    mean = named(total / len(samples), "mean L")
    return DatasetLoss(tuple(samples), mean)


# ---- reading and checking the data ----------------------------------------------------------------------------

_EXPECTED = {
    "X": "one row per sample is needed, with one column per feature (X.reshape(-1, 1) if there is a single feature)",
    "y": "a list with one label per sample is needed (y.ravel() makes one of a column)",
    "x": "a list with one number per feature is needed",
    "w": "a list with one weight per feature is needed",
}
_LABELS = "labels are 0 or 1 (encode other classes first)"


def _elements(numbers: Any, name: str, dimensions: int = 1) -> list[Any]:
    """The elements or rows of a list, an array or a data frame, of which ``list`` alone would give the column names."""
    if hasattr(numbers, "to_numpy"):
        numbers = numbers.to_numpy()
    if len(getattr(numbers, "shape", (1,) * dimensions)) != dimensions:
        raise DataError(f"{name} has the shape {numbers.shape}: {_EXPECTED[name]}")
    try:
        elements = iter(numbers)
    except TypeError:
        raise DataError(f"{name} is {numbers!r}: {_EXPECTED[name]}") from None
    return list(elements)


def read_samples(X: Any, y: Any) -> tuple[list[list[Any]], list[Any]]:
    """The rows and the labels of a data set, checked to be equally many."""
    rows, labels = _elements(X, "X", 2), _elements(y, "y")
    if len(rows) != len(labels):
        raise DataError(f"X has {len(rows)} samples and y has {len(labels)} labels: one label per sample is needed")
    if not rows:
        raise DataError("the data set is empty: the mean loss of no samples is not defined")
    for index, row in enumerate(rows):
        with _naming_sample(index):
            rows[index] = _elements(row, "x")
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
    return tuple(
        [_leaf(number, f"{letter}{index}") for index, number in enumerate(_elements(numbers, letter), start=1)]
    )


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
            "one Value is used twice: give each weight and the intercept a Value of its own, for otherwise the "
            "derivative with respect to it is the sum of two"
        )
