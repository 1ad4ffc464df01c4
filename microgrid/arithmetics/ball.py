"""Arb's real balls as a number system: every result encloses the exact one; no graph and no proof is here.

A ball is a midpoint and a radius. Rules run by their definitions, or by a form of the same function that stays narrow
on wide balls; both are exact formulas, so that the ball of a result holds the function's value at every point of the
operands' balls. A ball that is not finite says that nothing is known: a pole, or a point outside of the domain.

>>> from microgrid.arithmetics.ball import BALL, ball, between
>>> print(BALL.sigmoid(ball(40.0)).str(15))
[1.00000000000000 +/- 2.23e-16]
>>> print(BALL.relu(between(-1.0, 1.0)).str(3))
[+/- 1.01]
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from microgrid.core.arithmetic import Arithmetic
from microgrid.core.rule import Pair, Rule
from microgrid.core.rules import EVERY_RULE
from microgrid.errors import DataError, MissingPackageError

try:
    from flint import arb, ctx, fmpz
except ModuleNotFoundError as error:
    raise MissingPackageError(
        "enclosures need the package python-flint: pip install 'microgrid-autodiff[certify]'"
    ) from error

__all__ = [
    "BALL",
    "JUMP",
    "KINK",
    "SMOOTH",
    "UNDECIDED",
    "BallArithmetic",
    "arb",
    "ball",
    "between",
    "bounds",
    "ctx",
    "decimal",
    "exact_fraction",
    "hull",
    "is_wide",
    "meet",
    "of_fraction",
    "working_precision",
]

Ball = Any

SMOOTH, KINK, JUMP = range(3)
"""What a rule met: nothing, a place where only its derivative jumps, or one where its value does."""

_WIDE = 20  # relative accuracy in bits below which a function is taken at a ball's two ends

working_precision = ctx.workprec
"""``with working_precision(bits)``: the precision of midpoints inside the block. It holds for the whole process."""


class _Undecided:
    """What a comparison of overlapping balls gives. It has no truth: ``where`` takes the hull of both branches."""

    def __bool__(self) -> bool:
        raise DataError(
            "a comparison of enclosures can't be decided, and Python code branches on it: write m.where instead of if"
        )

    def __repr__(self) -> str:
        return "<undecided>"


UNDECIDED = _Undecided()


# ---- in and out ------------------------------------------------------------------------------------------------


def ball(number: float) -> Ball:
    """A float as a ball of radius 0: exact."""
    return arb(number)


def of_fraction(number: Fraction) -> Ball:
    """A ball that holds a fraction."""
    return arb(fmpz(number.numerator)) / arb(fmpz(number.denominator))


def decimal(text: str) -> Ball:
    """A ball that holds the number that is written: one tenth for 0.1."""
    return of_fraction(Fraction(text))


def between(low: float, high: float) -> Ball:
    """A ball that holds every number from ``low`` to ``high``; it is wider by about 1e-9 of its radius."""
    with working_precision(2200):  # the sum of any two floats is exact
        middle = (arb(low) + arb(high)) / 2
        reach = arb(high) - middle
    return arb(low) if low == high else middle + reach * _UNIT


_UNIT = arb(0, 1)


def bounds(number: Ball) -> tuple[float, float]:
    """The nearest floats below and above everything in a ball, infinite ones where there are no others."""
    if not number.is_finite():
        return -math.inf, math.inf
    return -_at_least(-number), _at_least(number)


def _at_least(number: Ball) -> float:
    top = number.upper()
    nearest = float(top)
    return nearest if math.isinf(nearest) or arb(nearest) >= top else math.nextafter(nearest, math.inf)


def exact_fraction(number: Ball) -> Fraction:
    """The number in a ball of radius 0."""
    mantissa, exponent = map(int, number.man_exp())
    return Fraction(mantissa) * Fraction(2) ** exponent


def hull(x: Ball, y: Ball) -> Ball:
    """A ball that holds two."""
    return arb(x).union(arb(y))


def meet(x: Ball, y: Ball) -> Ball:
    """What two enclosures of one number have in common; the first where one of them is not finite."""
    try:
        return x.intersection(y) if x.is_finite() and y.is_finite() else x
    except ValueError:
        return x


def is_wide(x: Ball) -> bool:
    """Whether a ball has so few digits that a function is better taken at its two ends."""
    return bool(x.rel_accuracy_bits() < _WIDE and not x.is_exact())


# ---- functions that rise or fall: on a wide ball, the hull of the values at its ends ----------------------------


def _rising(function: Callable[[Ball], Ball]) -> Callable[[Any], Ball]:
    """A function that is monotone wherever it is defined, which is on one interval."""

    def of_ball(x: Any) -> Ball:
        x = arb(x)
        return _between_ends(function, x) if is_wide(x) else function(x)

    return of_ball


def _at_ends(function: Callable[[Ball], Ball]) -> Callable[[Any], Ball]:
    """A monotone function of exact numbers, whose formula may depend on the number."""

    def of_ball(x: Any) -> Ball:
        x = arb(x)
        return function(x) if x.is_exact() else _between_ends(function, x)

    return of_ball


def _cbrt(x: Ball) -> Ball:
    return x if x == 0 else x.root(3) if x > 0 else -(-x).root(3)


def _sigmoid(x: Ball) -> Ball:
    decay = (-abs(x)).exp()  # at most 1: nothing overflows
    return (decay if x < 0 else 1) / (1 + decay)


def _softplus(x: Ball) -> Ball:
    return x.exp().log1p() if x <= 0 else x + (-x).exp().log1p()


def _logit(x: Ball) -> Ball:
    return (x / (1 - x)).log() if x < 0.25 else ((2 * x - 1) / (1 - x)).log1p()


def _log1mexp(x: Ball) -> Ball:
    return (-(-x).expm1()).log() if x < 0.7 else (-(-x).exp()).log1p()


def _erfcx(x: Ball) -> Ball:
    if x < 0:
        return 2 * (x * x).exp() - _erfcx(-x)
    if x < 1:
        return (x * x).exp() * x.erfc()
    return (x * x).hypgeom_u(0.5, 0.5) / arb.pi().sqrt()  # DLMF 7.11.5


def _ndtr(x: Ball) -> Ball:
    return (-x / arb(2).sqrt()).erfc() / 2


def _log_ndtr(x: Ball) -> Ball:
    if x < -1:
        return (_erfcx_at_ends(-x / arb(2).sqrt()) / 2).log() - x * x / 2
    return (-_ndtr(-x)).log1p()


_erfcx_at_ends = _at_ends(_erfcx)

_EXTENDED: dict[str, Callable[[Ball], Ball]] = {
    **{name: getattr(arb, name) for name in ("exp", "expm1", "log", "log1p", "sqrt", "asin", "acos", "atan")},
    **{name: getattr(arb, name) for name in ("sinh", "tanh", "asinh", "acosh", "atanh", "erf", "erfc", "erfinv")},
    "log2": lambda x: x.log() / arb.const_log2(),
    "log10": lambda x: x.log() / arb.const_log10(),
    "exp2": lambda x: arb(2) ** x,
}
_OF_EXACT: dict[str, Callable[[Ball], Ball]] = {
    "cbrt": _cbrt,
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "logit": _logit,
    "log1mexp": _log1mexp,
    "erfcx": _erfcx,
    "ndtr": _ndtr,
    "log_ndtr": _log_ndtr,
}


def _square(x: Ball) -> Ball:
    """x·x, not negative on a ball around 0 but for what a ball can't express."""
    size = _size(arb(x))
    return size * size if x.is_exact() or not is_wide(size) else (size.lower() ** 2).union(size.upper() ** 2)


