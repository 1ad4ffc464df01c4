"""Thirty right and thirty wrong gradients by hand, each of a function at one point, for checkers to tell apart.

Every function and every gradient is written once, over a handful of elementary functions, so that each checker runs the
very same mathematics in its own numbers.

How they were chosen, before any checker was run on them: the right ones are what people do differentiate by hand, in
five groups: everyday points; points and values of very small and very large size; saturation; kinks, where the gradient
is one of those that convention allows, and points close beside kinks; and functions whose values lose digits to
cancellation. The wrong ones are mistakes that people do make, of the kinds that gradient checks are for: a constant
with too few digits, a sign, a factor, a forgotten path, a value from the step before, one coordinate of many, a
formula that cancels where its function saturates, a small coordinate beside a large one. A gradient is wrong if a
coordinate of it differs from the true derivative, of the function as it is written, by more than 0.01 %, however small
that derivative is. On a kink there is no derivative to be wrong about, so that all kinks are among the right ones.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

__all__ = ["FLOATS", "RIGHT", "WRONG", "Case", "Functions", "functions_of"]


@dataclass(frozen=True, slots=True)
class Functions:
    """The elementary functions of one kind of numbers; operators are the numbers' own.

    Either operand of ``maximum`` may be a plain float.
    """

    exp: Callable[[Any], Any]
    log: Callable[[Any], Any]
    log1p: Callable[[Any], Any]
    sin: Callable[[Any], Any]
    cos: Callable[[Any], Any]
    tanh: Callable[[Any], Any]
    sqrt: Callable[[Any], Any]
    abs: Callable[[Any], Any]
    sign: Callable[[Any], Any]
    maximum: Callable[[Any, Any], Any]
    atan2: Callable[[Any, Any], Any]
    hypot: Callable[[Any, Any], Any]


def _sign(x: float) -> float:
    return float((x > 0.0) - (x < 0.0))


def functions_of(module: Any, **others: Callable[..., Any]) -> Functions:
    """A module's functions, and others in the place of those that it has by another name or not at all."""
    return Functions(**{one.name: others.get(one.name) or getattr(module, one.name) for one in fields(Functions)})


FLOATS = functions_of(math, abs=abs, sign=_sign, maximum=max)
"""Those of plain floats."""


@dataclass(frozen=True, slots=True)
class Case:
    """A function with a gradient that somebody wrote by hand, at one point."""

    name: str  # what the function is, and for a wrong gradient what is wrong with it
    f: Callable[..., Any]  # f(m, *coordinates): one number, with the functions m
    # gradient(m, *coordinates): one number, or a plain float, for each coordinate
    gradient: Callable[..., Sequence[Any]]
    at: tuple[float, ...]
    wrong: tuple[int, ...] = ()  # which coordinates of the gradient are wrong; none of a right one
    has_kink: bool = False  # whether the function has no derivative there


def _kink(name: str, f: Callable[..., Any], gradient: Callable[..., Sequence[Any]], at: tuple[float, ...]) -> Case:
    return Case(name, f, gradient, at, has_kink=True)


# ---- functions of several parts ---------------------------------------------------------------------------------


def _damped_wave(m: Functions, x: Any) -> Any:
    return m.exp(-x) * m.sin(3.0 * x)


def _damped_wave_slope(m: Functions, x: Any) -> Any:
    return m.exp(-x) * (3.0 * m.cos(3.0 * x) - m.sin(3.0 * x))


def _sigmoid(m: Functions, z: Any) -> Any:
    return 1.0 / (1.0 + m.exp(-z))


def _sigmoid_slope(m: Functions, z: Any) -> Any:
    decay = m.exp(-m.abs(z))
    return decay / ((1.0 + decay) * (1.0 + decay))


def _softplus(m: Functions, z: Any) -> Any:
    return m.log1p(m.exp(z))


def _rosenbrock(_m: Functions, x: Any, y: Any) -> Any:
    return (1.0 - x) ** 2 + 100.0 * (y - x * x) ** 2


def _norm(m: Functions, *xs: Any) -> Any:
    return m.sqrt(sum([x * x for x in xs]))


def _logsumexp(m: Functions, *xs: Any) -> Any:
    top = functools.reduce(m.maximum, xs)
    return top + m.log(sum([m.exp(x - top) for x in xs]))


def _softmax(m: Functions, *xs: Any) -> list[Any]:
    top = functools.reduce(m.maximum, xs)
    powers = [m.exp(x - top) for x in xs]
    total = sum(powers)
    return [power / total for power in powers]


def _atan2_slopes(_m: Functions, y: Any, x: Any) -> list[Any]:
    square = x * x + y * y
    return [x / square, -y / square]


