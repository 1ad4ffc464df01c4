"""microgrid: a scalar autodiff engine whose computational graph can be drawn, derived, checked and trained.

>>> from microgrid import Value, exp
>>> w, x = Value(0.5, name="w"), Value(2.0, name="x")
>>> y = exp(w * x)
>>> y.backward()
>>> w.grad == 2.0 * y.data
True
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

from microgrid._version import __version__ as __version__
from microgrid.core import engine as _chosen
from microgrid.core import pickling as _pickling  # noqa: F401  # registers how a Value is pickled
from microgrid.core.comparison import Comparison
from microgrid.core.composed import log_softmax, mean, norm, prod, softmax, var
from microgrid.core.engine import Value
from microgrid.core.functions import FUNCTIONS
from microgrid.core.rule import Region
from microgrid.core.strictness import strict
from microgrid.core.value import named
from microgrid.core.value import set_above as _set_above
from microgrid.drawing import Drawing, draw, draw_dot
from microgrid.errors import (
    DataError,
    FormulaError,
    GradientError,
    InvalidValueError,
    MicrogridError,
    MissingPackageError,
    NonFiniteError,
    OperationError,
    OutputError,
    PerformanceWarning,
)
from microgrid.formulas.source_code import to_c, to_numpy, to_python

engine: str = _chosen.engine.NAME
"""Which engine records: "native" or "python"."""

__all__ = [
    "Certificate",
    "Comparison",
    "Compiled",
    "DataError",
    "Derivation",
    "Drawing",
    "Enclosure",
    "Exercise",
    "FormulaError",
    "GradientError",
    "Interval",
    "InvalidValueError",
    "Marked",
    "MicrogridError",
    "MissingPackageError",
    "NonFiniteError",
    "OperationError",
    "OutputError",
    "Page",
    "PerformanceWarning",
    "Precise",
    "Program",
    "Proof",
    "Region",
    "RegionCertificate",
    "Value",
    "ValueArray",
    "animate",
    "assert_gradients",
    "certify",
    "check_gradients",
    "compile",
    "custom",
    "derivative",
    "draw",
    "draw_dot",
    "engine",
    "exercise",
    "explain",
    "from_json",
    "from_sympy",
    "grad",
    "gradients",
    "hessian",
    "hessp",
    "hvp",
    "jacobian",
    "jvp",
    "latex",
    "log_softmax",
    "mean",
    "named",
    "norm",
    "objective",
    "precise",
    "prod",
    "prove",
    "ravel",
    "softmax",
    "step_through",
    "strict",
    "taylor",
    "to_c",
    "to_json",
    "to_networkx",
    "to_numpy",
    "to_python",
    "to_sympy",
    "value_and_grad",
    "var",
    "vjp",
]
__all__ += list(FUNCTIONS)  # exp, log, sum and the other functions: one for each rule of the table

globals().update(FUNCTIONS)

# Imported when they are first asked for, so that whoever only records and differentiates doesn't wait for them.
_LATER = {
    "arrays.values": ("ValueArray",),
    "calculus.reverse": ("gradients",),
    "calculus.transforms": (
        *("derivative", "grad", "hessian", "hessp", "hvp", "jacobian", "jvp", "taylor", "value_and_grad", "vjp"),
    ),
    "checking": ("assert_gradients", "check_gradients"),
    "compiler.api": ("Compiled", "compile"),
    "derivations.certificate": ("Certificate", "certify"),
    "derivations.enclosures": ("Enclosure",),
    "derivations.regions": ("RegionCertificate",),
    "util.interval": ("Interval",),
    "derivations.derivation": ("explain",),
    "derivations.render": ("Derivation",),
    "pages": ("Exercise", "Marked", "Page", "animate", "exercise", "step_through"),
    "core.custom_operations": ("custom",),
    "program.program": ("Program",),
    "derivations.proof": ("Proof", "prove"),
    "formulas.high_precision": ("Precise", "precise"),
    "learn.boosting": ("objective",),
    "util.pytree": ("ravel",),
    "formulas.json": ("from_json", "to_json", "to_networkx"),
    "formulas.sympy": ("from_sympy", "latex", "to_sympy"),
}
_HOME = {name: module for module, names in _LATER.items() for name in names}


# What pickles name besides: it is found here, wherever it is defined.
_PICKLED = {
    "Formula": "formulas.parse",
    "_operation_of": "core.custom_operations",
    "_restore_leaf": "core.pickling",
    "_restore_root": "core.pickling",
    "_rule_at": "core.custom_operations",
    "_rule_named": "core.rule",
    "_rule_of": "core.custom_operations",
}

# Modules that pickles named when they had not yet learnt to name the package alone: the package stands in for each.
_FORMER = ("formula", "operations", "proofs", "rules", "symbolic", "value")
sys.modules.update(dict.fromkeys([f"microgrid.{name}" for name in _FORMER], sys.modules[__name__]))

_set_above(
    numpy=lambda: importlib.import_module("microgrid.arrays.values"),
    pages=lambda: importlib.import_module("microgrid.pages"),
)


def __getattr__(name: str) -> Any:
    if name in _PICKLED:
        return getattr(importlib.import_module(f"microgrid.{_PICKLED[name]}"), name)
    if name not in _HOME:
        raise AttributeError(f"module 'microgrid' has no attribute {name!r}")
    thing = globals()[name] = getattr(importlib.import_module(f"microgrid.{_HOME[name]}"), name)
    return thing


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
