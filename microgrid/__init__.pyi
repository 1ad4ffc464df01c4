# Written from the rule table by `python -m microgrid.core.stubs`; not to be edited.

from collections.abc import Iterable
from typing import Any, overload

from microgrid._version import __version__ as __version__
from microgrid.calculus.reverse import gradients as gradients
from microgrid.calculus.transforms import derivative as derivative
from microgrid.calculus.transforms import grad as grad
from microgrid.calculus.transforms import hessian as hessian
from microgrid.calculus.transforms import hvp as hvp
from microgrid.calculus.transforms import jacobian as jacobian
from microgrid.calculus.transforms import jvp as jvp
from microgrid.calculus.transforms import taylor as taylor
from microgrid.calculus.transforms import value_and_grad as value_and_grad
from microgrid.calculus.transforms import vjp as vjp
from microgrid.checking import Interval as Interval
from microgrid.checking import assert_gradients as assert_gradients
from microgrid.checking import check_gradients as check_gradients
from microgrid.compiler.api import Compiled as Compiled
from microgrid.compiler.api import compile as compile
from microgrid.core.comparison import Comparison as Comparison
from microgrid.core.custom_operations import custom as custom
from microgrid.core.engine import Value as Value
from microgrid.core.rule import Region as Region
from microgrid.core.strictness import strict as strict
from microgrid.core.table import Array, Node, Number, Operand
from microgrid.core.value import named as named
from microgrid.derivations.derivation import Derivation as Derivation
from microgrid.derivations.derivation import explain as explain
from microgrid.derivations.proof import Proof as Proof
from microgrid.derivations.proof import prove as prove
from microgrid.drawing import Drawing as Drawing
from microgrid.drawing import draw as draw
from microgrid.drawing import draw_dot as draw_dot
from microgrid.errors import DataError as DataError
from microgrid.errors import FormulaError as FormulaError
from microgrid.errors import GradientError as GradientError
from microgrid.errors import InvalidValueError as InvalidValueError
from microgrid.errors import MicrogridError as MicrogridError
from microgrid.errors import MissingPackageError as MissingPackageError
from microgrid.errors import NonFiniteError as NonFiniteError
from microgrid.errors import OperationError as OperationError
from microgrid.errors import OutputError as OutputError
from microgrid.formulas.high_precision import Precise as Precise
from microgrid.formulas.high_precision import precise as precise
from microgrid.formulas.source_code import to_c as to_c
from microgrid.formulas.source_code import to_numpy as to_numpy
from microgrid.formulas.source_code import to_python as to_python
from microgrid.formulas.sympy import from_sympy as from_sympy
from microgrid.formulas.sympy import latex as latex
from microgrid.formulas.sympy import to_sympy as to_sympy
from microgrid.program.program import Program as Program

__all__ = [
    "Comparison",
    "Compiled",
    "DataError",
    "Derivation",
    "Drawing",
    "FormulaError",
    "GradientError",
    "Interval",
    "InvalidValueError",
    "MicrogridError",
    "MissingPackageError",
    "NonFiniteError",
    "OperationError",
    "OutputError",
    "Precise",
    "Program",
    "Proof",
    "Region",
    "Value",
    "abs",
    "acos",
    "add",
    "asin",
    "assert_gradients",
    "atan",
    "atan2",
    "check_gradients",
    "compile",
    "cos",
    "cosh",
    "custom",
    "derivative",
    "div",
    "dot",
    "draw",
    "draw_dot",
    "engine",
    "equal",
    "erf",
    "exp",
    "explain",
    "expm1",
    "from_sympy",
    "grad",
    "gradients",
    "hessian",
    "hvp",
    "hypot",
    "jacobian",
    "jvp",
    "latex",
    "less",
    "less_equal",
    "log",
    "log1p",
    "logaddexp",
    "logsumexp",
    "maximum",
    "minimum",
    "mul",
    "named",
    "neg",
    "pow",
    "precise",
    "prove",
    "relu",
    "sigmoid",
    "sin",
    "sinh",
    "softplus",
    "sqrt",
    "strict",
    "sub",
    "sum",
    "tan",
    "tanh",
    "taylor",
    "to_c",
    "to_numpy",
    "to_python",
    "to_sympy",
    "value_and_grad",
    "vjp",
    "where",
]

engine: str

@overload
def add(x: Node, y: Operand, /) -> Value:
    """The sum x + y."""

@overload
def add(x: Operand, y: Node, /) -> Value: ...
@overload
def add(x: Number, y: Number, /) -> float: ...
@overload
def add(x: Operand | Array, y: Operand | Array, /) -> Any: ...
@overload
def sub(x: Node, y: Operand, /) -> Value:
    """The difference x - y."""

@overload
def sub(x: Operand, y: Node, /) -> Value: ...
@overload
def sub(x: Number, y: Number, /) -> float: ...
@overload
def sub(x: Operand | Array, y: Operand | Array, /) -> Any: ...
@overload
def mul(x: Node, y: Operand, /) -> Value:
    """The product x*y."""

