"""The engine that a careful programmer writes in an afternoon; what it is compared with stands in ``peers``."""

from __future__ import annotations

import math

__all__ = ["Slotted"]


class Slotted:
    """A scalar with slots and stored partials; no closures, no recursion, and no more than the works need."""

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

    def __truediv__(self, other: Slotted | float) -> Slotted:
        if not isinstance(other, Slotted):
            other = Slotted(other)
        out = self.data / other.data
        return Slotted(out, (self, other), (1.0 / other.data, -out / other.data))

    __radd__ = __add__
    __rmul__ = __mul__

    def __neg__(self) -> Slotted:
        return Slotted(-self.data, (self,), (-1.0,))

    def __pow__(self, exponent: float) -> Slotted:
        return Slotted(self.data**exponent, (self,), (exponent * self.data ** (exponent - 1.0),))

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
        order = self.interior()
        self.grad = 1.0
        for node in reversed(order):
            adjoint = node.grad
            for parent, partial in zip(node.parents, node.partials):  # noqa: B905  # a check here would cost time
                parent.grad += partial * adjoint

    def interior(self) -> list[Slotted]:
        """Every node with operands that this one depends on, parents before children."""
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
        return order
