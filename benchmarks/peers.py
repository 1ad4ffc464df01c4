"""The engines that are compared, each behind the same few names; what they are asked to do stands in ``works``.

A peer is entered by a function that imports it. One that can't be imported is listed as such in the table. Each peer
is imported, measured and weighed in processes of its own, so that it may set there what it needs.
"""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from benchmarks.slotted import Slotted

__all__ = ["ENVIRONMENT", "NATIVE", "PEERS", "PYTHON", "SLOTTED", "Peer", "load", "version_of"]


def _zero(leaf: Any) -> None:
    leaf.grad = 0.0


def _as_they_are(numbers: Sequence[float]) -> Sequence[Any]:
    return numbers


_data = operator.attrgetter("data")
_grad = operator.attrgetter("grad")
_relu = operator.methodcaller("relu")


@dataclass(frozen=True)
class Peer:
    """An engine in the words that the works use. Operators are its own.

    Parameters
    ----------
    name : str
        What the table calls it.
    Value, exp, log, relu, backward : callable
        Its leaf, its functions and its reverse pass from a root.
    power : callable
        A node to the power of a plain number.
    numbers : callable
        What an expression takes for a row of plain numbers: the numbers themselves, unless the peer needs them wrapped.
    zero : callable
        Resets the gradient of a leaf.
    data, grad : callable
        A node's number and a leaf's gradient, as floats.
    MLP : callable or None
        Its own multi-layer perceptron, where it has one with micrograd's signature.
    dot, sum, logsumexp, softplus : callable or None
        Its own fused operations, where it has them.
    module : str or None
        What is imported, to time that.
    distribution : str or None
        What is installed, to tell its version.
    longest : int
        The longest chain that it is asked to differentiate.
    """

    name: str
    Value: Callable[[float], Any]
    exp: Callable[[Any], Any]
    log: Callable[[Any], Any]
    relu: Callable[[Any], Any]
    backward: Callable[[Any], None]
    power: Callable[[Any, float], Any] = operator.pow
    numbers: Callable[[Sequence[float]], Sequence[Any]] = _as_they_are
    zero: Callable[[Any], None] = _zero
    data: Callable[[Any], float] = _data
    grad: Callable[[Any], float] = _grad
    MLP: Callable[[int, list[int]], Any] | None = None
    dot: Callable[[Iterable[Any], Iterable[Any]], Any] | None = None
    sum: Callable[[Iterable[Any]], Any] | None = None
    logsumexp: Callable[[Iterable[Any]], Any] | None = None
    softplus: Callable[[Any], Any] | None = None
    module: str | None = None
    distribution: str | None = None
    longest: int = sys.maxsize


NATIVE, PYTHON, SLOTTED = "microgrid (native)", "microgrid (Python)", "slotted class"

PEERS: dict[str, Callable[[], Peer]] = {}
"""Every peer by its name, as the function that imports it. The first is what the others are compared with."""

ENVIRONMENT = {NATIVE: {"MICROGRID_ENGINE": "native"}, PYTHON: {"MICROGRID_ENGINE": "python"}}
"""What a peer's processes find in their environment."""


def peer(name: str) -> Callable[[Callable[[], Peer]], Callable[[], Peer]]:
    """Enter the decorated function into the registry."""

    def register(function: Callable[[], Peer]) -> Callable[[], Peer]:
        PEERS[name] = function
        return function

    return register


def load(name: str) -> Peer | str:
    """Import a peer.

    Parameters
    ----------
    name : str
        A name in the registry.

    Returns
    -------
    Peer or str
        The peer; if it can't be imported, why not.
    """
    try:
        return PEERS[name]()
    except ModuleNotFoundError:
        return "not installed"
    except ImportError as error:
        return f"import failed: {error}"


def version_of(peer: Peer) -> str:
    """The version of the peer's distribution, or the empty string."""
    try:
        return version(peer.distribution) if peer.distribution else ""
    except PackageNotFoundError:
        return ""


# ---- microgrid, by its two engines ----------------------------------------------------------------------------


def _microgrid(name: str, engine: str) -> Peer:
    import microgrid
    from microgrid import nn

    if getattr(microgrid, "engine", "python") != engine:
        raise ImportError(f"this installation has no {engine} engine")
    return Peer(
        name,
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
        module="microgrid",
        distribution="microgrid-autodiff",
    )


@peer(NATIVE)
def _native() -> Peer:
    return _microgrid(NATIVE, "native")


@peer(PYTHON)
def _python() -> Peer:
    return _microgrid(PYTHON, "python")


