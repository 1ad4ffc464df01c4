"""The rule table: each operation's value and partial derivatives, written once; nothing here runs them.

A rule is a function of the *arithmetic* ``m`` it is used in. Given floats it evaluates; given ``Value`` nodes it
records a graph; given high-precision numbers it makes references; given symbols it writes formulas. So a rule uses
only infix ``+ - * /``, unary ``-`` and what ``m`` offers: the elementary functions, ``m.pow``, the comparisons
``m.less``, ``m.less_equal`` and ``m.equal``, ``m.where(truth, then, otherwise)``, ``m.pi``, and every other rule of
this table by its name.

Each rule returns a pair::

    value(*operands)         -> output
    partials(out, *operands) -> one local derivative per operand, given the output

A rule on lists of any length (its regions are ``repeated``) takes each list as one operand, goes through it with
``for``, ``m.total`` and ``m.largest``, and returns one list of partials for each; nothing in it depends on the length.

Two forms may stand side by side. ``if m.exact`` gives the definition, for arithmetics without rounding or overflow
(symbols, high precision); below it stands the form that neither overflows nor cancels in floating point. Tests hold
the second against the first.

Partials are differentiated in turn, for higher orders. Where that would cancel, a partial is a rule of its
own, an auxiliary one, at the end: no function and no method bears its name, and its own partials keep their digits.

To add an operation, add it here. Methods, functions, operators, references and tests follow from the table; types and
help do once ``make stubs`` has written them anew.
"""

from __future__ import annotations

import math
import operator as infix
from typing import Any

from microgrid.core.coefficients import (
    DIGAMMA_FAR,
    DIGAMMA_NEAR,
    ERFCX,
    ERFCX_SLOPE,
    EULER_MACLAURIN,
    GAMMA_NEAR_2,
    LGAMMA_NEAR_2,
    MILLS,
    QUANTILE_CENTER,
    QUANTILE_CENTER_BELOW,
    QUANTILE_FAR,
    QUANTILE_FAR_BELOW,
    QUANTILE_TAIL,
    QUANTILE_TAIL_BELOW,
    STIRLING,
    TRIGAMMA_FAR,
)
from microgrid.core.rule import AUXILIARY, EVERY_RULE, RULES, Kink, Pair, Region, rule

__all__ = ["AUXILIARY", "EVERY_RULE", "RULES"]

# Where operands are regular. The tails hold the saturation points of exp (±37: 1 + e⁻³⁷ rounds to 1; ±710: e⁷¹⁰
# overflows; ±745: e⁻⁷⁴⁵ is the smallest subnormal) and both ends of the number line.
_POSITIVE_TAILS = (5e-324, 2.3e-308, 1e-200, 1e-8, 19.0, 37.0, 710.0, 745.0, 1e3, 1e200, 1e308)
_TAILS = _POSITIVE_TAILS + tuple(-tail for tail in _POSITIVE_TAILS)
REAL = Region(-3.0, 3.0, _TAILS)
POSITIVE = Region(0.1, 4.0, _POSITIVE_TAILS)
MODERATE = Region(0.1, 4.0, (1e-8, 37.0, 1e8))  # what the gamma functions of mpmath can be asked for
SMALL = Region(0.1, 4.0, (1e-8, 7.0))  # beyond, beta is the exponential of betaln, off by as many ulp as that is large
AWAY_FROM_0 = Region(0.3, 3.0, _TAILS)
EXPONENT = Region(-3.0, 3.0, (-0.5, 0.5, *_TAILS))
ABOVE_MINUS_1 = Region(-0.9, 4.0, (-1.0 + 2.0**-53, -1e-8, -5e-324, *_POSITIVE_TAILS))
UNIT = Region(-0.9, 0.9, (1.0 - 2.0**-53, 1e-8, 1e-200, 5e-324, -5e-324, -1e-8, -1.0 + 2.0**-53))
ABOVE_1 = Region(1.1, 4.0, (1.0 + 2.0**-52, 1.0 + 1e-8, *[tail for tail in _POSITIVE_TAILS if tail > 1.0]))
PROBABILITY = Region(0.1, 0.9, (5e-324, 2.3e-308, 1e-200, 1e-8, 0.5 - 2.0**-54, 0.5 + 2.0**-53, 1.0 - 2.0**-53))
FRACTION = Region(0.1, 0.9, tuple(tail + infix.abs(tail) / 4.0 for tail in _TAILS if infix.abs(tail) < 1e308))
DIVIDEND, DIVISOR = Region(4.2, 5.8, _TAILS), Region(2.95, 4.1, _TAILS)  # with a quotient between 1 and 2
# Beyond 2**53 the quotient's steps can't be told from a slope.
FEW, STEPS = Region(4.2, 5.8, (19.25, 710.5, 1e3, -19.25, -710.5)), Region(2.95, 4.1, (1e-8, 1e3, 1e200, -1e3))
LOWER, UPPER = Region(-3.0, -0.1, _TAILS[len(_POSITIVE_TAILS) :]), Region(0.1, 3.0, _POSITIVE_TAILS)
CHOICE = Region(0.5, 1.5, (-1.0, 1e308))
MANY = Region(-3.0, 3.0, _TAILS, repeated=True)
CONSTANT = Region(-3.0, 3.0, (-2.0, -1.0, 1.0, 2.0, 3.0, 10.0, 0.5, 1e3), constant=True)


# ---- arithmetic -----------------------------------------------------------------------------------------------


@rule("+", "{x} + {y}", REAL, REAL, operator="add", summary="The sum x + y.")
def add(m: Any) -> Pair:
    return infix.add, lambda out, x, y: (1.0, 1.0)


@rule("−", "{x} - {y}", REAL, REAL, operator="sub", summary="The difference x - y.")
def sub(m: Any) -> Pair:
    return infix.sub, lambda out, x, y: (1.0, -1.0)


@rule("×", r"{x} \cdot {y}", REAL, REAL, operator="mul", summary="The product x*y.")
def mul(m: Any) -> Pair:
    return infix.mul, lambda out, x, y: (y, x)


@rule("÷", r"\frac{{{x}}}{{{y}}}", REAL, AWAY_FROM_0, operator="truediv", summary="The quotient x/y.", domain="y != 0")
def div(m: Any) -> Pair:
    return infix.truediv, lambda out, x, y: (1.0 / y, -out / y)


@rule("−", "-{x}", REAL, operator="neg", summary="The negative of x.")
def neg(m: Any) -> Pair:
    return infix.neg, lambda out, x: (-1.0,)


def _power_slope(m: Any, out: Any, x: Any, y: Any) -> Any:
    """The power rule: y·x**(y - 1) from y = 1/2 on, and y·out/x below.

    Below, y - 1 is rounded, which would cost x**(y - 1) up to 350 ulp. Above it is exact, and the factor y - 1 of the
    second derivative would be lost in a difference.
    """
    is_low = False if m.exact else m.less(y, 0.5)
    if is_low is False:
        return y * m.pow(x, y - 1.0)
    # 1 stands in where the quotient is 0/0 or ∞/∞: at x = 0 and x = ∞ for the power, and for x at 0**0, of slope 0.
    power = m.where(m.less(y, 0.0), out, m.where(m.equal(x, x + x), 1.0, out))
    divisor = m.where(m.equal(y, 0.0), m.where(m.less(m.abs(x), 2.3e-308), 1.0, x), x)
    if is_low is True:
        return y * power / divisor
    # Of the form that isn't taken nothing may be infinite.
    quotient = y * power / m.where(is_low, divisor, 1.0)
    return m.where(is_low, quotient, y * m.pow(m.where(is_low, 1.0, x), y - 1.0))


@rule("**", "{x}^{{{y}}}", POSITIVE, EXPONENT, operator="pow", constant_form="power",
      summary="The power x**y.", domain="x > 0, or x == 0 and y >= 0, or x < 0 and y is a whole number", kinks=(
    Kink("x = 0, y > 0", "0**y stays 0 as y moves", (0.0, 2.0), (0.0, 0.0)),
    Kink("x = 0, y = 0", "0**0 = 1, with derivatives 0", (0.0, 0.0), (0.0, 0.0)),
))  # fmt: skip
def pow(m: Any) -> Pair:
    def partials(out: Any, x: Any, y: Any) -> tuple[Any, Any]:
        if m.exact:
            return _power_slope(m, out, x, y), out * m.log(x)
        # A base of 1 has log 0: it stands in where 0**y and inf**-y stay 0 as y moves, and at 0**0. A negative base
        # keeps its nan, and 0**-y its infinity.
        at_0 = m.where(m.equal(x, 0.0), m.where(m.equal(y, 0.0), 1.0, x), x)
        base = m.where(m.equal(out, 0.0), m.where(m.less(x, 0.0), x, 1.0), at_0)
        slopes = _power_slope(m, out, x, y), out * m.log(base)
        # At 0 the parts of a further derivative are 0 or infinite, and the largest of them is the limit of all.
        limits = m.held(y) * m.power_at_0(0.0, x, y - 1.0), m.power_at_0(1.0, x, y)
        is_0, is_root = m.equal(x, 0.0), m.less(0.0, y)
        by_x, by_y = [m.where(is_root, limit, slope) for limit, slope in zip(limits, slopes, strict=True)]
        return m.where(is_0, by_x, slopes[0]), m.where(is_0, by_y, slopes[1])

    return m.pow, partials


@rule("**", "{x}^{{{y}}}", AWAY_FROM_0, CONSTANT,
      summary="The power x**y with a plain number as the exponent.",
      domain="x > 0, or x == 0 and y >= 0, or x < 0 and y is a whole number",
      kinks=(Kink("x = 0, y = 0", "0**0 = 1, with derivative 0", (0.0, 0.0), (0.0, 0.0)),))  # fmt: skip
def power(m: Any) -> Pair:
    return m.pow, lambda out, x, y: (_power_slope(m, out, x, y), 0.0)


@rule("|x|", "{{\\left|{x}\\right|}}", AWAY_FROM_0, operator="abs", aliases=("fabs",),
      summary="The absolute value of x.",
      kinks=(Kink("x = 0", "derivative 0", (0.0,), (0.0,)),))  # fmt: skip
def abs(m: Any) -> Pair:
    def partials(out: Any, x: Any) -> tuple[Any]:
        return (m.where(m.less(x, 0.0), -1.0, m.where(m.less(0.0, x), 1.0, x - x)),)  # 0 or nan

    return m.abs, partials


@rule("sgn", "\\operatorname{{sgn}}\\left({x}\\right)", AWAY_FROM_0, choice=True,
      summary="The sign of x: -1, 0 or 1.",
      kinks=(Kink("x = 0", "a jump, with derivative 0", (0.0,), (0.0,)),))  # fmt: skip
