# Written from the rule table by `python -m microgrid.core.stubs`; not to be edited.

from collections.abc import Iterable
from typing import Any, overload

from microgrid._version import __version__ as __version__
from microgrid.arrays.values import ValueArray as ValueArray
from microgrid.calculus.reverse import gradients as gradients
from microgrid.calculus.transforms import derivative as derivative
from microgrid.calculus.transforms import grad as grad
from microgrid.calculus.transforms import hessian as hessian
from microgrid.calculus.transforms import hessp as hessp
from microgrid.calculus.transforms import hvp as hvp
from microgrid.calculus.transforms import jacobian as jacobian
from microgrid.calculus.transforms import jvp as jvp
from microgrid.calculus.transforms import taylor as taylor
from microgrid.calculus.transforms import value_and_grad as value_and_grad
from microgrid.calculus.transforms import vjp as vjp
from microgrid.checking import assert_gradients as assert_gradients
from microgrid.checking import check_gradients as check_gradients
from microgrid.compiler.api import Compiled as Compiled
from microgrid.compiler.api import compile as compile
from microgrid.core.comparison import Comparison as Comparison
from microgrid.core.composed import log_softmax as log_softmax
from microgrid.core.composed import mean as mean
from microgrid.core.composed import norm as norm
from microgrid.core.composed import prod as prod
from microgrid.core.composed import softmax as softmax
from microgrid.core.composed import var as var
from microgrid.core.custom_operations import custom as custom
from microgrid.core.engine import Value as Value
from microgrid.core.rule import Region as Region
from microgrid.core.strictness import strict as strict
from microgrid.core.table import Array, Node, Number, Operand
from microgrid.core.value import named as named
from microgrid.derivations.certificate import Certificate as Certificate
from microgrid.derivations.certificate import certify as certify
from microgrid.derivations.derivation import explain as explain
from microgrid.derivations.enclosures import Enclosure as Enclosure
from microgrid.derivations.proof import Proof as Proof
from microgrid.derivations.proof import prove as prove
from microgrid.derivations.regions import RegionCertificate as RegionCertificate
from microgrid.derivations.render import Derivation as Derivation
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
from microgrid.errors import PerformanceWarning as PerformanceWarning
from microgrid.formulas.high_precision import Precise as Precise
from microgrid.formulas.high_precision import precise as precise
from microgrid.formulas.json import from_json as from_json
from microgrid.formulas.json import to_json as to_json
from microgrid.formulas.json import to_networkx as to_networkx
from microgrid.formulas.source_code import to_c as to_c
from microgrid.formulas.source_code import to_numpy as to_numpy
from microgrid.formulas.source_code import to_python as to_python
from microgrid.formulas.sympy import from_sympy as from_sympy
from microgrid.formulas.sympy import latex as latex
from microgrid.formulas.sympy import to_sympy as to_sympy
from microgrid.learn.boosting import objective as objective
from microgrid.pages import Exercise as Exercise
from microgrid.pages import Marked as Marked
from microgrid.pages import Page as Page
from microgrid.pages import animate as animate
from microgrid.pages import exercise as exercise
from microgrid.pages import step_through as step_through
from microgrid.program.program import Program as Program
from microgrid.util.interval import Interval as Interval
from microgrid.util.pytree import ravel as ravel

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
    "abs",
    "acos",
    "acosh",
    "add",
    "amax",
    "amin",
    "animate",
    "asin",
    "asinh",
    "assert_gradients",
    "atan",
    "atan2",
    "atanh",
    "beta",
    "betaln",
    "cbrt",
    "ceil",
    "certify",
    "check_gradients",
    "clip",
    "compile",
    "copysign",
    "cos",
    "cosh",
    "custom",
    "deg2rad",
    "derivative",
    "digamma",
    "div",
    "dot",
    "draw",
    "draw_dot",
    "engine",
    "equal",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "exercise",
    "exp",
    "exp2",
    "explain",
    "expm1",
    "floor",
    "floordiv",
    "fma",
    "fmod",
    "from_json",
    "from_sympy",
    "gamma",
    "grad",
    "gradients",
    "hessian",
    "hessp",
    "hvp",
    "hypot",
    "jacobian",
    "jvp",
    "latex",
    "less",
    "less_equal",
    "lgamma",
    "log",
    "log1mexp",
    "log1p",
    "log2",
    "log10",
    "log_ndtr",
    "log_sigmoid",
    "log_softmax",
    "logaddexp",
    "logit",
    "logsubexp",
    "logsumexp",
    "maximum",
    "mean",
    "minimum",
    "mod",
    "mul",
    "named",
    "ndtr",
    "neg",
    "norm",
    "objective",
    "polygamma",
    "pow",
    "precise",
    "prod",
    "prove",
    "rad2deg",
    "ravel",
    "relu",
    "rint",
    "sigmoid",
    "sign",
    "sin",
    "sinc",
    "sinh",
    "softmax",
    "softplus",
    "sqrt",
    "step_through",
    "strict",
    "sub",
    "sum",
    "tan",
    "tanh",
    "taylor",
    "to_c",
    "to_json",
    "to_networkx",
    "to_numpy",
    "to_python",
    "to_sympy",
    "trigamma",
    "trunc",
    "value_and_grad",
    "var",
    "vjp",
    "where",
    "xlog1py",
    "xlogy",
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
def sign(x: Node, /) -> Value:
    """The sign of x: -1, 0 or 1."""

