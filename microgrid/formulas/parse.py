"""Formulas typed by a user, parsed safely and recorded as graphs; no input is ever executed as Python.

A formula is one or several definitions in any order, separated by ``;`` or line ends, as in mathematics::

    L = -(y*log(a) + (1 - y)*log(1 - a)); a = sigmoid(z); z = w*x + b

Allowed are numbers, names, ``+ - * / **``, comparisons as conditions, parentheses, and calls of the operations of the
rule table, by name or by symbol. The output is the definition that no other one uses.
"""

from __future__ import annotations

import ast
import difflib
import graphlib
import keyword
import math
import operator as infix
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from microgrid._public import public
from microgrid.core.engine import Value, as_value
from microgrid.core.functions import FUNCTIONS
from microgrid.core.rules import RULES
from microgrid.core.value import named
from microgrid.errors import FormulaError
from microgrid.util.wording import listed

__all__ = ["Formula", "parse", "plain", "recorded_on", "spelled"]

_CONSTANTS = {"pi": math.pi, "π": math.pi, "e": math.e}
# Signs of books and word processors; the spaces are the no-break, the thin and the narrow no-break space.
_SIGNS = {"·": "*", "⋅": "*", "×": "*", "∗": "*", "−": "-", "–": "-", "÷": "/", "≤": "<=", "≥": ">="}
_TRANSLATED = str.maketrans(_SIGNS | dict.fromkeys("\xa0\u2009\u202f", " "))
_LONGEST = 20_000  # characters, far more than a user types
_LARGEST_EXPONENT = 1_000  # of a power of two typed numbers that is worked out exactly
_EXCERPT = 60  # characters of a formula in a message

OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.Pow: "pow",
    ast.USub: "neg",
    ast.Lt: "less",
    ast.LtE: "less_equal",
}
_SWAPPED: dict[type[ast.AST], str] = {ast.Gt: "less", ast.GtE: "less_equal"}


def spelled(name: str) -> str:
    """A name as Python reads it, in Unicode's normal form NFKC: the two characters for µ become one."""
    return unicodedata.normalize("NFKC", name)


def plain(text: str) -> str:
    """A text with the signs of a keyboard: ``−`` and ``–`` become ``-``, ``≤`` becomes ``<=``, ``·`` becomes ``*``."""
    return text.translate(_TRANSLATED)


def _callables() -> dict[str, str]:
    """From the names that a formula may call to rules: the rules' names, NumPy's names, symbols, and ln."""
    known = {"ln": "log"}
    for name in FUNCTIONS:
        rule = RULES[name]
        known |= dict.fromkeys((name, *rule.aliases), name)
        if rule.symbol.isidentifier():
            known.setdefault(rule.symbol, name)
    return known