def sign(m: Any) -> Pair:
    def value(x: Any) -> Any:
        return m.where(m.less(x, 0.0), -1.0, m.where(m.less(0.0, x), 1.0, x - x))  # 0 or nan

    return m.sign if m.exact else value, lambda out, x: (0.0,)


@rule("copysign", "\\operatorname{{copysign}}\\left({x}, {y}\\right)", AWAY_FROM_0, AWAY_FROM_0, choice=True,
      summary="The absolute value of x with the sign of y.", kinks=(
    Kink("x = 0", "derivative 0, as for abs", (0.0, 1.0), (0.0, 0.0)),
    Kink("y = 0", "a jump, with derivative 0", (1.5, 0.0), (1.0, 0.0)),
))  # fmt: skip
def copysign(m: Any) -> Pair:
    def with_sign_of(x: Any, y: Any) -> Any:
        signed = m.copysign(x, y)
        return signed if m.exact else m.where(m.equal(y, y), signed, y)  # a nan's sign depends on the compiler

    return with_sign_of, lambda out, x, y: (m.sign(x) * with_sign_of(1.0, y), 0.0)


@rule("fma", "{x} \\cdot {y} + {z}", REAL, REAL, REAL,
      summary="The product and sum x*y + z, rounded once.")  # fmt: skip
def fma(m: Any) -> Pair:
    return m.fma, lambda out, x, y, z: (y, x, 1.0)


# ---- whole numbers and remainders -----------------------------------------------------------------------------


_STEP = Kink("x is a whole number", "a jump, with derivative 0", (1.0,), (0.0,))
_HALF_STEP = Kink("x is a whole number and a half", "a jump, with derivative 0", (0.5,), (0.0,))


@rule("⌊x⌋", "\\left\\lfloor {x} \\right\\rfloor", FRACTION, choice=True, aliases=("__floor__",), kinks=(_STEP,),
      summary="The largest whole number that is at most x.")  # fmt: skip
def floor(m: Any) -> Pair:
    return m.floor, lambda out, x: (0.0,)


@rule("⌈x⌉", "\\left\\lceil {x} \\right\\rceil", FRACTION, choice=True, aliases=("__ceil__",), kinks=(_STEP,),
      summary="The smallest whole number that is at least x.")  # fmt: skip
def ceil(m: Any) -> Pair:
    return m.ceil if m.exact else lambda x: -m.floor(-x), lambda out, x: (0.0,)


@rule("trunc", "\\operatorname{{trunc}}\\left({x}\\right)", FRACTION, choice=True, aliases=("__trunc__",),
      kinks=(_STEP,), summary="The whole number nearest to x between 0 and x.")  # fmt: skip
def trunc(m: Any) -> Pair:
    return m.trunc if m.exact else lambda x: m.copysign(m.floor(m.abs(x)), x), lambda out, x: (0.0,)


# Not named round: a star import would hide Python's, which takes a number of digits as well, and rounds a Value, too.
@rule("rint", "\\operatorname{{round}}\\left({x}\\right)", Region(0.6, 1.4, FRACTION.tails), choice=True,
      aliases=("__round__",), kinks=(_HALF_STEP,),
      summary="The whole number nearest to x; of two, the even one.")  # fmt: skip
def rint(m: Any) -> Pair:
    def value(x: Any) -> Any:
        size = m.abs(x)
        down = m.floor(size)
        up = down + 2.0 * (down / 2.0 - m.floor(down / 2.0))  # where there is a tie: the next one if down is odd
        rest = size - down  # exact, as size + 0.5 is not
        nearest = m.where(m.less(rest, 0.5), down, m.where(m.less(0.5, rest), down + 1.0, up))
        return m.copysign(m.where(m.less(size, 2.0**52), nearest, size), x)  # no larger number has a fraction

    return m.rint if m.exact else value, lambda out, x: (0.0,)


_ORDER_STEP = Kink("x is a whole number and a half", "a jump, with derivative 0", (1.5, 1.5), (0.0, 1.4090910340024372))
_MULTIPLE = Kink("x is a multiple of y", "a jump; the derivatives are those from the right", (3.0, 1.5), (1.0, -2.0))


@rule("fmod", "\\left({x}\\ \\operatorname{{rem}}\\ {y}\\right)", DIVIDEND, DIVISOR, kinks=(_MULTIPLE,),
      summary="The remainder of x/y with the sign of x, as in C.", domain="y != 0")  # fmt: skip
def fmod(m: Any) -> Pair:
    # (x - out)/y is a whole number but for rounding, where trunc(x/y) may be the next one.
    return m.fmod, lambda out, x, y: (1.0, -m.trunc(x / y) if m.exact else -m.rint((x - out) / y))


@rule("mod", "\\left({x} \\bmod {y}\\right)", DIVIDEND, DIVISOR, operator="mod", aliases=("remainder",),
      summary="The remainder of x/y with the sign of y, as Python's %.",
      domain="y != 0", kinks=(_MULTIPLE,))  # fmt: skip
def mod(m: Any) -> Pair:
    def value(x: Any, y: Any) -> Any:
        if m.exact:
            return x - y * m.floor(x / y)
        rest = m.fmod(x, y)  # exact, as x - y·floor(x/y) is not
        turned = m.where(_signs_differ(m, rest, y), rest + y, rest)
        return m.where(m.equal(rest, 0.0), m.copysign(rest, y), turned)

    return value, lambda out, x, y: (1.0, -m.floor(x / y) if m.exact else -m.rint((x - out) / y))


def _signs_differ(m: Any, x: Any, y: Any) -> Any:
    return m.less(m.copysign(1.0, x) * m.copysign(1.0, y), 0.0)


@rule("//", "\\left\\lfloor \\frac{{{x}}}{{{y}}} \\right\\rfloor", FEW, STEPS, choice=True, operator="floordiv",
      summary="The quotient x/y rounded down, as Python's //.", domain="y != 0",
      kinks=(Kink("x is a multiple of y", "a jump, with derivatives 0", (3.0, 1.5), (0.0, 0.0)),))  # fmt: skip
def floordiv(m: Any) -> Pair:
    def value(x: Any, y: Any) -> Any:
        if m.exact:
            return m.floor(x / y)
        rest = m.fmod(x, y)
        towards_0 = (x - rest) / y
        below = m.where(m.equal(rest, 0.0), towards_0, towards_0 - 1.0)
        whole = m.where(_signs_differ(m, rest, y), below, towards_0)
        down = m.floor(whole)
        nearest = m.where(m.less(0.5, whole - down), down + 1.0, down)
        quotient = x / y  # for its sign where the result is 0, and where it is infinite or nan
        zero = m.where(m.equal(whole, 0.0), m.copysign(0.0, quotient), nearest)
        return m.where(m.equal(y, 0.0), quotient, zero)

    return value, lambda out, x, y: (0.0, 0.0)


@rule("rad", "\\frac{{\\pi}}{{180}} \\cdot {x}", REAL, aliases=("radians",),
      summary="An angle of x degrees in radians.")  # fmt: skip
def deg2rad(m: Any) -> Pair:
    return lambda x: x * (m.pi / 180.0), lambda out, x: (m.pi / 180.0,)


@rule("deg", "\\frac{{180}}{{\\pi}} \\cdot {x}", REAL, aliases=("degrees",),
      summary="An angle of x radians in degrees.")  # fmt: skip
def rad2deg(m: Any) -> Pair:
    return lambda x: x * (180.0 / m.pi), lambda out, x: (180.0 / m.pi,)


# ---- exponentials and logarithms (natural) --------------------------------------------------------------------


@rule("exp", "e^{{{x}}}", REAL, summary="The exponential function, e to the power of x.")
def exp(m: Any) -> Pair:
    return m.exp, lambda out, x: (out,)


@rule("expm1", "\\left(e^{{{x}}} - 1\\right)", REAL,
      summary="The exponential of x minus 1, accurate also where exp(x) rounds to 1.")  # fmt: skip
def expm1(m: Any) -> Pair:
    return m.expm1, lambda out, x: (m.exp(x),)  # not out + 1: that is 0 for x < -37


@rule("log", "\\ln\\left({x}\\right)", POSITIVE, summary="The natural logarithm of x.", domain="x > 0")
def log(m: Any) -> Pair:
    return m.log, lambda out, x: (m.reciprocal(x),)


@rule("log1p", "\\ln\\left(1 + {x}\\right)", ABOVE_MINUS_1,
      summary="The natural logarithm of 1 + x, accurate also where 1 + x rounds to 1.", domain="x > -1")  # fmt: skip
def log1p(m: Any) -> Pair:
    return m.log1p, lambda out, x: (m.reciprocal(1.0 + x),)


@rule("log2", "\\log_2\\left({x}\\right)", POSITIVE, summary="The logarithm of x to base 2.", domain="x > 0")
def log2(m: Any) -> Pair:
    return m.log2, lambda out, x: (1.0 / m.log(2.0) * m.reciprocal(x),)


@rule("log10", "\\log_{{10}}\\left({x}\\right)", POSITIVE, summary="The logarithm of x to base 10.", domain="x > 0")
def log10(m: Any) -> Pair:
    return m.log10, lambda out, x: (1.0 / m.log(10.0) * m.reciprocal(x),)


@rule("exp2", "2^{{{x}}}", REAL, summary="Two to the power of x.")
def exp2(m: Any) -> Pair:
    return m.exp2, lambda out, x: (m.log(2.0) * out,)


@rule("log1mexp", "\\ln\\left(1 - e^{{-{x}}}\\right)", POSITIVE,
      summary="The logarithm of 1 - exp(-x), accurate where exp(-x) is near 1 or tiny.", domain="x > 0")  # fmt: skip
def log1mexp(m: Any) -> Pair:
    def value(x: Any) -> Any:
        if m.exact:
            return m.log(1.0 - m.exp(-x))
        # Each of the two forms is accurate on its side of ln 2 (Mächler, Accurately computing log(1 - exp(-|a|))).
        return m.where(m.less(x, 0.7), m.log(-m.expm1(-x)), m.log1p(-m.exp(-x)))

    return value, lambda out, x: (m.exp(-x) * m.reciprocal(-m.expm1(-x)),)


@rule("logsubexp", "\\ln\\left(e^{{{x}}} - e^{{{y}}}\\right)", Region(0.5, 3.0, _TAILS), Region(-3.0, 0.0, _TAILS),
      summary="The logarithm of exp(x) - exp(y), without overflow.", domain="x > y",
      kinks=(Kink("x = y", "infinite, the limits from x > y", (1.5, 1.5), (float("inf"), -float("inf"))),))  # fmt: skip
