"""Eager engines, each behind the same few names; what they are asked to do stands in ``works``.

An engine is entered by a function that imports it, in a process of its own, so that it may set there what it needs.
"""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks import peers
from benchmarks.slotted import Slotted

__all__ = ["ENGINES", "LONGEST", "Engine"]


def _zero(leaf: Any) -> None:
    leaf.grad = 0.0


def _as_they_are(numbers: Sequence[float]) -> Sequence[Any]:
    return numbers


def _nothing() -> None: ...


_data = operator.attrgetter("data")
_grad = operator.attrgetter("grad")
_relu = operator.methodcaller("relu")


@dataclass(frozen=True)
class Engine:
    """An engine in the words that the works use: its leaf, its functions and its reverse pass. Operators are its own.

    What some have beside: a perceptron with the signature of micrograd's, and fused operations.
    """

    Value: Callable[[float], Any]
    exp: Callable[[Any], Any]
    log: Callable[[Any], Any]
    relu: Callable[[Any], Any]
    backward: Callable[[Any], None]
    power: Callable[[Any, float], Any] = operator.pow  # a node to the power of a plain number
    # a row of plain numbers as its expressions take them
    numbers: Callable[[Sequence[float]], Sequence[Any]] = _as_they_are
    start: Callable[[], None] = _nothing  # is called before a graph is recorded, when its leaves are there
    zero: Callable[[Any], None] = _zero  # resets the gradient of a leaf
    data: Callable[[Any], float] = _data  # of a node, as a float
    grad: Callable[[Any], float] = _grad  # of a leaf, as a float
    fixed_leaves: bool = False  # whether a leaf keeps its first number, so that a step of training makes it anew
    MLP: Callable[[int, list[int]], Any] | None = None
    dot: Callable[[Iterable[Any], Iterable[Any]], Any] | None = None
    sum: Callable[[Iterable[Any]], Any] | None = None
    logsumexp: Callable[[Iterable[Any]], Any] | None = None
    softplus: Callable[[Any], Any] | None = None


Load = Callable[[], Engine]

ENGINES: dict[str, Load] = {}
"""Every engine by its peer's name, as the function that imports it."""

LONGEST: dict[str, int] = {}
"""The longest chain that an engine is asked to differentiate."""


def engine(*names: str, longest: int = sys.maxsize) -> Callable[[Load], Load]:
    """Enter the decorated function under the names of some peers."""

    def register(load: Load) -> Load:
        for name in names:
            ENGINES[name] = load
            LONGEST[name] = longest
        return load

    return register


# ---- microgrid ------------------------------------------------------------------------------------------------


@engine(peers.NATIVE, peers.PYTHON)
def _microgrid() -> Engine:
    """The engine that the process's environment chooses."""
    import microgrid
    from microgrid import nn

    return Engine(
        microgrid.Value,
        microgrid.exp,
        microgrid.log,
        _relu,
        microgrid.Value.backward,
        MLP=nn.MLP,
        dot=microgrid.dot,
        sum=microgrid.sum,
        logsumexp=microgrid.logsumexp,
        softplus=microgrid.softplus,
    )


# ---- a class written by hand ----------------------------------------------------------------------------------


@engine(peers.SLOTTED, longest=1_000_000)
def _slotted() -> Engine:
    return Engine(Slotted, Slotted.exp, Slotted.log, _relu, Slotted.backward)


# ---- scalar engines -------------------------------------------------------------------------------------------


@engine(peers.MICROGRAD, longest=10_000)
def _micrograd() -> Engine:
    from micrograd.engine import Value
    from micrograd.nn import MLP

    def unary(x: Any, out_data: float, partial: float) -> Any:
        """What micrograd has no method for, recorded the way its own methods do it."""
        out = Value(out_data, (x,))

        def _backward() -> None:
            x.grad += partial * out.grad

        out._backward = _backward
        return out

    def exp(x: Any) -> Any:
        out = math.exp(x.data)
        return unary(x, out, out)

    def log(x: Any) -> Any:
        return unary(x, math.log(x.data), 1.0 / x.data)

    # Its backward recurses along the chain.
    sys.setrecursionlimit(max(sys.getrecursionlimit(), 2 * LONGEST[peers.MICROGRAD]))
    return Engine(Value, exp, log, _relu, Value.backward, MLP=MLP)


class _Tangents:
    """Functions for an engine that has only products and sums: at each point the tangent line there.

    Its value and its derivative are the function's, so that one sweep finds the same gradient. It costs two nodes.
    """

    def __init__(self, value: Callable[[float], Any]) -> None:
        self.value = value

    def line(self, x: Any, height: float, slope: float) -> Any:
        return x * self.value(slope) + self.value(height - slope * x.data)

    def exp(self, x: Any) -> Any:
        out = math.exp(x.data)
        return self.line(x, out, out)

    def log(self, x: Any) -> Any:
        return self.line(x, math.log(x.data), 1.0 / x.data)

    def relu(self, x: Any) -> Any:
        return self.line(x, max(x.data, 0.0), float(x.data > 0.0))

    def power(self, x: Any, exponent: float) -> Any:
        return self.line(x, x.data**exponent, exponent * x.data ** (exponent - 1.0))


def _wrapped(value: Callable[[float], Any]) -> Callable[[Sequence[float]], Sequence[Any]]:
    return lambda numbers: [value(number) for number in numbers]


