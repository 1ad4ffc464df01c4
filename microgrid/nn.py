"""Neurons, layers and perceptrons with micrograd's names; losses, optimisers and data are not here.

A model is a way to build a graph: calling it on a sample records a ``dot``, a ``+`` and, unless it is linear, a
``relu`` for each neuron. The result is a graph like any other.
"""

from __future__ import annotations

import operator
import random
from collections.abc import Iterable, Sequence
from typing import Any

from microgrid.core.engine import Value
from microgrid.core.functions import FUNCTIONS
from microgrid.errors import DataError

__all__ = ["MLP", "Layer", "Module", "Neuron"]

_dot = FUNCTIONS["dot"]


def _size(number: int, meaning: str) -> int:
    """A count of at least 1, or an error that says which count it is."""
    try:
        size = operator.index(number)
    except TypeError:
        raise DataError(f"the number of {meaning} is a whole number, not {number!r}") from None
    if size < 1:
        raise DataError(f"the number of {meaning} is at least 1, not {size}")
    return size


def _inputs(x: Iterable[Any], nin: int) -> list[Value]:
    """One sample as Values. A plain number becomes one node, which all neurons of a layer share."""
    try:
        sample = list(x)
    except TypeError:
        raise DataError(f"a model takes one sample as a list of {nin} inputs, not {x!r}") from None
    if len(sample) != nin:
        raise DataError(f"the model has {nin} inputs, and the sample has {len(sample)}: give one sample at a time")
    return [xi if isinstance(xi, Value) else Value(xi, name=f"x{i}") for i, xi in enumerate(sample, 1)]