@overload
def sign(x: Number, /) -> float: ...
@overload
def sign(x: Array, /) -> Any: ...
@overload
def copysign(x: Node, y: Operand, /) -> Value:
    """The absolute value of x with the sign of y."""

@overload
def copysign(x: Operand, y: Node, /) -> Value: ...
@overload
def copysign(x: Number, y: Number, /) -> float: ...
@overload
def copysign(x: Operand | Array, y: Operand | Array, /) -> Any: ...
@overload
def fma(x: Node, y: Operand, z: Operand, /) -> Value:
    """The product and sum x*y + z, rounded once."""

@overload
def fma(x: Operand, y: Node, z: Operand, /) -> Value: ...
@overload
def fma(x: Operand, y: Operand, z: Node, /) -> Value: ...
@overload
def fma(x: Number, y: Number, z: Number, /) -> float: ...
@overload
def fma(x: Operand | Array, y: Operand | Array, z: Operand | Array, /) -> Any: ...
@overload
def floor(x: Node, /) -> Value:
    """The largest whole number that is at most x."""

@overload
def floor(x: Number, /) -> float: ...
@overload
def floor(x: Array, /) -> Any: ...
@overload
def ceil(x: Node, /) -> Value:
    """The smallest whole number that is at least x."""

@overload
def ceil(x: Number, /) -> float: ...
@overload
def ceil(x: Array, /) -> Any: ...
@overload
def trunc(x: Node, /) -> Value:
    """The whole number nearest to x between 0 and x."""

@overload
def trunc(x: Number, /) -> float: ...
@overload
def trunc(x: Array, /) -> Any: ...
@overload
def rint(x: Node, /) -> Value:
    """The whole number nearest to x; of two, the even one."""

@overload
def rint(x: Number, /) -> float: ...
@overload
def rint(x: Array, /) -> Any: ...
@overload
def fmod(x: Node, y: Operand, /) -> Value:
    """The remainder of x/y with the sign of x, as in C."""

@overload
def fmod(x: Operand, y: Node, /) -> Value: ...
@overload
def fmod(x: Number, y: Number, /) -> float: ...
@overload
def fmod(x: Operand | Array, y: Operand | Array, /) -> Any: ...
@overload
def mod(x: Node, y: Operand, /) -> Value:
    """The remainder of x/y with the sign of y, as Python's %."""

@overload
def mod(x: Operand, y: Node, /) -> Value: ...
@overload
def mod(x: Number, y: Number, /) -> float: ...
@overload
def mod(x: Operand | Array, y: Operand | Array, /) -> Any: ...
@overload
def floordiv(x: Node, y: Operand, /) -> Value:
    """The quotient x/y rounded down, as Python's //."""

@overload
def floordiv(x: Operand, y: Node, /) -> Value: ...
@overload
def floordiv(x: Number, y: Number, /) -> float: ...
@overload
def floordiv(x: Operand | Array, y: Operand | Array, /) -> Any: ...
@overload
def deg2rad(x: Node, /) -> Value:
    """An angle of x degrees in radians."""