def _size(x: Ball) -> Ball:
    """The absolute value."""
    return abs(x) if x.is_exact() or not x.contains(0) else arb(0).union(_largest_size(x))


def _largest_size(x: Ball) -> Ball:
    return abs(x.lower()).max(abs(x.upper()))


def _lowest_size(x: Ball) -> Ball:
    """The smallest absolute value in a ball; exactly 0 if the ball holds 0."""
    return arb(0) if x.contains(0) else abs(x.lower()).min(abs(x.upper()))


def _hypot(x: Any, y: Any) -> Ball:
    x, y = arb(x), arb(y)
    if x.is_exact() and y.is_exact():
        return abs(x) if y == 0 else abs(y) if x == 0 else (x * x + y * y).sqrt()
    low, high = [(size(x) ** 2 + size(y) ** 2).sqrt() for size in (_lowest_size, _largest_size)]
    return low.union(high)


# ---- gamma functions -------------------------------------------------------------------------------------------


def _gamma(x: Any) -> Ball:
    x = arb(x)
    if x.is_exact() or not (is_wide(x) and x > 1.47):  # from there on it rises
        return x.gamma()
    return x.lower().gamma().union(x.upper().gamma())


def _lgamma(x: Any) -> Ball:
    x = arb(x)
    if not x > 0:
        return abs(x.gamma()).log()
    return x.lower().lgamma().union(x.upper().lgamma()) if is_wide(x) and x > 1.47 else x.lgamma()


