"""An arithmetic whose numbers are pieces of source code: a rule that runs on them writes its own code.

What the statements are put into, a function for a user or an engine's operation, is decided elsewhere.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from microgrid.core.arithmetic import FLOAT, PLAIN, Arithmetic
from microgrid.core.ieee import Ieee
from microgrid.core.rules import EVERY_RULE

__all__ = ["PYTHON", "C", "Infix", "Language", "List", "Source", "Term"]


@dataclass(frozen=True, slots=True)
class Language:
    """How a programming language writes what the rules are made of."""

    name: str  # what it is called in messages
    calls: dict[str, str]  # from a function of an arithmetic to a call of it, with {} for the operands
    choice: str  # with {truth}, {then} and {otherwise}
    assignment: str  # with {name} and {text}
    infinity: str  # this and nan are no literals
    nan: str


_LIBM = (
    *("exp", "expm1", "log", "log1p", "sqrt", "pow", "sin", "cos", "tan", "asin", "acos", "atan", "atan2"),
    *("hypot", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "erfc"),
    *("log2", "log10", "exp2", "cbrt", "floor", "fmod", "copysign", "fma"),
)

C = Language(
    name="C",
    calls={name: f"{name}({{}})" for name in _LIBM} | {"abs": "fabs({})"},
    choice="{truth} ? {then} : {otherwise}",
    assignment="double {name} = {text};",
    infinity="INFINITY",
    nan="NAN",
)
"""C99 with ``math.h``."""

PYTHON = Language(
    name="Python",
    calls={name: f"m_{name}({{}})" for name in (*_LIBM, "abs")},
    choice="{then} if {truth} else {otherwise}",
    assignment="{name} = {text}",
    infinity="inf",
    nan="nan",
)
"""Python, with the functions of an arithmetic of floats under the names ``m_exp``, ``m_log`` and so on."""

NUMPY = Language(
    name="NumPy",
    calls={
        **{name: f"np.{name}({{}})" for name in (*_LIBM, "abs")},
        **{f"a{name}": f"np.arc{name}({{}})" for name in ("sin", "cos", "tan", "tan2", "sinh", "cosh", "tanh")},
        "pow": "np.power({})",
        **{name: f"np.vectorize(math.{name})({{}})" for name in ("erf", "erfc")},  # NumPy has none of these
        "fma": "np.vectorize(fma)({})",
    },
    choice="np.where({truth}, {then}, {otherwise})",
    assignment="{name} = {text}",
    infinity="np.inf",
    nan="np.nan",
)
"""NumPy on whole arrays."""


class Source(Arithmetic):
    r"""An arithmetic whose numbers are terms, and the statements that they have written so far.

    A statement that was written before is not written again: its variable is used. Their names begin with a prefix.

    Examples
    --------
    >>> from microgrid.core.source import C, Source
    >>> source = Source(C)
    >>> x = source.term("x")
    >>> result = source.sigmoid(x) * x
    >>> print("\n".join(source.lines))
    double t0 = fabs(x);
    double t1 = -t0;
    double t2 = exp(t1);
    double t3 = (x < 0.0) ? t2 : 1.0;
    double t4 = 1.0 + t2;
    double t5 = t3 / t4;
    double t6 = t5 * x;
    """

    def __init__(self, language: Language, prefix: str = "t") -> None:
        super().__init__(language.name, pi=math.pi, inf=math.inf)
        self.language = language
        self.lines: list[str] = []
        self._prefix = prefix
        self._count = 0
        self._known: dict[str, Term] = {}
        self.of_lists = False  # whether total and largest are of lists whose length is not known
        for name, call in language.calls.items():
            setattr(self, name, self._function(name, call))

    def term(self, text: str) -> Term:
        """A variable that exists already, as a number."""
        return Term(self, text)

    def define(self, text: str) -> Term:
        """The variable that holds an expression, with the statement that makes it unless it was made before."""
        if text not in self._known:
            self._known[text] = self.define_anew(text)
        return self._known[text]

    def define_anew(self, text: str) -> Term:
        """A new variable for an expression whose value depends on when it is computed."""
        name = f"{self._prefix}{self._count}"
        self._count += 1
        self.lines.append(self.language.assignment.format(name=name, text=text))
        return Term(self, name)

    def lines_for(self, results: Iterable[Any]) -> list[str]:
        """The statements that some results need: a rule that uses another one may not need all that this computes."""
        names = re.compile(rf"\b{self._prefix}\d+\b")
        needed = {self.write(result) for result in results}
        kept = []
        for line in reversed(self.lines):
            name, *used = names.findall(line)
            if name in needed:
                needed.update(used)
                kept.append(line)
        return kept[::-1]

    def write(self, number: Any) -> str:
        """A term or a plain number as source text."""
        if isinstance(number, Term):
            return number.text
        number = float(number)
        if math.isnan(number):
            return self.language.nan
        if math.isinf(number):
            return self.language.infinity if number > 0 else f"(-{self.language.infinity})"
        return repr(number) if math.copysign(1.0, number) > 0 else f"({number!r})"

    def infix(self, operator: str, left: Any, right: Any) -> Term:
        """Two numbers with an operator between them. A factor of 1, which changes no bit, is left out."""
        if operator == "*" and isinstance(left, float) and left == 1.0:
            return right  # type: ignore[no-any-return]  # an infix of two plain numbers is computed, not written
        if operator == "*" and isinstance(right, float) and right == 1.0:
            return left  # type: ignore[no-any-return]  # likewise
        return self.define(f"{self.write(left)} {operator} {self.write(right)}")

    def negative(self, number: Term) -> Term:
        """A number with its sign changed."""
        return self.define(f"-{number.text}")

    def _function(self, name: str, call: str) -> Callable[..., Any]:
        def function(*operands: Any) -> Any:
            if any([isinstance(operand, Term) for operand in operands]):
                return self.define(call.format(", ".join([self.write(operand) for operand in operands])))
            return Ieee(getattr(FLOAT, name)(*operands))

        return function

    def __getattr__(self, name: str) -> Any:
        """A rule of the table: of plain numbers alone it is computed, not written, and may be divided by, 0 or not."""
        function = super().__getattr__(name)
        if EVERY_RULE[name].arity is None:
            return function

        def of_terms(*operands: Any) -> Any:
            written = any([isinstance(operand, Term) for operand in operands])
            return function(*operands) if written else Ieee(getattr(FLOAT, name)(*operands))

        return of_terms

    # ---- comparisons and choices ------------------------------------------------------------------------------

    def _compare(self, name: str, operator: str, x: Any, y: Any) -> str | bool:
        if isinstance(x, Term) or isinstance(y, Term):
            return f"({self.write(x)} {operator} {self.write(y)})"
        return bool(getattr(PLAIN, name)(x, y))

    def less(self, x: Any, y: Any) -> str | bool:
        """Whether x < y: as source text, or decided where both are plain numbers."""
        return self._compare("less", "<", x, y)

    def less_equal(self, x: Any, y: Any) -> str | bool:
        """Whether x <= y, likewise."""
        return self._compare("less_equal", "<=", x, y)

    def equal(self, x: Any, y: Any) -> str | bool:
        """Whether x == y, likewise."""
        return self._compare("equal", "==", x, y)

    def where(self, truth: str | bool, then: Any, otherwise: Any) -> Any:
        """One of two numbers, by a comparison."""
        if isinstance(truth, bool):
            return then if truth else otherwise
        choice = self.language.choice
        return self.define(choice.format(truth=truth, then=self.write(then), otherwise=self.write(otherwise)))

    # ---- lists whose length is known only when the text runs: in C, and where these methods say how ---------------

    def total(self, terms: Iterable[Any]) -> Any:
        """The sum of a list, in pairs."""
        if not self.of_lists:
            return super().total(terms)
        self.loop(terms, self.keep)
        return self.of_kept("total")

    def each(self, numbers: Iterable[Any]) -> Iterable[Any]:
        """A list that is gone through more than once: in C, written where the first list's partials will be."""
        if not self.of_lists:
            return super().each(numbers)
        self.loop(numbers, partial(self.set_element, "dxs"))
        return List(self, "dxs")

    def largest(self, terms: Iterable[Any]) -> Any:
        """The largest of a list, or nan."""
        if not self.of_lists:
            return super().largest(terms)
        self.loop(terms, self.keep)
        return self.of_kept("largest")

    def loop(self, terms: Iterable[Any], use: Callable[[Any], None]) -> None:
        """Write a loop over a list's elements, in which each is used.

        A ``List`` gives one general element when it is iterated, so that what is computed from it here, inside the
        loop, is the loop's body.
        """
        known = dict(self._known)
        with self.for_each():
            (element,) = terms
            use(element)
        self._known = known  # what the body defined ends with it

    @contextmanager
    def for_each(self) -> Iterator[None]:
        """A loop over the places of the lists, around the statements that are written inside."""
        self.lines.append("for (Py_ssize_t i = 0; i < n; i++) {")
        yield
        self.lines.append("}")

    def element(self, name: str) -> Term:
        """The general element of a list, inside the loop."""
        return self.term(f"{name}[i]")

    def set_element(self, name: str, number: Any) -> None:
        """Write a number into a list at the loop's place."""
        self.lines.append(f"{name}[i] = {self.write(number)};")

    def keep(self, number: Any) -> None:
        """Keep a number for each place of the loop."""
        self.set_element("scratch", number)

    def of_kept(self, function: str) -> Term:
        """The total or the largest of the numbers that were kept."""
        return self.define_anew(f"{function}(scratch, n)")