@engine(peers.MINIGRAD, longest=100_000)  # it recurses in C
def _minigrad() -> Engine:
    from minigrad.engine import Value  # type: ignore[import-not-found, unused-ignore]
    from minigrad.nn import MLP  # type: ignore[import-not-found, unused-ignore]

    _keep_none_alive()
    tangents = _Tangents(Value)
    return Engine(
        Value,
        tangents.exp,
        tangents.log,
        _relu,
        Value.backward,
        tangents.power,  # its own frees the exponent too often
        numbers=_wrapped(Value),  # a plain number beside a node crashes it
        MLP=MLP,
    )


def _keep_none_alive() -> None:
    """Lend None references enough for every leaf that minigrad frees: it gives one back that it never took.

    From Python 3.12 on None is immortal and needs no such loan.
    """
    import ctypes

    if sys.version_info < (3, 12):
        ctypes.c_ssize_t.from_address(id(None)).value += 1 << 40


@engine(peers.MICROGRAD_RUST, longest=10_000)  # it recurses
def _micrograd_rust() -> Engine:
    from micrograd_rust import Value  # type: ignore[import-not-found, unused-ignore]

    tangents = _Tangents(Value)
    return Engine(
        Value,
        Value.exp,
        tangents.log,
        tangents.relu,
        Value.backward,
        numbers=_wrapped(Value),  # it takes a plain number on the left only
    )


@engine(peers.OXIGRAD, longest=10_000)  # it recurses
def _oxigrad() -> Engine:
    from oxigrad import Activation, Value  # type: ignore[import-not-found, unused-ignore]

    return Engine(
        Value,
        Value.exp,
        _Tangents(Value).log,
        Activation.ReLU,
        Value.backward,
        zero=Value.zero_grad,
    )


@engine(peers.XAD, longest=1_000_000)
def _xad() -> Engine:
    """On one tape, which is emptied before a step that follows another."""
    from xad import adj_1st, math

    tape = adj_1st.Tape()
    tape.activate()

    class Leaf(adj_1st.Real):  # type: ignore[misc, unused-ignore]
        """An input with the number that its next one is made with; xad's own keep the number of their making."""

        __slots__ = ("data",)
        grad = property(adj_1st.Real.getDerivative)

        def __init__(self, number: float) -> None:
            super().__init__(number)
            tape.registerInput(self)
            self.data = number

    used = [True]

    def start() -> None:
        if used[0]:
            tape.newRecording()
            used[0] = False

    def backward(root: Any) -> None:
        tape.registerOutput(root)
        root.setAdjoint(1.0)
        tape.computeAdjoints()
        used[0] = True

    return Engine(
        Leaf,
        math.exp,
        math.log,
        lambda x: math.max(x, 0.0),
        backward,
        start=start,
        zero=lambda leaf: leaf.setDerivative(0.0),
        data=adj_1st.Real.getValue,
        fixed_leaves=True,
    )


# ---- array libraries, on arrays of no dimensions --------------------------------------------------------------


def _array_grad(leaf: Any) -> float:
    return 0.0 if leaf.grad is None else float(leaf.grad)


@engine(peers.TORCH, longest=100_000)
def _torch() -> Engine:
    import torch  # type: ignore[import-not-found, unused-ignore]

    def value(number: float) -> Any:
        return torch.tensor(number, dtype=torch.float64, requires_grad=True)

    def zero(leaf: Any) -> None:
        leaf.grad = None

    torch.set_num_threads(1)
    return Engine(
        value,
        torch.exp,
        torch.log,
        torch.relu,
        torch.Tensor.backward,
        zero=zero,
        data=torch.Tensor.item,
        grad=_array_grad,
    )


@engine(peers.AUTOGRAD, longest=10_000)
def _autograd() -> Engine:
    import autograd.numpy as np  # type: ignore[import-not-found, unused-ignore]
    from autograd.core import VJPNode, backward_pass  # type: ignore[import-not-found, unused-ignore]
    from autograd.numpy.numpy_boxes import ArrayBox  # type: ignore[import-not-found, unused-ignore]
    from autograd.tracer import Box  # type: ignore[import-not-found, unused-ignore]

    class Leaf(ArrayBox):  # type: ignore[misc, unused-ignore]
        """A leaf that keeps its gradient; autograd's own passes it on to the caller of ``grad``."""

        __slots__ = ("grad",)

        def __init__(self, number: float) -> None:
            super().__init__(number, 0, VJPNode.new_root())
            self.grad = 0.0
            self._node.vjp = self._keep

        def _keep(self, adjoint: Any) -> tuple[()]:
            self.grad += float(adjoint)
            return ()

        @property
        def data(self) -> float:
            return float(self._value)

        @data.setter
        def data(self, number: float) -> None:
            self._value = number  # type: ignore[misc, unused-ignore]  # ArrayBox has the slot

    Box.types.add(Leaf)
    return Engine(
        Leaf,
        np.exp,
        np.log,
        lambda x: np.maximum(x, 0.0),
        lambda root: backward_pass(1.0, root._node),
        data=lambda node: float(node._value),
    )


@engine(peers.MYGRAD, longest=10_000)
def _mygrad() -> Engine:
    import mygrad  # type: ignore[import-not-found, unused-ignore]

    return Engine(
        mygrad.tensor,
        mygrad.exp,
        mygrad.log,
        lambda x: mygrad.maximum(x, 0.0),
        mygrad.Tensor.backward,
        zero=mygrad.Tensor.null_grad,
        data=mygrad.Tensor.item,
        grad=_array_grad,
    )
