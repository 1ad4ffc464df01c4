"""The chain rule in steps: how a derivative comes about along a graph, as data, text, LaTeX and HTML.

The paths from the output back to a node are not multiplied out one by one. Nodes that every path passes cut the graph
into stages, so that the derivative is a product with one factor for each stage; within a stage it is a sum over the
paths. Each factor, and each product from the output down to there, is a *component* of the derivation. Its formula
comes from the rules' own partials, run on formulas, and is then simplified; where named nodes allow a shorter formula,
such as a for 1/(1 + exp(-z)), they are used. Nothing here knows any particular graph.
"""

from __future__ import annotations

import html
import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from microgrid._public import public
from microgrid.arithmetics.latex import number as latex_number
from microgrid.arithmetics.latex import symbol
from microgrid.core.graph import dependents, pullback, topological_order
from microgrid.core.value import Value
from microgrid.errors import DataError, InvalidValueError
from microgrid.formulas.sympy import symbol_names, sympy_formulas, sympy_package, sympy_symbols
from microgrid.util.labels import number, one_line, shortened

__all__ = ["Component", "Derivation", "Path", "explain", "plain"]

_MOST_NODES = 400  # between the output and the node, for formulas to be derived; numbers alone beyond
_MOST_OPERATIONS = 400  # of a node's formula in the named nodes below it
_MOST_SIMPLIFIED = 60  # operations of a formula that is simplified, and three times as many in one way
_MOST_TRIED = 16  # operations of one that SymPy tries everything on that it knows, which takes long
_MOST_PATHS = 8  # that are written out one by one
_MOST_STAGES = 24


# ---- what a derivation holds ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Path:
    """One path of a stage, from its upper end back to its lower end.

    Parameters
    ----------
    nodes : tuple of str
        The nodes that it passes, both ends included.
    partials : tuple of sympy.Expr
        The local derivatives along it.
    numbers : tuple of float
        The same as recorded.
    formula : sympy.Expr
        Their product.
    value : float
        The product of the numbers.
    """

    nodes: tuple[str, ...]
    partials: tuple[Any, ...]
    numbers: tuple[float, ...]
    formula: Any
    value: float


@dataclass(frozen=True, slots=True)
class Component:
    """One line of a derivation: the derivative of a node with respect to another.

    Parameters
    ----------
    of, by : str
        The two nodes.
    path_count : int
        How many paths lead from one to the other.
    paths : tuple of Path
        The paths, if they are few and this is a single stage.
    factors : tuple of str
        The derivatives whose product this is, if it is one of several stages.
    formula : sympy.Expr or None
        The sum over the paths, or the product of the factors; None in a graph that is too large.
    closed_form : sympy.Expr or None
        The same, simplified.
    value : float
        The number.
    """

    of: str
    by: str
    path_count: int
    paths: tuple[Path, ...]
    factors: tuple[str, ...]
    formula: Any
    closed_form: Any
    value: float

    @property
    def name(self) -> str:
        """The derivative, such as ``dL/da``."""
        return _quotient(self.of, self.by)


