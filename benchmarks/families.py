"""Families of functions of floats on which checkers of gradients go wrong, with right gradients and mistakes.

A family draws a function, a point, the right derivative there, and mistakes as people make them: a term forgotten, a
sign, a factor 2, one per cent. The families are what gradients are written for: cycles, narrow lines, decays, barriers,
units from femtometres to light years, clipped, rounded and piecewise functions, noise, single precision, solvers, and
the border of a domain. Every function that can be is written over a module of elementary functions ``m``, so that a
test can hold its derivative against mpmath's.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy

__all__ = ["FAMILIES", "Draw", "Family", "draws"]

TURN = 2.0 * math.pi
ULTIMATE = 1e-6  # the checker's own tolerance, for functions that are as exact as floats are
Written = Callable[[Any, Any], Any]


@dataclass(frozen=True, slots=True)
class Draw:
    """A function at a point.

    Parameters
    ----------
    f : callable
        From a module of functions, such as ``math`` or ``mpmath``, and a number to a number.
    x : float
        The point.
    slope : float
        The right derivative there.
    forgotten : dict
        From a mistake of the family's own to the derivative that it gives.
    tol : float
        The relative error that the function's own exactness allows to be told.
    portable : bool
        Whether ``f`` runs in mpmath.
    """

    f: Written
    x: float
    slope: float
    forgotten: dict[str, float] = field(default_factory=dict)
    tol: float = ULTIMATE
    portable: bool = True

    def plain(self, x: float) -> float:
        """The function of floats alone."""
        return float(self.f(math, float(x)))

    @property
    def mistakes(self) -> dict[str, float]:
        """The derivatives that differ from the right one by far more than the tolerance."""
        usual = {"a sign": -self.slope, "without the 2": 0.5 * self.slope, "by 1 %": 1.01 * self.slope}
        usual |= {"nothing": 0.0} if self.slope else {"1 for 0": 1.0}
        return {
            what: wrong
            for what, wrong in (self.forgotten | usual).items()
            if abs(wrong - self.slope) > 20.0 * self.tol * max(abs(self.slope), abs(wrong))
        }


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of function.

    Parameters
    ----------
    name, group : str
        What it is, and of which sort.
    draw : callable
        One of its functions at a point, by chance.
    """

    name: str
    group: str
    draw: Callable[[random.Random], Draw]


FAMILIES: dict[str, Family] = {}
"""Every family by its name."""


def family(group: str) -> Callable[[Callable[[random.Random], Draw]], Callable[[random.Random], Draw]]:
    """Enter the decorated function as a family; its docstring is the name."""

    def enter(draw: Callable[[random.Random], Draw]) -> Callable[[random.Random], Draw]:
        name = (draw.__doc__ or "").rstrip(".")
        FAMILIES[name] = Family(name, group, draw)
        return draw

    return enter


def draws(one: Family, count: int, seed: int = 0) -> Iterator[Draw]:
    """Draw from a family.

    Parameters
    ----------
    one : Family
        The family.
    count : int
        How many.
    seed : int, default 0
        Of the draws.

    Yields
    ------
    Draw
        One after the other.
    """
    source = random.Random(f"{one.name} {seed}")
    for _ in range(count):
        yield one.draw(source)


def _log(source: random.Random, low: float, high: float) -> float:
    """A number between two of one sign, uniform in its logarithm."""
    return math.exp(source.uniform(math.log(low), math.log(high)))


# ---- cycles -----------------------------------------------------------------------------------------------------


@family("cycles")
def _season(source: random.Random) -> Draw:
    """A trend with a season, in years."""
    a, b, phase = source.uniform(0.5, 3.0), source.uniform(1.0, 5.0), source.uniform(0.0, TURN)
    t = source.uniform(1959.0, 2030.0)
    return Draw(
        lambda m, x: 315.0 + a * (x - 1958.0) + b * m.sin(TURN * x + phase),
        t,
        a + b * TURN * math.cos(TURN * t + phase),
        {"the season": a},
    )


@family("cycles")
def _two_seasons(source: random.Random) -> Draw:
    """A season with a second harmonic, and a cycle of 11 years."""
    a, b, c = source.uniform(1.0, 4.0), source.uniform(0.5, 2.0), source.uniform(0.5, 3.0)
    t = source.uniform(0.0, 60.0)
    return Draw(
        lambda m, x: 14.0 + a * m.sin(TURN * x) + b * m.cos(2.0 * TURN * x) + c * m.sin(TURN * x / 11.0),
        t,
        TURN * (a * math.cos(TURN * t) - 2.0 * b * math.sin(2.0 * TURN * t) + c / 11.0 * math.cos(TURN * t / 11.0)),
        {"the harmonic": TURN * (a * math.cos(TURN * t) + c / 11.0 * math.cos(TURN * t / 11.0))},
    )