# ---- a class written by hand ----------------------------------------------------------------------------------


@peer(SLOTTED)
def _slotted() -> Peer:
    return Peer(SLOTTED, Slotted, Slotted.exp, Slotted.log, _relu, Slotted.backward, longest=1_000_000)


# ---- scalar engines -------------------------------------------------------------------------------------------


@peer("micrograd")
def _micrograd() -> Peer:
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

    longest = 10_000
    sys.setrecursionlimit(max(sys.getrecursionlimit(), 2 * longest))  # its backward recurses along the chain
    return Peer(
        "micrograd",
        Value,
        exp,
        log,
        _relu,
        Value.backward,
        MLP=MLP,
        module="micrograd.engine",
        distribution="micrograd",
        longest=longest,
    )


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


@peer("minigrad")
def _minigrad() -> Peer:
    from minigrad.engine import Value  # type: ignore[import-not-found, unused-ignore]
    from minigrad.nn import MLP  # type: ignore[import-not-found, unused-ignore]

    _keep_none_alive()
    tangents = _Tangents(Value)
    return Peer(
        "minigrad",
        Value,
        tangents.exp,
        tangents.log,
        _relu,
        Value.backward,
        tangents.power,  # its own frees the exponent too often
        numbers=_wrapped(Value),  # a plain number beside a node crashes it
        MLP=MLP,
        module="minigrad.engine",
        distribution="minigrad",
        longest=100_000,  # it recurses in C
    )


def _keep_none_alive() -> None:
    """Lend None references enough for every leaf that minigrad frees: it gives one back that it never took.

    From Python 3.12 on None is immortal and needs no such loan.
    """
    import ctypes

    if sys.version_info < (3, 12):
        ctypes.c_ssize_t.from_address(id(None)).value += 1 << 40


@peer("micrograd-rust")
def _micrograd_rust() -> Peer:
    from micrograd_rust import Value  # type: ignore[import-not-found, unused-ignore]

    tangents = _Tangents(Value)
    return Peer(
        "micrograd-rust",
        Value,
        Value.exp,
        tangents.log,
        tangents.relu,
        Value.backward,
        numbers=_wrapped(Value),  # it takes a plain number on the left only
        module="micrograd_rust",
        distribution="micrograd-rust",
        longest=10_000,  # it recurses
    )


@peer("oxigrad")
def _oxigrad() -> Peer:
    from oxigrad import Activation, Value  # type: ignore[import-not-found, unused-ignore]

    return Peer(
        "oxigrad",
        Value,
        Value.exp,
        _Tangents(Value).log,
        Activation.ReLU,
        Value.backward,
        zero=Value.zero_grad,
        module="oxigrad",
        distribution="oxigrad",
        longest=10_000,  # it recurses
    )


# ---- array libraries, on arrays of no dimensions --------------------------------------------------------------


def _array_grad(leaf: Any) -> float:
    return 0.0 if leaf.grad is None else float(leaf.grad)


@peer("torch")
def _torch() -> Peer:
    import torch  # type: ignore[import-not-found, unused-ignore]

    def value(number: float) -> Any:
        return torch.tensor(number, dtype=torch.float64, requires_grad=True)

    def zero(leaf: Any) -> None:
        leaf.grad = None

    torch.set_num_threads(1)
    return Peer(
        "torch",
        value,
        torch.exp,
        torch.log,
        torch.relu,
        torch.Tensor.backward,
        zero=zero,
        data=torch.Tensor.item,
        grad=_array_grad,
        module="torch",
        distribution="torch",
        longest=100_000,
    )


@peer("autograd")
def _autograd() -> Peer:
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
    return Peer(
        "autograd",
        Leaf,
        np.exp,
        np.log,
        lambda x: np.maximum(x, 0.0),
        lambda root: backward_pass(1.0, root._node),
        data=lambda node: float(node._value),
        module="autograd",
        distribution="autograd",
        longest=10_000,
    )


@peer("mygrad")
def _mygrad() -> Peer:
    import mygrad  # type: ignore[import-not-found, unused-ignore]

    return Peer(
        "mygrad",
        mygrad.tensor,
        mygrad.exp,
        mygrad.log,
        lambda x: mygrad.maximum(x, 0.0),
        mygrad.Tensor.backward,
        zero=mygrad.Tensor.null_grad,
        data=mygrad.Tensor.item,
        grad=_array_grad,
        module="mygrad",
        distribution="mygrad",
        longest=10_000,
    )