class List:
    """A list whose length is not known while the text is written; iterated, it gives its general element."""

    def __init__(self, source: Source, name: str) -> None:
        self.source, self.name = source, name

    def __iter__(self) -> Iterator[Term]:
        yield self.source.element(self.name)


class Infix:
    """The operators + - * / of a number that isn't Python's, such as a piece of text, all by one method, ``infix``."""

    __slots__ = ()

    def infix(self, operator: str, left: Any, right: Any) -> Any:
        """The result of an operator between two numbers, of which one is this one."""
        raise NotImplementedError

    def __add__(self, other: Any) -> Any:
        return self.infix("+", self, other)

    def __radd__(self, other: Any) -> Any:
        return self.infix("+", other, self)

    def __sub__(self, other: Any) -> Any:
        return self.infix("-", self, other)

    def __rsub__(self, other: Any) -> Any:
        return self.infix("-", other, self)

    def __mul__(self, other: Any) -> Any:
        return self.infix("*", self, other)

    def __rmul__(self, other: Any) -> Any:
        return self.infix("*", other, self)

    def __truediv__(self, other: Any) -> Any:
        return self.infix("/", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self.infix("/", other, self)


class Term(Infix):
    """A number that stands for a piece of source text: a variable's name."""

    __slots__ = ("source", "text")

    def __init__(self, source: Source, text: str) -> None:
        self.source, self.text = source, text

    def __repr__(self) -> str:
        return f"<{self.source.language.name} {self.text}>"

    def infix(self, operator: str, left: Any, right: Any) -> Term:
        """One of the four operators, written by the source."""
        return self.source.infix(operator, left, right)

    def __pow__(self, other: Any) -> Term:
        return self.source.pow(self, other)  # type: ignore[no-any-return]  # of a term, a term

    def __rpow__(self, other: Any) -> Term:
        return self.source.pow(other, self)  # type: ignore[no-any-return]  # likewise

    def __neg__(self) -> Term:
        return self.source.negative(self)