@public()
@dataclass(frozen=True, slots=True)
class Derivation:
    """The derivation of one derivative; a notebook shows it when it is a cell's last line.

    Parameters
    ----------
    output, wrt : str
        What is differentiated, and with respect to what.
    value : float
        The derivative.
    node_count : int
        How many nodes the graph has.
    path_count : int
        How many paths lead from the output back to the node; where they are more than 10^300, that number.
    through : tuple of str
        The nodes that all of them pass and that the derivation stops at.
    definitions : tuple of tuple
        The named nodes, each with its formula in the others.
    numbers : tuple of tuple
        The symbols that occur, each with its number.
    components : tuple of Component
        The factors and their products, from the output down.
    """

    output: str
    wrt: str
    value: float
    node_count: int
    path_count: int
    through: tuple[str, ...]
    definitions: tuple[tuple[str, Any], ...]
    numbers: tuple[tuple[str, float], ...]
    components: tuple[Component, ...]

    @property
    def name(self) -> str:
        """The derivative, such as ``dL/dw1``."""
        return _quotient(self.output, self.wrt)

    @property
    def closed_form(self) -> Any:
        """The simplified formula of the whole derivative, a SymPy expression; None in a graph that is too large."""
        if not self.path_count:
            return sympy_package().Integer(0)
        return self.components[-1].closed_form

    @property
    def is_summary(self) -> bool:
        """Whether the graph is too large for formulas, so that there are numbers alone."""
        return bool(self.components) and self.components[-1].formula is None

    def text(self) -> str:
        """The derivation as plain text.

        Returns
        -------
        str
            Lines.
        """
        return "\n".join(_text(self))

    def latex(self) -> str:
        r"""The derivation in LaTeX.

        Returns
        -------
        str
            An ``aligned`` environment for math mode: put it between ``\[`` and ``\]``.
        """
        return _latex(self)

    def html(self) -> str:
        """The derivation as HTML, with nothing in it that a page could mistake for its own.

        Returns
        -------
        str
            One ``<div>``, which needs neither styles nor scripts.
        """
        return _html(self)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<Derivation of {self.name}: {_paths(self.path_count)}, {self.value!r}>"

    def _repr_html_(self) -> str:
        return self.html()


# ---- explain --------------------------------------------------------------------------------------------------


@public()
def explain(output: Value, *, wrt: Value, using: Iterable[Value] = ()) -> Derivation:
    """Derive the derivative of a recorded graph with respect to one of its nodes, step by step.

    Parameters
    ----------
    output : Value
        What is differentiated.
    wrt : Value
        With respect to what: a leaf or an interior node.
    using : iterable of Value
        Named nodes outside of the graph that formulas may use: the probabilities of a loss that was written from its
        logits, for instance.

    Returns
    -------
    Derivation
        Printed, it is the derivation as text; in a notebook it shows itself.

    Raises
    ------
    InvalidValueError
        If something other than a Value is given.
    DataError
        If a node to be used has no name.
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
        if not _is_word(node.name):
            raise DataError(f"{node!r} can't be used in formulas: give it a name of letters and digits")
    sympy_package()
    return _Explainer(output, wrt, extra).derivation()


def _is_word(name: str | None) -> bool:
    """Whether a name can stand in a formula: letters, digits and _, where Python's own identifiers have · as well."""
    return name is not None and re.fullmatch(r"[^\W\d]\w*", name) is not None


