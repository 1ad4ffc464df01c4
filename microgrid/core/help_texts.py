"""Generated from the rule table: each function's equations and example, for its help."""

# Written from the rule table by `python -m microgrid.core.stubs`; not to be edited.
# ruff: noqa: E501  # a line for each function
from __future__ import annotations

from typing import Any

__all__ = ["TEXTS", "Facts"]

Facts = tuple[str, tuple[str, ...], tuple[Any, ...], tuple[Any, ...], int | None]
"""The formula, the derivatives, a point, the numbers there, the digits that they are rounded to: see ``worked``."""

# fmt: off
TEXTS: dict[str, Facts] = {
    "add": ("x + y", ("1", "1"), (2.0, 1.5), (3.5, 1.0, 1.0), None),
    "sub": ("x - y", ("1", "-1"), (2.0, 1.5), (0.5, 1.0, -1.0), None),
    "mul": ("x*y", ("y", "x"), (2.0, 1.5), (3.0, 1.5, 2.0), None),
    "div": ("x/y", ("1/y", "-x/y**2"), (2.0, 0.5), (4.0, 2.0, -8.0), None),
    "neg": ("-x", ("-1",), (2.0,), (-2.0, -1.0), None),
    "pow": ("x**y", ("y*x**(y - 1)", "x**y*log(x)"), (2.0, 1.5), (2.828427, 2.12132, 1.960516), 6),
    "abs": ("abs(x)", ("-1 if x < 0 else 1 if 0 < x else 0",), (2.0,), (2.0, 1.0), None),
    "sign": ("sign(x)", ("0",), (2.0,), (1.0, 0.0), None),
    "copysign": ("copysign(x, y)", ("sign(x)*copysign(1, y)", "0"), (2.0, 1.5), (2.0, 1.0, 0.0), None),
    "fma": ("fma(x, y, z)", ("y", "x", "1"), (2.0, 1.5, -1.0), (2.0, 1.5, 2.0, 1.0), None),
    "floor": ("floor(x)", ("0",), (0.5,), (0.0, 0.0), None),
    "ceil": ("ceil(x)", ("0",), (0.5,), (1.0, 0.0), None),
    "trunc": ("trunc(x)", ("0",), (0.5,), (0.0, 0.0), None),
    "round": ("round(x)", ("0",), (1.0,), (1.0, 0.0), None),
    "fmod": ("fmod(x, y)", ("1", "-trunc(x/y)"), (5.0, 3.525), (1.475, 1.0, -1.0), None),
    "mod": ("x - y*floor(x/y)", ("1", "-floor(x/y)"), (5.0, 3.525), (1.475, 1.0, -1.0), None),
    "floordiv": ("floor(x/y)", ("0", "0"), (5.0, 3.525), (1.0, 0.0, 0.0), None),
    "deg2rad": ("x*pi/180", ("pi/180",), (2.0,), (0.034907, 0.017453), 6),
    "rad2deg": ("x*180/pi", ("180/pi",), (2.0,), (114.591559, 57.29578), 6),
    "exp": ("exp(x)", ("exp(x)",), (2.0,), (7.389056, 7.389056), 6),
    "expm1": ("expm1(x)", ("exp(x)",), (2.0,), (6.389056, 7.389056), 6),
    "log": ("log(x)", ("1/x",), (2.0,), (0.693147, 0.5), 6),
    "log1p": ("log1p(x)", ("1/(1 + x)",), (2.0,), (1.098612, 0.333333), 6),
    "log2": ("log2(x)", ("1.4426950408889634/x",), (2.0,), (1.0, 0.721348), 6),
    "log10": ("log10(x)", ("0.43429448190325176/x",), (2.0,), (0.30103, 0.217147), 6),
    "exp2": ("exp2(x)", ("0.6931471805599453*exp2(x)",), (2.0,), (4.0, 2.772589), 6),
    "log1mexp": ("log(1 - exp(-x))", ("exp(-x)/(-expm1(-x))",), (2.0,), (-0.145413, 0.156518), 6),
    "logsubexp": ("log(exp(x) - exp(y))", ("-1/expm1(-(x - y))", "-1/expm1(x - y)"), (2.0, -1.0), (1.948931, 1.052396, -0.052396), 6),
    "cbrt": ("cbrt(x)", ("1/(3*cbrt(x)*cbrt(x))",), (2.0,), (1.259921, 0.209987), 6),
    "sqrt": ("sqrt(x)", ("0.5/sqrt(x)",), (0.25,), (0.5, 1.0), None),
    "sin": ("sin(x)", ("cos(x)",), (2.0,), (0.909297, -0.416147), 6),
    "cos": ("cos(x)", ("-sin(x)",), (2.0,), (-0.416147, -0.909297), 6),
    "tan": ("tan(x)", ("1 + tan(x)**2",), (0.5,), (0.546302, 1.298446), 6),
    "asin": ("asin(x)", ("1/sqrt(1 - x**2)",), (0.5,), (0.523599, 1.154701), 6),
    "acos": ("acos(x)", ("-1/sqrt(1 - x**2)",), (0.5,), (1.047198, -1.154701), 6),
    "atan": ("atan(x)", ("1/(1 + x**2)",), (2.0,), (1.107149, 0.2), 6),
    "atan2": ("atan2(x, y)", ("y/(x**2 + y**2)", "-x/(x**2 + y**2)"), (2.0, 1.5), (0.927295, 0.24, -0.32), 6),
    "sinh": ("sinh(x)", ("cosh(x)",), (2.0,), (3.62686, 3.762196), 6),
    "cosh": ("cosh(x)", ("sinh(x)",), (2.0,), (3.762196, 3.62686), 6),
    "tanh": ("tanh(x)", ("1 - tanh(x)**2",), (2.0,), (0.964028, 0.070651), 6),
    "asinh": ("asinh(x)", ("1/hypot(1, x)",), (2.0,), (1.443635, 0.447214), 6),
    "acosh": ("acosh(x)", ("1/(sqrt(x - 1)*sqrt(x + 1))",), (2.0,), (1.316958, 0.57735), 6),
    "atanh": ("atanh(x)", ("1/(1 - x**2 if abs(x) < 0.5 else (1 - x)*(1 + x))",), (0.5,), (0.549306, 1.333333), 6),
    "sigmoid": ("1/(1 + exp(-x))", ("sigmoid(x)*sigmoid(-x)",), (2.0,), (0.880797, 0.104994), 6),
    "softplus": ("log(1 + exp(x))", ("sigmoid(x)",), (2.0,), (2.126928, 0.880797), 6),
    "relu": ("0 if x <= 0 else x", ("1 if 0 < x else 0",), (2.0,), (2.0, 1.0), None),
    "erf": ("erf(x)", ("2/sqrt(pi)*exp(-x**2)",), (2.0,), (0.995322, 0.020667), 6),
    "logaddexp": ("log(exp(x) + exp(y))", ("sigmoid(x - y)", "sigmoid(y - x)"), (2.0, 1.5), (2.474077, 0.622459, 0.377541), 6),
    "log_sigmoid": ("-softplus(-x)", ("sigmoid(-x)",), (2.0,), (-0.126928, 0.119203), 6),
    "logit": ("log(x/(1 - x))", ("1/(x*(1 - x))",), (0.5,), (0.0, 4.0), None),
    "xlogy": ("x*log(y)", ("log(y)", "x/y"), (2.0, 1.5), (0.81093, 0.405465, 1.333333), 6),
    "xlog1py": ("x*log1p(y)", ("log1p(y)", "x/(1 + y)"), (2.0, 1.5), (1.832581, 0.916291, 0.8), 6),
    "erfc": ("erfc(x)", ("-2/sqrt(pi)*exp(-x**2)",), (2.0,), (0.004678, -0.020667), 6),
    "sinc": ("sin(pi*x)/(pi*x)", ("(cos(pi*x) - sinc(x))/x",), (2.0,), (0.0, 0.5), None),
    "hypot": ("hypot(x, y)", ("x/hypot(x, y)", "y/hypot(x, y)"), (2.0, 1.5), (2.5, 0.8, 0.6), None),
    "maximum": ("y if x < y else x", ("1 if y < x else 0 if x < y else 0.5", "1 if x < y else 0 if y < x else 0.5"), (2.0, 1.5), (2.0, 1.0, 0.0), None),
    "minimum": ("x if x < y else y", ("1 if x < y else 0 if y < x else 0.5", "1 if y < x else 0 if x < y else 0.5"), (2.0, 1.5), (1.5, 0.0, 1.0), None),
    "clip": ("z if z < x else (z if z < y else y) if x < y else x", ("0 if x < y else 0 if z < x else 1 - ((0.5 if x == y else 0) + (0.5 if z == x else 0))", "1 - (1 if z < y else 0) if x < y else 0.5 if x == y else 0", "1 if z < x else (1 if z < y else 0) if x < y else 0.5 if z == x else 0"), (2.0, -1.0, 0.5), (0.5, 0.0, 0.0, 1.0), None),
    "less": ("1 if x < y else 0", ("0", "0"), (2.0, 1.5), (0.0, 0.0, 0.0), None),
    "less_equal": ("1 if x <= y else 0", ("0", "0"), (2.0, 1.5), (0.0, 0.0, 0.0), None),
    "equal": ("1 if x == y else 0", ("0", "0"), (2.0, 1.5), (0.0, 0.0, 0.0), None),
    "where": ("z if x == 0 else y", ("0", "0 if x == 0 else 1", "1 if x == 0 else 0"), (1.0, 1.5, -1.0), (1.5, 0.0, 1.0, 0.0), None),
    "sum": ("sum(x for x in xs)", ("1",), ([1.0, 2.0],), (3.0, [1.0, 1.0]), None),
    "dot": ("sum(x*y for x, y in zip(xs, ys))", ("y", "x"), ([1.0, 2.0], [0.5, -1.0]), (-1.5, [0.5, -1.0], [1.0, 2.0]), None),
    "logsumexp": ("log(sum(exp(x) for x in xs))", ("exp(x - logsumexp(xs))",), ([1.0, 2.0],), (2.313262, [0.268941, 0.731059]), 6),
}