@family("cycles")
def _rastrigin(source: random.Random) -> Draw:
    """Rastrigin's function."""
    x0 = source.uniform(-500.0, 500.0)
    return Draw(
        lambda m, x: 10.0 + x * x - 10.0 * m.cos(TURN * x),
        x0,
        2.0 * x0 + 10.0 * TURN * math.sin(TURN * x0),
        {"the cosine": 2.0 * x0},
    )


@family("cycles")
def _hum(source: random.Random) -> Draw:
    """The hum of the mains, in seconds."""
    w, t = TURN * source.uniform(45.0, 65.0), source.uniform(100.0, 4000.0)
    return Draw(lambda m, x: m.sin(w * x), t, w * math.cos(w * t))


@family("cycles")
def _encoding(source: random.Random) -> Draw:
    """Positional encoding of a position in a text."""
    ks = [10000.0 ** (-i / 8.0) for i in range(8)]
    ws = [source.uniform(-1.0, 1.0) for _ in ks]
    p = source.uniform(1.0, 2048.0)
    parts = [w * k * math.cos(k * p) for k, w in zip(ks, ws, strict=True)]
    return Draw(
        lambda m, x: sum([w * m.sin(k * x) for k, w in zip(ks, ws, strict=True)]),
        p,
        sum(parts),
        {"the quickest": sum(parts[1:])},
    )


@family("cycles")
def _tide(source: random.Random) -> Draw:
    """A tide of three cycles, in hours."""
    periods, sizes = (12.4206, 12.0, 23.9345), [source.uniform(0.2, 2.0) for _ in range(3)]
    t = source.uniform(0.0, 20000.0)
    parts = [s * TURN / p * math.cos(TURN * t / p) for s, p in zip(sizes, periods, strict=True)]
    return Draw(
        lambda m, x: 3.0 + sum([s * m.sin(TURN * x / p) for s, p in zip(sizes, periods, strict=True)]),
        t,
        sum(parts),
        {"the moon": sum(parts[1:])},
    )


@family("cycles")
def _light(source: random.Random) -> Draw:
    """A standing wave of light, in metres."""
    k, x0 = TURN / source.uniform(4e-7, 8e-7), source.uniform(1e-4, 1e-2)
    return Draw(lambda m, x: 2.0 * x + m.sin(k * x) / k, x0, 2.0 + math.cos(k * x0), {"the wave": 2.0})


@family("cycles")
def _carrier(source: random.Random) -> Draw:
    """A carrier with a modulated amplitude."""
    slow, fast = source.uniform(5.0, 20.0), source.uniform(5e3, 2e4)
    t = source.uniform(0.1, 2.0)
    low, high = 1.0 + 0.5 * math.cos(slow * t), math.cos(fast * t)
    down = -0.5 * slow * math.sin(slow * t) * high
    return Draw(
        lambda m, x: (1.0 + 0.5 * m.cos(slow * x)) * m.cos(fast * x),
        t,
        down - low * fast * math.sin(fast * t),
        {"the carrier": down},
    )


@family("cycles")
def _dyadic(source: random.Random) -> Draw:
    """A cycle that powers of two are multiples of."""
    n = source.choice((1.0, 2.0, 4.0, 8.0, 64.0, 1024.0))
    x0 = source.randrange(8, 4000) / 8.0 + source.choice((0.0, source.uniform(0.0, 0.1)))
    return Draw(lambda m, x: x + m.sin(TURN * n * x), x0, 1.0 + TURN * n * math.cos(TURN * n * x0), {"the cycle": 1.0})


@family("cycles")
def _chirp(source: random.Random) -> Draw:
    """A chirp."""
    x0 = source.uniform(10.0, 200.0)
    return Draw(lambda m, x: m.sin(x * x), x0, 2.0 * x0 * math.cos(x0 * x0))


# ---- lines ------------------------------------------------------------------------------------------------------


@family("lines")
def _gaussian_line(source: random.Random) -> Draw:
    """A narrow line on a slope."""
    c, w, a = source.uniform(0.5, 700.0), _log(source, 1e-5, 1e-2), source.uniform(0.05, 2.0)
    x0 = c + w * source.uniform(-1.5, 1.5)
    u = (x0 - c) / w
    return Draw(
        lambda m, x: 2.0 * x + a * m.exp(-(((x - c) / w) ** 2)),
        x0,
        2.0 - 2.0 * a * u / w * math.exp(-u * u),
        {"the line": 2.0},
    )