def _digamma(x: Any) -> Ball:
    x = arb(x)
    return x.lower().digamma().union(x.upper().digamma()) if is_wide(x) and x > 0 else x.digamma()


def _polygamma_of(order: int, x: Ball) -> Ball:
    """The derivatives of digamma; left of 0 by reflection, (-1)^n ψₙ(1 - x) - ψₙ(x) = (π cot πx)⁽ⁿ⁾ (DLMF 5.15.6)."""
    if order == 0:
        return _digamma(x)
    if x > 0:
        if is_wide(x):  # its size falls
            return _polygamma_of(order, x.lower()).union(_polygamma_of(order, x.upper()))
        return (-1) ** (order + 1) * arb(order + 1).gamma() * arb(order + 1).zeta(x)
    if not x < 0:
        return arb.nan()
    pi, cotangent = arb.pi(), x.cot_pi()
    powers: list[Ball] = [arb(0), pi]  # the coefficients of the powers of cot πx
    for _ in range(order):
        inner: list[Ball] = [place * one for place, one in enumerate(powers)][1:]
        powers = [-pi * (one + two) for one, two in zip([*inner, 0, 0], [0, 0, *inner], strict=True)]
    total = arb(0)
    for coefficient in reversed(powers):
        total = total * cotangent + coefficient
    return (-1) ** order * _polygamma_of(order, 1 - x) - total


_MOST_ORDER = 1000  # of polygamma: beyond, a reflection takes minutes

# ---- powers ----------------------------------------------------------------------------------------------------


def _pow(x: Any, y: Any) -> Ball:
    x, y = arb(x), arb(y)
    if y.is_exact() and y == 0:
        return arb(1)
    if x > 0:
        return _positive_power(x, y)
    if y.is_exact() and y.is_integer():
        return _whole_power(x, y)
    if x.is_exact() and x == 0 and y > 0:
        return arb(0)
    return arb.nan()


def _positive_power(x: Ball, y: Ball) -> Ball:
    """A power rises or falls in each operand, so that its extremes are at the corners."""
    if not (is_wide(x) or is_wide(y)):
        return x**y
    found = [one**other for one in (x.lower(), x.upper()) for other in (y.lower(), y.upper())]
    return found[0].union(found[1]).union(found[2]).union(found[3])


def _whole_power(x: Ball, y: Ball) -> Ball:
    is_even = (y / 2).is_integer()
    if x.is_exact() and x == 0:
        return arb(0) if y > 0 else arb.nan()
    if x < 0:
        power = _positive_power(-x, y)
        return power if is_even else -power
    if not y > 0:
        return arb.nan()  # a pole at 0
    high, low = arb(0).max(x.upper()) ** y, arb(0).max(-x.lower()) ** y
    return arb(0).union(high.max(low)) if is_even else (-low).union(high)


# ---- the number system -----------------------------------------------------------------------------------------