@overload
def mul(x: Operand, y: Node, /) -> Value: ...
@overload
def mul(x: Number, y: Number, /) -> float: ...
@overload
def mul(x: Operand | Array, y: Operand | Array, /) -> Any: ...
@overload
def div(x: Node, y: Operand, /) -> Value:
    """The quotient x/y."""

@overload
def div(x: Operand, y: Node, /) -> Value: ...
@overload
def div(x: Number, y: Number, /) -> float: ...
@overload
def div(x: Operand | Array, y: Operand | Array, /) -> Any: ...
@overload
def neg(x: Node, /) -> Value:
    """The negative of x."""

@overload
def neg(x: Number, /) -> float: ...
@overload
def neg(x: Array, /) -> Any: ...
@overload
def pow(x: Node, y: Operand, /) -> Value:
    """The power x**y."""

@overload
def pow(x: Operand, y: Node, /) -> Value: ...
@overload
def pow(x: Number, y: Number, /) -> float: ...
@overload
def pow(x: Operand | Array, y: Operand | Array, /) -> Any: ...
@overload
def abs(x: Node, /) -> Value:
    """The absolute value of x."""

@overload
def abs(x: Number, /) -> float: ...
@overload
def abs(x: Array, /) -> Any: ...
@overload
def exp(x: Node, /) -> Value:
    """The exponential function, e to the power of x."""

@overload
def exp(x: Number, /) -> float: ...
@overload
def exp(x: Array, /) -> Any: ...
@overload
def expm1(x: Node, /) -> Value:
    """The exponential of x minus 1, accurate also where exp(x) rounds to 1."""

@overload
def expm1(x: Number, /) -> float: ...
@overload
def expm1(x: Array, /) -> Any: ...
@overload
def log(x: Node, /) -> Value:
    """The natural logarithm of x."""

@overload
def log(x: Number, /) -> float: ...
@overload
def log(x: Array, /) -> Any: ...
@overload
def log1p(x: Node, /) -> Value:
    """The natural logarithm of 1 + x, accurate also where 1 + x rounds to 1."""

@overload
def log1p(x: Number, /) -> float: ...
@overload
def log1p(x: Array, /) -> Any: ...
@overload
def sqrt(x: Node, /) -> Value:
    """The square root of x."""

@overload
def sqrt(x: Number, /) -> float: ...
@overload
def sqrt(x: Array, /) -> Any: ...
@overload
def sin(x: Node, /) -> Value:
    """The sine of x, an angle in radians."""

@overload
def sin(x: Number, /) -> float: ...
@overload
def sin(x: Array, /) -> Any: ...
@overload
def cos(x: Node, /) -> Value:
    """The cosine of x, an angle in radians."""

@overload
def cos(x: Number, /) -> float: ...
@overload
def cos(x: Array, /) -> Any: ...
@overload
def tan(x: Node, /) -> Value:
    """The tangent of x, an angle in radians."""

@overload
def tan(x: Number, /) -> float: ...
@overload
def tan(x: Array, /) -> Any: ...
@overload
def asin(x: Node, /) -> Value:
    """The arc sine of x: the angle in radians, from -pi/2 to pi/2, whose sine is x."""

@overload
def asin(x: Number, /) -> float: ...
@overload
def asin(x: Array, /) -> Any: ...
@overload
def acos(x: Node, /) -> Value:
    """The arc cosine of x: the angle in radians, from 0 to pi, whose cosine is x."""

@overload
def acos(x: Number, /) -> float: ...
@overload
def acos(x: Array, /) -> Any: ...
@overload
def atan(x: Node, /) -> Value:
    """The arc tangent of x: the angle in radians, from -pi/2 to pi/2, whose tangent is x."""

@overload
def atan(x: Number, /) -> float: ...
@overload
def atan(x: Array, /) -> Any: ...
@overload
def atan2(x: Node, y: Operand, /) -> Value:
    """The angle in radians, from -pi to pi, of the point at height x and horizontal distance y."""

@overload
def atan2(x: Operand, y: Node, /) -> Value: ...
@overload
def atan2(x: Number, y: Number, /) -> float: ...
@overload
def atan2(x: Operand | Array, y: Operand | Array, /) -> Any: ...
@overload
def sinh(x: Node, /) -> Value:
    """The hyperbolic sine of x."""

@overload
def sinh(x: Number, /) -> float: ...
@overload
def sinh(x: Array, /) -> Any: ...
@overload
def cosh(x: Node, /) -> Value:
    """The hyperbolic cosine of x."""

@overload
def cosh(x: Number, /) -> float: ...
@overload
def cosh(x: Array, /) -> Any: ...
@overload
def tanh(x: Node, /) -> Value:
    """The hyperbolic tangent of x."""

@overload
def tanh(x: Number, /) -> float: ...
@overload
def tanh(x: Array, /) -> Any: ...
@overload
def sigmoid(x: Node, /) -> Value:
    """The logistic function, which maps x to a number between 0 and 1."""