@family("lines")
def _odd_line(source: random.Random) -> Draw:
    """A dispersive line on a slope, at its middle."""
    c, w, a = source.uniform(0.5, 5.0), _log(source, 1e-5, 1e-2), source.uniform(0.01, 0.5)
    return Draw(
        lambda m, x: 2.0 * x + a * ((x - c) / w) * m.exp(-(((x - c) / w) ** 2)), c, 2.0 + a / w, {"the line": 2.0}
    )


@family("lines")
def _lorentzian(source: random.Random) -> Draw:
    """A Lorentzian in nanometres."""
    c, w, a = source.uniform(400.0, 800.0), _log(source, 1e-4, 1.0), source.uniform(0.1, 10.0)
    x0 = c + w * source.uniform(-3.0, 3.0)
    u = (x0 - c) / w
    return Draw(
        lambda m, x: 1.0 - 1e-4 * x + a / (1.0 + ((x - c) / w) ** 2),
        x0,
        -1e-4 - 2.0 * a * u / w / (1.0 + u * u) ** 2,
        {"the line": -1e-4},
    )


@family("lines")
def _step(source: random.Random) -> Draw:
    """A steep logistic step on a slope."""
    c, w = source.uniform(-3.0, 3.0), _log(source, 1e-6, 1e-2)
    x0 = c + w * source.uniform(-4.0, 4.0)
    s = 1.0 / (1.0 + math.exp(-(x0 - c) / w))
    return Draw(
        lambda m, x: 0.5 * x + 1.0 / (1.0 + m.exp(max(min(-(x - c) / w, 700.0), -700.0))),
        x0,
        0.5 + s * (1.0 - s) / w,
        {"the step": 0.5},
    )


@family("lines")
def _resonance(source: random.Random) -> Draw:
    """A resonance of high quality."""
    w0, q = source.uniform(10.0, 1e5), _log(source, 1e2, 1e5)
    x0 = w0 * (1.0 + source.uniform(-1.0, 1.0) / q)
    a, b = w0 * w0 - x0 * x0, w0 * x0 / q
    return Draw(
        lambda m, x: w0 * w0 / m.sqrt((w0 - x) ** 2 * (w0 + x) ** 2 + (w0 * x / q) ** 2),
        x0,
        -w0 * w0 * (-2.0 * a * x0 + b * w0 / q) / (a * a + b * b) ** 1.5,
        {"the damping": w0 * w0 * 2.0 * a * x0 / (a * a + b * b) ** 1.5},
        1e-5,
    )


@family("lines")
def _absorption(source: random.Random) -> Draw:
    """Light through a gas with a line."""
    c, w, tau = source.uniform(1e3, 3e3), _log(source, 1e-3, 1e-1), source.uniform(0.1, 3.0)
    x0 = c + w * source.uniform(-2.0, 2.0)
    u = (x0 - c) / w
    g = math.exp(-tau / (1.0 + u * u))
    return Draw(
        lambda m, x: m.exp(-tau / (1.0 + ((x - c) / w) ** 2)),
        x0,
        g * tau * 2.0 * u / w / (1.0 + u * u) ** 2,
        {"the outer derivative": tau * 2.0 * u / w / (1.0 + u * u) ** 2},
    )


# ---- decays and barriers ----------------------------------------------------------------------------------------


@family("decays")
def _decay(source: random.Random) -> Draw:
    """A decay, in seconds."""
    tau, a = _log(source, 1e-9, 1e-1), source.uniform(0.5, 10.0)
    t = tau * source.uniform(0.1, 5.0)
    return Draw(lambda m, x: a * m.exp(-x / tau), t, -a / tau * math.exp(-t / tau))


@family("decays")
def _two_decays(source: random.Random) -> Draw:
    """Two decays, one a thousand times as quick."""
    slow = _log(source, 1e-2, 1e1)
    quick, t = slow * 1e-3, slow * 1e-3 * source.uniform(0.2, 3.0)
    parts = [-math.exp(-t / tau) / tau for tau in (slow, quick)]
    return Draw(lambda m, x: m.exp(-x / slow) + m.exp(-x / quick), t, sum(parts), {"the quick one": parts[0]})


