"""Recorded graphs as source text in C, Python and NumPy; the text of each operation comes from ``core.source``."""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Sequence
from dataclasses import replace

from microgrid._public import public
from microgrid.core.c_library import fma
from microgrid.core.engine import Value
from microgrid.core.graph import evaluate, local_partials, pullback, topological_order
from microgrid.core.source import NUMPY, PYTHON, C, Language, Source
from microgrid.errors import InvalidValueError

__all__ = ["to_c", "to_numpy", "to_python"]

_PYTHON = replace(
    PYTHON,
    calls={
        **{name: f"math.{name}({{}})" for name in C.calls},
        "abs": "abs({})",
        "hypot": "abs(complex({}))",
        "fma": "fma({})",
        "floor": "math.copysign(math.floor({0}), {0})",
    },
    infinity="math.inf",
    nan="math.nan",
)

# Names that the texts use, and C's keywords: no names for a function.
_C_WORDS = (
    "auto break case char const continue default do double else enum extern float for goto if inline int long register "
    "restrict return short signed sizeof static struct switch typedef union unsigned void volatile while main"
)
# Not inlined either, for the caller's options would hold then.
_GCC_ATTRIBUTE = [
    "#if defined(__GNUC__) && !defined(__clang__)",
    '__attribute__((noinline, optimize("no-thread-jumps"))) /* which may take nan for a tie */',
    "#endif",
]
_TAKEN = {*C.calls, *_C_WORDS.split(), "fabs", "math", "np"}


@public()
def to_c(value: Value, inputs: Sequence[Value] | None = None, *, name: str = "f") -> str:
    """A graph as one self-contained C function that computes its value and gradient.

    Only leaves have numbers in it, those that their ``data`` is now; what other nodes were recorded at isn't used.

    Compiled without fused multiply-add and without unsafe optimisations (``-ffp-contract=off`` and no
    ``-ffast-math``), it gives the same bits as the graph. GCC is told by an attribute, where the text has choices, not
    to thread jumps: its version 16 takes two numbers for equal of which neither is smaller, though one is nan.

    Parameters
    ----------
    value : Value
        The output.
    inputs : sequence of Value, optional
        The leaves that become arguments, in this order; by default every leaf that is not a constant, in topological
        order. All other leaves become constants.
    name : str, default "f"
        The function's name.

    Returns
    -------
    str
        C99: ``double f(const double x[], double gradient[])``, which returns the value and stores the derivatives with
        respect to the inputs.

    Raises
    ------
    InvalidValueError
        If ``value`` is not a Value, an input is not a leaf of its graph or is given twice, or the name is invalid.

    Examples
    --------
    >>> from microgrid import Value, to_c
    >>> w, x = Value(0.5, name="w"), Value(2.0, name="x")
    >>> print(to_c(w * x + 1.0, [w]))
    #include <math.h>
    <BLANKLINE>
    /* inputs: x[0] w */
    double f(const double x[], double gradient[]) {
        double t0 = x[0];
        double t1 = t0 * 2.0;
        double t2 = t1 + 1.0;
        gradient[0] = 2.0;
        return t2;
    }
    """
    leaves = _inputs(value, inputs, name)
    source, output, slopes = _written(value, leaves, C)
    lines = [*source.lines, *[f"gradient[{index}] = {slope};" for index, slope in enumerate(slopes)]]
    head = ["#include <math.h>", "", f"/* inputs: {_legend(leaves)} */"]
    head += _GCC_ATTRIBUTE * any([" ? " in line for line in source.lines])
    head.append(f"double {name}(const double x[], double gradient[]) {{")
    return "\n".join([*head, *[f"    {line}" for line in [*lines, f"return {output};"]], "}"])


@public()
def to_python(value: Value, inputs: Sequence[Value] | None = None, *, name: str = "f") -> str:
    """A graph as a Python function of floats that needs the standard library alone.

    Like Python's floats, it raises ``ArithmeticError`` or ``ValueError`` at poles and overflows.

    Parameters
    ----------
    value, inputs, name
        As for ``to_c``.

    Returns
    -------
    str
        ``def f(x)``, which takes the inputs as a sequence and returns the value and the list of derivatives.

    Raises
    ------
    InvalidValueError
        As for ``to_c``.

    Examples
    --------
    >>> from microgrid import Value, to_python
    >>> w, x = Value(0.5, name="w"), Value(2.0, name="x")
    >>> namespace = {}
    >>> exec(to_python((w * x).exp(), [w]), namespace)
    >>> namespace["f"]([0.0])
    (1.0, [2.0])
    """
    leaves = _inputs(value, inputs, name)
    source, output, slopes = _written(value, leaves, _PYTHON)
    head = f'{_imports(source)}\n\n\ndef {name}(x):\n    """Inputs: {_legend(leaves)}."""'
    return "\n".join([head, *[f"    {line}" for line in source.lines], f"    return {output}, [{', '.join(slopes)}]"])