_X, _LABEL = 1.5, 1.0  # the one sample of the logistic losses


def _logistic_loss(m: Functions, w: Any, b: Any) -> Any:
    z = w * _X + b
    return _softplus(m, z) - _LABEL * z


def _logistic_slopes(m: Functions, w: Any, b: Any) -> list[Any]:
    error = _sigmoid(m, w * _X + b) - _LABEL
    return [error * _X, error]


def _ridge(m: Functions, w: Any, b: Any) -> Any:
    return _logistic_loss(m, w, b) + 1e-4 * w * w


def _variance(_m: Functions, *xs: Any) -> Any:
    count = len(xs)
    mean = sum(xs) / count
    return sum([x * x for x in xs]) / count - mean * mean


def _variance_slopes(*xs: Any, count: int) -> list[Any]:
    mean = sum(xs) / len(xs)
    return [2.0 * (x - mean) / count for x in xs]


def _bump(m: Functions, x: Any) -> Any:
    return (1.0 - m.cos(x)) / (x * x)


_TARGETS = (0.3, -1.2, 0.8, 2.1, -0.4, 0.0, 1.1, -0.9, 0.6, 1.7)


def _mean_square(_m: Functions, *ws: Any) -> Any:
    return sum([(w - target) ** 2 for w, target in zip(ws, _TARGETS, strict=True)]) / len(ws)


def _mean_square_slopes(_m: Functions, *ws: Any) -> list[Any]:
    return [2.0 * (w - target) / len(ws) for w, target in zip(ws, _TARGETS, strict=True)]


def _times(slopes: Sequence[Any], place: int, factor: float) -> list[Any]:
    """A gradient with one coordinate multiplied."""
    return [slope * factor if at == place else slope for at, slope in enumerate(slopes)]


_WEIGHTS = (1.0, 0.5, -0.5, 2.0, -1.0, 0.25, 3.0, -2.0, 0.75, 1.25)
_LOGITS = (0.0, 1.0, 2.0, -1.0, 0.5, -10.0, 1.5, 0.25, -0.5, 2.5)
_NEAR_EQUAL = (10000.1, 10000.2, 10000.4)


# ---- right ------------------------------------------------------------------------------------------------------