@overload
def deg2rad(x: Number, /) -> float: ...
@overload
def deg2rad(x: Array, /) -> Any: ...
@overload
def rad2deg(x: Node, /) -> Value:
    """An angle of x radians in degrees."""

@overload
def rad2deg(x: Number, /) -> float: ...
@overload
def rad2deg(x: Array, /) -> Any: ...
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
def log2(x: Node, /) -> Value:
    """The logarithm of x to base 2."""

@overload
def log2(x: Number, /) -> float: ...
@overload
def log2(x: Array, /) -> Any: ...
@overload
def log10(x: Node, /) -> Value:
    """The logarithm of x to base 10."""

@overload
def log10(x: Number, /) -> float: ...
@overload
def log10(x: Array, /) -> Any: ...
@overload
def exp2(x: Node, /) -> Value:
    """Two to the power of x."""

@overload
def exp2(x: Number, /) -> float: ...
@overload
def exp2(x: Array, /) -> Any: ...
@overload
def log1mexp(x: Node, /) -> Value:
    """The logarithm of 1 - exp(-x), accurate where exp(-x) is near 1 or tiny."""

@overload
def log1mexp(x: Number, /) -> float: ...
@overload
def log1mexp(x: Array, /) -> Any: ...
@overload
def logsubexp(x: Node, y: Operand, /) -> Value:
    """The logarithm of exp(x) - exp(y), without overflow."""

@overload
def logsubexp(x: Operand, y: Node, /) -> Value: ...
@overload
def logsubexp(x: Number, y: Number, /) -> float: ...
@overload
def logsubexp(x: Operand | Array, y: Operand | Array, /) -> Any: ...
@overload
def cbrt(x: Node, /) -> Value:
    """The cube root of x, negative for a negative x."""

@overload
def cbrt(x: Number, /) -> float: ...
@overload
def cbrt(x: Array, /) -> Any: ...
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
def asinh(x: Node, /) -> Value:
    """The inverse hyperbolic sine of x."""

@overload
def asinh(x: Number, /) -> float: ...
@overload
def asinh(x: Array, /) -> Any: ...
@overload
def acosh(x: Node, /) -> Value:
    """The inverse hyperbolic cosine of x, not negative."""

@overload
def acosh(x: Number, /) -> float: ...
@overload
def acosh(x: Array, /) -> Any: ...
@overload
def atanh(x: Node, /) -> Value:
    """The inverse hyperbolic tangent of x."""

@overload
def atanh(x: Number, /) -> float: ...
@overload
def atanh(x: Array, /) -> Any: ...
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
def log_sigmoid(x: Node, /) -> Value:
    """The logarithm of the logistic function, accurate where that rounds to 0 or to 1."""

@overload
def log_sigmoid(x: Number, /) -> float: ...
@overload
def log_sigmoid(x: Array, /) -> Any: ...
@overload
def logit(x: Node, /) -> Value:
    """The log-odds log(x/(1 - x)) of a probability, the inverse of sigmoid."""

@overload
def logit(x: Number, /) -> float: ...
@overload
def logit(x: Array, /) -> Any: ...
@overload
def xlogy(x: Node, y: Operand, /) -> Value:
    """The product x*log(y), which is 0 for x = 0."""

@overload
def xlogy(x: Operand, y: Node, /) -> Value: ...
@overload
def xlogy(x: Number, y: Number, /) -> float: ...
@overload
def xlogy(x: Operand | Array, y: Operand | Array, /) -> Any: ...
@overload
def xlog1py(x: Node, y: Operand, /) -> Value:
    """The product x*log(1 + y), which is 0 for x = 0."""

@overload
def xlog1py(x: Operand, y: Node, /) -> Value: ...
@overload
def xlog1py(x: Number, y: Number, /) -> float: ...
@overload
def xlog1py(x: Operand | Array, y: Operand | Array, /) -> Any: ...
@overload
def erfc(x: Node, /) -> Value:
    """The complementary error function 1 - erf(x), accurate where erf(x) rounds to 1."""

@overload
def erfc(x: Number, /) -> float: ...
@overload
def erfc(x: Array, /) -> Any: ...
@overload
def erfcx(x: Node, /) -> Value:
    """The scaled complementary error function exp(x**2)*erfc(x), without overflow for x > 0."""