@public()  # a pickle names it so
@dataclass(frozen=True, slots=True)
class Formula:
    """A parsed formula: its definitions, and which of them is the output."""

    text: str  # as typed
    definitions: Mapping[str, ast.expr]  # from each defined name to its expression
    output: str  # its name

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names that need a number, in the order of their first use."""
        used = [name for tree in self._used() for name in _names(tree)]
        return tuple([name for name in dict.fromkeys(used) if name not in self.definitions and name not in _CONSTANTS])

    def _used(self) -> Iterator[ast.expr]:
        for name in _in_order(self.definitions, self.output):
            yield self.definitions[name]

    def record(self, /, **numbers: float) -> dict[str, Value]:
        """Record the graph: every name's node, inputs first, then definitions in the order of evaluation, output last.

        ``pi`` and ``e`` need no number, but may be given another value. A FormulaError says which input has no number,
        or which number belongs to no input.

        >>> nodes = parse("L = (a - y)**2; a = w*x").record(w=2.0, x=3.0, y=5.0)
        >>> nodes["L"].backward()
        >>> nodes["L"].data, nodes["w"].grad
        (1.0, 6.0)
        """
        return self.record_on({name: Value(numbers[name], name) for name in self.check_inputs(numbers)})

    def record_on(self, inputs: Mapping[str, Value], *, exact: bool = False) -> dict[str, Value]:
        """Record the graph on an existing Value for each input, as ``record`` does.

        ``exact`` keeps numbers that a float rounds, such as ``1/3``, ``log(2)`` and ``pi``, as typed in the graph, for
        a proof.
        """
        nodes = dict(inputs)
        for name in _in_order(self.definitions, self.output):
            result = _result(self.definitions[name], nodes, exact)
            node = result if isinstance(result, Value) else Value(result)
            nodes[name] = named(node, name) if node.name is None else node  # a = w is another name for w
        return nodes

    def evaluate(self, inputs: Mapping[str, Any]) -> Any:
        """The output at Values or plain numbers: a node if one is a Value, otherwise nothing is recorded.

        >>> parse("a**2; a = w*x").evaluate({"w": 2.0, "x": 3.0})
        36.0
        """
        known = dict(inputs)
        for name in _in_order(self.definitions, self.output):
            known[name] = _evaluate(self.definitions[name], known)
        return known[self.output]

    def check_inputs(self, numbers: Mapping[str, object]) -> list[str]:
        """The names of numbers: one for each input and no other. A FormulaError says which is missing or too many."""
        missing = [name for name in self.inputs if name not in numbers]
        if missing:
            example = listed([f"{name}=0.5" for name in missing]).replace(", ", " ")
            raise FormulaError(f"no number is given for {listed(missing)}: add {example}")
        twice = [name for name in numbers if name in self.definitions]
        if twice:
            raise FormulaError(f"{listed(twice)} is defined in the formula and given a number too: drop one of them")
        used = {name for tree in self._used() for name in _names(tree)}
        unused = [name for name in numbers if name not in used]
        if unused:
            hint = _did_you_mean(unused[0], used)
            raise FormulaError(f"{listed(unused)} has a number but does not occur in the formula{hint}")
        return list(numbers)


def parse(text: str, output: str | None = None) -> Formula:
    """Parse a formula; nothing is evaluated. A FormulaError says the place and the cause of what can't be parsed.

    The text holds definitions such as ``z = w*x + b``, or a single bare expression, which is then named ``f``. The
    output's name is needed if several definitions are used by no other.

    >>> parse("L = a**2; a = w*x + b").inputs
    ('w', 'x', 'b')
    >>> parse("__import__('os').system('ls')")
    Traceback (most recent call last):
    microgrid.FormulaError: a formula can't contain "__import__('os').system": only an operation is called, ...
    """
    definitions = _definitions(_syntax_tree(text))
    output = None if output is None else spelled(output)
    unchecked = [*reversed(definitions.values())]
    while unchecked:
        unchecked += _operands(unchecked.pop())
    if output is None:
        output = _only_output(definitions)
    elif output not in definitions:
        raise FormulaError(f"the output {_excerpt(output)!r} is not defined{_did_you_mean(output, definitions)}")
    _in_order(definitions, *definitions)  # raises if definitions form a circle
    return Formula(text, definitions, output)


def recorded_on(text: str, nodes: Mapping[str, Value]) -> Value:
    """Parse a formula and record it on existing nodes, its numbers as typed: 1/3 is a division, pi a named constant.

    >>> from microgrid import Value
    >>> recorded_on("a*(1 - a)", {"a": Value(0.5, name="a")}).data
    0.25
    """
    formula = parse(text)
    missing = [name for name in formula.inputs if name not in nodes]
    if missing:
        known = [name for name in nodes if name.isidentifier()]
        raise FormulaError(
            f"{listed(missing)} in {_excerpt(text)!r} is no name, or not the name of one node alone, in the graph"
            f"{_did_you_mean(missing[0], known)}; there are {listed(known)}"
        )
    made = dict(nodes)
    for name in _in_order(formula.definitions, formula.output):
        made[name] = as_value(_result(formula.definitions[name], made, exact=True))  # a number, and no symbol
    return made[formula.output]


def _syntax_tree(text: str) -> ast.Module:
    if not text.strip(" ;\n\t"):
        raise FormulaError("the formula is empty: type something like 'L = (w*x - y)**2'")
    if len(text) > _LONGEST:
        raise FormulaError(f"the formula has {len(text):,} characters, and {_LONGEST:,} is the most that is read")
    lines = [part.strip() for line in plain(text).splitlines() for part in line.split(";")]
    try:
        return ast.parse("\n".join([line for line in lines if line]))
    except SyntaxError as error:
        line = (error.text or "").strip()
        where = f" near {_excerpt(line, (error.offset or 1) - 1)!r}" if line else ""
        raise FormulaError(f"the formula can't be read{where}: {_hint(line) or error.msg}") from None
    except (RecursionError, MemoryError):
        raise FormulaError("the formula can't be read: it is nested too deeply; split it into definitions") from None
    except ValueError as error:
        raise FormulaError(f"the formula can't be read: {error}") from None


# Mathematical notation that Python can't parse, and the advice on how to write it.
_NOTATIONS = (
    (r"√", "a square root is written sqrt(x)"),
    (r"[²³]", "a power is written x**2"),
    (r"\|", "an absolute value is written abs(x)"),
    (rf"\b({'|'.join(keyword.kwlist)})\b", "{0!r} is a word of Python's own and can't be a name: write {0}_"),
    (rf"\b({'|'.join([*FUNCTIONS, 'ln'])})\s+(\w+)", "an operand goes in parentheses: write {0}({1})"),
    (r"(?<![\w.])(\d++\.?+\d*+(?:e[+-]?\d++)?+)\s*([^\W\d]\w*)", "a product is written with *: {0}*{1}"),
)


def _hint(text: str) -> str | None:
    """Advice on text that could not be parsed, if it has a known notation."""
    for pattern, advice in _NOTATIONS:
        if found := re.search(pattern, text):
            return advice.format(*found.groups())
    return None


def _excerpt(text: str, at: int = 0) -> str:
    """A text, or the part of a long one around a position, short enough for a message."""
    if len(text) <= _EXCERPT:
        return text
    start = max(0, min(at - _EXCERPT // 2, len(text) - _EXCERPT))
    return "…" * (start > 0) + text[start : start + _EXCERPT] + "…" * (start + _EXCERPT < len(text))


def _show(node: ast.AST) -> str:
    """An expression as source text, short enough for a message."""
    try:
        return _excerpt(ast.unparse(node))
    except RecursionError:
        return "(…)"


def _definitions(tree: ast.Module) -> dict[str, ast.expr]:
    definitions: dict[str, ast.expr] = {}
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=expression):
                pass
            case ast.Expr(value=expression):
                name = "f"
            case _:
                raise FormulaError(
                    f"a formula can't contain {_show(statement)!r}: it is made of definitions such as z = w*x + b"
                )
        if name in definitions:
            raise FormulaError(f"{_excerpt(name)!r} is defined twice: give one of the two another name")
        definitions[name] = expression
    return definitions


def _only_output(definitions: Mapping[str, ast.expr]) -> str:
    used = {name for tree in definitions.values() for name in _names(tree)}
    outputs = [name for name in definitions if name not in used]
    if not outputs:
        raise FormulaError(f"the definitions of {listed(list(definitions))} go in a circle")
    if len(outputs) > 1:
        names = listed(outputs)
        raise FormulaError(f"{names} are used by no other definition: say which is the output (--output NAME)")
    return outputs[0]


def _names(tree: ast.AST) -> list[str]:
    """The variables of an expression in reading order, without the names of called functions."""
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called]
    names.sort(key=lambda node: (node.lineno, node.col_offset))
    return [node.id for node in names]


def _in_order(definitions: Mapping[str, ast.expr], *outputs: str) -> list[str]:
    """The definitions that the outputs depend on, each after those that it uses."""
    needs: dict[str, list[str]] = {}
    waiting = list(outputs)
    while waiting:
        name = waiting.pop()
        if name in definitions and name not in needs:
            needs[name] = list(dict.fromkeys(_names(definitions[name])))
            waiting += needs[name]
    try:
        order = list(graphlib.TopologicalSorter(needs).static_order())
    except graphlib.CycleError as error:
        circle = listed([*reversed(error.args[1])]).replace(", ", " → ")
        raise FormulaError(f"the definitions go in a circle: {circle}") from None
    return [name for name in order if name in definitions]


# ---- the allowed syntax ---------------------------------------------------------------------------------------


def _operands(node: ast.expr) -> list[ast.expr]:
    """The operands of an allowed expression; an error for any other."""
    match node:
        case ast.Name():
            return []
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return []
        case ast.BinOp(left=left, op=ast.BitXor(), right=right):
            raise FormulaError(f"powers are written {_show(left)}**{_show(right)}, not with ^")
        case ast.BinOp(op=ast.BitOr()):
            raise FormulaError(f"a formula can't contain {_show(node)!r}: an absolute value is written abs(x)")
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in OPERATORS:
            return [left, right]
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            return [operand]
        case ast.Compare(left=left, ops=[operator], comparators=[right]) if type(operator) in OPERATORS | _SWAPPED:
            return [left, right]
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
            raise FormulaError(f"equality is written equal({_show(left)}, {_show(right)}), not with ==")
        case ast.Compare():
            raise FormulaError(
                f"a formula can't contain {_show(node)!r}: a comparison has two sides and one of < <= > >= between them"
            )
        case ast.Call():
            return _check_call(node)
    raise FormulaError(
        f"a formula can't contain {_show(node)!r}: allowed are numbers, names, + - * / **, comparisons "
        "and calls such as exp(x) or sum(x, y, z)"
    )


def _check_call(node: ast.Call) -> list[ast.expr]:
    known = _callables()
    if isinstance(node.func, ast.Constant):
        raise FormulaError(f"a product is written with *, as in {_show(node.func)}*(…), not {_show(node)}")
    if not isinstance(node.func, ast.Name) or node.keywords:
        raise FormulaError(
            f'a formula can\'t contain "{_show(node.func)}": only an operation is called, by its name and '
            "with operands in order"
        )
    if node.func.id not in known:
        hint = _did_you_mean(node.func.id, known)
        raise FormulaError(f"there is no operation {_excerpt(node.func.id)!r}{hint}; there are {', '.join(FUNCTIONS)}")
    rule = RULES[known[node.func.id]]
    count = len(node.args)
    if rule.arity is None:
        if count == 0 or count % len(rule.regions):
            lists = f"{len(rule.regions)} lists of one length, written one after the other"
            wanted = "one operand or more" if len(rule.regions) == 1 else lists
            raise FormulaError(f"{rule.name} takes {wanted}, not {count} operands")
    elif count != rule.arity:
        raise FormulaError(f"{rule.name} takes {rule.arity} operand{'s' * (rule.arity > 1)}, not {count}")
    return node.args


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1) if len(name) <= _EXCERPT else []
    return f" (did you mean {close[0]!r}?)" if close else ""


# ---- recording ------------------------------------------------------------------------------------------------


def _result(tree: ast.expr, nodes: Mapping[str, Value], exact: bool) -> Any:
    """The graph of a checked expression on the nodes of its names, or a float."""
    known = dict(nodes)
    if exact:
        known = {name: named(as_value(number), name) for name, number in _CONSTANTS.items()} | known
    return _evaluate(tree, known, _apply_exactly if exact else _apply)


def _apply(name: str, operands: Sequence[Any]) -> Any:
    """A rule's output, lists of operands given one after the other: a Value, or a float if no operand is a Value."""
    function: Callable[..., Any] = FUNCTIONS[name]
    rule = RULES[name]
    if rule.arity is not None:
        return function(*operands)
    length = len(operands) // len(rule.regions)
    return function(*[operands[start : start + length] for start in range(0, len(operands), length)])


