"""Number systems that the rules run in: what one must offer, IEEE floats and complex numbers.

Nothing here knows a graph. Number systems that need a package live in ``microgrid.arithmetics``, one file each.
"""

from __future__ import annotations

import cmath
import math
import operator as infix
from collections.abc import Callable, Iterable
from typing import Any

from microgrid.core.rules import RULES, Pair, Rule

__all__ = ["COMPARISONS", "COMPLEX", "ELEMENTARY", "FLOAT", "IEEE_ELEMENTARY", "PLAIN", "Arithmetic", "Ieee"]


class Arithmetic:
    """A number system: the functions that the rules are written in.

    A rule that the system doesn't offer itself is taken from the table and run in the system: sigmoid needs no word
    here, since its rule says how to make it from ``exp``.

    Parameters
    ----------
    name : str
        What the system is called in messages.
    exact : bool
        Numbers neither overflow nor cancel, so that a rule's definition serves better than its stable form.
    **offers : callable or number
        The elementary functions by their names in the rule table; ``pi`` and ``inf``; the comparisons ``less``,
        ``less_equal`` and ``equal``, which give a truth, and ``where(truth, then, otherwise)``, which takes one.

    Attributes
    ----------
    floats : bool
        Whether its numbers are Python's floats, so that functions which were written for floats alone serve too.

    Examples
    --------
    >>> from microgrid.core.arithmetic import FLOAT
    >>> FLOAT.sigmoid(0.0)
    0.5
    """

    floats: bool = False

    def __init__(self, name: str, *, exact: bool = False, **offers: Any) -> None:
        self.name = name
        self.exact = exact
        self._bound: dict[Rule, Pair] = {}
        self.__dict__.update(offers)

    def __repr__(self) -> str:
        return f"<arithmetic {self.name}>"

    def bind(self, rule: Rule) -> Pair:
        """The rule's ``(value, partials)`` in this arithmetic.

        Parameters
        ----------
        rule : Rule
            Any rule, of the package's table or not.

        Returns
        -------
        tuple of callable
            ``value(*operands)`` and ``partials(out, *operands)``.
        """
        if rule not in self._bound:
            pair = rule.make(self)
            self._bound[rule] = _on_flat_operands(pair, len(rule.regions)) if rule.arity is None else pair
        return self._bound[rule]

    def total(self, terms: Iterable[Any]) -> Any:
        """The sum of a list in pairs: the error grows with log n, not n, and every number system adds in this order."""
        terms = list(terms)
        while len(terms) > 1:
            odd = terms[len(terms) & ~1 :]
            terms = [*map(infix.add, terms[::2], terms[1::2]), *odd]
        return terms[0] if terms else 0.0

    def largest(self, terms: Iterable[Any]) -> Any:
        """The largest of a list; nan if the list has one, -inf if it is empty."""
        peak = -self.inf
        for term in terms:
            peak = self.where(self.less(term, peak), peak, self.where(self.less_equal(peak, term), term, term + peak))
        return peak

    def __getattr__(self, name: str) -> Any:
        """A rule of the table that this system doesn't offer itself."""
        if name.startswith("_") or name not in RULES:
            raise AttributeError(f"the {self.__dict__.get('name')} arithmetic has no {name!r}, nor has the rule table")
        return self.bind(RULES[name])[0]