class _Explainer:
    """The work of one derivation."""

    def __init__(self, output: Value, wrt: Value, extra: Sequence[Value]) -> None:
        self.output, self.wrt = output, wrt
        self.order = topological_order(output)
        self.between = dependents([output], [wrt])
        self.active = [node for node in self.order if node in self.between]
        self.landmarks = self._landmarks() if output in self.between else []
        words = [node for node in self.order if _is_word(node.name)]
        names = symbol_names([output, wrt, *extra], [output, wrt, *self.landmarks, *words, *extra])
        self.vocabulary = {node: name for node, name in names.items() if not node.is_constant}
        self.places = {node: index for index, node in enumerate(self.order)}
        self.definitions: dict[Value, Any] = {}
        self.small = len(self.active) <= _MOST_NODES and self._sizes_are_small()
        if self.small:
            self.symbols = sympy_symbols(self.vocabulary)
            self.formulas = sympy_formulas([output, *extra], self.vocabulary, everywhere=True)

    def _sizes_are_small(self) -> bool:
        sizes: dict[Value, int] = {}
        for node in self.order:
            own = 1 if node in self.vocabulary else 1 + sum([sizes[parent] for parent in node.parents])
            sizes[node] = own
            if own > 2 * _MOST_OPERATIONS:
                return False
        return True

    def derivation(self) -> Derivation:
        connected = self.output in self.between
        components = tuple(self._components(self.landmarks))
        symbols = self._symbols_in(components)
        return Derivation(
            self.label(self.output),
            self.label(self.wrt),
            components[-1].value if connected else 0.0,
            len(self.order),
            _path_counts(self.output, self.active)[self.wrt] if connected else 0,
            tuple([self.label(node) for node in self.landmarks[1:-1]]),
            tuple([(self.label(node), self._definition(node)) for node in self._defined(symbols)]),
            tuple([(self.label(node), node.data) for node in self.vocabulary if node in symbols]),
            components,
        )

    def _symbols_in(self, components: Iterable[Component]) -> set[Value]:
        """The nodes whose symbols occur, directly or in a definition of one that does, and the output."""
        if not self.small:
            return set()
        formulas = [formula for one in components for formula in (one.formula, one.closed_form)]
        free = {free for formula in formulas for free in formula.free_symbols} | {self.symbols[self.output]}
        found: set[Value] = set()
        for node in sorted(self.vocabulary, key=lambda node: self.places.get(node, len(self.order)), reverse=True):
            if self.symbols[node] in free or (node in self.between and node.op is not None):
                found.add(node)
                free |= self._definition(node).free_symbols if node.op is not None else set()
        return found

    def _defined(self, symbols: set[Value]) -> list[Value]:
        """Those that have a formula, from the output down, and then those from outside of the graph."""
        inner = [node for node in symbols if node.op is not None]
        return sorted(inner, key=lambda node: self.places.get(node, -1), reverse=True)

    def label(self, node: Value) -> str:
        """What a node is called: by its name, or by its formula if that is short."""
        if node in self.vocabulary:
            return one_line(self.vocabulary[node])
        if node.name:
            return shortened(one_line(node.name), 40)
        written = plain(self.formulas[node]) if self.small else ""
        return written if 0 < len(written) <= 24 else f"({node.op.symbol})" if node.op else number(node.data)

    # ---- stages -----------------------------------------------------------------------------------------------

    def _landmarks(self) -> list[Value]:
        """The output, the nodes that every path passes and that have a name, and the node at the end, in this order.

        Where none of them has a name and the paths are too many to be written out, all of them. Where they are too many
        as well, those at either end.
        """
        inside = [node for node in _cuts(self.active) if node is not self.output and node is not self.wrt]
        stops = [node for node in inside if _is_word(node.name)]
        if not stops and _path_counts(self.output, self.active)[self.wrt] > _MOST_PATHS:
            stops = inside
        half = _MOST_STAGES // 2
        stops = stops if len(stops) <= 2 * half else [*stops[:half], *stops[-half:]]
        return [self.output, *reversed(stops), self.wrt] if self.output is not self.wrt else [self.output]

    def _definition(self, node: Value) -> Any:
        """The formula of a named node in the names below it."""
        if node not in self.definitions:
            others = {one: name for one, name in self.vocabulary.items() if one is not node}
            self.definitions[node] = sympy_formulas([node], others)[node]
        return self.definitions[node]

    def _components(self, landmarks: Sequence[Value]) -> Iterable[Component]:
        """A component for each stage, and after each but the first the product so far."""
        if len(landmarks) == 1:
            yield self._whole(self.output, self.output)
            return
        product = None
        for upper, lower in itertools.pairwise(landmarks):
            stage = self._stage(upper, lower)
            yield stage
            product = stage if product is None else self._product(product, stage, lower)
            if product is not stage:
                yield product

    def _whole(self, upper: Value, lower: Value) -> Component:
        one = sympy_package().Integer(1)
        return Component(self.label(upper), self.label(lower), 1, (), (), one, one, 1.0)

    def _stage(self, upper: Value, lower: Value) -> Component:
        inside = dependents([upper], [lower])
        nodes = [node for node in topological_order(upper) if node in inside]
        count = _path_counts(upper, nodes)[lower]
        value = pullback(upper, through=inside)[lower]
        paths: tuple[Path, ...] = ()
        formula, closed = None, None
        if self.small:
            partials = {node: self._partials(node) for node in nodes if node is not lower}
            paths = tuple(self._paths(upper, lower, inside, partials)) if count <= _MOST_PATHS else ()
            formula = _total([path.formula for path in paths]) if paths else _adjoint(upper, lower, inside, partials)
            closed = self._closed_form(formula)
        return Component(self.label(upper), self.label(lower), count, paths, (), formula, closed, value)

    def _product(self, above: Component, stage: Component, lower: Value) -> Component:
        """The derivative of the output with respect to the lower end of a stage."""
        through = dependents([self.output], [lower])
        value = pullback(self.output, through=through)[lower]
        formula, closed = None, None
        if self.small:
            formula = above.closed_form * stage.closed_form
            closed = self._closed_form(formula)
        count = above.path_count * stage.path_count
        names = (above.name, stage.name)
        return Component(above.of, stage.by, min(count, _MOST), (), names, formula, closed, value)

    # ---- formulas ---------------------------------------------------------------------------------------------

    def _partials(self, node: Value) -> list[Any]:
        """The local derivatives of a node, as formulas."""
        from microgrid.arithmetics.sympy import SYMPY, Formula, exact

        assert node.op is not None  # only nodes above the lower end are asked
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
                yield Path(labels, formulas, numbers, _product_of(formulas), math.prod(numbers))
                continue
            last = nodes[-1]
            for parent, formula, x in reversed(list(zip(last.parents, partials[last], last.partials, strict=True))):
                if parent in inside:
                    stack.append(((*nodes, parent), (*formulas, formula), (*numbers, x)))

    def _closed_form(self, formula: Any) -> Any:
        """The shortest formula that is found: simplified, and with named nodes for what they stand for."""
        best = _simplest(formula)
        improved = True
        while improved and best.free_symbols:
            improved = False
            for candidate in self._rewritten(best):
                if _length(candidate)[0] < 0.8 * _length(best)[0]:  # for a name to be put in, it has to help
                    best, improved = candidate, True
        return best

    def _rewritten(self, formula: Any) -> Iterable[Any]:
        """The formula with a function in it expressed by the named node whose formula has that function."""
        sympy = sympy_package()
        for node in self._with_formulas() if formula.atoms(sympy.Function) else ():
            for rewritten, definition in _in_exponentials(formula, self._definition(node)):
                for function in sorted(definition.atoms(sympy.Function), key=sympy.default_sort_key):
                    mark = sympy.Dummy("t", positive=True)
                    marked = _marked(rewritten, function, mark)
                    if mark not in marked.free_symbols:
                        continue
                    solution = _solved(_marked(definition, function, mark) - self.symbols[node], mark)
                    if solution is not None:
                        yield _simplest(sympy.cancel(marked).subs(mark, solution))

    def _with_formulas(self) -> list[Value]:
        return [node for node in self.vocabulary if node.op is not None]