@overload
def erfcx(x: Number, /) -> float: ...
@overload
def erfcx(x: Array, /) -> Any: ...
@overload
def ndtr(x: Node, /) -> Value:
    """The normal distribution function: the probability of less than x."""

@overload
def ndtr(x: Number, /) -> float: ...
@overload
def ndtr(x: Array, /) -> Any: ...
@overload
def log_ndtr(x: Node, /) -> Value:
    """The logarithm of ndtr(x), accurate where that rounds to 0 or to 1."""

@overload
def log_ndtr(x: Number, /) -> float: ...
@overload
def log_ndtr(x: Array, /) -> Any: ...
@overload
def erfinv(x: Node, /) -> Value:
    """The inverse of the error function erf."""

@overload
def erfinv(x: Number, /) -> float: ...
@overload
def erfinv(x: Array, /) -> Any: ...
@overload
def sinc(x: Node, /) -> Value:
    """The normalised sine cardinal sin(pi*x)/(pi*x), which is 1 at 0."""

@overload
def sinc(x: Number, /) -> float: ...
@overload
def sinc(x: Array, /) -> Any: ...
@overload
def lgamma(x: Node, /) -> Value:
    """The logarithm of the absolute value of the gamma function."""

@overload
def lgamma(x: Number, /) -> float: ...
@overload
def lgamma(x: Array, /) -> Any: ...
@overload
def digamma(x: Node, /) -> Value:
    """The digamma function, the derivative of lgamma(x)."""

@overload
def digamma(x: Number, /) -> float: ...
@overload
def digamma(x: Array, /) -> Any: ...
@overload
def trigamma(x: Node, /) -> Value:
    """The trigamma function, the derivative of digamma(x)."""

@overload
def trigamma(x: Number, /) -> float: ...
@overload
def trigamma(x: Array, /) -> Any: ...
@overload
def polygamma(x: Node, y: Operand, /) -> Value:
    """The derivative of digamma of order x, a whole number not below 0."""

@overload
def polygamma(x: Operand, y: Node, /) -> Value: ...
@overload
def polygamma(x: Number, y: Number, /) -> float: ...
@overload
def polygamma(x: Operand | Array, y: Operand | Array, /) -> Any: ...
@overload
def gamma(x: Node, /) -> Value:
    """The gamma function; of a whole number, the factorial of the one before."""

@overload
def gamma(x: Number, /) -> float: ...
@overload
def gamma(x: Array, /) -> Any: ...
@overload
def betaln(x: Node, y: Operand, /) -> Value:
    """The logarithm of the beta function gamma(x)*gamma(y)/gamma(x + y)."""

@overload
def betaln(x: Operand, y: Node, /) -> Value: ...
@overload
def betaln(x: Number, y: Number, /) -> float: ...
@overload
def betaln(x: Operand | Array, y: Operand | Array, /) -> Any: ...
@overload
def beta(x: Node, y: Operand, /) -> Value:
    """The beta function gamma(x)*gamma(y)/gamma(x + y)."""

@overload
def beta(x: Operand, y: Node, /) -> Value: ...
@overload
def beta(x: Number, y: Number, /) -> float: ...
@overload
def beta(x: Operand | Array, y: Operand | Array, /) -> Any: ...
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
def clip(x: Node, y: Operand, z: Operand, /) -> Value:
    """The operand x kept between y and z: the smaller of max(x, y) and z."""

@overload
def clip(x: Operand, y: Node, z: Operand, /) -> Value: ...
@overload
def clip(x: Operand, y: Operand, z: Node, /) -> Value: ...
@overload
def clip(x: Number, y: Number, z: Number, /) -> float: ...
@overload
def clip(x: Operand | Array, y: Operand | Array, z: Operand | Array, /) -> Any: ...
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
def amax(xs: Iterable[Node], /) -> Value:
    """The largest of a list, as one node."""

@overload
def amax(xs: Iterable[Number], /) -> float: ...
@overload
def amax(xs: Iterable[Operand], /) -> Any: ...
@overload
def amin(xs: Iterable[Node], /) -> Value:
    """The smallest of a list, as one node."""

@overload
def amin(xs: Iterable[Number], /) -> float: ...
@overload
def amin(xs: Iterable[Operand], /) -> Any: ...
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
