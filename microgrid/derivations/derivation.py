"""The derivation of a derivative by the chain rule, step by step along any recorded graph.

The paths from the output back to a node are not multiplied out one by one. Nodes that lie on every path cut the graph
into stages: the derivative is a product with one factor per stage, and each factor is a sum over the paths of its
stage. Each factor, and each product from the output down to a stage, is a *component* of the derivation. Its formula
comes from the rules' partials, run on formulas, and is simplified; named nodes are used where they shorten it, such as
a for 1/(1 + exp(-z)).
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from microgrid._public import public
from microgrid.core.changes import check_unchanged
from microgrid.core.engine import Value
from microgrid.core.graph import dependents, pullback, topological_order
from microgrid.core.rule import Rule
from microgrid.derivations.render import Derivation, plain
from microgrid.derivations.simplify import closed_form, is_readable
from microgrid.derivations.steps import MOST_COUNTED, Component, Path, is_word
from microgrid.errors import DataError, InvalidValueError
from microgrid.formulas.names import symbol_names
from microgrid.formulas.sympy import sympy_formulas, sympy_package, sympy_symbols
from microgrid.util.budget import BudgetSpentError, CallBudget
from microgrid.util.labels import number, one_line, shortened

__all__ = ["explain"]

_MOST_NODES = 400  # nodes between the output and the input, beyond which a derivation has numbers alone
_MOST_OPERATIONS = 400  # operations of one node's formula, beyond which a derivation has numbers alone
_MOST_PATHS = 8  # paths that are written out one by one
_MOST_STAGES = 24
_MOST_CALLS = 3_000_000  # of Python functions in SymPy, for a whole derivation: some 5 s
_TOO_LONG = "its formula would be too long to be read"
_UNFINISHED = "SymPy was stopped here, since it takes too long"


@public()
def explain(output: Value, *, wrt: Value, using: Iterable[Value] = ()) -> Derivation:
    """Derive the derivative of a recorded graph with respect to one of its nodes, step by step.

    Numbers beside formulas are those that the graph was recorded at, and its leaves have to have them still.

    Parameters
    ----------
    output : Value
        The node to differentiate.
    wrt : Value
        The node to differentiate with respect to, a leaf or an interior node.
    using : iterable of Value, default ()
        Named nodes outside of the graph that formulas may use, for instance the probabilities of a loss that was
        computed from logits.

    Returns
    -------
    Derivation
        Prints as text, and is typeset by a notebook.

    Raises
    ------
    InvalidValueError
        If an argument is not a Value.
    DataError
        If a node of ``using`` has no name that can be a symbol, or the ``data`` of a leaf was changed since the graph
        was recorded.
    MissingPackageError
        If SymPy is not installed.

    Examples
    --------
    >>> from microgrid import Value, explain, named, sigmoid
    >>> w, x = Value(0.5, name="w"), Value(2.0, name="x")
    >>> z = named(w * x, "z")
    >>> print(explain(named(sigmoid(z) ** 2, "L"), wrt=w))
    dL/dw, by the chain rule along the graph
    <BLANKLINE>
      L = (1 + exp(-z))^(-2)
      z = w·x
      at w = 0.5, x = 2, z = 1, L = 0.5344
    <BLANKLINE>
    1 path leads from L back to w, through z:
      dL/dw = dL/dz · dz/dw
    <BLANKLINE>
    1. dL/dz: 1 path
    ...
    """
    extra = list(using)
    for node in (output, wrt, *extra):
        if not isinstance(node, Value):
            raise InvalidValueError(f"a derivation is of the graph of a Value, with respect to a Value, not {node!r}")
    for node in extra:
        if not is_word(node.name):
            raise DataError(f"{node!r} can't be used in formulas: give it a name of letters and digits")
    sympy_package()
    check_unchanged(topological_order(output, wrt, *extra))
    return _Explainer(output, wrt, extra).derivation()


class _Explainer:
    """The work of one derivation: the cuts of the graph, the formulas of its nodes, the components."""

    def __init__(self, output: Value, wrt: Value, extra: Sequence[Value]) -> None:
        self.output, self.wrt = output, wrt
        self.all = topological_order(output, wrt, *extra)  # the output's graph comes first, up to the output
        self.order = self.all[: self.all.index(output) + 1]
        self.between = dependents([output], [wrt], self.order)
        self.active = [node for node in self.order if node in self.between]
        self.stage_ends = self._stage_ends() if output in self.between else []
        words = [node for node in self.order if is_word(node.name)]
        names = symbol_names(self.all, [output, wrt, *self.stage_ends, *words, *_compared(self.order), *extra])
        self.names = {node: name for node, name in names.items() if not node.is_constant}
        self.positions = {node: index for index, node in enumerate(self.order)}
        self.definitions: dict[Value, Any] = {}
        self.budget = CallBudget(_MOST_CALLS)
        self.small = len(self.active) <= _MOST_NODES and self._sizes_are_small() and self._write_formulas(extra)

    def _write_formulas(self, extra: Sequence[Value]) -> bool:
        """Whether the nodes' formulas and definitions could each be written within a third of the budget."""
        self.symbols = sympy_symbols(self.names)
        try:
            write = functools.partial(sympy_formulas, names=self.names, everywhere=True)
            self.formulas = self.budget.run(write, [self.output, *extra], most=_MOST_CALLS // 3)
            self.budget.run(list, self._definitions(), most=_MOST_CALLS // 3)
        except BudgetSpentError:
            return False
        return True

    def _sizes_are_small(self) -> bool:
        sizes: dict[Value, int] = {}
        for node in self.order:
            own = 1 if node in self.names else 1 + sum([sizes[parent] for parent in node.parents])
            sizes[node] = own
            if own > 2 * _MOST_OPERATIONS:
                return False
        return True

    def derivation(self) -> Derivation:
        connected = self.output in self.between
        components = tuple(self._components(self.stage_ends))
        symbols = self._symbols_in(components)
        return Derivation(
            self.label(self.output),
            self.label(self.wrt),
            components[-1].value if connected else 0.0,
            len(self.order),
            _path_counts(self.output, self.active)[self.wrt] if connected else 0,
            tuple([self.label(node) for node in self.stage_ends[1:-1]]),
            tuple([(self.label(node), formula) for node, formula in self._defined(symbols)]),
            tuple([(self.label(node), node.data) for node in self.names if node in symbols]),
            components,
        )

    def _symbols_in(self, components: Iterable[Component]) -> set[Value]:
        """The output and the nodes whose symbols occur in a formula or in the definition of such a node."""
        if not self.small:
            return set()
        formulas = [formula for one in components if one.formula for formula in (one.formula, one.closed_form)]
        free = {free for formula in formulas for free in formula.free_symbols} | {self.symbols[self.output]}
        found: set[Value] = set()
        for node in sorted(self.names, key=lambda node: self.positions.get(node, len(self.order)), reverse=True):
            if self.symbols[node] in free or (node in self.between and node.op is not None):
                found.add(node)
                free |= self._definition(node).free_symbols if node.op is not None else set()
        return found

    def _defined(self, symbols: set[Value]) -> Iterable[tuple[Value, Any]]:
        """The nodes with a short definition: those of the graph from the output down, then those from outside of it."""
        inner = [node for node in symbols if node.op is not None]
        for node in sorted(inner, key=lambda node: self.positions.get(node, -1), reverse=True):
            formula = self._definition(node)
            if is_readable(formula):
                yield node, formula

    def label(self, node: Value) -> str:
        """A node's name, or its formula if that is short, or its operation."""
        if node in self.names:
            return one_line(self.names[node])
        if node.name:
            return shortened(one_line(node.name), 40)
        written = plain(self.formulas[node]) if self.small and is_readable(self.formulas[node], 24) else ""
        return written if 0 < len(written) <= 24 else f"({node.op.symbol})" if node.op else number(node.data)

    # ---- stages -----------------------------------------------------------------------------------------------

    def _stage_ends(self) -> list[Value]:
        """The ends of the stages from the output down: the output, the named nodes on every path, and ``wrt``.

        If none has a name and there are too many paths to write out, all nodes on every path. If there are too many
        of these, the first and the last ones.
        """
        inside = [node for node in _dominators(self.active) if node is not self.output and node is not self.wrt]
        stops = [node for node in inside if is_word(node.name)]
        if not stops and _path_counts(self.output, self.active)[self.wrt] > _MOST_PATHS:
            stops = inside
        half = _MOST_STAGES // 2
        stops = stops if len(stops) <= 2 * half else [*stops[:half], *stops[-half:]]
        return [self.output, *reversed(stops), self.wrt] if self.output is not self.wrt else [self.output]

    def _definition(self, node: Value) -> Any:
        """The formula of a named node in the names below it."""
        if node not in self.definitions:
            others = {one: name for one, name in self.names.items() if one is not node}
            self.definitions[node] = sympy_formulas([node], others)[node]
        return self.definitions[node]

    def _components(self, stage_ends: Sequence[Value]) -> Iterable[Component]:
        """A component for each stage, and after each but the first one for the product so far."""
        if len(stage_ends) == 1:
            label, one = self.label(self.output), sympy_package().Integer(1)
            yield Component(label, label, 1, (), (), one, one, 1.0)
            return
        product = None
        for upper, lower in itertools.pairwise(stage_ends):
            stage = self._stage(upper, lower)
            yield stage
            product = stage if product is None else self._product(product, stage, lower)
            if product is not stage:
                yield product

    def _stage(self, upper: Value, lower: Value) -> Component:
        nodes = self._between(upper, lower)
        inside = set(nodes)
        count = _path_counts(upper, nodes)[lower]
        value = pullback(upper, through=inside, order=nodes)[lower]
        component = Component(self.label(upper), self.label(lower), count, (), (), None, None, value)
        if not self.small:
            return component
        try:
            paths, formula = self.budget.run(self._stage_formula, upper, lower, nodes, count)
        except BudgetSpentError:
            return replace(component, note=_UNFINISHED)
        return self._simplified(replace(component, paths=paths, formula=formula))

    def _simplified(self, component: Component) -> Component:
        """The component with a closed form; without any formula if it is too long."""
        if not is_readable(component.formula):
            return replace(component, paths=(), formula=None, note=_TOO_LONG)
        closed, finished = closed_form(component.formula, self._definitions, self.budget)
        return replace(component, closed_form=closed, note="" if finished else _UNFINISHED)

    def _stage_formula(
        self, upper: Value, lower: Value, nodes: Sequence[Value], count: int
    ) -> tuple[tuple[Path, ...], Any]:
        """The paths of a stage, if they are few, and its formula."""
        sympy = sympy_package()
        inside = set(nodes)
        partials = {node: self._partials(node) for node in nodes if node is not lower}
        if count <= _MOST_PATHS:
            paths = tuple(self._paths(upper, lower, inside, partials))
            return paths, sympy.Add(*[path.formula for path in paths])
        # Factors that paths have in common are multiplied once. The lower end has no partials of its own here.
        one, above = sympy.Integer(1), nodes[1:]
        adjoints = pullback(upper, partials.__getitem__, one, through=inside, wanted=[lower], order=above)
        return (), adjoints[lower]

    def _product(self, above: Component, stage: Component, lower: Value) -> Component:
        """The derivative of the output with respect to the lower end of a stage."""
        nodes = self._between(self.output, lower)
        value = pullback(self.output, through=set(nodes), order=nodes)[lower]
        count = min(above.path_count * stage.path_count, MOST_COUNTED)
        names = (above.name, stage.name)
        component = Component(above.of, stage.by, count, (), names, None, None, value)
        if above.formula is None or stage.formula is None:
            return component
        return self._simplified(replace(component, formula=above.closed_form * stage.closed_form))

    def _between(self, upper: Value, lower: Value) -> list[Value]:
        """The nodes on the paths between two ends of stages: a run of ``active``, since every path passes both."""
        return self.active[self.active.index(lower) : self.active.index(upper) + 1]

    # ---- formulas ---------------------------------------------------------------------------------------------

    def _partials(self, node: Value) -> list[Any]:
        """The local derivatives of a node as formulas."""
        from microgrid.arithmetics.sympy import SYMPY, Formula, exact

        assert node.op is not None  # every node above the lower end depends on it
        _, partials = SYMPY.bind(node.op)
        operands = [Formula(self.formulas[parent]) for parent in node.parents]
        return [exact(slope) for slope in partials(Formula(self.formulas[node]), *operands)]

    def _paths(
        self, upper: Value, lower: Value, inside: set[Value], partials: Mapping[Value, Sequence[Any]]
    ) -> Iterable[Path]:
        """Every path of a stage."""
        stack: list[tuple[tuple[Value, ...], tuple[Any, ...], tuple[float, ...]]] = [((upper,), (), ())]
        while stack:
            nodes, formulas, numbers = stack.pop()
            if nodes[-1] is lower:
                labels = tuple([self.label(node) for node in nodes])
                yield Path(labels, formulas, numbers, sympy_package().Mul(*formulas), math.prod(numbers))
                continue
            last = nodes[-1]
            for parent, formula, x in reversed(list(zip(last.parents, partials[last], last.partials, strict=True))):
                if parent in inside:
                    stack.append(((*nodes, parent), (*formulas, formula), (*numbers, x)))

    def _definitions(self) -> Iterable[tuple[Any, Any]]:
        """The symbol of each named node with its formula in the others."""
        for node in self.names:
            if node.op is not None:
                yield self.symbols[node], self._definition(node)


def _compared(order: Sequence[Value]) -> Iterable[Value]:
    """The interior nodes that are compared with something: SymPy takes very long where a condition has conditions."""
    for node in order:
        if node.op is not None and _has_choices(node.op):
            yield from [parent for parent in node.parents if parent.op is not None]


@functools.cache
def _has_choices(rule: Rule) -> bool:
    """Whether an operation's formula, or that of a partial, depends on how its operands compare."""
    from microgrid.arithmetics.sympy import SYMPY, Formula, exact

    sympy = sympy_package()
    operands = [Formula(sympy.Dummy(real=True)) for _ in range(rule.arity or len(rule.regions))]
    value, partials = SYMPY.bind(rule)
    out = value(*operands)
    formulas = [one for one in (out, *partials(out, *operands)) if isinstance(one, Formula)]
    return any([exact(one).has(sympy.Piecewise) for one in formulas])


def _path_counts(upper: Value, nodes: Sequence[Value]) -> dict[Value, int]:
    """The number of paths from the upper end to each node, 10^300 at most."""
    known = set(nodes)
    counts = dict.fromkeys(nodes, 0)
    counts[upper] = 1
    for node in reversed(nodes):
        for parent in node.parents:
            if parent in known:
                counts[parent] = min(counts[parent] + counts[node], MOST_COUNTED)
    return counts


def _dominators(active: Sequence[Value]) -> list[Value]:
    """The nodes that no edge bypasses, in topological order: each lies on every path from the output to the input."""
    position = {node: index for index, node in enumerate(active)}
    passing = [0] * (len(active) + 1)
    for node in active:
        for parent in node.parents:
            if parent in position:
                passing[position[parent] + 1] += 1
                passing[position[node]] -= 1
    found, passed = [], 0
    for index, node in enumerate(active):
        passed += passing[index]
        if passed == 0:
            found.append(node)
    return found