def logsubexp(m: Any) -> Pair:
    def value(x: Any, y: Any) -> Any:
        if m.exact:
            return m.log(m.exp(x) - m.exp(y))
        gap = m.where(m.equal(y, -m.inf), m.inf, x - y)  # exp(-inf) is 0, also beside another one
        return x + m.log1mexp(gap)

    def partials(out: Any, x: Any, y: Any) -> tuple[Any, Any]:
        gap = x - y
        inverse = m.reciprocal(-m.expm1(-gap))
        return inverse, -m.exp(-gap) * inverse  # in this form nothing overflows

    return value, partials


@rule("∛", "\\sqrt[3]{{{x}}}", AWAY_FROM_0,
      summary="The cube root of x, negative for a negative x.",
      kinks=(Kink("x = 0", "infinite, the limit from both sides", (0.0,), (float("inf"),)),))  # fmt: skip
def cbrt(m: Any) -> Pair:
    def partials(out: Any, x: Any) -> tuple[Any]:
        if m.exact:
            return (1.0 / (3.0 * out * out),)
        # Not out²: that doubles what out is off by. At 0, where out/x is 0/0, 1/0 stands in.
        return (m.where(m.equal(x, 0.0), 1.0, out) / (x + 0.0) / 3.0,)

    return m.cbrt, partials


@rule("√", "\\sqrt{{{x}}}", POSITIVE,
      summary="The square root of x.", domain="x >= 0",
      kinks=(Kink("x = 0", "infinite, the limit from the right", (0.0,), (float("inf"),)),))  # fmt: skip
def sqrt(m: Any) -> Pair:
    return m.sqrt, lambda out, x: (0.5 / out,)


# ---- circular functions (radians) -----------------------------------------------------------------------------


@rule("sin", "\\sin\\left({x}\\right)", REAL, summary="The sine of x, an angle in radians.")
def sin(m: Any) -> Pair:
    return m.sin, lambda out, x: (m.cos(x),)


@rule("cos", "\\cos\\left({x}\\right)", REAL, summary="The cosine of x, an angle in radians.")
def cos(m: Any) -> Pair:
    return m.cos, lambda out, x: (-m.sin(x),)


@rule("tan", "\\tan\\left({x}\\right)", UNIT, summary="The tangent of x, an angle in radians.", domain="cos(x) != 0")
def tan(m: Any) -> Pair:
    return m.tan, lambda out, x: (1.0 + out * out,)


@rule("asin", "\\arcsin\\left({x}\\right)", UNIT, aliases=("arcsin",),
      summary="The arc sine of x: the angle in radians, from -pi/2 to pi/2, whose sine is x.",
      domain="-1 <= x <= 1")  # fmt: skip
def asin(m: Any) -> Pair:
    return m.asin, lambda out, x: (1.0 / m.sqrt(m.one_minus_square(x)),)


@rule("acos", "\\arccos\\left({x}\\right)", UNIT, aliases=("arccos",),
      summary="The arc cosine of x: the angle in radians, from 0 to pi, whose cosine is x.",
      domain="-1 <= x <= 1")  # fmt: skip
def acos(m: Any) -> Pair:
    return m.acos, lambda out, x: (-1.0 / m.sqrt(m.one_minus_square(x)),)


@rule("atan", "\\arctan\\left({x}\\right)", REAL, aliases=("arctan",),
      summary="The arc tangent of x: the angle in radians, from -pi/2 to pi/2, whose tangent is x.")  # fmt: skip
def atan(m: Any) -> Pair:
    def partials(out: Any, x: Any) -> tuple[Any]:
        cosine = 1.0 / m.hypot(1.0, x)  # its square is 1/(1 + x²), and x² is never formed
        return (cosine * cosine,)

    return m.atan, partials


@rule("atan2", "\\operatorname{{atan2}}\\left({x}, {y}\\right)", REAL, POSITIVE, aliases=("arctan2",),
      summary="The angle in radians, from -pi to pi, of the point at height x and horizontal distance y.",
      domain="x != 0 or y != 0")  # fmt: skip
def atan2(m: Any) -> Pair:
    def partials(out: Any, x: Any, y: Any) -> tuple[Any, Any]:
        if m.exact:
            radius = m.hypot(x, y)
            return y / radius / radius, -x / radius / radius
        return m.inverse_y(x, y), -m.inverse_x(x, y)

    return m.atan2, partials


# ---- hyperbolic functions -------------------------------------------------------------------------------------


@rule("sinh", "\\sinh\\left({x}\\right)", REAL, summary="The hyperbolic sine of x.")
def sinh(m: Any) -> Pair:
    return m.sinh, lambda out, x: (m.cosh(x),)


@rule("cosh", "\\cosh\\left({x}\\right)", REAL, summary="The hyperbolic cosine of x.")
def cosh(m: Any) -> Pair:
    return m.cosh, lambda out, x: (m.sinh(x),)


@rule("tanh", "\\tanh\\left({x}\\right)", REAL, summary="The hyperbolic tangent of x.")
def tanh(m: Any) -> Pair:
    def partials(out: Any, x: Any) -> tuple[Any]:
        if m.exact:
            return (1.0 - out * out,)
        return (4.0 * m.logistic_density(2.0 * x, 0.0),)  # not 1 - out²: that is 77 % wrong at x = 19

    return m.tanh, partials


@rule("asinh", "\\operatorname{{arsinh}}\\left({x}\\right)", REAL, aliases=("arcsinh",),
      summary="The inverse hyperbolic sine of x.")  # fmt: skip
def asinh(m: Any) -> Pair:
    return m.asinh, lambda out, x: (1.0 / m.hypot(1.0, x),)


@rule("acosh", "\\operatorname{{arcosh}}\\left({x}\\right)", ABOVE_1, aliases=("arccosh",),
      summary="The inverse hyperbolic cosine of x, not negative.", domain="x >= 1",
      kinks=(Kink("x = 1", "infinite, the limit from the right", (1.0,), (float("inf"),)),))  # fmt: skip
def acosh(m: Any) -> Pair:
    return m.acosh, lambda out, x: (1.0 / (m.sqrt(x - 1.0) * m.sqrt(x + 1.0)),)  # not x² - 1: that overflows


@rule("atanh", "\\operatorname{{artanh}}\\left({x}\\right)", UNIT, aliases=("arctanh",),
      summary="The inverse hyperbolic tangent of x.", domain="-1 < x < 1")  # fmt: skip
def atanh(m: Any) -> Pair:
    return m.atanh, lambda out, x: (m.reciprocal(m.one_minus_square(x)),)


# ---- statistics and learning ----------------------------------------------------------------------------------


@rule("σ", "\\sigma\\left({x}\\right)", REAL,
      summary="The logistic function, which maps x to a number between 0 and 1.")  # fmt: skip
def sigmoid(m: Any) -> Pair:
    def value(x: Any) -> Any:
        if m.exact:
            return 1.0 / (1.0 + m.exp(-x))
        decay = m.exp(-m.abs(x))  # at most 1, so that nothing overflows
        return m.where(m.less(x, 0.0), decay, 1.0) / (1.0 + decay)

    return value, lambda out, x: (m.logistic_slope(out, x),)  # not out·(1 - out): that is 0 for x > 37


@rule("softplus", "\\ln\\left(1 + e^{{{x}}}\\right)", REAL,
      summary="The logarithm of 1 + exp(x), a smooth form of relu, without overflow.")  # fmt: skip
def softplus(m: Any) -> Pair:
    def value(x: Any) -> Any:
        if m.exact:
            return m.log(1.0 + m.exp(x))
        return m.where(m.less(x, 0.0), 0.0, x) + m.log1p(m.exp(-m.abs(x)))

    return value, lambda out, x: (m.sigmoid(x),)


@rule("relu", "\\max\\left(0, {x}\\right)", AWAY_FROM_0, choice=True,
      summary="The rectified linear unit: x where it is positive, otherwise 0.",
      kinks=(Kink("x = 0", "derivative 0", (0.0,), (0.0,)),))  # fmt: skip
def relu(m: Any) -> Pair:
    def value(x: Any) -> Any:
        return m.where(m.less_equal(x, 0.0), 0.0, x)  # in this order a nan passes through

    def partials(out: Any, x: Any) -> tuple[Any]:
        return (m.where(m.less(0.0, x), 1.0, m.where(m.less_equal(x, 0.0), 0.0, x)),)

    return value, partials


@rule("erf", "\\operatorname{{erf}}\\left({x}\\right)", REAL,
      summary="The error function: 2/sqrt(pi) times the integral of exp(-t**2) from 0 to x.")  # fmt: skip
def erf(m: Any) -> Pair:
    return m.erf, lambda out, x: (2.0 / m.sqrt(m.pi) * m.gauss(x),)


@rule("logaddexp", "\\ln\\left(e^{{{x}}} + e^{{{y}}}\\right)", REAL, REAL,
      summary="The logarithm of exp(x) + exp(y), without overflow.")  # fmt: skip
def logaddexp(m: Any) -> Pair:
    def value(x: Any, y: Any) -> Any:
        if m.exact:
            return m.log(m.exp(x) + m.exp(y))
        # Equal operands have a gap of 0, infinite ones (inf - inf is nan) too; with a complex step, what parts them.
        gap = m.where(m.equal(x, y), m.where(m.less(m.abs(x), m.inf), x - y, 0.0), m.abs(x - y))
        return m.where(m.less(x, y), y, x) + m.log1p(m.exp(-gap))

    def partials(out: Any, x: Any, y: Any) -> tuple[Any, Any]:
        if m.exact:
            return m.sigmoid(x - y), m.sigmoid(y - x)
        return m.share_x(x, y), m.share_y(x, y)

    return value, partials


@rule("log σ", "\\ln \\sigma\\left({x}\\right)", REAL,
      summary="The logarithm of the logistic function, accurate where that rounds to 0 or to 1.")  # fmt: skip
def log_sigmoid(m: Any) -> Pair:
    return lambda x: -m.softplus(-x), lambda out, x: (m.sigmoid(-x),)


@rule("logit", "\\ln\\left(\\frac{{{x}}}{{1 - {x}}}\\right)", PROBABILITY,
      summary="The log-odds log(x/(1 - x)) of a probability, the inverse of sigmoid.", domain="0 < x < 1")  # fmt: skip