@family("decays")
def _arrhenius(source: random.Random) -> Draw:
    """Arrhenius' rate over temperature."""
    a, e, t = _log(source, 1e8, 1e13), source.uniform(3e4, 1.2e5), source.uniform(250.0, 600.0)
    return Draw(
        lambda m, x: a * m.exp(-e / (8.314462618 * x)), t, a * math.exp(-e / (8.314462618 * t)) * e / 8.314462618 / t**2
    )


@family("decays")
def _planck(source: random.Random) -> Draw:
    """Planck's occupation number over a frequency in hertz."""
    c = 6.62607015e-34 / (1.380649e-23 * source.uniform(3.0, 6000.0))
    nu = source.uniform(0.1, 20.0) / c
    z = c * nu
    return Draw(lambda m, x: 1.0 / m.expm1(c * x), nu, -c * math.exp(z) / math.expm1(z) ** 2)


@family("decays")
def _bessel(source: random.Random) -> Draw:
    """A damped oscillation late in its life."""
    tau, w = _log(source, 1e-6, 1.0), source.uniform(20.0, 200.0)
    t = tau * source.uniform(1.0, 10.0)
    return Draw(
        lambda m, x: m.exp(-x / tau) * m.cos(w * x / tau),
        t,
        -math.exp(-t / tau) / tau * (math.cos(w * t / tau) + w * math.sin(w * t / tau)),
        {"the envelope": -math.exp(-t / tau) / tau * w * math.sin(w * t / tau)},
    )


@family("barriers")
def _lennard_jones(source: random.Random) -> Draw:
    """A Lennard-Jones potential in SI units."""
    s, e = source.uniform(2e-10, 4e-10), source.uniform(1e-22, 1e-20)
    r = s * source.uniform(0.95, 2.0)
    u = s / r
    return Draw(
        lambda m, x: 4.0 * e * ((s / x) ** 12 - (s / x) ** 6),
        r,
        4.0 * e * (6.0 * u**6 - 12.0 * u**12) / r,
        {"the attraction": -48.0 * e * u**12 / r},
    )


@family("barriers")
def _log_barrier(source: random.Random) -> Draw:
    """A logarithmic barrier close to its bound."""
    c, mu = source.uniform(0.5, 5.0), _log(source, 1e-4, 1.0)
    x0 = c - _log(source, 1e-6, 0.3)
    return Draw(lambda m, x: x - mu * m.log(c - x), x0, 1.0 + mu / (c - x0), {"the barrier": 1.0}, 1e-6)


@family("barriers")
def _penalty(source: random.Random) -> Draw:
    """A penalty of 1e30 beyond a bound."""
    c, a = source.uniform(0.5, 5.0), source.uniform(-2.0, 2.0)
    x0 = c - _log(source, 1e-3, 0.5)
    return Draw(lambda m, x: m.sin(a * x) + (1e30 * (x - c) ** 2 if x > c else 0.0), x0, a * math.cos(a * x0))


@family("barriers")
def _wall(source: random.Random) -> Draw:
    """A hard wall, beyond which the value is infinite."""
    c, k = source.uniform(0.5, 5.0), source.uniform(0.1, 3.0)
    x0 = c - _log(source, 1e-4, 0.5)
    return Draw(lambda m, x: k * x**3 if x < c else math.inf, x0, 3.0 * k * x0 * x0)


@family("barriers")
def _morse(source: random.Random) -> Draw:
    """A stiff Morse potential."""
    d, a, r = source.uniform(0.5, 10.0), _log(source, 10.0, 1000.0), source.uniform(0.5, 2.0)
    x0 = r + source.uniform(-0.3, 2.0) / a
    u = math.exp(-a * (x0 - r))
    return Draw(lambda m, x: d * (1.0 - m.exp(min(-a * (x - r), 700.0))) ** 2, x0, 2.0 * d * (1.0 - u) * a * u)


@family("barriers")
def _stiff(source: random.Random) -> Draw:
    """A diode's current."""
    i, v = _log(source, 1e-15, 1e-9), source.uniform(0.3, 0.8)
    return Draw(lambda m, x: i * m.expm1(x / 0.025852), v, i / 0.025852 * math.exp(v / 0.025852))


# ---- units ------------------------------------------------------------------------------------------------------


@family("units")
def _yukawa(source: random.Random) -> Draw:
    """Yukawa's potential in femtometres, written in metres."""
    g, r0 = source.uniform(1e-12, 1e-10), 1.4e-15
    r = r0 * source.uniform(0.2, 5.0)
    return Draw(
        lambda m, x: -g * m.exp(-x / r0) / (x / r0),
        r,
        g * math.exp(-r / r0) * r0 / r * (1.0 / r0 + 1.0 / r),
        {"the screening": g * math.exp(-r / r0) * r0 / r**2},
    )