RIGHT: tuple[Case, ...] = (
    # everyday points
    Case("x³ - 2x + 1", lambda m, x: x**3 - 2.0 * x + 1.0, lambda m, x: [3.0 * x * x - 2.0], (1.3,)),
    Case("exp(-x) sin 3x", _damped_wave, lambda m, x: [_damped_wave_slope(m, x)], (0.7,)),
    Case(
        "x y / (1 + z²)",
        lambda m, x, y, z: x * y / (1.0 + z * z),
        lambda m, x, y, z: [y / (1.0 + z * z), x / (1.0 + z * z), -2.0 * x * y * z / (1.0 + z * z) ** 2],
        (0.5, -2.0, 1.5),
    ),
    Case(
        "x^2.5 y^-1.5",
        lambda m, x, y: x**2.5 * y**-1.5,
        lambda m, x, y: [2.5 * x**1.5 * y**-1.5, -1.5 * x**2.5 * y**-2.5],
        (2.0, 3.0),
    ),
    Case(
        "Rosenbrock's function at its minimum",
        _rosenbrock,
        lambda m, x, y: [-2.0 * (1.0 - x) - 400.0 * x * (y - x * x), 200.0 * (y - x * x)],
        (1.0, 1.0),
    ),
    Case("logistic loss", _logistic_loss, _logistic_slopes, (0.4, -0.2)),
    Case("log-sum-exp of 4", _logsumexp, _softmax, (0.5, -1.0, 2.0, 0.0)),
    Case("atan2", lambda m, y, x: m.atan2(y, x), _atan2_slopes, (1.0, -2.0)),
    # sizes
    Case("x² at 1e-8", lambda m, x: x * x, lambda m, x: [2.0 * x], (1e-8,)),
    Case("x² at 1e8", lambda m, x: x * x, lambda m, x: [2.0 * x], (1e8,)),
    Case("1/x at 1e-8", lambda m, x: 1.0 / x, lambda m, x: [-1.0 / (x * x)], (1e-8,)),
    Case("√x at 1e-8", lambda m, x: m.sqrt(x), lambda m, x: [0.5 / m.sqrt(x)], (1e-8,)),
    Case("ln x at 1e8", lambda m, x: m.log(x), lambda m, x: [1.0 / x], (1e8,)),
    Case("atan2 at 1e-8", lambda m, y, x: m.atan2(y, x), _atan2_slopes, (3e-8, 4e-8)),
    Case("norm of 3 at 1e8", _norm, lambda m, *xs: [x / _norm(m, *xs) for x in xs], (1e8, -2e8, 2e8)),
    Case("exp x at 20", lambda m, x: m.exp(x), lambda m, x: [m.exp(x)], (20.0,)),
    Case("x y at (1e8, 1e-8)", lambda m, x, y: x * y, lambda m, x, y: [y, x], (1e8, 1e-8)),
    Case(
        "a decay over 1e-8, at 2e-8",
        lambda m, x: m.exp(-x / 1e-8),
        lambda m, x: [-m.exp(-x / 1e-8) / 1e-8],
        (2e-8,),
    ),
    # saturation
    Case("σ(z) at 40", _sigmoid, lambda m, z: [_sigmoid_slope(m, z)], (40.0,)),
    Case("σ(z) at -40", _sigmoid, lambda m, z: [_sigmoid_slope(m, z)], (-40.0,)),
    Case("ln(1 + exp(-z)) at 40", lambda m, z: _softplus(m, -z), lambda m, z: [-_sigmoid(m, -z)], (40.0,)),
    Case("log-sum-exp at 1000", _logsumexp, _softmax, (1000.0, 1001.0, 999.0)),
    # kinks, and close beside them
    _kink("|x| at 0", lambda m, x: m.abs(x), lambda m, x: [m.sign(x)], (0.0,)),
    _kink(
        "relu(2x - 1) at 0.5",
        lambda m, x: m.maximum(2.0 * x - 1.0, 0.0),
        lambda m, x: [2.0 * m.maximum(m.sign(2.0 * x - 1.0), 0.0)],
        (0.5,),
    ),
    _kink(
        "max(x, y) at a tie",
        lambda m, x, y: m.maximum(x, y),
        lambda m, x, y: [0.5 + 0.5 * m.sign(x - y), 0.5 - 0.5 * m.sign(x - y)],
        (2.0, 2.0),
    ),
    Case("|x| at 1e-7", lambda m, x: m.abs(x), lambda m, x: [m.sign(x)], (1e-7,)),
    Case(
        "x relu(x - 1) at 1 + 1e-9",
        lambda m, x: x * m.maximum(x - 1.0, 0.0),
        lambda m, x: [m.maximum(x - 1.0, 0.0) + x * m.maximum(m.sign(x - 1.0), 0.0)],
        (1.0 + 1e-9,),
    ),
    # digits lost to cancellation
    Case(
        "(1 - cos x)/x² at 1e-4",
        _bump,
        lambda m, x: [-x / 12.0 + x**3 / 180.0],
        (1e-4,),
    ),
    Case("1e8 + sin x", lambda m, x: 1e8 + m.sin(x), lambda m, x: [m.cos(x)], (0.5,)),
    Case(
        "variance of 3 near 1e4",
        _variance,
        lambda m, *xs: _variance_slopes(*xs, count=len(xs)),
        _NEAR_EQUAL,
    ),
)


# ---- wrong ------------------------------------------------------------------------------------------------------