_MOST = 10**300


def _path_counts(upper: Value, nodes: Sequence[Value]) -> dict[Value, int]:
    """How many paths lead from the upper end to each node; no number grows beyond 10^300."""
    known = set(nodes)
    counts = dict.fromkeys(nodes, 0)
    counts[upper] = 1
    for node in reversed(nodes):
        for parent in node.parents:
            if parent in known:
                counts[parent] = min(counts[parent] + counts[node], _MOST)
    return counts


def _cuts(active: Sequence[Value]) -> list[Value]:
    """The nodes that no edge of the graph passes by, in topological order: every path goes through each of them."""
    place = {node: index for index, node in enumerate(active)}
    passing = [0] * (len(active) + 1)
    for node in active:
        for parent in node.parents:
            if parent in place:
                passing[place[parent] + 1] += 1
                passing[place[node]] -= 1
    found, passed = [], 0
    for index, node in enumerate(active):
        passed += passing[index]
        if passed == 0:
            found.append(node)
    return found


def _adjoint(upper: Value, lower: Value, inside: set[Value], partials: Mapping[Value, Sequence[Any]]) -> Any:
    """The sum over all paths of a stage, in which what paths have in common is multiplied once."""
    return pullback(upper, lambda node: partials[node], sympy_package().Integer(1), through=inside)[lower]


def _total(terms: Sequence[Any]) -> Any:
    return sympy_package().Add(*terms)


def _product_of(factors: Sequence[Any]) -> Any:
    return sympy_package().Mul(*factors)


# ---- short formulas -------------------------------------------------------------------------------------------