@family("units")
def _spring_at_zero(source: random.Random) -> Draw:
    """A molecule's bond in metres, by a coordinate that is 0."""
    d, k, e = source.uniform(1e-10, 3e-10), source.uniform(100.0, 900.0), source.uniform(-0.4, 0.4)
    r = d * math.sqrt(1.0 + e * e + 0.04)
    return Draw(
        lambda m, x: 0.5 * k * (m.sqrt((x - d) ** 2 + (0.2 * d) ** 2 + (e * d) ** 2) - 1.1 * d) ** 2,
        0.0,
        -k * (r - 1.1 * d) * d / r,
    )


@family("units")
def _sine_at_zero(source: random.Random) -> Draw:
    """A function of a small length at 0."""
    s, a = _log(source, 1e-12, 1e-2), source.uniform(0.0, 1.0)
    return Draw(lambda m, x: a + m.sin(x / s + 0.4), 0.0, math.cos(0.4) / s)


@family("units")
def _coulomb(source: random.Random) -> Draw:
    """Coulomb's energy over ångströms, in SI units."""
    c, r = 2.30707755e-28, _log(source, 1e-11, 1e-8)
    return Draw(lambda m, x: c / x, r, -c / r**2)


@family("units")
def _gravity(source: random.Random) -> Draw:
    """A gravitational potential over light years, in metres."""
    gm, r = 1.32712440018e20 * source.uniform(0.1, 1e6), _log(source, 1e11, 1e21)
    return Draw(lambda m, x: -gm / x + 1e3, r, gm / r**2, tol=1e-3)


@family("units")
def _capacitor(source: random.Random) -> Draw:
    """The energy in a capacitor of picofarads."""
    v, c = source.uniform(1.0, 20.0), _log(source, 1e-13, 1e-9)
    return Draw(lambda m, x: 0.5 * x * v * v + (0.3 * v) ** 2 * 1e21 * x * x, c, 0.5 * v * v + 0.18 * v * v * 1e21 * c)


@family("units")
def _tiny_point(source: random.Random) -> Draw:
    """An ordinary function at a tiny point."""
    x0 = _log(source, 1e-300, 1e-20)
    return Draw(lambda m, x: m.exp(0.7 * x) * (2.0 + x), x0, 2.4)


@family("units")
def _power(source: random.Random) -> Draw:
    """A power law over many orders of magnitude."""
    p, x0 = source.choice((-3.0, -1.5, -0.5, 0.5, 1.5, 2.0, 3.0)), _log(source, 1e-25, 1e25)
    return Draw(lambda m, x: x**p, x0, p * x0 ** (p - 1.0))


@family("units")
def _line_of_any_size(source: random.Random) -> Draw:
    """A straight line of any slope."""
    a, x0 = _log(source, 1e-30, 1e30), _log(source, 1e-20, 1e20)
    return Draw(lambda m, x: a * x, x0, a)


# ---- values that cancel at the point ----------------------------------------------------------------------------


@family("cancelled")
def _log_of_near_1(source: random.Random) -> Draw:
    """log(1 + kx) at 0, where floats see no step below 1e-16/k."""
    k = source.choice((-1.0, 1.0)) * _log(source, 1e-3, 1e3)
    return Draw(lambda m, x: m.log(1.0 + k * x), 0.0, k)


@family("cancelled")
def _offset_at_zero(source: random.Random) -> Draw:
    """A straight line on a large constant that is taken away again."""
    k, c = source.uniform(0.5, 2.0), _log(source, 1.0, 1e4)
    return Draw(lambda m, x: (c + k * x) - c, 0.0, k, tol=1e-5)


@family("cancelled")
def _square_about_1(source: random.Random) -> Draw:
    """A square less its value at the point."""
    k = _log(source, 0.1, 10.0)
    return Draw(lambda m, x: (1.0 + k * x) ** 2 - 1.0, 0.0, 2.0 * k)


@family("cancelled")
def _difference_from_rest(source: random.Random) -> Draw:
    """A smooth curve less its value at the point."""
    c, k = source.uniform(-1.0, 1.0), source.uniform(0.5, 2.0)
    rest = math.tanh(c)
    return Draw(lambda m, x: m.tanh(c + k * x) - rest, 0.0, k / math.cosh(c) ** 2, portable=False)


# ---- clipped, rounded, piecewise --------------------------------------------------------------------------------


