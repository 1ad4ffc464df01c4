"""The sums of a reverse sweep, and where nothing arrives: a branch that wasn't taken contributes nothing, not 0·inf.

Only an edge of a choice whose partial is exactly 0 is not there; every other 0 is a number like all others. A node that
no edge reaches hands nothing on.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Hashable, Iterable
from typing import Any

from microgrid.core.rule import Rule

__all__ = ["NEVER", "Adjoints"]

NEVER: Any = object()
"""The condition of an edge that hands nothing back."""

Operation = Callable[[Any, Any], Any]


class Adjoints:
    """The adjoints of a reverse sweep, each a sum that grows, in any arithmetic.

    Where Python knows a partial, its edge is there or it isn't. Where a choice is made later (in a graph, in source
    text) or otherwise in each row, an edge has a *condition*: a number that is 0 where nothing passes; None says that
    something always does. A sum whose terms have one condition in common means nothing where that is 0. It is made 0
    there where it leaves: where it meets terms of another condition, and where somebody looks.

    The partials are numbers of the arithmetic ``m``. A sum starts from its first term, unless ``start`` is given.
    ``times`` multiplies a partial by an adjoint, and gives None where the edge contributes nothing; ``add`` adds.
    """

    def __init__(
        self, m: Any, *, start: Any = None, times: Operation = operator.mul, add: Operation = operator.add
    ) -> None:
        self.sums: dict[Hashable, Any] = {}  # from each node, or whatever stands for one
        self.conditions: dict[Hashable, list[Any]] = {}  # of the terms of each sum that is not always reached
        self._m, self._start, self._times, self._add = m, start, times, add

    def hand_back(self, node: Hashable, rule: Rule, edges: Iterable[tuple[Hashable, Any]]) -> None:
        """Hand the adjoint of a node back along its edges: pairs of an operand and a partial."""
        sums, conditions, is_choice, times = self.sums, self.conditions, rule.choice, self._times
        adjoint, condition = sums[node], self.condition(node) if conditions else None
        for operand, partial in edges:
            edge = self.edge(partial, condition) if is_choice else condition
            share = None if edge is NEVER else times(partial, adjoint)
            if share is None:
                continue
            if edge is None and operand in sums and operand not in conditions:  # most edges need no call
                sums[operand] = self._add(sums[operand], share)
            else:
                self.hand(operand, share, edge)

    def edge(self, partial: Any, condition: Any) -> Any:
        """The condition of a choice's edge, from its partial and the condition of the choice itself."""
        is_zero = self._m.equal(partial, 0.0)
        if isinstance(is_zero, bool):
            return NEVER if is_zero else condition
        return partial if condition is None else self._m.where(is_zero, 0.0, condition)

    def hand(self, node: Hashable, share: Any, condition: Any = None) -> None:
        """Add a term that an edge with this condition hands back."""
        if node not in self.sums:
            self.sums[node] = share if self._start is None else self._add(self._start, share)
            if condition is not None:
                self.conditions[node] = [condition]
            return
        total, known = self.sums[node], self.conditions.get(node)
        if known is None:
            share = self._masked(share, condition)
        elif len(known) > 1 or known[0] is not condition:
            total, share = self.of(node), self._masked(share, condition)
            if condition is None:
                del self.conditions[node]
            else:
                known.append(condition)
        self.sums[node] = self._add(total, share)

    def condition(self, node: Hashable) -> Any:
        """A number that is 0 where nothing arrived at the node; None if something always does."""
        first, *others = self.conditions.get(node, (None,))
        for other in others:
            first = self._m.where(self._m.equal(first, 0.0), other, first)
        return first

    def of(self, node: Hashable) -> Any:
        """The adjoint of a node; 0.0 where nothing arrived."""
        known = self.conditions.get(node, ())
        return self._masked(self.sums.get(node, 0.0), known[0] if len(known) == 1 else None)

    def _masked(self, number: Any, condition: Any) -> Any:
        return number if condition is None else self._m.where(self._m.equal(condition, 0.0), 0.0, number)