class Module:
    """The base class of neurons, layers, perceptrons and your own models.

    Examples
    --------
    A model defines its parameters and its call:

    >>> from microgrid import Value
    >>> from microgrid.nn import Module
    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.slope, self.intercept = Value(2.0), Value(1.0)
    ...     def __call__(self, x):
    ...         return self.slope * x + self.intercept
    ...     def parameters(self):
    ...         return [self.slope, self.intercept]
    >>> line = Line()
    >>> line(3.0).backward()
    >>> [p.grad for p in line.parameters()]
    [3.0, 1.0]
    >>> line.zero_grad()
    >>> [p.grad for p in line.parameters()]
    [0.0, 0.0]
    """

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0, since ``backward`` adds to it."""
        for parameter in self.parameters():
            parameter.grad = 0.0

    def parameters(self) -> list[Value]:
        """The leaves that training changes, always in the same order.

        Returns
        -------
        list of Value
            Empty, unless a subclass overrides it.
        """
        return []


def _prefix_names(model: Module, where: str) -> None:
    """Tell the parameters of one part of a model from those of the others, in drawings and messages."""
    for parameter in model.parameters():
        parameter.name = f"{where}, {parameter.name}"


class Neuron(Module):
    """A weighted sum of its inputs plus a bias, followed by relu unless it is linear.

    The weighted sum is one ``dot`` node instead of a chain of products and sums. It is recorded and differentiated
    several times faster, its rounding error grows with the logarithm of the number of inputs, and a drawing of the
    neuron looks like its formula.

    Parameters
    ----------
    nin : int
        The number of inputs.
    nonlin : bool, default True
        Whether relu follows.

    Attributes
    ----------
    w : list of Value
        The weights, named w1, w2, ... (in a layer "neuron 1, w1", in an MLP "layer 1, neuron 1, w1"); drawn from the
        uniform distribution on (-1, 1) by the ``random`` module, so that ``random.seed`` makes them reproducible.
    b : Value
        The bias, initially 0.

    Raises
    ------
    DataError
        If ``nin`` is not a whole number of at least 1; when called, if the sample has another number of inputs.

    Examples
    --------
    >>> from microgrid.nn import Neuron
    >>> neuron = Neuron(2, nonlin=False)
    >>> neuron.w[0].data, neuron.w[1].data, neuron.b.data = 0.5, -1.0, 0.25
    >>> y = neuron([3.0, 1.0])
    >>> y.data
    0.75
    >>> y.backward()
    >>> [(p.name, p.grad) for p in neuron.parameters()]
    [('w1', 3.0), ('w2', 1.0), ('b', 1.0)]
    """

    def __init__(self, nin: int, nonlin: bool = True) -> None:
        self.nin = _size(nin, "inputs")
        self.w = [Value(random.uniform(-1, 1), name=f"w{i}") for i in range(1, self.nin + 1)]
        self.b = Value(0.0, name="b")
        self.nonlin = nonlin

    def __call__(self, x: Iterable[Any]) -> Value:
        """The output for one sample, a list of Values or plain numbers."""
        act: Value = _dot(self.w, _inputs(x, self.nin)) + self.b
        return act.relu() if self.nonlin else act

    def parameters(self) -> list[Value]:
        """The weights and then the bias, in a new list of ``nin + 1`` nodes."""
        return [*self.w, self.b]

    def __repr__(self) -> str:
        return f"{'ReLU' if self.nonlin else 'Linear'}Neuron({self.nin})"


class Layer(Module):
    """Neurons with the same inputs.

    Parameters
    ----------
    nin : int
        The number of inputs.
    nout : int
        The number of neurons. A layer of one neuron returns its output instead of a list.
    **kwargs
        Further arguments of each ``Neuron``.

    Attributes
    ----------
    neurons : list of Neuron
        The neurons, in the order of the outputs.

    Raises
    ------
    DataError
        If a size is not a whole number of at least 1; when called, if the sample has another number of inputs.

    Examples
    --------
    >>> from microgrid.nn import Layer
    >>> layer = Layer(3, 2, nonlin=False)
    >>> layer
    Layer of [LinearNeuron(3), LinearNeuron(3)]
    >>> len(layer([1.0, 2.0, 3.0])), len(layer.parameters())
    (2, 8)
    """

    def __init__(self, nin: int, nout: int, **kwargs: Any) -> None:
        self.nin = _size(nin, "inputs")
        self.nout = _size(nout, "neurons in a layer")
        self.neurons = [Neuron(self.nin, **kwargs) for _ in range(self.nout)]
        if self.nout > 1:
            for number, neuron in enumerate(self.neurons, 1):
                _prefix_names(neuron, f"neuron {number}")

    def __call__(self, x: Iterable[Any]) -> Any:
        """The outputs for one sample, a list of Values or plain numbers."""
        inputs = _inputs(x, self.nin)
        out = [neuron(inputs) for neuron in self.neurons]
        return out[0] if len(out) == 1 else out

    def parameters(self) -> list[Value]:
        """The parameters of each neuron in turn, in a new list of ``nout * (nin + 1)`` nodes."""
        return [parameter for neuron in self.neurons for parameter in neuron.parameters()]

    def __repr__(self) -> str:
        return f"Layer of [{', '.join(map(repr, self.neurons))}]"


class MLP(Module):
    """A multi-layer perceptron: the outputs of each layer are the inputs of the next, and the last layer is linear.

    Parameters
    ----------
    nin : int
        The number of inputs.
    nouts : sequence of int
        The number of neurons in each layer.

    Attributes
    ----------
    layers : list of Layer
        The layers, from the inputs to the output.

    Raises
    ------
    DataError
        If a size is not a whole number of at least 1, or there is no layer; when called, if the sample has another
        number of inputs.

    Examples
    --------
    >>> from microgrid.nn import MLP
    >>> model = MLP(2, [3, 1])
    >>> model
    MLP of [Layer of [ReLUNeuron(2), ReLUNeuron(2), ReLUNeuron(2)], Layer of [LinearNeuron(3)]]
    >>> loss = (model([1.0, -1.0]) - 2.0) ** 2
    >>> loss.backward()
    >>> for p in model.parameters():
    ...     p.data -= 0.01 * p.grad
    >>> ((model([1.0, -1.0]) - 2.0) ** 2).data < loss.data
    True
    """

    def __init__(self, nin: int, nouts: Sequence[int]) -> None:
        self.nin = _size(nin, "inputs")
        try:
            self.nouts = [_size(nout, "neurons in a layer") for nout in nouts]
        except TypeError:
            raise DataError(f"an MLP takes a list with the size of each layer, not {nouts!r}") from None
        if not self.nouts:
            raise DataError("an MLP has at least one layer: give the size of each, as in MLP(2, [16, 16, 1])")
        sizes = [self.nin, *self.nouts]
        last = len(self.nouts) - 1
        self.layers = [Layer(sizes[i], sizes[i + 1], nonlin=i != last) for i in range(len(self.nouts))]
        for number, layer in enumerate(self.layers, 1):
            _prefix_names(layer, f"layer {number}")

    def __call__(self, x: Iterable[Any]) -> Any:
        """The outputs of the last layer for one sample, a list of Values or plain numbers."""
        out: Any = _inputs(x, self.nin)
        for layer in self.layers:
            out = layer([out] if isinstance(out, Value) else out)
        return out

    def parameters(self) -> list[Value]:
        """The parameters of each layer in turn, in a new list."""
        return [parameter for layer in self.layers for parameter in layer.parameters()]

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(map(repr, self.layers))}]"