@family("clipped")
def _clipped_inside(source: random.Random) -> Draw:
    """A clipped function between its bounds."""
    x0, a = source.uniform(0.05, 0.95), source.uniform(0.5, 2.0)
    return Draw(lambda m, x: m.exp(a * min(max(x, 0.0), 1.0)), x0, a * math.exp(a * x0))


@family("clipped")
def _clipped_outside(source: random.Random) -> Draw:
    """A clipped function beyond a bound."""
    bound = source.uniform(0.5, 3.0)
    x0 = bound + _log(source, 1e-3, 2.0)
    return Draw(lambda m, x: m.exp(min(x, bound)), x0, 0.0, {"the clip": math.exp(x0)})


@family("clipped")
def _clipped_loss(source: random.Random) -> Draw:
    """A log-loss with clipped probabilities."""
    z = source.uniform(-12.0, 12.0)
    return Draw(
        lambda m, x: -m.log(min(max(1.0 / (1.0 + m.exp(-x)), 1e-15), 1.0 - 1e-15)),
        z,
        -1.0 / (1.0 + math.exp(z)),
    )


@family("clipped")
def _winsor(source: random.Random) -> Draw:
    """Huber's loss."""
    d = source.uniform(0.5, 2.0)
    x0 = source.choice((-1.0, 1.0)) * d * source.choice((source.uniform(0.01, 0.98), source.uniform(1.02, 5.0)))
    return Draw(
        lambda m, x: 0.5 * x * x if abs(x) <= d else d * (abs(x) - 0.5 * d),
        x0,
        max(min(x0, d), -d),
        {"the clip": x0},
    )


@family("rounded")
def _floor(source: random.Random) -> Draw:
    """A floor."""
    x0 = source.randrange(1, 300) + source.uniform(0.1, 0.9)
    return Draw(lambda m, x: float(m.floor(x)), x0, 0.0, {"the floor": 1.0})


@family("rounded")
def _part(source: random.Random) -> Draw:
    """The part of a number that is left of its floor."""
    x0 = source.randrange(1, 100) + source.uniform(0.1, 0.9)
    return Draw(lambda m, x: (x - m.floor(x)) ** 2, x0, 2.0 * (x0 - math.floor(x0)), {"the floor": 2.0 * x0})


@family("rounded")
def _decimals(source: random.Random) -> Draw:
    """A result rounded to nine decimals."""
    x0, a = source.uniform(0.2, 2.0), source.uniform(0.5, 2.0)
    return Draw(lambda m, x: round(m.sin(a * x) + x, 9), x0, a * math.cos(a * x0) + 1.0, tol=1e-4, portable=False)


@family("piecewise")
def _tax(source: random.Random) -> Draw:
    """A tax by brackets."""
    rates, bounds = (0.1, 0.24, 0.32, 0.45), (12_000.0, 40_000.0, 90_000.0)
    x0 = source.uniform(1_000.0, 150_000.0)
    edges = (0.0, *bounds)

    def tax(m: Any, x: Any) -> Any:
        parts = zip(rates, edges, (*bounds, math.inf), strict=True)
        return sum([rate * (min(x, high) - low) for rate, low, high in parts if x > low])

    slope = rates[sum([x0 > bound for bound in bounds])]
    return Draw(tax, x0, slope, {"the bracket": rates[0] if slope != rates[0] else rates[1]})


@family("piecewise")
def _spline(source: random.Random) -> Draw:
    """A quadratic spline."""
    knots, jumps = [0.37 * i for i in range(1, 9)], [source.uniform(-3.0, 3.0) for _ in range(8)]
    x0 = source.uniform(0.0, 3.3)

    def spline(m: Any, x: Any) -> Any:
        return x + sum([jump * (x - knot) ** 2 for knot, jump in zip(knots, jumps, strict=True) if x > knot])

    return Draw(spline, x0, 1.0 + sum([2.0 * j * (x0 - k) for k, j in zip(knots, jumps, strict=True) if x0 > k]))


@family("piecewise")
def _hinges(source: random.Random) -> Draw:
    """A sum of hinges."""
    knots, jumps = [source.uniform(0.0, 4.0) for _ in range(20)], [source.uniform(-1.0, 1.0) for _ in range(20)]
    x0 = source.uniform(0.0, 4.0)

    def hinges(m: Any, x: Any) -> Any:
        return 0.3 * x + sum([jump * max(x - knot, 0.0) for knot, jump in zip(knots, jumps, strict=True)])

    return Draw(hinges, x0, 0.3 + sum([jump for knot, jump in zip(knots, jumps, strict=True) if x0 > knot]))


