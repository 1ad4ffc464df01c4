r"""LaTeX as a number system: the result of a rule is its text, with parentheses where operands need them.

>>> from microgrid.arithmetics.latex import LATEX, Text
>>> a, y = Text("a"), Text("y")
>>> (1.0 - y) * LATEX.log(1.0 - a)
\left(1 - y\right) \cdot \ln\left(1 - a\right)
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from microgrid.core.arithmetic import FLOAT, PLAIN, Arithmetic
from microgrid.core.rule import Pair, Rule
from microgrid.core.rules import EVERY_RULE, RULES
from microgrid.core.source import Infix

__all__ = ["LATEX", "Text", "number", "symbol"]

# Binding strengths, from the weakest to the strongest.
_SUM, _PRODUCT, _POWER, _ATOM = range(4)

_GREEK = (
    *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu"),
    *("xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"),
)
_LETTERS = dict(zip("αβγδεζηθικλμνξπρστυφχψω", _GREEK, strict=True))
_SPECIAL = {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}


def number(x: float) -> str:
    """A number in LaTeX with all of its digits.

    >>> print(number(2.0), number(-0.1), number(1e-12))
    2 -0.1 10^{-12}
    """
    if not math.isfinite(x):
        return r"\mathrm{nan}" if math.isnan(x) else r"\infty" if x > 0 else r"-\infty"
    mantissa, e, exponent = repr(x).removesuffix(".0").partition("e")
    if not e:
        return mantissa
    power = f"10^{{{int(exponent)}}}"
    return {"1": power, "-1": f"-{power}"}.get(mantissa, rf"{mantissa} \cdot {power}")


def symbol(name: str) -> str:
    r"""A name in LaTeX, with digits at its end as a subscript and names of Greek letters as letters.

    Text that is not a plain name is set upright, with every character special to LaTeX or HTML escaped.

    >>> print(symbol("w1"), symbol("x_12"), symbol("alpha"), symbol("loss"), symbol("50 %"))
    w_{1} x_{12} \alpha \mathrm{loss} \text{50 \%}
    """
    plain = re.fullmatch(r"([^\W\d_]+)_?(\w*)", name)
    if plain is None or "_" in plain[2] or (plain[2] and not plain[2].isalnum()):
        return rf"\text{{{''.join([_escaped(letter) for letter in name])}}}"
    letters, index = plain[1], plain[2]
    letters = _LETTERS.get(letters, letters)
    if letters in _GREEK:
        letters = rf"\{letters}"
    elif len(letters) > 1 or not letters.isascii():
        letters = rf"\mathrm{{{letters}}}" if letters.isascii() else rf"\text{{{letters}}}"
    return f"{letters}_{{{index}}}" if index else letters


def _escaped(letter: str) -> str:
    if letter in "&%$#_{}":
        return f"\\{letter}"
    if not letter.isprintable():
        return " " if letter.isspace() else "�"
    return {"<": r"\textless{}", ">": r"\textgreater{}"}.get(letter) or _SPECIAL.get(letter, letter)


class Text(Infix):
    """A formula in LaTeX, with the binding strength of its outermost operation; by default that of a symbol.

    It keeps its pieces, which are strings and formulas, and joins them when ``text`` is asked for: a deep formula that
    were joined at each operation would take the square of its length.
    """

    __slots__ = ("begins_with_minus", "binding", "pieces")

    def __init__(self, *pieces: str | Text, binding: int = _ATOM) -> None:
        self.pieces, self.binding = pieces, binding
        first = next((piece for piece in pieces if piece), "")
        self.begins_with_minus: bool = first.begins_with_minus if isinstance(first, Text) else first.startswith("-")

    @property
    def text(self) -> str:
        """The whole formula."""
        joined: list[str] = []
        waiting: list[str | Text] = [self]
        while waiting:
            piece = waiting.pop()
            if isinstance(piece, Text):
                waiting += reversed(piece.pieces)
            else:
                joined.append(piece)
        return "".join(joined)

    @classmethod
    def of(cls, thing: Any) -> Text:
        """A plain number as a formula; a formula is returned unchanged."""
        if isinstance(thing, Text):
            return thing
        text = number(float(thing))
        return cls(text, binding=_SUM if text.startswith("-") else _PRODUCT if "^" in text else _ATOM)

    def __repr__(self) -> str:
        return self.text

    def infix(self, operator: str, left: Any, right: Any) -> Text:
        """One of the four operators, as its rule writes it."""
        if operator == "*":
            return _product(left, right)
        return _written(RULES[{"+": "add", "-": "sub", "/": "div"}[operator]], left, right)

    def __neg__(self) -> Text:
        return _written(RULES["neg"], self)


def _product(left: Any, right: Any) -> Text:
    """A product. A plain factor of 1 from a rule is omitted, and one of -1 becomes a sign."""
    for factor, other in ((left, right), (right, left)):
        if type(factor) is float and factor in (1.0, -1.0):
            return Text.of(other) if factor == 1.0 else -Text.of(other)
    return _written(RULES["mul"], left, right)


# ---- parentheses around operands in a rule's text --------------------------------------------------------------

_MARKS = "\ue000\ue001\ue002\ue003\ue004"  # placeholders of the operands while a text is analysed
_NAMES = ("x", "y", "z", "xs", "ys")


@functools.cache
def _marked(latex: str) -> str:
    return latex.format(**dict(zip(_NAMES, _MARKS, strict=True)))


@functools.cache
def _level(text: str) -> int:
    """The binding strength of a text, by its operations outside of all braces and delimiters."""
    outside, depth = [], 0
    for piece in re.findall(r"\\left|\\right|\\[a-zA-Z]+|.", text, flags=re.DOTALL):
        depth -= piece in ("}", r"\right")
        outside.append(piece if depth == 0 else "")
        depth += piece in ("{", r"\left")
    joined = "".join(outside)
    if joined.startswith("-") or re.search(r" [+-] ", joined):
        return _SUM
    if r"\cdot" in joined:
        return _PRODUCT
    return _POWER if "^" in joined or joined.startswith(r"\frac") else _ATOM


def _group(text: str, position: int) -> tuple[str, str]:
    """The text before and after a position within the innermost braces or delimiters around it."""
    depth, start = 0, position
    while start and not (depth == 0 and text[start - 1] in "{([|,"):
        start -= 1
        depth += (text[start] in "})]") - (text[start] in "{([")
    depth, stop = 0, position + 1
    while stop < len(text) and not (depth == 0 and text[stop] in "})],|"):
        depth += (text[stop] in "{([") - (text[stop] in "})]")
        stop += 1
    return text[start:position], text[position + 1 : stop]


@functools.cache
def _required(text: str, position: int) -> int:
    """The binding strength that an operand in this position needs to go without parentheses."""
    before, after = _group(text, position)
    if after.startswith("^"):
        return _ATOM
    if r"\cdot" in before + after or before.rstrip().endswith("-"):
        return _PRODUCT
    return _SUM


def _written(rule: Rule, *operands: Any) -> Text:
    """The rule's text with the operands filled in."""
    text = _marked(rule.latex)
    if rule.arity is None:
        length = len(operands) // len(rule.regions)
        starts = [group * length for group in range(len(rule.regions))]
        fillings = {
            _MARKS[3 + group]: _list(rule, operands[start : start + length]) for group, start in enumerate(starts)
        }
    else:
        fillings = {_MARKS[index]: Text.of(operand) for index, operand in enumerate(operands)}
    pieces: list[str | Text] = []
    for position, letter in enumerate(text):
        pieces += _fitted(fillings[letter], text, position) if letter in fillings else letter
    return Text(*pieces, binding=_level(text))