def logit(m: Any) -> Pair:
    def value(x: Any) -> Any:
        if m.exact:
            return m.log(x / (1.0 - x))
        # From 1/4 to 1, 2x - 1 is exact, and what passes through 0 at 1/2 keeps its digits there.
        return m.where(m.less(x, 0.25), m.log(x / (1.0 - x)), 2.0 * m.atanh(2.0 * x - 1.0))

    def partials(out: Any, x: Any) -> tuple[Any]:
        if m.exact:
            return (1.0 / (x * (1.0 - x)),)
        middle = x - 0.5  # x·(1 - x) has the derivative (1 - x) - x, which cancels near 1/2
        return (m.reciprocal(m.where(m.less(m.abs(middle), 0.25), 0.25 - middle * middle, x * (1.0 - x))),)

    return value, partials


@rule("x log y", "{x} \\cdot \\ln\\left({y}\\right)", REAL, POSITIVE,
      summary="The product x*log(y), which is 0 for x = 0.", domain="y > 0, or x == 0",
      kinks=(Kink("x = 0, y = 0", "0, with derivatives log(0) and 0", (0.0, 0.0), (-float("inf"), 0.0)),))  # fmt: skip
def xlogy(m: Any) -> Pair:
    def partials(out: Any, x: Any, y: Any) -> tuple[Any, Any]:
        return m.log(y), x / (y if m.exact else _safe(m, x, y, m.equal(y, 0.0)))

    return lambda x, y: x * m.log(y if m.exact else _safe(m, x, y, m.less_equal(y, m.inf))), partials


@rule("x log1p y", "{x} \\cdot \\ln\\left(1 + {y}\\right)", REAL, ABOVE_MINUS_1,
      summary="The product x*log(1 + y), which is 0 for x = 0.", domain="y > -1, or x == 0", kinks=(
    Kink("x = 0, y = -1", "0, with derivatives log(0) and 0", (0.0, -1.0), (-float("inf"), 0.0)),
))  # fmt: skip
def xlog1py(m: Any) -> Pair:
    def partials(out: Any, x: Any, y: Any) -> tuple[Any, Any]:
        return m.log1p(y), x / (1.0 + (y if m.exact else _safe(m, x, y, m.equal(y, -1.0))))

    return lambda x, y: x * m.log1p(y if m.exact else _safe(m, x, y, m.less_equal(y, m.inf))), partials


def _safe(m: Any, x: Any, y: Any, singular: Any) -> Any:
    """The operand of a logarithm that is multiplied by x: 1 stands in where x is 0, so that the product is 0."""
    return m.where(m.equal(x, 0.0), m.where(singular, 1.0, y), y)


@rule("erfc", "\\operatorname{{erfc}}\\left({x}\\right)", REAL,
      summary="The complementary error function 1 - erf(x), accurate where erf(x) rounds to 1.")  # fmt: skip
def erfc(m: Any) -> Pair:
    return m.erfc, lambda out, x: (-2.0 / m.sqrt(m.pi) * m.gauss(x),)


@rule("erfcx", "e^{{{x}^2}} \\operatorname{{erfc}}\\left({x}\\right)", Region(-3.0, 3.0, (*_TAILS[:-5], -8.0)),
      summary="The scaled complementary error function exp(x**2)*erfc(x), without overflow for x > 0.")  # fmt: skip
def erfcx(m: Any) -> Pair:
    def value(x: Any) -> Any:
        if m.exact:
            return m.exp(x * x) * m.erfc(x)
        size, place = _half_line(m, x)
        near = m.where(m.less(size, 0.5), size, 0.0)
        far = 0.5 * _polynomial(ERFCX, place) / (0.5 + size)
        of_size = m.where(m.less(size, 0.5), m.erfc(near) / m.gauss(near), far)
        return m.where(m.less(x, 0.0), 2.0 / m.gauss(_if_negative(m, x)) - of_size, of_size)

    def partials(out: Any, x: Any) -> tuple[Any]:
        if m.exact:
            return (2.0 * x * out - 2.0 / m.sqrt(m.pi),)
        size, place = _half_line(m, x)
        near, wide = m.where(m.less(size, 0.5), size, 0.0), 1.0 + 2.0 * size
        close = 2.0 * near * m.erfcx(near) - 2.0 / m.sqrt(m.pi)  # which cancels from 1 on
        of_size = m.where(m.less(size, 0.5), close, -_polynomial(ERFCX_SLOPE, place) / wide / wide)
        negative = _if_negative(m, x)
        return (m.where(m.less(x, 0.0), 4.0 * negative / m.gauss(negative) + of_size, of_size),)

    return value, partials


def _half_line(m: Any, x: Any) -> tuple[Any, Any]:
    """The size of x, and its place between -1 for 0 and 1 for what is infinite."""
    size = m.where(m.less(x, 0.0), -x, x)  # not abs(x), which has no slope at 0
    return size, 1.0 - 8.0 / (m.where(m.less(size, m.inf), size, 1e300) + 4.0)


def _if_negative(m: Any, x: Any) -> Any:
    """An operand for what is chosen for a negative x alone: for others, one that overflows nowhere."""
    return m.where(m.less(x, 0.0), x, -1.0)


@rule("Φ", "\\Phi\\left({x}\\right)", REAL,
      summary="The normal distribution function: the probability of less than x.")  # fmt: skip
def ndtr(m: Any) -> Pair:
    def value(x: Any) -> Any:
        half = -x / m.sqrt(2.0)
        if m.exact:
            return 0.5 * m.erfc(half)
        # Below -1, x/sqrt(2) as the operand of erfc is not exact enough: erfcx forgives that.
        is_low = m.less(x, -1.0)
        low = 0.5 * m.erfcx(m.where(is_low, half, 1.0)) * m.half_gauss(x)
        return m.where(is_low, low, 0.5 * m.erfc(half))

    return value, lambda out, x: (m.half_gauss(x) / m.sqrt(2.0 * m.pi),)


@rule("ln Φ", "\\ln \\Phi\\left({x}\\right)", REAL,
      summary="The logarithm of ndtr(x), accurate where that rounds to 0 or to 1.")  # fmt: skip
def log_ndtr(m: Any) -> Pair:
    def value(x: Any) -> Any:
        if m.exact:
            return m.log(m.ndtr(x))
        is_low = m.less(x, -1.0)
        low = m.where(is_low, x, -1.0)
        below = m.log(0.5 * m.erfcx(-low / m.sqrt(2.0))) - 0.5 * low * low
        return m.where(is_low, below, m.log1p(-m.ndtr(m.where(is_low, 1.0, -x))))

    def partials(out: Any, x: Any) -> tuple[Any]:
        if m.exact:
            return (m.exp(-x * x / 2.0) / m.sqrt(2.0 * m.pi) / m.ndtr(x),)
        is_low = m.less(x, 0.0)
        low, high = m.where(is_low, x, 0.0), m.where(is_low, 0.0, x)
        size = -low
        place = 1.0 - 12.0 / (m.where(m.less(size, m.inf), size, 1e300) + 6.0)
        below = size + _polynomial(MILLS, place) / (2.0 + size)  # whose second derivative has nothing to cancel
        return (m.where(is_low, below, m.half_gauss(high) / m.sqrt(2.0 * m.pi) / m.ndtr(high)),)

    return value, partials


@rule("erf⁻¹", "\\operatorname{{erf}}^{{-1}}\\left({x}\\right)", UNIT,
      summary="The inverse of the error function erf.", domain="-1 < x < 1", kinks=(
    Kink("x = 1", "infinite, the limit from the left", (1.0,), (float("inf"),)),
    Kink("x = -1", "infinite, the limit from the right", (-1.0,), (float("inf"),)),
))  # fmt: skip
def erfinv(m: Any) -> Pair:
    def value(x: Any) -> Any:
        near = 0.180625 - 0.25 * x * x
        center = 0.5 * x * _polynomial(QUANTILE_CENTER, near) / _polynomial(QUANTILE_CENTER_BELOW, near)
        size = m.abs(x)
        is_center = m.less_equal(size, 0.85)
        root = m.sqrt(-m.log(m.where(is_center, 0.1, 0.5 * (1.0 - size))))
        tail = _polynomial(QUANTILE_TAIL, root - 1.6) / _polynomial(QUANTILE_TAIL_BELOW, root - 1.6)
        beyond = _polynomial(QUANTILE_FAR, root - 5.0) / _polynomial(QUANTILE_FAR_BELOW, root - 5.0)
        outside = m.copysign(m.where(m.less(size, 1.0), m.where(m.less(5.0, root), beyond, tail), root), x)
        return m.where(is_center, center, outside) / m.sqrt(2.0)

    def partials(out: Any, x: Any) -> tuple[Any]:
        scale = 0.5 * m.sqrt(m.pi)
        if m.exact:
            return (scale * m.exp(out * out),)
        # In the tails exp(out²) would lose 2·out² times what out is off by; erfcx(out)/(1 - x), its equal, does not.
        is_center = m.less(m.abs(x), 0.5)
        center, size = m.where(is_center, out, 0.0), m.where(is_center, 0.5, m.abs(x))
        distance = m.erfcx(m.where(is_center, 1.0, m.abs(out))) / (1.0 - size)
        is_end = m.equal(m.abs(x), 1.0)
        return (scale * m.where(is_center, 1.0 / m.gauss(center), m.where(is_end, m.inf, distance)),)

    return m.erfinv if m.exact else value, partials


@rule("sinc", "\\operatorname{{sinc}}\\left({x}\\right)", Region(-1.3, 1.3, _TAILS),
      summary="The normalised sine cardinal sin(pi*x)/(pi*x), which is 1 at 0.")  # fmt: skip
def sinc(m: Any) -> Pair:
    def value(x: Any) -> Any:
        if m.exact:
            return m.sin(m.pi * x) / (m.pi * x)
        angle = m.where(m.equal(x, 0.0), 1.0, m.pi * x)
        return m.where(m.equal(x, 0.0), 1.0 + x, _circular_of_pi(m, m.sin, x) / angle)

    def partials(out: Any, x: Any) -> tuple[Any]:
        if m.exact:
            return ((m.cos(m.pi * x) - out) / x,)
        # Near 0 the difference cancels, and its derivatives more so; near 1 the terms of the power series do.
        is_near = m.less(m.abs(x), 0.7)
        angle, far = m.pi * m.where(is_near, x, 0.0), m.where(is_near, 1.0, x)
        series = _polynomial(_SINC_SLOPE, angle * angle) * m.pi * angle
        return (m.where(is_near, series, (_circular_of_pi(m, m.cos, x) - out) / far),)

    return value, partials


# The terms 2k·(-1)^k/(2k + 1)! of sin(t)/t's derivative.
_SINC_SLOPE = tuple((-1.0) ** k * 2.0 * k / math.factorial(2 * k + 1) for k in range(1, 14))