def _length(formula: Any) -> tuple[int, int]:
    """How long a formula is to read: operations, with functions and signs in front counted as more; then its text."""
    sympy = sympy_package()
    text = str(formula)
    signs = text.startswith("-") + text.count("(-")
    return int(formula.count_ops()) + 3 * len(formula.atoms(sympy.Function)) + signs + text.count("**"), len(text)


def _simplest(formula: Any) -> Any:
    """The shortest of a formula's usual forms."""
    sympy = sympy_package()
    operations = formula.count_ops()
    if operations > 3 * _MOST_SIMPLIFIED or formula.has(sympy.Piecewise):
        return formula
    forms = [formula]
    ways = [sympy.cancel, sympy.factor, sympy.expand, _collected, *[sympy.simplify] * (operations <= _MOST_TRIED)]
    for way in ways if operations <= _MOST_SIMPLIFIED else [sympy.factor_terms]:
        for start in forms[:2]:
            try:
                forms.append(way(start))
            except (NotImplementedError, TypeError, ValueError, AttributeError, sympy.PolynomialError):
                continue  # this form does not exist for it
    known = _kinds(formula)
    return min([form for form in [*forms, *map(_sign_moved, forms)] if _kinds(form) <= known], key=_length)


def _kinds(formula: Any) -> set[Any]:
    """The functions in a formula, so that no form brings in others: no cosh where there was an exponential."""
    return {type(one) for one in formula.atoms(sympy_package().Function)}


def _sign_moved(formula: Any) -> Any:
    """A product whose sums begin without a minus, if a sign can be moved: -a·(a - 1) is a·(1 - a)."""
    sympy = sympy_package()
    negative, factors = False, []
    for factor in sympy.Mul.make_args(formula):
        base, exponent = factor.as_base_exp()
        turned = factor == -1 or (base.is_Add and exponent in (1, -1) and str(base).startswith("-"))
        negative ^= turned
        factors.append((-base) ** exponent if turned else factor)
    for place, factor in enumerate(factors if negative else ()):
        base, exponent = factor.as_base_exp()
        if base.is_Add and exponent in (1, -1) and not str(-base).startswith("-"):
            factors[place] = (-base) ** exponent
            return sympy.Mul(*factors)
    return -sympy.Mul(*factors) if negative else sympy.Mul(*factors)


def _collected(formula: Any) -> Any:
    """Each symbol of a sum taken out of the terms that have it."""
    sympy = sympy_package()
    expanded = sympy.expand(formula)
    forms = [sympy.collect(expanded, one) for one in sorted(expanded.free_symbols, key=str)]
    return min(forms, key=_length) if forms else expanded


def _marked(formula: Any, function: Any, mark: Any) -> Any:
    """The formula with a symbol for a function in it, and one over that for the exponential's inverse."""
    sympy = sympy_package()
    marks = {function: mark}
    if isinstance(function, sympy.exp):
        marks[sympy.exp(-function.args[0])] = 1 / mark
    return formula.xreplace(marks)


def _in_exponentials(formula: Any, definition: Any) -> Iterable[tuple[Any, Any]]:
    """Both as they are, and, if they are of hyperbolic functions, both written with exp."""
    sympy = sympy_package()
    yield formula, definition
    if formula.has(sympy.cosh, sympy.sinh, sympy.tanh) and definition.has(sympy.cosh, sympy.sinh, sympy.tanh):
        yield formula.rewrite(sympy.exp), definition.rewrite(sympy.exp)


def _solved(equation: Any, mark: Any) -> Any:
    """What a positive symbol is if an expression is 0, where that is an equation in it or in its square; else None."""
    sympy = sympy_package()
    numerator = sympy.numer(sympy.together(equation))
    if not numerator.is_polynomial(mark):
        return None
    match sympy.Poly(numerator, mark).all_coeffs():
        case [slope, rest]:
            return -rest / slope
        case [slope, middle, rest] if middle == 0:
            return sympy.sqrt(-rest / slope)
    return None


# ---- text -----------------------------------------------------------------------------------------------------


def plain(formula: Any) -> str:
    """A formula in one line of text.

    Parameters
    ----------
    formula : sympy.Expr
        Any expression.

    Returns
    -------
    str
        With · for products and ^ for powers.
    """
    return one_line(str(formula).replace("**", "^").replace("*", "·"))


