"""The engines that are compared, each behind the same few names; what they are asked to do stands in ``works``.

A peer is entered by a function that imports it. One that can't be imported is listed as such in the table.
"""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

__all__ = ["PEERS", "Peer", "Slotted", "load", "version_of"]


def _zero(leaf: Any) -> None:
    leaf.grad = 0.0


def _read(number: Any) -> float:
    return float(number)


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
    zero : callable
        Resets the gradient of a leaf.
    read : callable
        Makes a float of its ``data`` or ``grad``.
    MLP : callable or None
        Its own multi-layer perceptron, where it has one with micrograd's signature.
    dot, softplus : callable or None
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
    zero: Callable[[Any], None] = _zero
    read: Callable[[Any], float] = _read
    MLP: Callable[[int, list[int]], Any] | None = None
    dot: Callable[[Any, Any], Any] | None = None
    softplus: Callable[[Any], Any] | None = None
    module: str | None = None
    distribution: str | None = None
    longest: int = sys.maxsize


PEERS: dict[str, Callable[[], Peer]] = {}
"""Every peer by its name, as the function that imports it. The first is what the others are compared with."""


def peer(name: str) -> Callable[[Callable[[], Peer]], Callable[[], Peer]]:
    """Enter the decorated function into the registry."""

    def register(function: Callable[[], Peer]) -> Callable[[], Peer]:
        PEERS[name] = function
        return function

    return register


def load(names: list[str]) -> tuple[list[Peer], dict[str, str]]:
    """Import peers by name.

    Parameters
    ----------
    names : list of str
        Names in the registry.

    Returns
    -------
    tuple
        The peers that could be imported, and for each of the others why not.
    """
    peers, missing = [], {}
    for name in names:
        try:
            peers.append(PEERS[name]())
        except ImportError as error:
            missing[name] = "not installed" if isinstance(error, ModuleNotFoundError) else f"import failed: {error}"
    return peers, missing


def version_of(peer: Peer) -> str:
    """The version of the peer's distribution, or the empty string.

    Parameters
    ----------
    peer : Peer
        Any peer.

    Returns
    -------
    str
        As its packagers write it.
    """
    try:
        return version(peer.distribution) if peer.distribution else ""
    except PackageNotFoundError:
        return ""


@peer("microgrid")
def _microgrid() -> Peer:
    import microgrid
    from microgrid import nn

    return Peer(
        "microgrid",
        microgrid.Value,
        microgrid.exp,
        microgrid.log,
        _relu,
        microgrid.Value.backward,
        MLP=nn.MLP,
        dot=microgrid.dot,
        softplus=microgrid.softplus,
        module="microgrid",
        distribution="microgrid-autodiff",
    )


# ---- a class written by hand ----------------------------------------------------------------------------------


class Slotted:
    """The engine that a careful programmer writes in an afternoon: slots, stored partials, no closures, no recursion.

    Parameters
    ----------
    data : float
        The number.
    parents : tuple of Slotted
        The operands.
    partials : tuple of float
        The local derivative for each operand.
    """

    __slots__ = ("data", "grad", "parents", "partials")

    def __init__(self, data: float, parents: tuple[Slotted, ...] = (), partials: tuple[float, ...] = ()) -> None:
        self.data = data
        self.grad = 0.0
        self.parents = parents
        self.partials = partials

    def __add__(self, other: Slotted | float) -> Slotted:
        if not isinstance(other, Slotted):
            other = Slotted(other)
        return Slotted(self.data + other.data, (self, other), (1.0, 1.0))

    def __sub__(self, other: Slotted | float) -> Slotted:
        if not isinstance(other, Slotted):
            other = Slotted(other)
        return Slotted(self.data - other.data, (self, other), (1.0, -1.0))

    def __rsub__(self, other: float) -> Slotted:
        return Slotted(other) - self

    def __mul__(self, other: Slotted | float) -> Slotted:
        if not isinstance(other, Slotted):
            other = Slotted(other)
        return Slotted(self.data * other.data, (self, other), (other.data, self.data))

    __radd__ = __add__
    __rmul__ = __mul__

    def __neg__(self) -> Slotted:
        return Slotted(-self.data, (self,), (-1.0,))

    def exp(self) -> Slotted:
        """The exponential function."""
        out = math.exp(self.data)
        return Slotted(out, (self,), (out,))

    def log(self) -> Slotted:
        """The natural logarithm."""
        return Slotted(math.log(self.data), (self,), (1.0 / self.data,))

    def relu(self) -> Slotted:
        """The number if it is positive, otherwise 0."""
        return Slotted(self.data, (self,), (1.0,)) if self.data > 0.0 else Slotted(0.0, (self,), (0.0,))

    def backward(self) -> None:
        """Add to each node's ``grad`` the derivative of this one with respect to it."""
        order: list[Slotted] = []
        seen: set[Slotted] = set()
        stack: list[Slotted | None] = [self]
        while stack:
            node = stack.pop()
            if node is None:
                done = stack.pop()
                assert done is not None
                order.append(done)
            elif node.parents and node not in seen:
                seen.add(node)
                stack += (node, None)
                stack += node.parents
        self.grad = 1.0
        for node in reversed(order):
            adjoint = node.grad
            for parent, partial in zip(node.parents, node.partials):  # noqa: B905  # a check here would cost time
                parent.grad += partial * adjoint


@peer("slotted class")
def _slotted() -> Peer:
    return Peer("slotted class", Slotted, Slotted.exp, Slotted.log, _relu, Slotted.backward)


# ---- packages -------------------------------------------------------------------------------------------------


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
        zero,
        module="torch",
        distribution="torch",
        longest=100_000,
    )