def _polynomial(coefficients: tuple[float, ...], x: Any) -> Any:
    """The polynomial with these coefficients, from that of order 0 on, by Horner's scheme."""
    total = coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        total = total * x + coefficient
    return total


def _circular_of_pi(m: Any, function: Any, x: Any) -> Any:
    """The sine or cosine of pi*x, reduced before pi is multiplied, so that large x keep their digits."""
    whole = m.rint(x)
    odd = whole - 2.0 * m.floor(whole / 2.0)
    return m.where(m.equal(odd, 0.0), 1.0, -1.0) * function(m.pi * (x - whole))


@rule("lnΓ", "\\ln\\left|\\Gamma\\left({x}\\right)\\right|", POSITIVE, aliases=("gammaln",),
      summary="The logarithm of the absolute value of the gamma function.",
      domain="x > 0, or x is not a whole number")  # fmt: skip
def lgamma(m: Any) -> Pair:
    def value(x: Any) -> Any:
        size = m.abs(x)
        of_size = _lgamma_of_positive(m, size)
        # The reflection gamma(x)·gamma(-x) = -pi/(x·sin(pi·x)).
        negative = m.less(x, 0.0)
        product = m.where(negative, size * m.abs(m.sin(m.pi * _rest_of_whole(m, size))), 1.0)
        return m.where(negative, m.log(m.pi / product) - of_size, of_size)

    return m.lgamma if m.exact else value, lambda out, x: (m.digamma(x),)


def _lgamma_of_positive(m: Any, x: Any) -> Any:
    """Stirling's formula from 4.5 on; below, from around 2, where a factor keeps the digits at the zeros 1 and 2."""
    s, factor = x - 4.0, (x - 1.0) * (x - 2.0)
    for end, start, below in (
        (3.5, x - 3.0, x - 1.0),
        (2.5, x - 2.0, 1.0),
        (1.25, x - 1.0, x),
        (0.5, x, x * (x + 1.0)),
    ):
        inside = m.less(x, end)
        s, factor = m.where(inside, start, s), m.where(inside, below, factor)
    large = m.less_equal(4.5, x)
    logarithm = m.log(m.where(large, x, factor))
    near = s * _polynomial(LGAMMA_NEAR_2, s) + m.where(m.less(x, 1.25), -logarithm, logarithm)
    inverse = 1.0 / m.where(large, x, 4.5)
    half_log_of_2_pi = 0.9189385332046728
    rest = half_log_of_2_pi - 0.5 + inverse * _polynomial(STIRLING, inverse * inverse)
    return m.where(large, (x - 0.5) * (logarithm - 1.0) + rest, near)


@rule("ψ", "\\psi\\left({x}\\right)", POSITIVE, aliases=("psi",),
      summary="The digamma function, the derivative of lgamma(x).",
      domain="x > 0, or x is not a whole number")  # fmt: skip
def digamma(m: Any) -> Pair:
    def value(x: Any) -> Any:
        of_positive = _digamma_of_positive(m, m.where(m.less(x, 0.0), 1.0 - x, x))
        return m.where(m.less(x, 0.0), of_positive + m.pi / _tangent_of_pi(m, m.abs(x)), of_positive)

    return m.digamma if m.exact else value, lambda out, x: (m.trigamma(x),)


def _digamma_of_positive(m: Any, x: Any) -> Any:
    """The asymptotic series from 5 on; below, from around its zero, whose factor keeps the digits there."""
    first, second, third = x - 1.0, x - 2.0, x - 3.0
    large = m.less_equal(5.0, x)
    # x = whole + 1.5 + s; the difference from digamma(1.5 + s) is a sum of reciprocals, which is one quotient.
    s, above, below = x - 4.5, first * second + third * (first + second), first * second * third
    ends = ((4.0, x - 3.5, first + second, first * second), (3.0, x - 2.5, 1.0, first), (2.0, x - 1.5, 0.0, 1.0))
    for end, start, numerator, denominator in (*ends, (1.0, x - 0.5, -1.0, x)):
        inside = m.less(x, end)
        s, above, below = (
            m.where(inside, start, s),
            m.where(inside, numerator, above),
            m.where(inside, denominator, below),
        )
    quotient = m.where(large, 1.0, above) / m.where(large, x, below)
    zero = (s + 0.03836785503163766) + 1.6445603550442201e-18  # 1.5 + s less the zero of digamma
    near = zero * _polynomial(DIGAMMA_NEAR, s) + quotient
    series = quotient * (0.5 + quotient * _polynomial(DIGAMMA_FAR, quotient * quotient))
    return m.where(large, m.log(m.where(large, x, 5.0)) - series, near)


def _rest_of_whole(m: Any, x: Any) -> Any:
    """What x >= 0 differs by from the nearest whole number, exactly: sines of pi*x take it to keep their digits."""
    rest = x - m.floor(x)
    return m.where(m.less(0.5, rest), rest - 1.0, rest)


def _tangent_of_pi(m: Any, x: Any) -> Any:
    """The tangent of pi*x for x >= 0; nan where that is 0, a pole of what is divided by it."""
    rest = _rest_of_whole(m, x)
    return m.where(m.equal(rest, 0.0), m.inf - m.inf, m.tan(m.pi * rest))


@rule("ψ′", "\\psi'\\left({x}\\right)", POSITIVE,
      summary="The trigamma function, the derivative of digamma(x).",
      domain="x > 0, or x is not a whole number")  # fmt: skip
def trigamma(m: Any) -> Pair:
    def value(x: Any) -> Any:
        of_positive = _trigamma_of_positive(m, m.where(m.less(x, 0.0), 1.0 - x, x))
        sine = m.where(m.less(x, 0.0), m.sin(m.pi * _rest_of_whole(m, m.abs(x))) / m.pi, 1.0)
        return m.where(m.less(x, 0.0), 1.0 / (sine * sine) - of_positive, of_positive)

    return m.trigamma if m.exact else value, lambda out, x: (m.polygamma(2.0, x),)


def _trigamma_of_positive(m: Any, x: Any) -> Any:
    """The asymptotic series from 5 on; below 5 that of x + 5, and the five terms 1/(x + k)² before it."""
    large = m.less_equal(5.0, x)
    above, below = 1.0, (x + 1.0) * (x + 1.0)  # all but the largest of these terms are one quotient
    for k in range(2, 5):
        square = (x + float(k)) * (x + float(k))
        above, below = above * square + below, below * square
    inverse = 1.0 / m.where(large, x, x + 5.0)
    series = inverse + inverse * inverse * (0.5 + inverse * _polynomial(TRIGAMMA_FAR, inverse * inverse))
    return m.where(large, series, (series + above / below) + 1.0 / (x * x))


@rule("ψₓ", "\\psi^{{({x})}}\\left({y}\\right)", Region(1.6, 2.4, (1.0, 4.0)), MODERATE,
      summary="The derivative of digamma of order x, a whole number not below 0.", kinks=(_ORDER_STEP,),
      domain="x >= -0.5 and (y > 0 or y is not a whole number)")  # fmt: skip
def polygamma(m: Any) -> Pair:
    def value(x: Any, y: Any) -> Any:
        order = m.rint(x)
        odd = 2.0 * (order / 2.0 - m.floor(order / 2.0))
        sign = m.where(m.equal(odd, 1.0), 1.0, -1.0)
        power = m.where(m.equal(order, 0.0), 2.0, order + 1.0)
        # All terms 1/(y + k)**power, also for k below 0, are those of the two fractions; the reflection subtracts some.
        below = m.where(m.less(y, 0.0), y - m.floor(y), 0.5)
        of_all = _zeta(m, power, below) + sign * _zeta(m, power, 1.0 - below)
        terms = _zeta(m, power, m.where(m.less(y, 0.0), 1.0 - y, y))
        total = m.where(m.less(y, 0.0), of_all - sign * terms, terms)
        others = m.where(m.less(order, 0.0), m.inf - m.inf, sign * m.gamma(power) * total)
        return m.where(m.equal(order, 0.0), m.digamma(y), others)

    return m.polygamma if m.exact else value, lambda out, x, y: (0.0, m.polygamma(m.rint(x) + 1.0, y))


def _zeta(m: Any, power: Any, x: Any) -> Any:
    """The sum of 1/(x + k)**power for k from 0 on: nine terms, and the others by the Euler-Maclaurin formula."""
    total = m.total([m.pow(x + float(k), -power) for k in range(9)])
    inverse = 1.0 / (x + 9.0)
    term, rest = power * inverse * inverse, 1.0 / (power - 1.0) + 0.5 * inverse
    for k, coefficient in enumerate(EULER_MACLAURIN, start=1):
        rest = rest + coefficient * term
        term = term * ((power + (2.0 * k - 1.0)) * inverse) * ((power + 2.0 * k) * inverse)
    return total + m.pow(x + 9.0, 1.0 - power) * rest


@rule("Γ", "\\Gamma\\left({x}\\right)", POSITIVE,
      summary="The gamma function; of a whole number, the factorial of the one before.",
      domain="x > 0, or x is not a whole number")  # fmt: skip
def gamma(m: Any) -> Pair:
    def value(x: Any) -> Any:
        is_low = m.less(x, -0.5)
        size = m.where(is_low, -x, x)
        of_size = _gamma_above_minus_half(m, size)
        # The reflection gamma(x)·gamma(-x) = -pi/(x·sin(pi·x)), whose -x is exact, as 1 - x is not.
        sine = m.where(is_low, _circular_of_pi(m, m.sin, x), 1.0)
        product = size * m.where(m.equal(sine, 0.0), m.inf - m.inf, sine)
        return m.where(is_low, m.pi / product / of_size, of_size)

    return m.gamma if m.exact else value, lambda out, x: (out * m.digamma(x),)


def _gamma_above_minus_half(m: Any, x: Any) -> Any:
    """Stirling's formula from 4.5 on, and below from around 2. A whole result is made exact."""
    s, factor = x - 4.0, (x - 1.0) * (x - 2.0)
    for end, start, below in ((3.5, x - 3.0, x - 1.0), (2.5, x - 2.0, 1.0), (1.5, x - 1.0, 1.0), (0.5, x, 1.0)):
        inside = m.less(x, end)
        s, factor = m.where(inside, start, s), m.where(inside, below, factor)
    excess = s * _polynomial(GAMMA_NEAR_2, s)
    excess = m.where(m.less(x, 0.5), (excess - x) / (1.0 + m.where(m.less(x, 0.5), x, 0.0)), excess)
    near = (factor + factor * excess) / m.where(m.less(x, 1.5), x, 1.0)
    is_whole = m.less(x, m.where(m.equal(x, m.floor(x)), m.where(m.equal(x, 0.0), -1.0, 19.0), -1.0))
    result = m.where(m.less(x, 4.5), near, _stirling_gamma(m, x))
    # A multiple of 2**-60 is subtracted, and not the whole number taken, so that a complex step stays.
    return m.where(is_whole, result - m.floor((result - m.rint(result)) * 2.0**60) / 2.0**60, result)