@family("piecewise")
def _near_a_kink(source: random.Random) -> Draw:
    """Close beside a kink."""
    c = source.uniform(0.5, 3.0)
    x0 = c + source.choice((-1.0, 1.0)) * _log(source, 1e-8, 1e-2)
    return Draw(lambda m, x: abs(x - c) + 0.2 * x * x, x0, math.copysign(1.0, x0 - c) + 0.4 * x0)


# ---- noise and single precision ---------------------------------------------------------------------------------


@family("noise")
def _variance(source: random.Random) -> Draw:
    """A variance as the difference of two squares."""
    xs = [1e3 + source.uniform(-5.0, 5.0) for _ in range(5)]
    x0 = 1e3 + source.uniform(5.0, 20.0)
    mean = (sum(xs) + x0) / 6.0

    def variance(m: Any, x: Any) -> Any:
        every = [*xs, x]
        return sum([one * one for one in every]) / 6.0 - (sum(every) / 6.0) ** 2

    return Draw(variance, x0, (x0 - mean) / 3.0, tol=1e-5)


@family("noise")
def _offset(source: random.Random) -> Draw:
    """An oscillation on a large offset."""
    big, x0 = _log(source, 1e3, 1e5), source.uniform(0.1, 1.2)
    return Draw(lambda m, x: big + m.sin(x), x0, math.cos(x0))


@family("noise")
def _expanded(source: random.Random) -> Draw:
    """An expanded polynomial close to its root."""
    x0 = source.uniform(1.2, 2.5)
    return Draw(
        lambda m, x: x**5 - 5.0 * x**4 + 10.0 * x**3 - 10.0 * x**2 + 5.0 * x - 1.0, x0, 5.0 * (x0 - 1.0) ** 4, tol=1e-5
    )


@family("noise")
def _common_numbers(source: random.Random) -> Draw:
    """An option's price by Monte Carlo with common random numbers."""
    normals = numpy.random.default_rng(source.randrange(10**9)).standard_normal(400)
    s0, vol, strike = source.uniform(80.0, 120.0), source.uniform(0.1, 0.4), 100.0
    growth = numpy.exp(vol * normals - 0.5 * vol * vol)
    return Draw(
        lambda m, x: float(numpy.maximum(x * growth - strike, 0.0).mean()),
        s0,
        float((growth * (s0 * growth > strike)).mean()),
        {"the exercise": float(growth.mean())},
        portable=False,
    )


@family("noise")
def _long_sum(source: random.Random) -> Draw:
    """A loss over 2,000 samples."""
    rng = numpy.random.default_rng(source.randrange(10**9))
    xs, w = rng.standard_normal(2000), source.uniform(-2.0, 2.0)
    ys = (rng.random(2000) < 0.5).astype(float)
    return Draw(
        lambda m, w: float((numpy.logaddexp(0.0, w * xs) - ys * w * xs).sum()),
        w,
        float((xs * (1.0 / (1.0 + numpy.exp(-w * xs)) - ys)).sum()),
        portable=False,
        tol=1e-5,
    )


@family("single precision")
def _single_result(source: random.Random) -> Draw:
    """A result in single precision."""
    x0, a = source.uniform(0.2, 1.2), source.uniform(0.5, 1.2)
    return Draw(
        lambda m, x: float(numpy.float32(m.sin(a * x) + x)), x0, 1.0 + a * math.cos(a * x0), tol=1e-3, portable=False
    )


@family("single precision")
def _single_input(source: random.Random) -> Draw:
    """A function of single precision."""
    x0 = source.uniform(0.3, 2.0)

    def f(m: Any, x: Any) -> float:
        x = numpy.float32(x)
        return float(numpy.exp(-x) + x * x)

    return Draw(f, x0, 2.0 * x0 - math.exp(-x0), tol=1e-2, portable=False)


@family("single precision")
def _single_loss(source: random.Random) -> Draw:
    """A loss over 50 samples in single precision."""
    rng = numpy.random.default_rng(source.randrange(10**9))
    xs, w = rng.standard_normal(50).astype(numpy.float32), source.uniform(0.5, 2.0)

    def f(m: Any, w: Any) -> float:
        return float(numpy.mean(numpy.logaddexp(numpy.float32(0), numpy.float32(w) * xs) - xs * numpy.float32(w)))

    z = xs.astype(float)
    return Draw(f, w, float((z * (1.0 / (1.0 + numpy.exp(-w * z)) - 1.0)).mean()), tol=1e-2, portable=False)


