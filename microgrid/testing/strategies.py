"""Hypothesis strategies: points for functions and rules, random expressions over the rule table, and their graphs.

By default every operand lies inside the region in which its rule is regular; ``awkward`` and ``tails`` add others. A
failing test shows an ``Expression`` with few operations and plain numbers, which can be pasted into a script; making
and calling one needs no Hypothesis.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from numbers import Number
from typing import TYPE_CHECKING, Any

from microgrid._public import public
from microgrid.checking.points import Interval, coordinates
from microgrid.core.arithmetic import FLOAT
from microgrid.core.engine import Value
from microgrid.core.graph import topological_order
from microgrid.core.rule import Region, Rule
from microgrid.core.rules import RULES
from microgrid.errors import DataError, MissingPackageError
from microgrid.formulas.parse import OPERATORS, parse

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["Expression", "Graph", "expressions", "graphs", "points"]

_NAMES = "xyzuvw"
_LONGEST_LIST = 3  # operands of each list of an n-ary rule
_UNUSED_WEIGHT, _INPUT_WEIGHT = 8, 4  # of an unused result and of a new input, in the choice of an operand
_AWKWARD = (0.0, -0.0, math.inf, -math.inf, math.nan)
_FAINT = 1e-6  # relative to the ends of an interval around 0: smaller numbers are drawn as 0
_BESIDE = 1e-6  # distance from a kink at which a jump is looked for
_JUMP = 1e-3


# ---- expressions ------------------------------------------------------------------------------------------------


@public("microgrid.testing")
class Expression:
    """A formula with a number for each input: drawn by ``expressions``, shown by a failing test.

    Called with Values it records a graph; with plain numbers it returns a number; with arrays of either, an array.

    Parameters
    ----------
    formula : str
        In the syntax of ``microgrid.formulas.parse``.
    **point : float
        A number for each input.

    Attributes
    ----------
    formula : str
        The formula.
    inputs : tuple of str
        The inputs' names, in the order of the arguments.
    point : dict
        The number of each input.

    Raises
    ------
    FormulaError
        If the formula can't be parsed, or the numbers don't match its inputs.

    Examples
    --------
    >>> from microgrid import check_gradients
    >>> from microgrid.testing.strategies import Expression
    >>> expression = Expression("t = exp(x); t * y + t", x=0.0, y=2.0)
    >>> expression(0.0, 4.0), expression.operations
    (5.0, ('exp', 'mul', 'add'))
    >>> bool(check_gradients(expression, expression.point))
    True
    """

    __name__ = "f"  # a check calls its derivatives df/dx

    def __init__(self, formula: str, /, **point: float) -> None:
        self._parsed = parse(formula)
        self._parsed.check_inputs(point)
        self.formula = formula
        self.inputs = self._parsed.inputs
        self.point = {name: float(point[name]) for name in self.inputs}
        parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in self.inputs]
        self.__signature__ = inspect.Signature(parameters)

    def __call__(self, /, *numbers: Any, **named: Any) -> Any:
        """The expression at other numbers, Values or arrays of either, in the order of ``inputs`` or by name."""
        given = self.__signature__.bind(*numbers, **named).arguments
        if not any([hasattr(number, "ndim") and not isinstance(number, Number) for number in given.values()]):
            return self._parsed.evaluate(given)
        import numpy

        rows = numpy.broadcast(*given.values(), 0.0)
        results = [self._parsed.evaluate(dict(zip(given, row, strict=False))) for row in rows]
        kind = object if any([isinstance(result, Value) for result in results]) else float
        return numpy.array(results, dtype=kind).reshape(rows.shape)

    def __repr__(self) -> str:
        numbers = [f", {name}={_source(number)}" for name, number in self.point.items()]
        return f"Expression({self.formula!r}{''.join(numbers)})"

    def __str__(self) -> str:
        return self.formula

    def __eq__(self, other: object) -> bool:
        return repr(self) == repr(other) if isinstance(other, Expression) else NotImplemented

    def __hash__(self) -> int:
        return hash(repr(self))

    @cached_property
    def operations(self) -> tuple[str, ...]:
        """The name of each operation's rule, in the order of recording."""
        return tuple([node.op.name for node in topological_order(self.record().output) if node.op])

    def record(self) -> Graph:
        """The graph at the expression's own point.

        Returns
        -------
        Graph
            A new recording.

        Examples
        --------
        >>> from microgrid.testing.strategies import Expression
        >>> graph = Expression("x * y", x=2.0, y=3.0).record()
        >>> graph.output.backward()
        >>> graph.leaves["x"].grad
        3.0
        """
        nodes = self._parsed.record(**self.point)
        return Graph(self, nodes[self._parsed.output], {name: nodes[name] for name in self.inputs})