def _stirling_gamma(m: Any, x: Any) -> Any:
    """Stirling's formula sqrt(2·pi/e)·(x/e)**(x - 1/2), with what rounding takes from x/e given back as a factor."""
    base = m.where(m.less(x, 4.5), 4.5, m.where(m.less(200.0, x), 200.0, x))  # from 172 on it overflows
    ratio = base * 0.36787944117144233
    high = (ratio + _TO_26_BITS) - _TO_26_BITS  # its product with the first part of e is exact
    lost = ((base - high * 2.718281865119934) - high * -3.6660888846670964e-08) - (ratio - high) * 2.718281828459045
    inverse = 1.0 / base
    rest = m.expm1(inverse * _polynomial(STIRLING, inverse * inverse)) + (base - 0.5) * (lost * inverse)
    power = 1.520346901066281 * m.pow(ratio, base - 0.5)
    return power + power * (rest + -6.077249945758854e-17)  # which the rounding of the constant took


@rule("ln B", "\\ln \\mathrm{{B}}\\left({x}, {y}\\right)", MODERATE, MODERATE,
      summary="The logarithm of the beta function gamma(x)*gamma(y)/gamma(x + y).",
      domain="x > 0 and y > 0")  # fmt: skip
def betaln(m: Any) -> Pair:
    def value(x: Any, y: Any) -> Any:
        if m.exact:
            return m.lgamma(x) + m.lgamma(y) - m.lgamma(x + y)
        # Stirling's formula for the larger operand from 4.5 on, or for both: its large terms cancel on paper.
        low, high = m.minimum(x, y), m.maximum(x, y)
        one, two = m.less_equal(4.5, high), m.less_equal(4.5, low)
        long, short = m.where(one, high, 4.5), m.where(two, low, 4.5)
        ratio = low / long
        shared = _stirling(m, long) - _stirling(m, long + low) - (long + low - 0.5) * m.log1p(ratio)
        of_one = m.lgamma(low) - low * (m.log(long) - 1.0) + shared
        of_two = (short - 0.5) * m.log(short / long) - 0.5 * m.log(long) + 0.9189385332046728
        of_none = m.lgamma(low) + m.lgamma(high) - m.lgamma(low + high)
        finite = m.where(two, of_two + (_stirling(m, short) + shared), m.where(one, of_one, of_none))
        return m.where(m.less(0.0, low), finite, m.where(m.equal(low, 0.0), m.inf, m.inf - m.inf))

    return value, lambda out, x, y: (-m.digamma_gap(x, y), -m.digamma_gap(y, x))


def _stirling(m: Any, x: Any) -> Any:
    """What lgamma(x) exceeds Stirling's formula by, from 4.5 on."""
    inverse = 1.0 / x
    return inverse * _polynomial(STIRLING, inverse * inverse)


@rule("B", "\\mathrm{{B}}\\left({x}, {y}\\right)", SMALL, SMALL,
      summary="The beta function gamma(x)*gamma(y)/gamma(x + y).", domain="x > 0 and y > 0")  # fmt: skip
def beta(m: Any) -> Pair:
    def value(x: Any, y: Any) -> Any:
        if m.exact:
            return m.gamma(x) * m.gamma(y) / m.gamma(x + y)
        is_near = m.less(x + y, 20.0)  # beyond, the factors would overflow
        near, other = m.where(is_near, x, 1.0), m.where(is_near, y, 1.0)
        both, rounded = near + other, m.held(_sum_error(m, near, other))
        slope = m.log(both + 0.5) - 1.0 / both  # of lgamma, to three digits: what the rounding of the sum costs
        product = m.gamma(near) / m.gamma(both) * m.gamma(other)
        valid = m.where(m.less(0.0, m.minimum(x, y)), product - product * (rounded * slope), m.inf - m.inf)
        return m.where(is_near, valid, m.exp(m.betaln(x, y)))

    return value, lambda out, x, y: (-out * m.digamma_gap(x, y), -out * m.digamma_gap(y, x))


@rule("hypot", "\\sqrt{{{x}^2 + {y}^2}}", AWAY_FROM_0, REAL,
      summary="The length of the vector (x, y), sqrt(x**2 + y**2), without overflow.",
      kinks=(Kink("x = 0, y = 0", "derivatives 0, as for abs", (0.0, 0.0), (0.0, 0.0)),))  # fmt: skip
def hypot(m: Any) -> Pair:
    def partials(out: Any, x: Any, y: Any) -> tuple[Any, Any]:
        return (x / out, y / out) if m.exact else (m.unit_x(x, y), m.unit_y(x, y))

    return m.hypot, partials


# ---- choices: compared by size, never by identity -------------------------------------------------------------


def _share(m: Any, larger: Any, smaller: Any) -> Any:
    """What the larger operand has of the result: all of it, half of a tie, nothing; nan where one is nan."""
    tie = m.where(m.equal(larger, smaller), 0.5, larger + smaller)
    return m.where(m.less(smaller, larger), 1.0, m.where(m.less(larger, smaller), 0.0, tie))


@rule("max", "\\max\\left({x}, {y}\\right)", REAL, REAL, choice=True,
      summary="The larger of x and y.",
      kinks=(Kink("x = y", "each operand has half", (1.5, 1.5), (0.5, 0.5)),))  # fmt: skip
def maximum(m: Any) -> Pair:
    def value(x: Any, y: Any) -> Any:
        return m.where(m.less(x, y), y, m.where(m.less_equal(y, x), x, x + y))

    return value, lambda out, x, y: (_share(m, x, y), _share(m, y, x))


@rule("min", "\\min\\left({x}, {y}\\right)", REAL, REAL, choice=True,
      summary="The smaller of x and y.",
      kinks=(Kink("x = y", "each operand has half", (1.5, 1.5), (0.5, 0.5)),))  # fmt: skip
def minimum(m: Any) -> Pair:
    def value(x: Any, y: Any) -> Any:
        return m.where(m.less(x, y), x, m.where(m.less_equal(y, x), y, x + y))

    return value, lambda out, x, y: (_share(m, y, x), _share(m, x, y))


@rule("clip", "\\min\\left(\\max\\left({x}, {y}\\right), {z}\\right)", REAL, LOWER, UPPER, choice=True,
      summary="The operand x kept between y and z: the smaller of max(x, y) and z.", kinks=(
    Kink("x = y", "x and the lower end have half each", (1.5, 1.5, 2.0), (0.5, 0.5, 0.0)),
    Kink("x = z", "x and the upper end have half each", (1.5, -2.0, 1.5), (0.5, 0.0, 0.5)),
))  # fmt: skip
def clip(m: Any) -> Pair:
    def value(x: Any, y: Any, z: Any) -> Any:
        if m.exact:
            return m.where(m.less(z, x), z, m.where(m.less(x, y), m.where(m.less(z, y), z, y), x))
        return m.minimum(m.maximum(x, y), z)

    def partials(out: Any, x: Any, y: Any, z: Any) -> tuple[Any, Any, Any]:
        if m.exact:
            at_low, at_high = m.where(m.equal(x, y), 0.5, 0.0), m.where(m.equal(z, x), 0.5, 0.0)
            inside = m.where(m.less(x, y), 0.0, m.where(m.less(z, x), 0.0, 1.0 - (at_low + at_high)))
            crossed = m.where(m.less(z, y), 1.0, 0.0)  # the ends are
            by_high = m.where(m.less(z, x), 1.0, m.where(m.less(x, y), crossed, at_high))
            return inside, m.where(m.less(x, y), 1.0 - crossed, m.where(m.less(z, x), 0.0, at_low)), by_high
        raised = m.maximum(x, y)
        kept = _share(m, z, raised)
        return _share(m, x, y) * kept, _share(m, y, x) * kept, _share(m, raised, z)

    return value, partials


@rule("<", "\\left[{x} < {y}\\right]", REAL, REAL, operator="lt", choice=True,
      summary="Whether x < y, as a number: 1.0 if so, otherwise 0.0.",
      kinks=(Kink("x = y", "a jump, with derivatives 0", (1.5, 1.5), (0.0, 0.0)),))  # fmt: skip
def less(m: Any) -> Pair:
    return lambda x, y: m.where(m.less(x, y), 1.0, 0.0), lambda out, x, y: (0.0, 0.0)


@rule("≤", "\\left[{x} \\le {y}\\right]", REAL, REAL, operator="le", choice=True,
      summary="Whether x <= y, as a number: 1.0 if so, otherwise 0.0.",
      kinks=(Kink("x = y", "a jump, with derivatives 0", (1.5, 1.5), (0.0, 0.0)),))  # fmt: skip
def less_equal(m: Any) -> Pair:
    return lambda x, y: m.where(m.less_equal(x, y), 1.0, 0.0), lambda out, x, y: (0.0, 0.0)


@rule("=", "\\left[{x} = {y}\\right]", REAL, REAL, choice=True,
      summary="Whether x == y, as a number: 1.0 if so, otherwise 0.0.",
      kinks=(Kink("x = y", "a jump, with derivatives 0", (1.5, 1.5), (0.0, 0.0)),))  # fmt: skip
def equal(m: Any) -> Pair:
    return lambda x, y: m.where(m.equal(x, y), 1.0, 0.0), lambda out, x, y: (0.0, 0.0)


@rule("where", "\\left({y}\\ \\text{{where}}\\ {x}\\ \\text{{else}}\\ {z}\\right)", CHOICE, REAL, REAL, choice=True,
      summary="A choice: y where x is not 0, otherwise z; x may be a comparison such as a < b.", kinks=(
    Kink("x = 0", "a jump, with derivative 0; the third operand is chosen", (0.0, 2.0, 3.0), (0.0, 0.0, 1.0)),
))  # fmt: skip
def where(m: Any) -> Pair:
    def value(x: Any, y: Any, z: Any) -> Any:
        return m.where(m.equal(x, 0.0), z, y)

    def partials(out: Any, x: Any, y: Any, z: Any) -> tuple[Any, Any, Any]:
        return 0.0, m.where(m.equal(x, 0.0), 0.0, 1.0), m.where(m.equal(x, 0.0), 1.0, 0.0)

    return value, partials