def _on_flat_operands(pair: Pair, lists: int) -> Pair:
    """A rule on lists as a rule on their elements, one list after the other: the form in which nodes keep them."""
    value, partials = pair

    def split(operands: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        length = len(operands) // lists
        return [operands[place * length : (place + 1) * length] for place in range(lists)]

    def flat_value(*operands: Any) -> Any:
        return value(*split(operands))

    def flat_partials(out: Any, *operands: Any) -> tuple[Any, ...]:
        return tuple([slope for slopes in partials(out, *split(operands)) for slope in slopes])

    return flat_value, flat_partials


def _choose(truth: Any, then: Any, otherwise: Any) -> Any:
    return then if truth else otherwise


COMPARISONS: dict[str, Any] = {"less": infix.lt, "less_equal": infix.le, "equal": infix.eq, "where": _choose}


# ---- floats ---------------------------------------------------------------------------------------------------

_LOGARITHMIC = (math.exp, math.expm1, math.log, math.log1p, math.sqrt, math.pow)
_CIRCULAR = (math.sin, math.cos, math.tan, math.asin, math.acos, math.atan, math.atan2)


def _hypot(x: float, y: float) -> float:
    """The C library's hypot, which every engine has; math.hypot is Python's own and differs in the last bit."""
    if math.isfinite(x) and math.isfinite(y):
        return abs(complex(x, y))
    return math.hypot(x, y)  # of nan, abs raises if an earlier function left its errno behind


_HYPERBOLIC = (math.sinh, math.cosh, math.tanh, math.erf)
ELEMENTARY: dict[str, Any] = {function.__name__: function for function in _LOGARITHMIC + _CIRCULAR + _HYPERBOLIC}
ELEMENTARY["hypot"] = _hypot

PLAIN = Arithmetic("plain float", floats=True, abs=abs, pi=math.pi, inf=math.inf, **COMPARISONS, **ELEMENTARY)
"""Python's own floats, at the interpreter's full speed. Where IEEE 754 answers inf or nan, Python often raises
``ArithmeticError`` or ``ValueError``; every other result has FLOAT's bits. So an engine tries PLAIN and asks FLOAT
when it raises."""


class Ieee(float):
    """A float whose division never raises, as IEEE 754 has it: 1/0 is inf, 0/0 is nan. Nor does its power."""

    __slots__ = ()

    def __truediv__(self, other: float) -> Ieee:
        return _ieee_quotient(self, other)

    def __rtruediv__(self, other: float) -> Ieee:
        return _ieee_quotient(other, self)

    def __pow__(self, other: float) -> Ieee:  # type: ignore[override]  # no modulus, and never complex
        return _ieee_power(self, other)

    def __rpow__(self, other: float) -> Ieee:  # type: ignore[override]  # likewise
        return _ieee_power(other, self)


def _closed(operation: str) -> Callable[..., Ieee]:
    """One of float's own methods, with a result that is again an ``Ieee``."""
    of_float = getattr(float, operation)

    def method(*operands: float) -> Ieee:
        result = of_float(*operands)
        return result if result is NotImplemented else Ieee(result)

    return method


for _operation in ("add", "radd", "sub", "rsub", "mul", "rmul", "neg", "abs"):
    setattr(Ieee, f"__{_operation}__", _closed(f"__{_operation}__"))


def _ieee_power(x: float, y: float) -> Ieee:
    if not isinstance(x, int | float) or not isinstance(y, int | float):
        return NotImplemented
    result: Ieee = IEEE_ELEMENTARY["pow"](x, y)
    return result


def _ieee_quotient(x: float, y: float) -> Ieee:
    if not isinstance(x, int | float) or not isinstance(y, int | float):
        return NotImplemented
    if y != 0.0:
        return Ieee(float.__truediv__(float(x), float(y)))
    if x == 0.0 or math.isnan(x):
        return Ieee(math.nan)
    return Ieee(math.copysign(math.inf, x) * math.copysign(1.0, y))


def _infinite(*operands: float) -> float:
    return math.inf


def _signed_infinite(x: float) -> float:
    return math.copysign(math.inf, x)


def _undefined(*operands: float) -> float:
    return math.nan


def _log_pole(x: float) -> float:
    return -math.inf if x == 0.0 else math.nan


def _log1p_pole(x: float) -> float:
    return -math.inf if x == -1.0 else math.nan


def _pow_overflow(x: float, y: float) -> float:
    """Infinite, and negative for an odd power of a negative number, -0.0 included."""
    return -math.inf if math.copysign(1.0, x) < 0.0 and math.fmod(y, 2.0) in (1.0, -1.0) else math.inf


def _pow_pole(x: float, y: float) -> float:
    return _pow_overflow(x, y) if x == 0.0 else math.nan


_OVERFLOWS: dict[str, Callable[..., float]] = {"sinh": _signed_infinite, "pow": _pow_overflow}
_POLES: dict[str, Callable[..., float]] = {"log": _log_pole, "log1p": _log1p_pole, "pow": _pow_pole}


def _total(function: Callable[..., float]) -> Callable[..., Ieee]:
    """One of math's functions as IEEE 754 has it: a result wherever Python's raises."""
    overflow = _OVERFLOWS.get(function.__name__, _infinite)
    pole = _POLES.get(function.__name__, _undefined)

    def total(*operands: float) -> Ieee:
        try:
            return Ieee(function(*operands))
        except OverflowError:
            return Ieee(overflow(*operands))
        except ValueError:
            return Ieee(pole(*operands))

    return total


IEEE_ELEMENTARY: dict[str, Any] = {name: _total(function) for name, function in ELEMENTARY.items()}
_IEEE = Arithmetic("IEEE", floats=True, abs=abs, pi=Ieee(math.pi), inf=Ieee(math.inf), **COMPARISONS, **IEEE_ELEMENTARY)


class _FloatArithmetic(Arithmetic):
    """Floats in, floats out, never an exception: operands are made ``Ieee`` numbers and results plain again."""

    def bind(self, rule: Rule) -> Pair:
        value, partials = _IEEE.bind(rule)

        def ieee_value(*operands: float) -> float:
            return float(value(*map(Ieee, operands)))

        def ieee_partials(out: float, *operands: float) -> tuple[float, ...]:
            return tuple(map(float, partials(Ieee(out), *map(Ieee, operands))))

        return ieee_value, ieee_partials


FLOAT = _FloatArithmetic("float", floats=True)
"""IEEE 754 doubles: log 0 is -inf, exp 710 is inf, 1/0 is inf, and nothing ever raises."""


# ---- complex numbers ------------------------------------------------------------------------------------------


def _real(z: complex) -> float:
    return complex(z).real


def _complex_abs(z: complex) -> complex:
    """The analytic continuation of abs from the side on which z lies; not the modulus."""
    return -z if _real(z) < 0.0 else z


def _complex_expm1(z: complex) -> complex:
    x, y = complex(z).real, complex(z).imag
    half = math.sin(y / 2.0)
    return complex(math.expm1(x) * math.cos(y) - 2.0 * half * half, math.exp(x) * math.sin(y))


def _complex_log1p(z: complex) -> complex:
    x, y = complex(z).real, complex(z).imag
    return complex(0.5 * math.log1p(x * (2.0 + x) + y * y), math.atan2(y, 1.0 + x))


def _complex_hypot(x: complex, y: complex) -> complex:
    scale = max(abs(x), abs(y))
    return scale * cmath.sqrt((x / scale) ** 2 + (y / scale) ** 2)


def _complex_atan2(y: complex, x: complex) -> complex:
    """The angle of the point (x, y): atan of the smaller quotient, turned into the quadrant of the real parts."""
    if abs(y) <= abs(x):
        turn = 0.0 if _real(x) > 0.0 else math.copysign(math.pi, _real(y))
        return cmath.atan(y / x) + turn
    return math.copysign(math.pi / 2.0, _real(y)) - cmath.atan(x / y)


def _complex_erf(z: complex) -> complex:
    """The error function off the real line: Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.29."""
    x, y = complex(z).real, complex(z).imag
    wave = complex(2.0 * math.sin(x * y) ** 2, math.sin(2.0 * x * y))
    near = complex(0.0, y) / math.pi if x == 0.0 else wave / (2.0 * math.pi * x)
    series = 0.0 + 0.0j
    for n in range(1, 26):
        f = 2.0 * x * (1.0 - math.cosh(n * y) * math.cos(2.0 * x * y)) + n * math.sinh(n * y) * math.sin(2.0 * x * y)
        g = 2.0 * x * math.cosh(n * y) * math.sin(2.0 * x * y) + n * math.sinh(n * y) * math.cos(2.0 * x * y)
        series += math.exp(-n * n / 4.0) / (n * n + 4.0 * x * x) * complex(f, g)
    return math.erf(x) + math.exp(-x * x) * (near + 2.0 / math.pi * series)


_ANALYTIC = (cmath.exp, cmath.log, cmath.sqrt, cmath.sin, cmath.cos, cmath.tan, cmath.asin, cmath.acos, cmath.atan)
_CMATH: dict[str, Any] = {f.__name__: f for f in (*_ANALYTIC, cmath.sinh, cmath.cosh, cmath.tanh)}

COMPLEX = Arithmetic(
    "complex",
    abs=_complex_abs,
    pow=infix.pow,
    expm1=_complex_expm1,
    log1p=_complex_log1p,
    hypot=_complex_hypot,
    atan2=_complex_atan2,
    erf=_complex_erf,
    pi=math.pi,
    inf=math.inf,
    less=lambda x, y: _real(x) < _real(y),
    less_equal=lambda x, y: _real(x) <= _real(y),
    equal=lambda x, y: _real(x) == _real(y),
    where=_choose,
    **_CMATH,
)
"""Complex numbers, for derivatives by the complex step, Im f(x + ih)/h (Squire and Trapp, SIAM Review 40, 1998): no
difference is formed, so that h can be tiny and the derivative is right to the last digits. Choices go by the real
part, which makes ``abs`` and ``relu`` analytic on either side of their kinks."""