def _source(number: float) -> str:
    return repr(number) if math.isfinite(number) else f"float({str(number)!r})"


# Not a dataclass, of which Hypothesis would show the fields instead of the repr.
@public("microgrid.testing")
class Graph:
    """A recorded expression.

    Parameters
    ----------
    expression : Expression
        The expression.
    output : Value
        Its result.
    leaves : dict
        From each input's name to its leaf.
    """

    __slots__ = ("expression", "leaves", "output")

    def __init__(self, expression: Expression, output: Value, leaves: dict[str, Value]) -> None:
        self.expression, self.output, self.leaves = expression, output, leaves

    def __repr__(self) -> str:
        return f"{self.expression!r}.record()"


# ---- strategies -------------------------------------------------------------------------------------------------


def _hypothesis() -> Any:
    try:
        from hypothesis import strategies
    except ImportError as error:
        raise MissingPackageError(
            "these strategies are Hypothesis's, which is not installed: pip install 'microgrid-autodiff[testing]'"
        ) from error
    return strategies


@public("microgrid.testing")
def points(at: Any = None, /, *, tails: bool = False, **named: Any) -> SearchStrategy[Any]:
    """Points for a function, or operands for a rule of the table.

    Parameters
    ----------
    at : Interval, tuple, dict, array, str or Rule
        A point as for ``check_gradients``, with an ``Interval`` in place of each number to be drawn; or a rule, or its
        name, whose operands are drawn from inside the regions in which it is regular.
    tails : bool, default False
        For a rule: draw from the extreme operands of its regions too.
    **named : Interval
        The arguments by name, instead of ``at``.

    Returns
    -------
    SearchStrategy
        A strategy for points in the structure of ``at``; for dicts of named arguments; for tuples of operands of a
        rule.

    Raises
    ------
    DataError
        If there is nothing to draw from, or no rule of that name.
    MissingPackageError
        Without Hypothesis.

    Examples
    --------
    >>> from hypothesis import given
    >>> from microgrid import Interval, assert_gradients, exp, log
    >>> from microgrid.testing.strategies import points
    >>> @given(points(w=Interval(-2, 2), x=Interval(0.1, 4)))
    ... def test_gradient(point):
    ...     assert_gradients(lambda w, x: exp(-w * x) * log(x), point)
    >>> test_gradient()
    """
    if (at is None) == (not named):
        raise DataError("points are drawn from one argument or from named ones, such as points(x=Interval(-1, 1))")
    strategies = _hypothesis()
    if isinstance(at, str | Rule):
        return _operands_of(_rule(at) if isinstance(at, str) else at, tails=tails)
    template = named if at is None else at
    found, build = coordinates(template, "")
    leaves = [leaf for _, leaf in found]
    if not any([isinstance(leaf, Interval) for leaf in leaves]):
        raise DataError(f"there is no Interval in {template!r} to draw from")
    if tails:
        raise DataError("tails=True is for a rule of the table: an Interval has none")
    numbers = [_within(leaf) if isinstance(leaf, Interval) else strategies.just(float(leaf)) for leaf in leaves]
    strategy: SearchStrategy[Any] = strategies.tuples(*numbers).map(build)
    return strategy