@public()
def to_numpy(value: Value, inputs: Sequence[Value] | None = None, *, name: str = "f") -> str:
    """A graph as a NumPy function of arrays, in which each element is a point.

    Parameters
    ----------
    value, inputs, name
        As for ``to_c``.

    Returns
    -------
    str
        ``def f(x)``, which takes the inputs as a sequence of arrays that broadcast together, and returns an array of
        values and a list of arrays of derivatives.

    Raises
    ------
    InvalidValueError
        As for ``to_c``.

    Examples
    --------
    >>> import numpy
    >>> from microgrid import Value, to_numpy
    >>> w, x = Value(0.5, name="w"), Value(2.0, name="x")
    >>> namespace = {}
    >>> exec(to_numpy(w * x), namespace)
    >>> values, gradients = namespace["f"]([numpy.array([1.0, 2.0]), numpy.array([10.0, 20.0])])
    >>> values.tolist(), gradients[0].tolist()
    ([10.0, 40.0], [10.0, 20.0])
    """
    leaves = _inputs(value, inputs, name)
    source, output, slopes = _written(value, leaves, NUMPY)
    arrays = [f"np.broadcast_to({slope}, shape)" for slope in slopes]
    body = [
        f'"""Inputs: {_legend(leaves)}."""',
        "x = [np.asarray(one, dtype=float) for one in x]",
        "shape = np.broadcast_shapes(*[one.shape for one in x])",
        'with np.errstate(all="ignore"):',
        *[f"    {line}" for line in source.lines],
        f"    return np.broadcast_to({output}, shape), [{', '.join(arrays)}]",
    ]
    head = f"{_imports(source, 'import numpy as np')}\n\n\ndef {name}(x):"
    return "\n".join([head, *[f"    {line}" for line in body]])


def _inputs(value: Value, inputs: Sequence[Value] | None, name: str) -> list[Value]:
    """The leaves that become arguments, checked."""
    if not isinstance(value, Value):
        raise InvalidValueError(f"only the graph of a Value can be written, not {value!r}")
    if not name.isidentifier() or not name.isascii() or keyword.iskeyword(name) or name in _TAKEN:
        raise InvalidValueError(f"{name!r} can't be the name of a function: use another of letters, digits and _")
    leaves = [node for node in topological_order(value) if node.op is None and not node.is_constant]
    if inputs is None:
        return leaves
    chosen, known = list(inputs), set(leaves)
    for leaf in chosen:
        if leaf not in known:
            raise InvalidValueError(f"the input {leaf!r} is not a leaf of the graph")
    if len(set(chosen)) < len(chosen):
        raise InvalidValueError("an input is given twice")
    return chosen


def _written(value: Value, leaves: Sequence[Value], language: Language) -> tuple[Source, str, list[str]]:
    """The statements, and the text of the value and of each derivative with respect to a leaf."""
    source = Source(language)
    terms = {leaf: source.define(f"x[{index}]") for index, leaf in enumerate(leaves)}
    order = topological_order(value)
    values = evaluate([value], source, terms, order=order)
    adjoints = pullback(value, local_partials(source, values), m=source, wanted=leaves, order=order)
    return source, source.write(values[value]), [source.write(adjoints[leaf]) for leaf in leaves]


def _imports(source: Source, *more: str) -> str:
    """The head of a Python module: its imports, and the function that Python lacks before 3.13 where it is used."""
    uses_fma = any(["fma" in line for line in source.lines])
    standard = "import math" + "\nfrom fractions import Fraction" * uses_fma
    return "\n\n".join([standard, *more, *["\n" + inspect.getsource(fma).strip()] * uses_fma])


def _legend(leaves: Sequence[Value]) -> str:
    """The leaf of each argument, as text that is safe inside a comment or a docstring."""
    named = [f"x[{index}] {_harmless(leaf.name)}" for index, leaf in enumerate(leaves) if leaf.name]
    return ", ".join(named) if named else "in the order of the graph"


def _harmless(name: str) -> str:
    return "".join([letter if letter.isalnum() or letter in " _+-.,·()^" else "?" for letter in name])
