"""Generated from the rule table: each function's equations and example, for its help."""

# Written from the rule table by `python -m microgrid.core.stubs`; not to be edited.

from __future__ import annotations

from typing import Any

__all__ = ["TEXTS", "Facts"]

Facts = tuple[str, tuple[str, ...], tuple[Any, ...], tuple[Any, ...], int | None]
"""The formula, the derivatives, a point, the numbers there, the digits that they are rounded to: see ``worked``."""

TEXTS: dict[str, Facts] = {
    "add": ("x + y", ("1", "1"), (2.0, 1.5), (3.5, 1.0, 1.0), None),
    "sub": ("x - y", ("1", "-1"), (2.0, 1.5), (0.5, 1.0, -1.0), None),
    "mul": ("x*y", ("y", "x"), (2.0, 1.5), (3.0, 1.5, 2.0), None),
    "div": ("x/y", ("1/y", "-x/y**2"), (2.0, 0.5), (4.0, 2.0, -8.0), None),
    "neg": ("-x", ("-1",), (2.0,), (-2.0, -1.0), None),
    "pow": ("x**y", ("y*x**(y - 1)", "x**y*log(x)"), (2.0, 1.5), (2.828427, 2.12132, 1.960516), 6),
    "abs": ("abs(x)", ("-1 if x < 0 else 1 if 0 < x else 0",), (2.0,), (2.0, 1.0), None),
    "exp": ("exp(x)", ("exp(x)",), (2.0,), (7.389056, 7.389056), 6),
    "expm1": ("expm1(x)", ("exp(x)",), (2.0,), (6.389056, 7.389056), 6),
    "log": ("log(x)", ("1/x",), (2.0,), (0.693147, 0.5), 6),
    "log1p": ("log1p(x)", ("1/(1 + x)",), (2.0,), (1.098612, 0.333333), 6),
    "sqrt": ("sqrt(x)", ("0.5/sqrt(x)",), (0.25,), (0.5, 1.0), None),
    "sin": ("sin(x)", ("cos(x)",), (2.0,), (0.909297, -0.416147), 6),
    "cos": ("cos(x)", ("-sin(x)",), (2.0,), (-0.416147, -0.909297), 6),
    "tan": ("tan(x)", ("1 + tan(x)**2",), (0.5,), (0.546302, 1.298446), 6),
    "asin": ("asin(x)", ("1/sqrt((1 - x)*(1 + x))",), (0.5,), (0.523599, 1.154701), 6),
    "acos": ("acos(x)", ("-1/sqrt((1 - x)*(1 + x))",), (0.5,), (1.047198, -1.154701), 6),
    "atan": ("atan(x)", ("1/(1 + x**2)",), (2.0,), (1.107149, 0.2), 6),
    "atan2": ("atan2(x, y)", ("y/(x**2 + y**2)", "-x/(x**2 + y**2)"), (2.0, 1.5), (0.927295, 0.24, -0.32), 6),
    "sinh": ("sinh(x)", ("cosh(x)",), (2.0,), (3.62686, 3.762196), 6),
    "cosh": ("cosh(x)", ("sinh(x)",), (2.0,), (3.762196, 3.62686), 6),
    "tanh": ("tanh(x)", ("1 - tanh(x)**2",), (2.0,), (0.964028, 0.070651), 6),
    "sigmoid": ("1/(1 + exp(-x))", ("sigmoid(x)*sigmoid(-x)",), (2.0,), (0.880797, 0.104994), 6),
    "softplus": ("log(1 + exp(x))", ("sigmoid(x)",), (2.0,), (2.126928, 0.880797), 6),
    "relu": ("0 if x <= 0 else x", ("1 if 0 < x else 0",), (2.0,), (2.0, 1.0), None),
    "erf": ("erf(x)", ("2/sqrt(pi)*exp(-x**2)",), (2.0,), (0.995322, 0.020667), 6),
    "logaddexp": (
        "log(exp(x) + exp(y))",
        ("sigmoid(x - y)", "sigmoid(y - x)"),
        (2.0, 1.5),
        (2.474077, 0.622459, 0.377541),
        6,
    ),
    "hypot": ("hypot(x, y)", ("x/hypot(x, y)", "y/hypot(x, y)"), (2.0, 1.5), (2.5, 0.8, 0.6), None),
    "maximum": (
        "y if x < y else x",
        ("1 if y < x else 0 if x < y else 0.5", "1 if x < y else 0 if y < x else 0.5"),
        (2.0, 1.5),
        (2.0, 1.0, 0.0),
        None,
    ),
    "minimum": (
        "x if x < y else y",
        ("1 if x < y else 0 if y < x else 0.5", "1 if y < x else 0 if x < y else 0.5"),
        (2.0, 1.5),
        (1.5, 0.0, 1.0),
        None,
    ),
    "less": ("1 if x < y else 0", ("0", "0"), (2.0, 1.5), (0.0, 0.0, 0.0), None),
    "less_equal": ("1 if x <= y else 0", ("0", "0"), (2.0, 1.5), (0.0, 0.0, 0.0), None),
    "equal": ("1 if x == y else 0", ("0", "0"), (2.0, 1.5), (0.0, 0.0, 0.0), None),
    "where": (
        "z if x == 0 else y",
        ("0", "0 if x == 0 else 1", "1 if x == 0 else 0"),
        (1.0, 1.5, -1.0),
        (1.5, 0.0, 1.0, 0.0),
        None,
    ),
    "sum": ("sum(x for x in xs)", ("1",), ([1.0, 2.0],), (3.0, [1.0, 1.0]), None),
    "dot": (
        "sum(x*y for x, y in zip(xs, ys))",
        ("y", "x"),
        ([1.0, 2.0], [0.5, -1.0]),
        (-1.5, [0.5, -1.0], [1.0, 2.0]),
        None,
    ),
    "logsumexp": (
        "log(sum(exp(x) for x in xs))",
        ("exp(x - logsumexp(xs))",),
        ([1.0, 2.0],),
        (2.313262, [0.268941, 0.731059]),
        6,
    ),
}