@public("microgrid.testing")
def expressions(
    *,
    max_operations: int = 8,
    max_inputs: int = 4,
    operations: Iterable[str] | None = None,
    smooth: bool = False,
    awkward: bool = False,
) -> SearchStrategy[Expression]:
    """Random expressions over the rule table, each with a point.

    Parameters
    ----------
    max_operations : int, default 8
        The most operations of an expression. Examples shrink to one.
    max_inputs : int, default 4
        The most inputs.
    operations : iterable of str, optional
        The names of the rules to draw from; by default the whole table.
    smooth : bool, default False
        Exclude the rules whose value or slope jumps at a kink: abs, relu, maximum, comparisons and others.
    awkward : bool, default False
        Draw 0, -0.0, infinities, nan and the tails of each region too, and allow operands outside of the regions.

    Returns
    -------
    SearchStrategy
        A strategy for ``Expression``. Unless ``awkward``, every operand lies inside the region of its rule.

    Raises
    ------
    DataError
        If an option is invalid, or no rule is left.
    MissingPackageError
        Without Hypothesis.

    Examples
    --------
    >>> from hypothesis import find, settings
    >>> from microgrid.testing.strategies import expressions
    >>> def is_large(expression):
    ...     return expression(**expression.point) > 1.0
    >>> find(expressions(operations=["exp"], max_operations=2), is_large, settings=settings(derandomize=True))
    Expression('exp(x)', x=1.0)
    """
    for name, most in (("max_operations", max_operations), ("max_inputs", max_inputs)):
        if isinstance(most, bool) or not isinstance(most, int) or most < 1:
            raise DataError(f"{name} is a whole number from 1, not {most!r}")
    rules = [_rule(name) for name in (RULES if operations is None else operations)]
    if smooth:
        rules = [rule for rule in rules if not _jumps(rule)]
    if not rules:
        raise DataError("no operation is left to draw from" + ": none of those named is smooth" * smooth)
    draft = _hypothesis().composite(_drawn)
    strategy: SearchStrategy[Expression] = draft(rules, max_operations, max_inputs, awkward)
    return strategy


@public("microgrid.testing")
def graphs(
    *,
    max_operations: int = 8,
    max_inputs: int = 4,
    operations: Iterable[str] | None = None,
    smooth: bool = False,
    awkward: bool = False,
) -> SearchStrategy[Graph]:
    """Random recorded graphs: the output and the leaves of a random expression.

    Parameters
    ----------
    max_operations, max_inputs, operations, smooth, awkward
        As for ``expressions``.

    Returns
    -------
    SearchStrategy
        A strategy for ``Graph``, each a new recording.

    Examples
    --------
    >>> from hypothesis import find, settings
    >>> from microgrid.testing.strategies import graphs
    >>> find(graphs(operations=["neg"]), lambda graph: "x" in graph.leaves, settings=settings(derandomize=True))
    Expression('-x', x=0.0).record()
    """
    drawn = expressions(
        max_operations=max_operations, max_inputs=max_inputs, operations=operations, smooth=smooth, awkward=awkward
    )
    # With drawn.map(Expression.record), Hypothesis would show a call of a function named record.
    strategy: SearchStrategy[Graph] = _hypothesis().composite(lambda draw: draw(drawn).record())()
    return strategy