class BallArithmetic(Arithmetic):
    """Real balls.

    ``met`` is the worst that rules met since it was last set to ``SMOOTH``: ``KINK`` or ``JUMP``, where operands lie on
    such a place or the balls of operands reach across it.
    """

    def __init__(self) -> None:
        super().__init__("ball", exact=True, inf=arb.pos_inf(), where=self._where)
        self.met = SMOOTH
        for name, function in _EXTENDED.items():
            setattr(self, name, _rising(function))
        for name, function in _OF_EXACT.items():
            setattr(self, name, _at_ends(function))
        for name in ("sin", "cos", "tan", "cosh"):
            setattr(self, name, _coerced(getattr(arb, name)))
        self.erfcx, self.hypot, self.pow, self.gamma = _erfcx_at_ends, _hypot, _pow, _gamma
        self.lgamma, self.digamma, self.trigamma = _lgamma, _digamma, lambda x: _polygamma_of(1, arb(x))
        self.sinc, self.fma = _coerced(arb.sinc_pi), lambda x, y, z: arb(x) * y + z
        self.gauss, self.half_gauss = lambda x: (-_square(arb(x))).exp(), lambda x: (-_square(arb(x)) / 2).exp()
        self.one_minus_square = lambda x: 1 - _square(arb(x))

    @property
    def pi(self) -> Ball:
        """π at the working precision."""
        return arb.pi()

    def bind(self, rule: Rule) -> Pair:
        """The rule's value and partials on balls, in a form that stays narrow where there is one."""
        pair = self._bound.get(rule) or self._bound_while_used.get(rule)
        if pair is not None:
            return pair
        value, partials = super().bind(rule)
        if EVERY_RULE.get(rule.name) is rule:
            is_own = rule.name in self.__dict__ or hasattr(type(self), rule.name)
            value = getattr(self, rule.name) if is_own and rule.name not in _TRUTHS else value
            value = getattr(self, f"_{rule.name}_value", value)
            partials = getattr(self, f"_{rule.name}_partials", partials)
        pair = _checked(value), partials
        if rule.source is None:
            self._bound[rule] = pair
        else:
            self._bound_while_used[rule] = pair
        return pair

    def _note(self, what: int) -> None:
        self.met = max(self.met, what)

    # ---- comparisons and choices ----------------------------------------------------------------------------------

    def less(self, x: Any, y: Any) -> Any:
        """Whether x < y, if that is so for all or for no numbers in the balls."""
        x, y = arb(x), arb(y)
        return self._tied(x, y, UNDECIDED if not x < y and not x >= y else bool(x < y))

    def less_equal(self, x: Any, y: Any) -> Any:
        """Likewise x <= y."""
        x, y = arb(x), arb(y)
        return self._tied(x, y, UNDECIDED if not x <= y and not x > y else bool(x <= y))

    def equal(self, x: Any, y: Any) -> Any:
        """Likewise x == y."""
        if _is_itself(x, y):
            return True
        x, y = arb(x), arb(y)
        is_same = bool(x == y)  # and not x != y, which Arb means as: disjoint
        return self._tied(x, y, UNDECIDED if x.overlaps(y) and not is_same else is_same)

    def _tied(self, x: Ball, y: Ball, truth: Any) -> Any:
        """The truth. A choice between two numbers jumps where it changes."""
        if truth is UNDECIDED or x == y:
            self._note(JUMP)
        return truth

    def _where(self, truth: Any, then: Any, otherwise: Any) -> Any:
        return hull(then, otherwise) if truth is UNDECIDED else then if truth else otherwise

    def max(self, x: Ball, y: Ball) -> Ball:
        """The larger of two balls."""
        return arb(x).max(arb(y))

    def _side(self, x: Ball) -> Ball:
        """The slope of abs: -1, 1, 0 at the kink itself, and both across it."""
        if x > 0 or x < 0:
            return arb(1 if x > 0 else -1)
        self._note(KINK)
        return arb(0) if x == 0 else arb(-1).union(1) if x.is_finite() else arb.nan()

    def abs(self, x: Any) -> Ball:
        """The absolute value."""
        return _size(arb(x))

    def _abs_value(self, x: Any) -> Ball:
        self._side(arb(x))
        return _size(arb(x))

    def _abs_partials(self, out: Ball, x: Ball) -> tuple[Ball]:
        return (self._side(arb(x)),)

    def _relu_value(self, x: Any) -> Ball:
        self._side(arb(x))
        return arb(x).max(arb(0)) if arb(x).is_exact() else _between_ends(lambda one: one.max(arb(0)), arb(x))

    def _relu_partials(self, out: Ball, x: Ball) -> tuple[Ball]:
        side = self._side(arb(x))
        return (arb(0) if side == 0 else (side + 1) / 2,)

    def _shares(self, x: Ball, y: Ball) -> tuple[Ball, Ball]:
        """What the larger operand and the smaller have of the maximum: 1 and 0; a half each at a tie."""
        gap = arb(x) - arb(y)
        side = self._side(arb(0) if arb(x) == arb(y) else gap)
        return (1 + side) / 2, (1 - side) / 2

    def maximum(self, x: Any, y: Any) -> Ball:
        """The larger operand."""
        self._shares(x, y)
        return _largest([arb(x), arb(y)])

    def minimum(self, x: Any, y: Any) -> Ball:
        """The smaller operand."""
        return -self.maximum(-arb(x), -arb(y))

    def clip(self, x: Any, y: Any, z: Any) -> Ball:
        """The first operand kept between the others."""
        return self.minimum(self.maximum(x, y), z)

    def _maximum_partials(self, out: Ball, x: Ball, y: Ball) -> tuple[Ball, Ball]:
        return self._shares(x, y)

    def _minimum_partials(self, out: Ball, x: Ball, y: Ball) -> tuple[Ball, Ball]:
        return self._shares(-arb(x), -arb(y))

    def _clip_partials(self, out: Ball, x: Ball, y: Ball, z: Ball) -> tuple[Ball, Ball, Ball]:
        raised = self.maximum(x, y)
        kept, cut = self._minimum_partials(out, raised, z)
        own, low = self._shares(x, y)
        return own * kept, low * kept, cut

    def _shares_of_list(self, xs: Sequence[Any]) -> list[Ball]:
        """What each of a list has of its largest: all of it or nothing, and equal shares at a tie."""
        balls = [arb(x) for x in xs]
        if not all([x.is_finite() for x in balls]):
            return [arb.nan() for _ in balls]
        least = functools.reduce(arb.max, [x.lower() for x in balls])
        first = [not x < least for x in balls]  # those that may be the largest
        if sum(first) == 1:
            return [arb(is_first) for is_first in first]
        self._note(KINK)
        is_tie = all([x == least for x, is_first in zip(balls, first, strict=True) if is_first])
        share = arb(1) / sum(first) if is_tie else arb(0).union(1)
        return [share if is_first else arb(0) for is_first in first]

    def _only_largest(self, xs: Sequence[Any], balls: Sequence[Ball]) -> Ball | None:
        """The operand that alone is the largest by its ball: it itself, which partials compare with the operands."""
        shares = self._shares_of_list(balls)
        return xs[shares.index(1)] if 1 in shares else None

    def _amax_value(self, *xs: Any) -> Ball:
        balls = [arb(x) for x in xs]
        only = self._only_largest(xs, balls)
        return _largest(balls) if only is None else only

    def _amin_value(self, *xs: Any) -> Ball:
        balls = [-arb(x) for x in xs]
        only = self._only_largest(xs, balls)
        return -_largest(balls) if only is None else only

    def _amax_partials(self, out: Ball, *xs: Any) -> list[Ball]:
        return self._shares_of_list(xs)

    def _amin_partials(self, out: Ball, *xs: Any) -> list[Ball]:
        return self._shares_of_list([-arb(x) for x in xs])

    def sign(self, x: Any) -> Ball:
        """-1, 0 or 1."""
        side = self._side(arb(x))
        if not (arb(x) > 0 or arb(x) < 0):
            self._note(JUMP)
        return side

    def copysign(self, x: Any, y: Any) -> Ball:
        """The size of x with the sign of y; both signs for a y of 0, which may be -0.0."""
        size, y = self._abs_value(x), arb(y)
        if y > 0 or y < 0:
            return size if y > 0 else -size
        self._note(JUMP)
        return size.union(-size) if y.is_finite() else arb.nan()

    def _copysign_partials(self, out: Ball, x: Ball, y: Ball) -> tuple[Ball, float]:
        return self._side(arb(x)) * self.copysign(1.0, y), 0.0

    # ---- whole numbers and remainders -------------------------------------------------------------------------

    def _steps(self, x: Ball, whole: Callable[[Fraction], int], is_step: Callable[[Fraction], bool]) -> Ball:
        """A function that rises in steps, from its values at the ends of a ball."""
        if not x.is_finite():
            return arb.nan()
        ends = [_whole_at(end, whole) for end in (x.lower(), x.upper())]
        has_fraction = x.is_exact() and bool(abs(x) < 2**70)  # a larger one is whole, and not written out
        if ends[0] != ends[1] or (has_fraction and is_step(exact_fraction(x))):
            self._note(JUMP)
        return ends[0] if ends[0] == ends[1] else ends[0].union(ends[1])

    def floor(self, x: Any) -> Ball:
        """The largest whole number that is at most x."""
        return self._steps(arb(x), math.floor, _is_whole)

    def ceil(self, x: Any) -> Ball:
        """The smallest whole number that is at least x."""
        return self._steps(arb(x), math.ceil, _is_whole)

    def trunc(self, x: Any) -> Ball:
        """The whole number nearest to x between 0 and x."""
        return self._steps(arb(x), math.trunc, lambda x: x != 0 and _is_whole(x))

    def rint(self, x: Any) -> Ball:
        """The whole number nearest to x; of two, the even one."""
        return self._steps(arb(x), lambda x: round(x), lambda x: x.denominator == 2)

    def fmod(self, x: Any, y: Any) -> Ball:
        """The remainder with the sign of x."""
        return self._remainder(x, y, self.trunc(arb(x) / arb(y)), _largest_size(arb(y)) * _UNIT)

    def _mod_value(self, x: Any, y: Any) -> Ball:
        return self._remainder(x, y, self.floor(arb(x) / arb(y)), arb(0).union(arb(y)))

    def _remainder(self, x: Any, y: Any, quotient: Ball, everything: Ball) -> Ball:
        """The rest beside y·quotient, within what holds for every remainder."""
        rest = arb(x) - arb(y) * quotient
        return rest if quotient.is_exact() else meet(rest, everything)

    # ---- slopes whose definition is 0/0 or wide somewhere -----------------------------------------------------

    def polygamma(self, order: Any, x: Any) -> Ball:
        """The derivative of digamma of that order."""
        whole = self.rint(order).unique_fmpz()
        if whole is None or whole < 0 or not arb(x).is_finite():
            return arb.nan()
        if whole > _MOST_ORDER:
            raise DataError(f"polygamma of the order {whole} is not enclosed: orders up to {_MOST_ORDER:,} are")
        return _polygamma_of(int(whole), arb(x))

    def _pow_partials(self, out: Ball, x: Ball, y: Ball) -> tuple[Ball, Ball]:
        x, y = arb(x), arb(y)
        (slope, _) = self._power_partials(out, x, y)
        if x == 0 and (y > 0 or y == 0):
            self._note(KINK)
            return slope, arb(0)
        return slope, out * self.log(x)

    def _power_partials(self, out: Ball, x: Ball, y: Ball) -> tuple[Ball, float]:
        y = arb(y)
        if y == 0:  # the power is 1 everywhere
            if arb(x) == 0:
                self._note(KINK)
            return arb(0), 0.0
        return y * _pow(x, y - 1), 0.0

    def _hypot_partials(self, out: Ball, x: Ball, y: Ball) -> tuple[Ball, Ball]:
        x, y = arb(x), arb(y)
        if x == 0 and y == 0:
            self._note(KINK)
            return arb(0), arb(0)
        if _lowest_size(x) == 0 and _lowest_size(y) == 0:
            self._note(KINK)
            return (_UNIT, _UNIT) if x.is_finite() and y.is_finite() else (arb.nan(), arb.nan())
        return x / out, y / out

    def atan2(self, x: Any, y: Any) -> Ball:
        """The angle of the point at height x and distance y; it jumps where y < 0 and x passes 0, and 0 may be -0.0."""
        x, y = arb(x), arb(y)
        if x.contains(0) and not y > 0:
            self._note(JUMP)
            if not x.is_finite() or not y.is_finite() or not y < 0:
                return arb.nan()
            return arb.pi() * _UNIT if x == 0 else arb.atan2(x, y).union(arb.pi() * _UNIT)
        return arb.atan2(x, y)

    def _tanh_partials(self, out: Ball, x: Ball) -> tuple[Ball]:
        return (4 * self.sigmoid(2 * arb(x)) * self.sigmoid(-2 * arb(x)),)  # 1 - out² loses all digits far out

    def _log_ndtr_partials(self, out: Ball, x: Ball) -> tuple[Ball]:
        return ((2 / arb.pi()).sqrt() / self.erfcx(-arb(x) / arb(2).sqrt()),)

    def _sinc_partials(self, out: Ball, x: Ball) -> tuple[Ball]:
        return (_sinc_slope(arb(x), out),)

    def _xlogy_value(self, x: Any, y: Any) -> Ball:
        return arb(0) if arb(x) == 0 else x * self.log(y)

    def _xlog1py_value(self, x: Any, y: Any) -> Ball:
        return arb(0) if arb(x) == 0 else x * self.log1p(y)

    def _xlogy_partials(self, out: Ball, x: Ball, y: Ball) -> tuple[Ball, Ball]:
        return self.log(y), self._ratio_or_0(x, y)

    def _xlog1py_partials(self, out: Ball, x: Ball, y: Ball) -> tuple[Ball, Ball]:
        return self.log1p(y), self._ratio_or_0(x, 1 + arb(y))

    def _ratio_or_0(self, x: Ball, y: Ball) -> Ball:
        if arb(x) == 0 and arb(y) == 0:
            self._note(KINK)
        return arb(0) if arb(x) == 0 else arb(x) / arb(y)

    def logaddexp(self, x: Any, y: Any) -> Ball:
        """The logarithm of exp(x) + exp(y), which rises in both."""
        return self._logsumexp_value(x, y)

    def _logsumexp_value(self, *xs: Any) -> Ball:
        balls = list(map(arb, xs))
        if not any(map(is_wide, balls)):
            return _log_of_sum(balls)
        return _log_of_sum([x.lower() for x in balls]).union(_log_of_sum([x.upper() for x in balls]))

    def _logsubexp_value(self, x: Any, y: Any) -> Ball:
        """Rising in x and falling in y."""
        x, y = arb(x), arb(y)
        ends = ((x.lower(), y.upper()), (x.upper(), y.lower())) if is_wide(x - y) else ((x, y),)
        found = [one + self.log1mexp(one - other) for one, other in ends]
        return found[0].union(found[-1])