def _quotient(of: str, by: str) -> str:
    return "/".join([f"d{one}" if _is_word(one) else f"d({one})" for one in (of, by)])


def _paths(count: int) -> str:
    if count >= _MOST:
        return "more than 10^300 paths"
    return f"{count:,} path{'s' * (count != 1)}"


def _lead(derivation: Derivation) -> str:
    """How the paths lead, in one clause."""
    count = derivation.path_count
    through = derivation.through
    listed = " and ".join(filter(None, [", ".join(through[:-1]), *through[-1:]]))
    verb = "leads" if count == 1 else "lead"
    where = f", {'all of them ' * (count > 1)}through {listed}" if through else ""
    return f"{_paths(count)} {verb} from {derivation.output} back to {derivation.wrt}{where}"


def _notes(derivation: Derivation) -> list[str]:
    """What has to be said instead of a derivation, or beside it."""
    if not derivation.path_count:
        return [
            f"{derivation.output} does not depend on {derivation.wrt}: no path leads there, so the derivative is 0."
        ]
    notes = []
    if derivation.is_summary:
        notes.append(
            f"The graph has {derivation.node_count:,} nodes, and its formulas would be too long to be read: "
            "here are the numbers."
        )
    return notes


def _stages(derivation: Derivation) -> list[str]:
    """The derivatives whose product the whole is."""
    return [one.name for one in derivation.components if not one.factors]


def _text(derivation: Derivation) -> Iterable[str]:
    yield f"{derivation.name}, by the chain rule along the graph"
    yield ""
    for name, formula in derivation.definitions:
        yield f"  {name} = {plain(formula)}"
    if derivation.numbers:
        yield f"  at {', '.join([f'{name} = {number(x)}' for name, x in derivation.numbers])}"
    if derivation.definitions or derivation.numbers:
        yield ""
    yield from _notes(derivation)
    if not derivation.path_count:
        return
    stages = _stages(derivation)
    yield f"{_lead(derivation)}{':' if len(stages) > 1 else '.'}"
    if len(stages) > 1:
        yield f"  {derivation.name} = {' · '.join(stages)}"
    for place, component in enumerate(derivation.components, start=1):
        yield ""
        yield from _component_text(place, component)


def _component_text(place: int, component: Component) -> Iterable[str]:
    head = f"{place}. {component.name}"
    yield head + (f" = {' · '.join(component.factors)}" if component.factors else f": {_paths(component.path_count)}")
    for path in _told_paths(component):
        yield f"     {' ← '.join(path.nodes)}"
        yield f"       {' = '.join([*_path_equalities(path), number(path.value)])}"
    indent = " " * (len(component.name) + 4)
    lines = [*_equalities(component, plain), _value(component)]
    yield f"   {component.name} = {lines[0]}"
    for line in lines[1:]:
        yield f"{indent}= {line}"


def _told_paths(component: Component) -> Sequence[Path]:
    """The paths, unless the only one is a single edge, which the component itself tells."""
    edges = [len(path.partials) for path in component.paths]
    return () if edges == [1] else component.paths


def _path_equalities(path: Path) -> list[str]:
    """The local derivatives in a row, and their product if that is shorter."""
    row, product = " · ".join([_fenced(plain(one)) for one in path.partials]), plain(path.formula)
    return [product] if len(path.partials) == 1 else [row, product]


def _equalities(component: Component, write: Any) -> list[str]:
    """The formula as it came about and the closed form, where these are two."""
    if component.formula is None:
        return []
    lines = [write(component.formula), write(component.closed_form)]
    return lines[:1] if lines[0] == lines[1] else lines


def _value(component: Component) -> str:
    return repr(component.value)


def _fenced(text: str) -> str:
    """Parentheses around a factor that is a sum or begins with a sign."""
    return text if re.fullmatch(r"[\w.]+|\w+\([^()]*\)", text) else f"({text})"


# ---- LaTeX ----------------------------------------------------------------------------------------------------