# ---- any number of operands: one node, not a chain ------------------------------------------------------------


def _share_of_ends(m: Any, out: Any, xs: Any) -> Any:
    """What each operand has of the largest or the smallest one, which is the result; nan where that is nan."""
    other = 0.0 if m.exact else m.where(m.equal(out, out), 0.0, out)
    share = 1.0 / m.total(m.where(m.equal(x, out), 1.0, other) for x in xs)
    return [(m.where(m.equal(x, out), share, other) for x in xs)]


_TIE = "operands that are equal have equal shares, 1/n of n"


@rule("max", "\\max\\left({xs}\\right)", MANY, choice=True, summary="The largest of a list, as one node.",
      kinks=(Kink("several operands = the largest", _TIE, (1.5,) * 5, (0.2,) * 5),))  # fmt: skip
def amax(m: Any) -> Pair:
    return m.largest, lambda out, xs: _share_of_ends(m, out, xs)


@rule("min", "\\min\\left({xs}\\right)", MANY, choice=True, summary="The smallest of a list, as one node.",
      kinks=(Kink("several operands = the smallest", _TIE, (1.5,) * 5, (0.2,) * 5),))  # fmt: skip
def amin(m: Any) -> Pair:
    return m.smallest, lambda out, xs: _share_of_ends(m, out, xs)


@rule("Σ", "\\left({xs}\\right)", MANY, summary="The sum of a list, as one node.")
def sum(m: Any) -> Pair:
    return m.total, lambda out, xs: [(1.0 for x in xs)]


@rule("dot", "\\left({xs}\\right) \\cdot \\left({ys}\\right)", MANY, MANY,
      summary="The sum of the products of two lists, as one node.")  # fmt: skip
def dot(m: Any) -> Pair:
    def value(xs: Any, ys: Any) -> Any:
        return m.total(x * y for x, y in zip(xs, ys, strict=True))

    return value, lambda out, xs, ys: [ys, xs]


@rule("logsumexp", "\\ln\\left(\\textstyle\\sum e^{{{xs}}}\\right)", MANY,
      summary="The logarithm of the sum of the exponentials of a list, without overflow.")  # fmt: skip
def logsumexp(m: Any) -> Pair:
    def parts(xs: Any, peak: Any, *, holds_shift: bool) -> tuple[Any, Any, Any]:
        """Every exponential over the largest operand's, and the sums of those of the largest and of the others.

        The first sum is 1, or how many operands are as large. A share of the total doesn't depend on the shift, and
        its derivative is to have no part that has to cancel.
        """
        shift = m.where(m.less(m.abs(peak), m.inf), peak, 0.0)
        shift = m.held(shift) if holds_shift else shift
        weights = m.each((m.exp_of_difference(x, shift) if holds_shift else m.exp(x - shift)) for x in xs)
        top = m.total(m.where(m.equal(x, peak), w, 0.0) for x, w in zip(xs, weights, strict=True))
        rest = m.total(m.where(m.equal(x, peak), 0.0, w) for x, w in zip(xs, weights, strict=True))
        return weights, top, rest

    def value(xs: Any) -> Any:
        if m.exact:
            return m.log(m.total(m.exp(x) for x in xs))
        peak = m.largest(xs)
        _, top, rest = parts(xs, peak, holds_shift=False)
        return peak + m.log1p(rest + (top - 1.0))  # not log(1 + …): that loses e⁻³⁷ beside 1

    def partials(out: Any, xs: Any) -> Any:
        if m.exact:
            return [(m.exp(x - out) for x in xs)]
        peak = m.largest(xs)
        weights, top, rest = parts(xs, peak, holds_shift=True)  # not exp(x - out): out is rounded
        total = m.total(weight for weight in weights)
        single = 1.0 / (1.0 + rest / top)  # the share of the only largest: made from the others', and not from 1 - 1

        def portion(x: Any, weight: Any) -> Any:
            own = m.where(m.equal(x, peak), weight, 0.0)
            return m.either(own * top, single, weight / total)  # the product is 1 for the only largest operand alone

        return [(portion(x, weight) for x, weight in zip(xs, weights, strict=True))]

    return value, partials


# ---- what partials are made of: nodes of derivatives, written so that their own derivatives keep their digits ----


@rule("held", "{x}", CONSTANT, table=AUXILIARY, choice=True, summary="The number x, whose derivative is left out.")
def held(m: Any) -> Pair:
    return lambda x: x, lambda out, x: (0.0,)


@rule("either", "{z}", CHOICE, REAL, REAL, table=AUXILIARY, choice=True,
      summary="One number by two formulas: y where x is 1, otherwise z.")  # fmt: skip
def either(m: Any) -> Pair:
    def value(x: Any, y: Any, z: Any) -> Any:
        return z if m.exact else m.where(m.equal(x, 1.0), y, z)

    def partials(out: Any, x: Any, y: Any, z: Any) -> tuple[Any, Any, Any]:
        return 0.0, m.where(m.equal(x, 1.0), 1.0, 0.0), m.where(m.equal(x, 1.0), 0.0, 1.0)

    return value, partials


@rule("0**", "\\left({y}^{{{z}}} \\ln\\left({y}\\right)^{{{x}}}\\right)", Region(0.0, 3.0, (0.0, 1.0), constant=True),
      Region(0.0, 0.0), Region(1.5, 3.0), table=AUXILIARY,
      summary="The limit of y**z * log(y)**x where y is 0.")  # fmt: skip
def power_at_0(m: Any) -> Pair:
    def value(n: Any, x: Any, y: Any) -> Any:
        if m.exact and m.equal(x, 0.0) is False:
            return m.pow(x, y) * m.pow(m.log(x), n)  # of which nothing is to be known, as it isn't chosen
        powers = m.pow(-m.inf, n)
        return m.where(m.less(0.0, y), 0.0, m.where(m.less(y, 0.0), m.inf * powers, powers))

    def partials(out: Any, n: Any, x: Any, y: Any) -> tuple[Any, Any, Any]:
        # By x: y times what has one x less, or n·log(x)**(n - 1)/x where y is 0; with n = 0 that is 0, and its slope
        # by y, 1/x, is infinite as that of a root.
        factor = m.where(m.equal(y, 0.0), -1.0, m.held(y))
        slope = factor * m.power_at_0(n, x, y - 1.0)
        root = m.equal(m.where(m.equal(n, 0.0), y, 1.0), 0.0)
        return 0.0, m.where(root, m.cbrt(y), slope), m.power_at_0(n + 1.0, x, y)

    return value, partials


@rule("σ'", "{x} \\cdot \\sigma\\left(-{y}\\right)", CONSTANT, REAL, table=AUXILIARY,
      summary="The slope of the logistic function at y, given its output x.")  # fmt: skip
def logistic_slope(m: Any) -> Pair:
    def value(a: Any, z: Any) -> Any:
        return (m.sigmoid(z) if m.exact else a) * m.sigmoid(-z)

    return value, lambda out, a, z: (0.0, -out * m.tanh(0.5 * z))  # no difference that cancels near 0


@rule("1/x", "\\frac{{1}}{{{x}}}", POSITIVE, table=AUXILIARY,
      summary="The slope of the logarithm, which is nan where the logarithm is.", domain="x > 0")  # fmt: skip
def reciprocal(m: Any) -> Pair:
    def value(x: Any) -> Any:
        return 1.0 / x if m.exact else 1.0 / m.where(m.less(x, 0.0), m.inf - m.inf, x)

    return value, lambda out, x: (-out * out,)


@rule("1−x²", "\\left(1 - {x}^2\\right)", UNIT, table=AUXILIARY, summary="The difference 1 - x**2.")
def one_minus_square(m: Any) -> Pair:
    def value(x: Any) -> Any:
        return 1.0 - x * x if m.exact else (1.0 - x) * (1.0 + x)  # which doesn't cancel near ±1

    return value, lambda out, x: (-2.0 * x,)  # and this not near 0


@rule("Δψ", "\\left(\\psi\\left({x} + {y}\\right) - \\psi\\left({x}\\right)\\right)", MODERATE, MODERATE,
      table=AUXILIARY, summary="The difference digamma(x + y) - digamma(x).")  # fmt: skip
def digamma_gap(m: Any) -> Pair:
    def value(x: Any, y: Any) -> Any:
        if m.exact:
            return m.digamma(x + y) - m.digamma(x)
        # A sum of positive terms: the difference itself cancels where y is small beside x.
        total, start = 0.0, m.where(m.less(x, 5.0), x + 5.0, x)
        for k in range(4, -1, -1):  # the smallest first
            total = total + y / (x + float(k)) / (x + y + float(k))
        step, first, last = y / start / (start + y), 1.0 / start, 1.0 / (start + y)
        series = _difference_quotient((0.0, *DIGAMMA_FAR), first * first, last * last) * (first + last)
        large = m.log1p(y / start) + step * (0.5 + series)
        gap = m.where(m.less(x, 5.0), large + total, large)
        return m.where(m.less(m.minimum(x, y), 0.0), m.inf - m.inf, gap)

    return value, lambda out, x, y: (-m.trigamma_gap(x, y), m.trigamma(x + y))


@rule("Δψ′", "\\left(\\psi'\\left({x}\\right) - \\psi'\\left({x} + {y}\\right)\\right)", MODERATE, MODERATE,
      table=AUXILIARY, summary="The difference trigamma(x) - trigamma(x + y).")  # fmt: skip
def trigamma_gap(m: Any) -> Pair:
    def value(x: Any, y: Any) -> Any:
        if m.exact:
            return m.trigamma(x) - m.trigamma(x + y)
        total, start = 0.0, m.where(m.less(x, 5.0), x + 5.0, x)
        for k in range(5):
            inverse, other = 1.0 / (x + float(k)), 1.0 / (x + y + float(k))
            total = total + y * inverse * other * (inverse + other)
        step, first, last = y / start / (start + y), 1.0 / start, 1.0 / (start + y)
        odd = tuple(number for coefficient in TRIGAMMA_FAR for number in (coefficient, 0.0))
        large = step * _difference_quotient((0.0, 1.0, 0.5, *odd), first, last)
        return m.where(m.less(x, 5.0), large + total, large)

    return value, lambda out, x, y: (m.polygamma_gap(2.0, x, y), -m.polygamma(2.0, x + y))


@rule("Δψₓ", "\\left(\\psi^{{({x})}}\\left({y}\\right) - \\psi^{{({x})}}\\left({y} + {z}\\right)\\right)",
      Region(2.6, 3.4, (2.0, 4.0), constant=True), MODERATE, MODERATE, table=AUXILIARY,
      summary="The difference polygamma(x, y) - polygamma(x, y + z).")  # fmt: skip