_TRUTHS = ("less", "less_equal", "equal", "where")  # of which the rules of these names make and take numbers


def _coerced(function: Callable[..., Ball]) -> Callable[[Any], Ball]:
    return lambda x: function(arb(x))


def _largest(balls: Sequence[Ball]) -> Ball:
    """The largest of several, by their ends if one is wide."""
    if not any(map(is_wide, balls)):
        return functools.reduce(arb.max, balls)
    low, high = [functools.reduce(arb.max, ends) for ends in zip(*[(x.lower(), x.upper()) for x in balls], strict=True)]
    return low.union(high)


def _is_itself(x: Any, y: Any) -> bool:
    """Whether one number is compared with itself, as the largest of a list is with the operand that it is."""
    return x is y and bool(arb(x).is_finite())


def _checked(value: Callable[..., Any]) -> Callable[..., Ball]:
    """A rule's value as a ball, also where it is a plain number."""

    def as_ball(*operands: Any) -> Ball:
        found = value(*operands)
        return found if isinstance(found, arb) else arb(found)

    return as_ball


def _between_ends(function: Callable[[Ball], Ball], x: Ball) -> Ball:
    return function(x.lower()).union(function(x.upper()))


def _is_whole(x: Fraction) -> bool:
    return x.denominator == 1