def _rule(name: str) -> Rule:
    if name in RULES:
        return RULES[name]
    close = difflib.get_close_matches(str(name), RULES, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    raise DataError(f"there is no rule {name!r} in the table{hint}; there are {', '.join(RULES)}")


def _jumps(rule: Rule) -> bool:
    """Whether the rule's value or its slope differs on the two sides of a kink, both finite."""
    return any(
        [
            _jumps_along(rule, kink.at, index)
            for kink in rule.kinks
            for index, region in enumerate(rule.regions)
            if not region.constant
        ]
    )


def _jumps_along(rule: Rule, at: Sequence[float], index: int) -> bool:
    value, partials = FLOAT.bind(rule)
    found = []
    for move in (-_BESIDE, 0.0, _BESIDE):
        moved = [*at[:index], at[index] + move, *at[index + 1 :]]
        out = value(*moved)
        found.append((out, partials(out, *moved)[index]))
    (left, slope), (middle, _), (right, other) = found
    is_real = all(map(math.isfinite, (left, slope, right, other)))
    return is_real and max(map(abs, (other - slope, right - middle, left - middle))) > _JUMP


# ---- numbers ----------------------------------------------------------------------------------------------------


def _within(interval: Interval) -> SearchStrategy[float]:
    """The numbers of a closed interval, with its spacing."""
    if interval.spacing == "uniform":
        return _floats(interval.low, interval.high)
    sign = math.copysign(1.0, interval.low)
    ends = sorted([math.log(abs(interval.low)), math.log(abs(interval.high))])
    sizes: SearchStrategy[float] = _hypothesis().floats(*ends)
    return sizes.map(lambda size: min(max(sign * math.exp(size), interval.low), interval.high))


def _inside(region: Region) -> SearchStrategy[float]:
    """The numbers of the open interval in which a rule is regular."""
    inside = _floats(region.low, region.high, exclude_min=True, exclude_max=True)
    if region.low < 0.0 < region.high:
        return inside
    least = math.copysign(_FAINT, region.low + region.high) * max(abs(region.low), abs(region.high))
    return inside.map(lambda x: x or least)  # an end that is 0 lies outside


@cache
def _operands_in(region: Region, awkward: bool) -> SearchStrategy[float]:
    """Numbers for an operand of an expression; cached, since making a strategy takes longer than drawing from it."""
    if not awkward:
        return _inside(region)
    extreme: SearchStrategy[float] = _hypothesis().sampled_from(_AWKWARD + region.tails)
    return _inside(region) | extreme


def _floats(low: float, high: float, **more: bool) -> SearchStrategy[float]:
    """Floats, without those that are tiny relative to the interval, which need tests of their own: they become 0."""
    faint = _FAINT * max(abs(low), abs(high)) if low <= 0.0 <= high else 0.0
    drawn: SearchStrategy[float] = _hypothesis().floats(low, high, **more)
    return drawn.map(lambda x: x if abs(x) >= faint else 0.0)


def _operands_of(rule: Rule, *, tails: bool) -> SearchStrategy[tuple[float, ...]]:
    strategies = _hypothesis()

    def row(length: int) -> Any:
        numbers = [_inside(region) for region in rule.regions for _ in range(length)]
        if tails:
            extreme = [strategies.sampled_from(region.tails) for region in rule.regions for _ in range(length)]
            numbers = list(map(strategies.one_of, numbers, extreme))
        return strategies.tuples(*numbers)

    operands: SearchStrategy[tuple[float, ...]]
    operands = row(1) if rule.arity is not None else strategies.integers(1, _LONGEST_LIST).flatmap(row)
    return operands


# ---- drawing an expression ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Node:
    """A node of a draft: an operation, an input or a constant."""

    data: float
    op: Rule | None = None
    parents: tuple[_Node, ...] = ()
    is_input: bool = False


_INPUT, _CONSTANT = "input", "constant"


class _Draft:
    """An expression while it is drawn: its nodes, which are candidates for operands of the next operation."""

    def __init__(self, draw: Callable[[Any], Any], max_inputs: int, *, awkward: bool) -> None:
        self._draw, self._max_inputs, self._awkward = draw, max_inputs, awkward
        self.inputs: list[_Node] = []
        self.operations: list[_Node] = []
        self._unused: list[_Node] = []

    def add(self, rule: Rule) -> None:
        """Add an operation, whose operands are drawn; nothing if none fits and there are as many inputs as may be."""
        strategies = _hypothesis()
        length = 1 if rule.arity is not None else self._draw(strategies.integers(1, _LONGEST_LIST))
        regions = [region for region in rule.regions for _ in range(length)]
        last = max([index for index, region in enumerate(regions) if not region.constant])
        operands: list[_Node] = []
        for index, region in enumerate(regions):
            fixed = index == last and (all(map(_is_constant, operands)) or rule.constant_form is not None)
            operand = self._operand(region, may_be_constant=not fixed)
            if operand is None:
                return
            operands.append(operand)
        result = _Node(FLOAT.bind(rule)[0](*[operand.data for operand in operands]), rule, tuple(operands))
        self.operations.append(result)
        self._unused = [node for node in self._unused if node not in operands] + [result]

    def _operand(self, region: Region, *, may_be_constant: bool) -> _Node | None:
        """An input or a result that lies in the region, or a number drawn from it; None if none of these is allowed."""
        if region.constant:
            return _Node(self._draw(_operands_in(region, False)))
        strategies = _hypothesis()
        inputs = [node for node in self.inputs if self._fits(node, region)]
        results = [node for node in self.operations if self._fits(node, region)]
        new: list[Any] = [_INPUT] * _INPUT_WEIGHT if len(self.inputs) < self._max_inputs else []
        new += [_CONSTANT] if may_be_constant else []
        unused = [node for node in results if node in self._unused]
        options = [*inputs, *new, *results, *_UNUSED_WEIGHT * unused]
        if not options and self.operations:
            return None
        options = options or [_INPUT]  # the first operation is always added
        chosen = options[self._draw(strategies.integers(0, len(options) - 1))]
        # Drawn in any case, so that shrinking can remove an operation together with its numbers.
        number = self._draw(_operands_in(region, self._awkward))
        if isinstance(chosen, _Node):
            return chosen
        if chosen == _CONSTANT:
            return _Node(number if math.isfinite(number) else 0.0)  # formulas have no infinite constants
        node = _Node(number, is_input=True)
        self.inputs.append(node)
        return node

    def _fits(self, node: _Node, region: Region) -> bool:
        return self._awkward or region.low < node.data < region.high


def _is_constant(node: _Node) -> bool:
    return node.op is None and not node.is_input


def _drawn(
    draw: Callable[[Any], Any], rules: Sequence[Rule], max_operations: int, max_inputs: int, awkward: bool
) -> Expression:
    strategies = _hypothesis()
    draft = _Draft(draw, max_inputs, awkward=awkward)
    operation = strategies.composite(lambda draw: draft.add(draw(strategies.sampled_from(rules))))
    draw(strategies.lists(operation(), min_size=1, max_size=max_operations))
    # Of results with equally large graphs take the last, so that shrinking can remove those before it.
    order = max(map(topological_order, reversed(draft.operations)), key=len)
    inputs = {node: _input_name(index) for index, node in enumerate([node for node in order if node.is_input])}
    return Expression(_written(order, inputs), **{name: node.data for node, name in inputs.items()})


# ---- writing an expression ----------------------------------------------------------------------------------------

_SIGNS = {name: sign for sign, name in OPERATORS.items()}


def _input_name(index: int) -> str:
    return _NAMES[index] if index < len(_NAMES) else f"x{index + 1}"


def _written(order: Sequence[_Node], inputs: Mapping[_Node, str]) -> str:
    """The formula, in which results that are used several times are definitions and all others are nested."""
    uses = Counter([parent for node in order for parent in node.parents])
    trees: dict[_Node, ast.expr] = {node: ast.Name(name) for node, name in inputs.items()}
    lines: list[str] = []
    for node in order:
        tree = trees.get(node) or _tree(node, [trees[parent] for parent in node.parents])
        if node.op is not None and uses[node] > 1:
            name = f"t{len(lines) + 1}"
            lines.append(f"{name} = {ast.unparse(tree)}")
            tree = ast.Name(name)
        trees[node] = tree
    return "; ".join([*lines, ast.unparse(trees[order[-1]])])


def _tree(node: _Node, operands: list[ast.expr]) -> ast.expr:
    if node.op is None:
        return _number_tree(node.data)
    function = _function_of(node.op)
    sign = _SIGNS.get(function)
    if sign is None:
        return ast.Call(ast.Name(function), operands, [])
    if issubclass(sign, ast.cmpop):
        return ast.Compare(operands[0], [sign()], operands[1:])
    if issubclass(sign, ast.unaryop):
        return ast.UnaryOp(sign(), *operands)
    assert issubclass(sign, ast.operator)
    return ast.BinOp(operands[0], sign(), operands[1])


def _function_of(rule: Rule) -> str:
    """The name of the function that records a rule, which for a constant form is the general rule's."""
    general = [other.name for other in RULES.values() if other.constant_form == rule.name]
    return (general or [rule.name])[0]


def _number_tree(number: float) -> ast.expr:
    size = ast.Constant(abs(number))
    return ast.UnaryOp(ast.USub(), size) if math.copysign(1.0, number) < 0.0 else size