def _latex(derivation: Derivation) -> str:
    rows = [f"{symbol(name)} &= {_sympys_latex(formula)}" for name, formula in derivation.definitions]
    if not derivation.path_count:
        rows.append(f"{_fraction(derivation.output, derivation.wrt)} &= 0")
    for component in derivation.components:
        lines = [*_equalities(component, _sympys_latex), latex_number(component.value)]
        factors = _factors_latex(derivation, component) if component.factors else ""
        first = f"{_fraction(component.of, component.by)} {f'= {factors} ' if factors else ''}&= {lines[0]}"
        rows += [first, *[f"&= {line}" for line in lines[1:]]]
    body = " \\\\\n".join(rows)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"


def _factors_latex(derivation: Derivation, component: Component) -> str:
    ends = {one.name: (one.of, one.by) for one in derivation.components}
    return r" \cdot ".join([_fraction(*ends[name]) for name in component.factors])


def _fraction(of: str, by: str) -> str:
    return rf"\frac{{\partial {symbol(of)}}}{{\partial {symbol(by)}}}"


def _sympys_latex(formula: Any) -> str:
    names = {one: symbol(one.name) for one in formula.free_symbols}
    return str(sympy_package().latex(formula, symbol_names=names))


# ---- HTML -----------------------------------------------------------------------------------------------------


def _html(derivation: Derivation) -> str:
    parts = [f"<p><b>{_html_quotient(derivation.output, derivation.wrt)}</b>, by the chain rule along the graph</p>"]
    if derivation.definitions:
        lines = [f"{_marked_up(name)} = {_marked_up(plain(formula))}" for name, formula in derivation.definitions]
        parts.append(f"<p>{'<br>'.join(lines)}</p>")
    if derivation.numbers:
        told = ", ".join([f"{_marked_up(name)} = {number(x)}" for name, x in derivation.numbers])
        parts.append(f"<p>at {told}</p>")
    parts += [f"<p>{html.escape(note)}</p>" for note in _notes(derivation)]
    if derivation.path_count:
        parts.append(f"<p>{html.escape(_lead(derivation))}.</p>")
        ends = {one.name: (one.of, one.by) for one in derivation.components}
        rows = [
            row
            for place, component in enumerate(derivation.components, start=1)
            for row in _html_rows(place, component, ends)
        ]
        parts.append(f"<table>{''.join(rows)}</table>")
    return f"<div>{''.join(parts)}</div>"


def _html_rows(place: int, component: Component, ends: Mapping[str, tuple[str, str]]) -> Iterable[str]:
    head = (f"{place}.", f"<b>{_html_quotient(component.of, component.by)}</b>")
    paths = _told_paths(component)
    if paths:
        yield _row(*head, f"the sum over {_paths(len(paths))}:" if len(paths) > 1 else "along the only path:", "")
        head = ("", "")
    for path in paths:
        nodes = _marked_up(" ← ".join(path.nodes))
        yield _row("", nodes, " = ".join([_marked_up(text) for text in _path_equalities(path)]), number(path.value))
    lines = [_marked_up(line) for line in _equalities(component, plain)]
    if component.factors:
        lines.insert(0, " · ".join([_html_quotient(*ends[name]) for name in component.factors]))
    yield _row(*head, "".join([f"= {line}<br>" for line in lines]).removesuffix("<br>"), _value(component))


def _row(*cells: str) -> str:
    aligned = [f'<td align="{side}" valign="top">{cell}</td>' for side, cell in zip(_SIDES, cells, strict=True)]
    return f"<tr>{''.join(aligned)}</tr>"


_SIDES = ("right", "left", "left", "right")


def _html_quotient(of: str, by: str) -> str:
    return _marked_up(_quotient(of, by).replace("d", "∂", 1).replace("/d", "/∂", 1))


def _marked_up(text: str) -> str:
    """Text as HTML: digits at the end of a name are an index, and powers stand high."""
    safe = html.escape(text, quote=False)
    safe = re.sub(r"\^(\d+)", r"<sup>\1</sup>", safe)
    return re.sub(r"(?<![\w&])([^\W\d_]+)_?(\d+)(?!\w)", r"\1<sub>\2</sub>", safe)