def _whole_at(x: Ball, whole: Callable[[Fraction], int]) -> Ball:
    mantissa, exponent = x.man_exp()
    if exponent >= 0:
        return x
    if abs(x) < 0.25:  # 2**-1000000 is not written out
        return arb(whole(Fraction(1 if x > 0 else -1, 4))) if x != 0 else arb(0)
    return arb(fmpz(whole(Fraction(int(mantissa), 1 << -int(exponent)))))


def _log_of_sum(xs: Sequence[Ball]) -> Ball:
    """The logarithm of the sum of exponentials, without overflow."""
    if not xs:
        return arb.nan()
    leading = 0
    for place, x in enumerate(xs):
        leading = place if x.mid() > xs[leading].mid() else leading
    top = xs[leading]
    rest = [(x - top).exp() for place, x in enumerate(xs) if place != leading]
    return top + sum(rest, arb(0)).log1p()


def _sinc_slope(x: Ball, out: Ball) -> Ball:
    """The slope of sin(πx)/(πx): by its power series up to 1, whose terms alternate and fall."""
    size = _largest_size(x)
    if not size <= 1:
        return ((arb.pi() * x).cos() - out) / x if not x.contains(0) else arb.pi() / 2 * _UNIT
    angle, largest, total = arb.pi() * x, arb.pi() * size, arb(0)
    square, place = angle * angle, 1
    term, omitted = angle / 3, largest / 3  # 2k·a^(2k-1)/(2k + 1)! for k = 1
    while omitted.mid() > largest.mid() * arb(2) ** -(ctx.prec + 4):
        total = total - term if place % 2 else total + term
        ratio = arb(place + 1) / (place * (2 * place + 2) * (2 * place + 3))
        term, omitted, place = term * square * ratio, omitted * largest * largest * ratio, place + 1
    return arb.pi() * (total + omitted.upper() * _UNIT)


BALL = BallArithmetic()
"""Real balls, at the precision that ``working_precision`` sets; rules run by exact formulas, not by approximations."""