def _list(rule: Rule, operands: tuple[Any, ...]) -> Text:
    """A list of operands: terms of a sum with + between them, others with commas."""
    texts = [Text.of(operand) for operand in operands]
    if rule.name == "sum":
        total = texts[0] if texts else Text("0")
        for term in texts[1:]:
            total = total + term
        return total
    return Text(*[piece for text in texts for piece in (", ", text)][1:])


def _fitted(operand: Text, text: str, position: int) -> Sequence[str | Text]:
    first = not _group(text, position)[0].strip()
    if operand.binding < _required(text, position) or (operand.begins_with_minus and not first):
        return r"\left(", operand, r"\right)"
    return (operand,)


# ---- the arithmetic -------------------------------------------------------------------------------------------


def _compared(name: str, sign: str) -> Callable[[Any, Any], Any]:
    def compare(x: Any, y: Any) -> Any:
        if isinstance(x, Text) or isinstance(y, Text):
            return Text(Text.of(x), f" {sign} ", Text.of(y))
        return bool(getattr(PLAIN, name)(x, y))

    return compare


def _choose(truth: Any, then: Any, otherwise: Any) -> Any:
    if isinstance(truth, bool):
        return then if truth else otherwise
    between = Text(" & ", truth, r" \\ ")
    return Text(r"\begin{cases} ", Text.of(then), between, Text.of(otherwise), r" & \text{otherwise} \end{cases}")


class _Latex(Arithmetic):
    """LaTeX. A rule's value is its text; its partials are computed on texts."""

    def __init__(self) -> None:
        comparisons = {"less": "<", "less_equal": r"\le", "equal": "="}
        offered = {name: _compared(name, sign) for name, sign in comparisons.items()}
        super().__init__("LaTeX", exact=True, pi=Text(r"\pi"), inf=Text(r"\infty"), where=_choose, **offered)
        for name in EVERY_RULE.keys() - offered.keys() - {"where"}:
            setattr(self, name, functools.partial(_function, EVERY_RULE[name]))

    def bind(self, rule: Rule) -> Pair:
        return functools.partial(_written, rule), super().bind(rule)[1]


def _function(rule: Rule, *operands: Any) -> Any:
    if any([isinstance(operand, Text) for operand in operands]):
        return _written(rule, *operands)
    return FLOAT.bind(rule)[0](*operands)


LATEX = _Latex()
"""Formulas in LaTeX, from the texts in the rule table."""
