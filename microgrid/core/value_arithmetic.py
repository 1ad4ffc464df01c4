"""An arithmetic whose numbers are Values: a rule that runs on them records, so that a derivative is a graph again."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from microgrid.core.arithmetic import PLAIN, Arithmetic
from microgrid.core.comparison import Comparison
from microgrid.core.engine import Value, as_value, engine, recorder
from microgrid.core.functions import FUNCTIONS, elementwise
from microgrid.core.rules import AUXILIARY, RULES

__all__ = ["VALUE"]


def _compare_values(name: str) -> Callable[[Any, Any], Any]:
    def compare(x: Any, y: Any) -> Any:
        if isinstance(x, Value) or isinstance(y, Value):
            return Comparison(RULES[name], x, y)
        return getattr(PLAIN, name)(x, y)

    return compare


def _choose_value(truth: Any, then: Any, otherwise: Any) -> Any:
    if not isinstance(truth, Comparison):
        return then if truth else otherwise
    if truth.rule is RULES["equal"] and type(truth.right) is float and truth.right == 0.0:
        return _WHERE(as_value(truth.left), as_value(otherwise), as_value(then))  # it asks itself whether this is 0
    return FUNCTIONS["where"](truth, then, otherwise)


_WHERE = recorder(RULES["where"])


_AUXILIARY = {name: engine.function(rule, elementwise(rule)) for name, rule in AUXILIARY.items()}

VALUE = Arithmetic(
    "Value",
    pi=math.pi,
    inf=math.inf,
    **_AUXILIARY
    | FUNCTIONS
    | {name: _compare_values(name) for name in ("less", "less_equal", "equal")}
    | {"where": _choose_value},
)
"""Values as the numbers: what the rules compute is recorded, so that a gradient is a graph with a gradient."""
