"""Whether a recorded graph's leaves still have the numbers that it was recorded at; engines know nothing of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from microgrid.core.engine import Value, recorder
from microgrid.core.strictness import operands_described
from microgrid.errors import DataError

__all__ = ["check_unchanged"]


def check_unchanged(order: Iterable[Value]) -> None:
    """Raise if the ``data`` of a leaf was set since the graph was recorded, and a node would be another one now.

    What differentiates a recorded graph takes numbers from leaves and from nodes: they have to be of one recording. The
    DataError names the first node that doesn't fit its leaves, and them.

    >>> from microgrid import Value, exp
    >>> x = Value(3.0, name="x")
    >>> y = exp(x)
    >>> x.data = 0.0
    >>> check_unchanged([x, y])
    Traceback (most recent call last):
    microgrid.DataError: exp of x = 0.0 was recorded as 20.085536923187668 and is 1.0 now: ...
    """
    for node in order:
        rule, parents = node.op, node.parents
        if rule is None or all([parent.op is not None or parent.is_constant for parent in parents]):
            continue
        again = recorder(rule)(*parents)
        if again.data == node.data and again.partials == node.partials:
            continue
        if not _same((node.data, *node.partials), (again.data, *again.partials)):
            told = f"was recorded as {node.data!r} and is {again.data!r} now"
            if _same((node.data,), (again.data,)):
                told = f"was recorded with the derivatives {node.partials} and has {again.partials} now"
            raise DataError(
                f"{rule.name} of {operands_described(node)} {told}: the data of a leaf was changed since the graph "
                "was recorded. Record it anew, or set the data back"
            )


def _same(numbers: Sequence[float], others: Sequence[float]) -> bool:
    return all([x == y or (x != x and y != y) for x, y in zip(numbers, others, strict=True)])
