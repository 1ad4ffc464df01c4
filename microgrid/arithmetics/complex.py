"""Complex numbers, for derivatives by the complex step."""

from __future__ import annotations

import cmath
import math
import operator as infix
from typing import Any

from microgrid.core.arithmetic import Arithmetic, choose

__all__ = ["COMPLEX"]


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


def _complex_erfc(z: complex) -> complex:
    rest = _complex_erf(z)
    return complex(math.erfc(_real(z)), -rest.imag) - (rest.real - math.erf(_real(z)))


def _complex_cbrt(z: complex) -> complex:
    """The root that is real on both sides of 0."""
    root = complex(math.cbrt(_real(z)), 0.0)
    return root + (z - root**3) / (3.0 * root * root) if _real(z) else complex(z) ** (1.0 / 3.0)


def _complex_fmod(x: complex, y: complex) -> complex:
    real = math.fmod(_real(x), _real(y))
    whole = (_real(x) - real) / _real(y)
    return complex(real, complex(x).imag - whole * complex(y).imag)


_ANALYTIC = (cmath.exp, cmath.log, cmath.sqrt, cmath.sin, cmath.cos, cmath.tan, cmath.asin, cmath.acos, cmath.atan)
_HYPERBOLIC = (cmath.sinh, cmath.cosh, cmath.tanh, cmath.asinh, cmath.acosh, cmath.atanh, cmath.log10)
_CMATH: dict[str, Any] = {f.__name__: f for f in (*_ANALYTIC, *_HYPERBOLIC)}

COMPLEX = Arithmetic(
    "complex",
    abs=_complex_abs,
    pow=infix.pow,
    expm1=_complex_expm1,
    log1p=_complex_log1p,
    hypot=_complex_hypot,
    atan2=_complex_atan2,
    erf=_complex_erf,
    erfc=_complex_erfc,
    cbrt=_complex_cbrt,
    floor=lambda z: complex(math.floor(_real(z))),
    fmod=_complex_fmod,
    copysign=lambda x, y: _complex_abs(x) * math.copysign(1.0, _real(y)),
    fma=lambda x, y, z: x * y + z,
    exp2=lambda z: 2.0**z,
    log2=lambda z: cmath.log(z) / math.log(2.0),
    pi=math.pi,
    inf=math.inf,
    less=lambda x, y: _real(x) < _real(y),
    less_equal=lambda x, y: _real(x) <= _real(y),
    equal=lambda x, y: _real(x) == _real(y),
    where=choose,
    **_CMATH,
)
"""Complex numbers, for derivatives by the complex step, Im f(x + ih)/h (Squire and Trapp, SIAM Review 40, 1998): no
difference is formed, so that h can be tiny and the derivative is right to the last digits. Choices go by the real
part, which makes ``abs`` and ``relu`` analytic on either side of their kinks."""