WRONG: tuple[Case, ...] = (
    # a constant with too few digits, a few percent
    Case("log10 x: ln 10 as 2.3", lambda m, x: m.log(x) / math.log(10.0), lambda m, x: [1.0 / (2.3 * x)], (3.0,), (0,)),
    Case(
        "sin of degrees: π as 3.14",
        lambda m, x: m.sin(x * (math.pi / 180.0)),
        lambda m, x: [m.cos(x * (math.pi / 180.0)) * (3.14 / 180.0)],
        (30.0,),
        (0,),
    ),
    Case("exp(-x) sin 3x: by 0.1 %", _damped_wave, lambda m, x: [1.001 * _damped_wave_slope(m, x)], (0.7,), (0,)),
    Case("σ(z): by 3 %", _sigmoid, lambda m, z: [1.03 * _sigmoid_slope(m, z)], (0.3,), (0,)),
    Case("1/x at 1e8: by 3 %", lambda m, x: 1.0 / x, lambda m, x: [-1.03 / (x * x)], (1e8,), (0,)),
    # a sign
    Case(
        "sin x / (1 + x²): the quotient rule with +",
        lambda m, x: m.sin(x) / (1.0 + x * x),
        lambda m, x: [(m.cos(x) * (1.0 + x * x) + 2.0 * x * m.sin(x)) / (1.0 + x * x) ** 2],
        (0.5,),
        (0,),
    ),
    Case(
        "x y z at 1e-4: a sign",
        lambda m, x, y, z: x * y * z,
        lambda m, x, y, z: [y * z, x * z, -x * y],
        (2e-4, 3e-4, -1e-4),
        (2,),
    ),
    Case(
        "atan2: a sign",
        lambda m, y, x: m.atan2(y, x),
        lambda m, y, x: _times(_atan2_slopes(m, y, x), 1, -1.0),
        (1.0, -2.0),
        (1,),
    ),
    # a factor
    Case("x²: without the 2", lambda m, x: x * x, lambda m, x: [x], (1.3,), (0,)),
    Case("x² at 1e-8: without the 2", lambda m, x: x * x, lambda m, x: [x], (1e-8,), (0,)),
    Case(
        "norm of 3: without the ½",
        _norm,
        lambda m, *xs: [2.0 * x / _norm(m, *xs) for x in xs],
        (1.0, 2.0, -2.0),
        (0, 1, 2),
    ),
    # a path forgotten
    Case("x exp x: half of the product rule", lambda m, x: x * m.exp(x), lambda m, x: [x * m.exp(x)], (0.5,), (0,)),
    Case("x^x: the power rule alone", lambda m, x: x**x, lambda m, x: [x * x ** (x - 1.0)], (2.0,), (0,)),
    Case("sin 3x: without the 3", lambda m, x: m.sin(3.0 * x), lambda m, x: [m.cos(3.0 * x)], (0.2,), (0,)),
    Case("logistic loss + 1e-4 w²: without the penalty", _ridge, _logistic_slopes, (0.4, -0.2), (0,)),
    Case(
        "Rosenbrock's function: without -2(1 - x)",
        _rosenbrock,
        lambda m, x, y: [-400.0 * x * (y - x * x), 200.0 * (y - x * x)],
        (-1.2, 1.0),
        (0,),
    ),
    Case(
        "cross-entropy: the label's share forgotten",
        lambda m, x, y, z: _logsumexp(m, x, y, z) - z,
        _softmax,
        (0.2, -1.0, 1.5),
        (2,),
    ),
    # a value from the step before
    Case(
        "logistic loss: the weights of the step before",
        _logistic_loss,
        lambda m, w, b: _logistic_slopes(m, w - 0.01, b),
        (0.4, -0.2),
        (0, 1),
    ),
    Case("exp x at 20: a stale output", lambda m, x: m.exp(x), lambda m, x: [m.exp(x - 0.01)], (20.0,), (0,)),
    # one coordinate of many
    Case(
        "mean square of 10: one by 3 %",
        _mean_square,
        lambda m, *ws: _times(_mean_square_slopes(m, *ws), 6, 1.03),
        _WEIGHTS,
        (6,),
    ),
    Case(
        "log-sum-exp of 10: the least likely one doubled",
        _logsumexp,
        lambda m, *xs: _times(_softmax(m, *xs), 5, 2.0),
        _LOGITS,
        (5,),
    ),
    Case("x/y: the two swapped", lambda m, x, y: x / y, lambda m, x, y: [-x / (y * y), 1.0 / y], (2.0, 3.0), (0, 1)),
    # wrong at saturation alone
    Case(
        "σ(z) at 40: σ (1 - σ)",
        _sigmoid,
        lambda m, z: [_sigmoid(m, z) * (1.0 - _sigmoid(m, z))],
        (40.0,),
        (0,),
    ),
    Case("tanh x at 19: 1 - tanh²", lambda m, x: m.tanh(x), lambda m, x: [1.0 - m.tanh(x) ** 2], (19.0,), (0,)),
    Case(
        "ln(1 + exp(-z)) at 40: σ - 1",
        lambda m, z: _softplus(m, -z),
        lambda m, z: [_sigmoid(m, z) - 1.0],
        (40.0,),
        (0,),
    ),
    Case(
        "ln(1 + exp z) at -35: 1 - σ(-z)",
        _softplus,
        lambda m, z: [1.0 - _sigmoid(m, -z)],
        (-35.0,),
        (0,),
    ),
    # a small coordinate beside a large one, or lost in the function's digits
    Case(
        "x y at (1e8, 1e-8): the small one doubled",
        lambda m, x, y: x * y,
        lambda m, x, y: [2.0 * y, x],
        (1e8, 1e-8),
        (0,),
    ),
    Case(
        "x² + y² at (1e8, 1e-8): the small one halved",
        lambda m, x, y: x * x + y * y,
        lambda m, x, y: [2.0 * x, y],
        (1e8, 1e-8),
        (1,),
    ),
    Case("(1 - cos x)/x² at 1e-4: a sign", _bump, lambda m, x: [x / 12.0 - x**3 / 180.0], (1e-4,), (0,)),
    Case(
        "variance of 3 near 1e4: by n - 1",
        _variance,
        lambda m, *xs: _variance_slopes(*xs, count=len(xs) - 1),
        _NEAR_EQUAL,
        (0, 1, 2),
    ),
)