# ---- solvers ----------------------------------------------------------------------------------------------------


def _integrated(slope: Callable[[float, Any], Any], start: list[float], end: float, **options: Any) -> Any:
    from scipy.integrate import solve_ivp  # type: ignore[import-untyped, unused-ignore]

    return solve_ivp(slope, (0.0, end), start, **options).y[:, -1]


@family("solvers")
def _logistic_growth(source: random.Random) -> Draw:
    """Logistic growth by solve_ivp with its own tolerances."""
    r, k, y0, end = (
        source.uniform(0.4, 1.5),
        source.uniform(5.0, 15.0),
        source.uniform(0.3, 1.5),
        source.uniform(2.0, 6.0),
    )

    def f(m: Any, x: Any) -> float:
        return float(_integrated(lambda _, y: x * y * (1.0 - y / k), [y0], end)[0])

    e = (k - y0) / y0 * math.exp(-r * end)
    return Draw(f, r, k * e * end / (1.0 + e) ** 2, tol=5e-2, portable=False)


@family("solvers")
def _tight_pendulum(source: random.Random) -> Draw:
    """An oscillator by solve_ivp with tight tolerances."""
    w, end = source.uniform(0.5, 2.0), source.uniform(1.0, 3.0)

    def f(m: Any, x: Any) -> float:
        return float(_integrated(lambda _, y: [y[1], -x * x * y[0]], [1.0, 0.0], end, rtol=1e-9, atol=1e-11)[0])

    return Draw(f, w, -end * math.sin(w * end), tol=1e-3, portable=False)


@family("solvers")
def _fixed_steps(source: random.Random) -> Draw:
    """A hundred steps of Euler's method."""
    k, h = source.uniform(0.2, 3.0), 0.02

    def f(m: Any, x: Any) -> Any:
        y = 1.0
        for _ in range(100):
            y = y - h * x * y
        return y

    return Draw(f, k, -100.0 * h * (1.0 - h * k) ** 99, {"the steps": -2.0 * math.exp(-2.0 * k)})


@family("solvers")
def _newton(source: random.Random) -> Draw:
    """A root by Newton's method, to a tolerance."""
    a = source.uniform(0.5, 20.0)

    def f(m: Any, x: Any) -> float:
        y = 1.0
        for _ in range(60):
            step = (y * math.exp(y) - x) / (math.exp(y) * (1.0 + y))
            y -= step
            if abs(step) < 1e-9:
                break
        return y

    y = f(math, a)
    return Draw(f, a, 1.0 / (math.exp(y) * (1.0 + y)), portable=False)


@family("solvers")
def _bisection(source: random.Random) -> Draw:
    """A root by bisection, to a tolerance."""
    a = source.uniform(0.5, 20.0)

    def f(m: Any, x: Any) -> float:
        low, high = 0.0, 5.0
        while high - low > 1e-10:
            middle = 0.5 * (low + high)
            low, high = (middle, high) if middle**3 + middle < x else (low, middle)
        return 0.5 * (low + high)

    y = f(math, a)
    return Draw(f, a, 1.0 / (3.0 * y * y + 1.0), tol=1e-4, portable=False)


# ---- the border of a domain -------------------------------------------------------------------------------------


@family("borders")
def _power_at_its_border(source: random.Random) -> Draw:
    """A power at 0, where it begins."""
    p, a = source.choice((1.5, 2.5, 1.25)), source.uniform(-2.0, 2.0)
    return Draw(lambda m, x: m.sqrt(x) ** (2.0 * p) + a * x, 0.0, a, portable=False)


@family("borders")
def _entropy(source: random.Random) -> Draw:
    """An entropy beside the border."""
    p = _log(source, 1e-12, 0.5)
    return Draw(lambda m, x: -x * m.log(x) - (1.0 - x) * m.log1p(-x), p, math.log((1.0 - p) / p))


@family("borders")
def _last_value(source: random.Random) -> Draw:
    """A function that ends at the point."""
    c, a = source.uniform(0.5, 3.0), source.uniform(-2.0, 2.0)
    return Draw(lambda m, x: m.exp(a * x) if x <= c else math.nan, c, a * math.exp(a * c), portable=False)


@family("borders")
def _beside_the_last(source: random.Random) -> Draw:
    """An arc sine beside its border."""
    x0 = 1.0 - _log(source, 1e-9, 0.3)
    return Draw(lambda m, x: m.asin(x), x0, 1.0 / math.sqrt((1.0 - x0) * (1.0 + x0)), tol=1e-5)