def _apply_exactly(name: str, operands: Sequence[Any]) -> Any:
    """The output as a float if no operand is a Value and the float is the exact result; otherwise a Value."""
    if not any([isinstance(operand, Value) for operand in operands]):
        result = _apply(name, operands)
        if _is_exact(name, operands, result):
            return result
        operands = [as_value(operand) for operand in operands]
    return _apply(name, operands)


_EXACT: dict[str, Callable[..., Any]] = {
    name: getattr(infix, name) for name in ("add", "sub", "mul", "truediv", "neg", "pow", "lt", "le")
}


def _is_exact(name: str, operands: Sequence[float], result: float) -> bool:
    """Whether a float is the result of an operation on numbers as they are written in decimal: 0.1 is one tenth."""
    operation = _EXACT.get(RULES[name].operator or "")
    if operation is None or (name == "pow" and abs(operands[1]) > _LARGEST_EXPONENT):
        return False
    try:
        return bool(operation(*[Fraction(repr(operand)) for operand in operands]) == Fraction(repr(result)))
    except (ValueError, ZeroDivisionError):  # inf, nan, and 0 to a negative power
        return False


def _evaluate(tree: ast.expr, nodes: Mapping[str, Any], apply: Callable[[str, Sequence[Any]], Any] = _apply) -> Any:
    """A Value, or a float if no operand is a Value."""
    results: list[Any] = []
    stack: list[ast.expr | tuple[str, int]] = [tree]
    while stack:  # operands before the operation, in reading order
        match stack.pop():
            case (str(name), int(count)):
                results[len(results) - count :] = [apply(name, results[len(results) - count :])]
            case ast.Name(id=name):
                results.append(nodes[name] if name in nodes else _CONSTANTS[name])
            case ast.Constant(value=int() | float() as number):
                results.append(_number(number))
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                stack.append(operand)
            case ast.expr() as expression:
                name, operands = _operation(expression)
                stack += [(name, len(operands)), *reversed(operands)]
    return results.pop()


def _operation(tree: ast.expr) -> tuple[str, list[ast.expr]]:
    """The rule that a checked expression applies, and its operands."""
    match tree:
        case ast.UnaryOp(op=operator, operand=operand):
            return OPERATORS[type(operator)], [operand]
        case ast.BinOp(left=left, op=operator, right=right):
            return OPERATORS[type(operator)], [left, right]
        case ast.Compare(left=left, ops=[operator], comparators=[right]):
            if type(operator) in _SWAPPED:
                return _SWAPPED[type(operator)], [right, left]
            return OPERATORS[type(operator)], [left, right]
    assert isinstance(tree, ast.Call)  # the check allows nothing else
    assert isinstance(tree.func, ast.Name)
    return _callables()[tree.func.id], tree.args


def _number(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        raise FormulaError("a whole number in the formula is too large for a float (about 1.8e308)") from None
