"""``strict``: inside its block, the first infinite or nan number raises and names its node. Engines call its checks."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from microgrid._public import public
from microgrid.core.graph import pullback, topological_order
from microgrid.errors import NonFiniteError

__all__ = ["check_adjoints", "check_finite", "described", "open_blocks", "operands_described", "strict"]

Node = Any

open_blocks: list[None] = []
"""One entry for each ``strict`` block that is open in any thread; a list, because threads append and pop at once.

The engines look here first, and ask the slower context below only if there is one."""

_strict: ContextVar[bool] = ContextVar("microgrid_strict", default=False)


@public()
@contextlib.contextmanager
def strict() -> Iterator[None]:
    """Inside this block, the first infinite or nan value or derivative raises, and names its node.

    Outside of it, numbers follow IEEE 754: log 0 is -inf, 0·inf is nan, and nothing raises. What is checked is what is
    recorded and swept in the block: plain floats are not, nor is ``data`` that somebody sets. A thread started in the
    block has a context of its own, in which strict is off.

    Raises
    ------
    NonFiniteError
        Naming the node, its operation and its operands.

    Examples
    --------
    >>> import microgrid
    >>> with microgrid.strict():
    ...     microgrid.log(microgrid.Value(0.0, name="p"))
    Traceback (most recent call last):
    microgrid.NonFiniteError: log gave -inf, from p = 0.0
    """
    token = _strict.set(True)
    open_blocks.append(None)
    try:
        yield
    finally:
        open_blocks.pop()
        _strict.reset(token)


_MOST_TOLD = 8  # operands in a message
_LONGEST = 60  # characters of a name in a message


def described(node: Node) -> str:
    """A node in a message: its name, if it has one, and its number."""
    if not node.name:
        return repr(node.data)
    name = node.name if len(node.name) <= _LONGEST else f"{node.name[:_LONGEST]}…"
    return f"{name} = {node.data!r}"


def operands_described(node: Node) -> str:
    """A node's operands in a message, the first few of them."""
    told = [described(parent) for parent in node.parents[:_MOST_TOLD]]
    more = len(node.parents) - len(told)
    return ", ".join(told) + (f" and {more:,} more" if more else "")


def check_finite(node: Node) -> None:
    """Raise if strict is on in this context and the node's value or a local derivative is not finite."""
    if not _strict.get():
        return
    if not math.isfinite(node.data):
        if node.op is None:
            raise NonFiniteError(f"the leaf {described(node)} is not finite")
        raise NonFiniteError(f"{node.op.name} gave {node.data!r}, from {operands_described(node)}")
    for parent, partial in zip(node.parents, node.partials, strict=True):
        if not math.isfinite(partial):
            assert node.op is not None  # only a node with a rule has parents
            raise NonFiniteError(
                f"the derivative of {node.op.name} with respect to {described(parent)} is {partial!r}, "
                f"from {operands_described(node)}"
            )


def check_adjoints(root: Node) -> None:
    """Raise if strict is on here and a derivative of the root is not finite, before any ``grad`` is touched."""
    if not _strict.get():
        return
    adjoints = pullback(root)
    for node in reversed(topological_order(root)):
        if not math.isfinite(adjoints[node]):
            made = f"the {node.op.name} node" if node.op else "the leaf"
            raise NonFiniteError(f"the derivative with respect to {made} {described(node)} is {adjoints[node]!r}")