def polygamma_gap(m: Any) -> Pair:
    def value(n: Any, x: Any, y: Any) -> Any:
        if m.exact:
            return m.polygamma(n, x) - m.polygamma(n, x + y)
        # The differences of the terms of zeta's sum, each as a factor of the first, which is never 1 - 1.
        power, sign = n + 1.0, 1.0 - 4.0 * (n / 2.0 - m.floor(n / 2.0))
        starts = [x + float(k) for k in range(9)]
        total = m.total([-m.pow(s, -power) * m.expm1(-power * m.log1p(y / s)) for s in starts])
        far = x + 9.0
        inverse, step = 1.0 / far, m.log1p(y / far)
        first, one, two = -m.expm1((1.0 - power) * step), -m.expm1(-step), -m.expm1(-2.0 * step)
        gap = first + (1.0 - first) * one
        rest, term = first / (power - 1.0) + 0.5 * inverse * gap, power * inverse * inverse
        gap = gap + (1.0 - gap) * one
        for k, coefficient in enumerate(EULER_MACLAURIN, start=1):
            rest = rest + coefficient * term * gap
            term = term * ((power + (2.0 * k - 1.0)) * inverse) * ((power + 2.0 * k) * inverse)
            gap = gap + (1.0 - gap) * two
        return -sign * m.gamma(power) * (total + m.pow(far, 1.0 - power) * rest)

    def partials(out: Any, n: Any, x: Any, y: Any) -> tuple[Any, Any, Any]:
        above = m.polygamma(n + 1.0, x + y)  # a gap of each order would make series of quadratic size
        return 0.0, m.polygamma(n + 1.0, x) - above, -above

    return value, partials


def _difference_quotient(coefficients: tuple[float, ...], x: Any, y: Any) -> Any:
    """A polynomial at x less that at y, divided by x - y, without the difference."""
    total, quotient = coefficients[-1], 0.0
    for coefficient in coefficients[-2::-1]:
        quotient = quotient * x + total
        total = total * y + coefficient
    return quotient


_TO_26_BITS = 1.5 * 2.0**31  # added and subtracted, it rounds to a multiple of 2**-21


@rule("gauss", "e^{{-{x}^2}}", REAL, table=AUXILIARY, summary="The Gauss function exp(-x**2).")
def gauss(m: Any) -> Pair:
    return lambda x: _gauss(m, x, 1.0, 28.0), lambda out, x: (-2.0 * _within(m, x) * out,)


@rule("gauss", "e^{{-{x}^2/2}}", REAL, table=AUXILIARY, summary="The Gauss function exp(-x**2/2).")
def half_gauss(m: Any) -> Pair:
    return lambda x: _gauss(m, x, 0.5, 39.0), lambda out, x: (-_within(m, x) * out,)


def _within(m: Any, x: Any) -> Any:
    """The factor x of a slope, where the Gauss function is not 0: beyond, powers of x would overflow beside it."""
    return x if m.exact else m.where(m.less(m.abs(x), 1e3), x, 1.0)


def _gauss(m: Any, x: Any, factor: float, end: float) -> Any:
    """The exponential of -x² times a power of two; it is 0 beyond the end."""
    if m.exact:
        return m.exp(-x * x * factor)
    # x² is rounded, by up to 340/2 ulp of the result. So x = high + low, where high has so few bits that its square
    # is exact; the rest is below 1.3e-5 and has a short series.
    near = m.where(m.less(end, m.abs(x)), end, x)
    high = (near + _TO_26_BITS) - _TO_26_BITS
    low = near - high
    rest = -low * (near + high) * factor
    return m.exp(-high * high * factor) * (1.0 + rest * (1.0 + rest * (0.5 + rest / 6.0)))


def _sides(m: Any, x: Any, y: Any) -> tuple[Any, Any, Any]:
    """Whether y is the longer side, then the longer side and the shorter."""
    is_tall = m.less(m.abs(x), m.abs(y))
    return is_tall, m.where(is_tall, y, x), m.where(is_tall, x, y)


def _direction(m: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """The unit vector along (x, y), from the quotient of the shorter side and the longer; (0, 0) for (0, 0)."""
    if m.exact:
        return x / _radius(m, x, y), y / _radius(m, x, y)
    is_tall, long, short = _sides(m, x, y)
    is_0 = m.equal(long, 0.0)
    slope = short / m.where(is_0, 1.0, long)
    root = m.sqrt(1.0 + slope * slope)
    signed = m.where(m.less(long, 0.0), -root, root)
    along, across = m.where(is_0, 0.0, 1.0 / signed), slope / signed
    return m.where(is_tall, across, along), m.where(is_tall, along, across)


@rule("x/r", "\\frac{{{x}}}{{\\sqrt{{{x}^2 + {y}^2}}}}", AWAY_FROM_0, REAL, table=AUXILIARY,
      summary="The first component of the unit vector along (x, y), x/hypot(x, y).",
      kinks=(Kink("x = 0, y = 0", "0, with derivatives 0", (0.0, 0.0), (0.0, 0.0)),))  # fmt: skip
def unit_x(m: Any) -> Pair:
    def partials(out: Any, x: Any, y: Any) -> tuple[Any, Any]:
        across = m.unit_y(x, y)  # not 1/r - x²/r³: that cancels along the long side
        radius = _radius(m, x, y)
        return across * (across / radius), -out * across / radius

    return lambda x, y: _direction(m, x, y)[0], partials


@rule("y/r", "\\frac{{{y}}}{{\\sqrt{{{x}^2 + {y}^2}}}}", AWAY_FROM_0, REAL, table=AUXILIARY,
      summary="The second component of the unit vector along (x, y), y/hypot(x, y).",
      kinks=(Kink("x = 0, y = 0", "0, with derivatives 0", (0.0, 0.0), (0.0, 0.0)),))  # fmt: skip
def unit_y(m: Any) -> Pair:
    def partials(out: Any, x: Any, y: Any) -> tuple[Any, Any]:
        across = m.unit_x(x, y)
        radius = _radius(m, x, y)
        return -out * across / radius, across * (across / radius)

    return lambda x, y: _direction(m, x, y)[1], partials


def _inverse(m: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """The vector (x, y) over the square of its length, which isn't formed."""
    if m.exact:
        return x / (x * x + y * y), y / (x * x + y * y)
    is_tall, long, short = _sides(m, x, y)
    slope = short / long
    along = 1.0 / (1.0 + slope * slope) / long
    return m.where(is_tall, slope * along, along), m.where(is_tall, along, slope * along)


@rule("x/r²", "\\frac{{{x}}}{{{x}^2 + {y}^2}}", AWAY_FROM_0, REAL, table=AUXILIARY, summary="x/(x**2 + y**2).")
def inverse_x(m: Any) -> Pair:
    def partials(out: Any, x: Any, y: Any) -> tuple[Any, Any]:
        other = m.inverse_y(x, y)
        return other * other - out * out, -2.0 * out * other

    return lambda x, y: _inverse(m, x, y)[0], partials


@rule("y/r²", "\\frac{{{y}}}{{{x}^2 + {y}^2}}", AWAY_FROM_0, REAL, table=AUXILIARY, summary="y/(x**2 + y**2).")
def inverse_y(m: Any) -> Pair:
    def partials(out: Any, x: Any, y: Any) -> tuple[Any, Any]:
        other = m.inverse_x(x, y)
        return -2.0 * out * other, other * other - out * out

    return lambda x, y: _inverse(m, x, y)[1], partials


def _radius(m: Any, x: Any, y: Any) -> Any:
    radius = m.hypot(x, y)
    return m.where(m.equal(radius, 0.0), 1.0, radius)


@rule("share", "\\sigma\\left({x} - {y}\\right)", REAL, REAL, table=AUXILIARY,
      summary="The share of exp(x) in exp(x) + exp(y).")  # fmt: skip
def share_x(m: Any) -> Pair:
    def partials(out: Any, x: Any, y: Any) -> tuple[Any, Any]:
        density = m.logistic_density(x, y)
        return density, -density

    return lambda x, y: _shares(m, x, y)[0], partials


@rule("share", "\\sigma\\left({y} - {x}\\right)", REAL, REAL, table=AUXILIARY,
      summary="The share of exp(y) in exp(x) + exp(y).")  # fmt: skip
def share_y(m: Any) -> Pair:
    def partials(out: Any, x: Any, y: Any) -> tuple[Any, Any]:
        density = m.logistic_density(x, y)
        return -density, density

    return lambda x, y: _shares(m, x, y)[1], partials


def _shares(m: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """The logistic function of x - y and of y - x."""
    if m.exact or (isinstance(y, float) and y == 0.0):
        return m.sigmoid(x - y if m.exact else x), m.sigmoid(y - x if m.exact else -x)
    gap, lost = _difference(m, x, y)
    first, second = m.sigmoid(gap), m.sigmoid(-gap)
    change = lost * (first * second)
    return first + change, second - change


def _difference(m: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """The difference x - y, and what its rounding lost (Knuth, The Art of Computer Programming 2, 4.2.2).

    Of an exponential, what was lost is up to 370 ulp, and the linear term of the Taylor series gives it back.
    """
    return x - y, m.where(m.less(m.abs(x - y), m.inf), _sum_error(m, x, -y), 0.0)


def _sum_error(m: Any, x: Any, y: Any) -> Any:
    """What the sum x + y loses as it is rounded."""
    back = (x + y) - x
    return (x - ((x + y) - back)) + (y - back)


@rule("exp", "e^{{{x} - {y}}}", REAL, REAL, table=AUXILIARY, summary="The exponential of x - y.")
def exp_of_difference(m: Any) -> Pair:
    def value(x: Any, y: Any) -> Any:
        if m.exact:
            return m.exp(x - y)
        gap, lost = _difference(m, x, y)
        power = m.exp(gap)
        return power + power * lost

    return value, lambda out, x, y: (out, -out)


@rule("density", "\\sigma'\\left({x} - {y}\\right)", REAL, REAL, table=AUXILIARY,
      summary="The density of the logistic distribution at x - y, sigmoid(x - y) * sigmoid(y - x).")  # fmt: skip
def logistic_density(m: Any) -> Pair:
    def value(x: Any, y: Any) -> Any:
        first, second = _shares(m, x, y)
        return first * second

    def partials(out: Any, x: Any, y: Any) -> tuple[Any, Any]:
        slope = out * m.tanh(0.5 * (x - y))  # not the difference of the shares: that cancels near x = y
        return -slope, slope

    return value, partials