@overload
def sigmoid(x: Number, /) -> float: ...
@overload
def sigmoid(x: Array, /) -> Any: ...
@overload
def softplus(x: Node, /) -> Value:
    """The logarithm of 1 + exp(x), a smooth form of relu, without overflow."""

@overload
def softplus(x: Number, /) -> float: ...
@overload
def softplus(x: Array, /) -> Any: ...
@overload
def relu(x: Node, /) -> Value:
    """The rectified linear unit: x where it is positive, otherwise 0."""

@overload
def relu(x: Number, /) -> float: ...
@overload
def relu(x: Array, /) -> Any: ...
@overload
def erf(x: Node, /) -> Value:
    """The error function: 2/sqrt(pi) times the integral of exp(-t**2) from 0 to x."""

@overload
def erf(x: Number, /) -> float: ...
@overload
def erf(x: Array, /) -> Any: ...
@overload
def logaddexp(x: Node, y: Operand, /) -> Value:
    """The logarithm of exp(x) + exp(y), without overflow."""

@overload
def logaddexp(x: Operand, y: Node, /) -> Value: ...
@overload
def logaddexp(x: Number, y: Number, /) -> float: ...
@overload
def logaddexp(x: Operand | Array, y: Operand | Array, /) -> Any: ...
@overload
def hypot(x: Node, y: Operand, /) -> Value:
    """The length of the vector (x, y), sqrt(x**2 + y**2), without overflow."""

@overload
def hypot(x: Operand, y: Node, /) -> Value: ...
@overload
def hypot(x: Number, y: Number, /) -> float: ...
@overload
def hypot(x: Operand | Array, y: Operand | Array, /) -> Any: ...
@overload
def maximum(x: Node, y: Operand, /) -> Value:
    """The larger of x and y."""

@overload
def maximum(x: Operand, y: Node, /) -> Value: ...
@overload
def maximum(x: Number, y: Number, /) -> float: ...
@overload
def maximum(x: Operand | Array, y: Operand | Array, /) -> Any: ...
@overload
def minimum(x: Node, y: Operand, /) -> Value:
    """The smaller of x and y."""

@overload
def minimum(x: Operand, y: Node, /) -> Value: ...
@overload
def minimum(x: Number, y: Number, /) -> float: ...
@overload
def minimum(x: Operand | Array, y: Operand | Array, /) -> Any: ...
@overload
def less(x: Node, y: Operand, /) -> Value:
    """Whether x < y, as a number: 1.0 if so, otherwise 0.0."""

@overload
def less(x: Operand, y: Node, /) -> Value: ...
@overload
def less(x: Number, y: Number, /) -> float: ...
@overload
def less(x: Operand | Array, y: Operand | Array, /) -> Any: ...
@overload
def less_equal(x: Node, y: Operand, /) -> Value:
    """Whether x <= y, as a number: 1.0 if so, otherwise 0.0."""

@overload
def less_equal(x: Operand, y: Node, /) -> Value: ...
@overload
def less_equal(x: Number, y: Number, /) -> float: ...
@overload
def less_equal(x: Operand | Array, y: Operand | Array, /) -> Any: ...
@overload
def equal(x: Node, y: Operand, /) -> Value:
    """Whether x == y, as a number: 1.0 if so, otherwise 0.0."""

@overload
def equal(x: Operand, y: Node, /) -> Value: ...
@overload
def equal(x: Number, y: Number, /) -> float: ...
@overload
def equal(x: Operand | Array, y: Operand | Array, /) -> Any: ...
@overload
def where(x: Node, y: Operand, z: Operand, /) -> Value:
    """A choice: y where x is not 0, otherwise z; x may be a comparison such as a < b."""

@overload
def where(x: Operand, y: Node, z: Operand, /) -> Value: ...
@overload
def where(x: Operand, y: Operand, z: Node, /) -> Value: ...
@overload
def where(x: Number, y: Number, z: Number, /) -> float: ...
@overload
def where(x: Operand | Array, y: Operand | Array, z: Operand | Array, /) -> Any: ...
@overload
def sum(xs: Iterable[Node], /) -> Value:
    """The sum of a list, as one node."""

@overload
def sum(xs: Iterable[Number], /) -> float: ...
@overload
def sum(xs: Iterable[Operand], /) -> Any: ...
@overload
def dot(xs: Iterable[Node], ys: Iterable[Operand], /) -> Value:
    """The sum of the products of two lists, as one node."""

@overload
def dot(xs: Iterable[Operand], ys: Iterable[Node], /) -> Value: ...
@overload
def dot(xs: Iterable[Number], ys: Iterable[Number], /) -> float: ...
@overload
def dot(xs: Iterable[Operand], ys: Iterable[Operand], /) -> Any: ...
@overload
def logsumexp(xs: Iterable[Node], /) -> Value:
    """The logarithm of the sum of the exponentials of a list, without overflow."""

@overload
def logsumexp(xs: Iterable[Number], /) -> float: ...
@overload
def logsumexp(xs: Iterable[Operand], /) -> Any: ...
