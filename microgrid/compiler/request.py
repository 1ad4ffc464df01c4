"""What a call asks for: the value, or one of its derivatives. Each is a program derived from one trace.

The gradient and the vector-Jacobian product run the trace's own program and its pullback. The Jacobian-vector product
and second derivatives are recorded as graphs by ``calculus``, from a replay of the trace: the function is not called.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from microgrid.calculus.forward import recorded_hessian, recorded_hvp, recorded_jvp
from microgrid.calculus.reverse import recorded_gradient
from microgrid.compiler.arguments import Layout, Variables
from microgrid.compiler.trace import Trace, guards_of
from microgrid.core.comparison import decisions
from microgrid.core.engine import Value, as_value
from microgrid.errors import DataError, InvalidValueError
from microgrid.program.program import Program
from microgrid.util.pytree import Rebuild

__all__ = ["GRADIENT", "HESSIAN", "HVP", "JACOBIAN", "JVP", "VALUE", "VJP", "Request", "trace_for"]

_Derivatives = Callable[[list[Value], list[Value], list[Any]], list[Value]]  # a tangent may be a plain 0


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """What a call asks for."""

    name: str  # of the method
    pulls_back: bool = False  # whether the program's pullback is run
    is_of_one: bool = False  # whether the function has to return one number
    vector: str = ""  # what a call's last argument is, if it is not the function's: "the direction" or "the vector"
    derive: _Derivatives | None = None  # records the derivatives; without it, the trace's program is run
    structure: Callable[[Trace, Variables], Rebuild] | None = None  # of the derivatives
    zeros: frozenset[int] = frozenset()  # where the vector is 0 for good: nothing moves there or is asked for


def _hessian(variables: list[Value], outputs: list[Value], _: list[Any]) -> list[Value]:
    """The upper triangle of the matrix, row by row."""
    rows = recorded_hessian(variables, outputs[0])
    return [rows[place][column] for place in range(len(rows)) for column in range(place, len(rows))]


def _whole_matrix(_: Trace, variables: Variables) -> Rebuild:
    """The matrix from its upper triangle: mixed derivatives don't depend on their order."""
    count, rebuild = len(variables.slots), variables.rebuild

    def whole(numbers: Sequence[Any]) -> Any:
        remaining = iter(numbers)
        full: list[list[Any]] = [[None] * count for _ in range(count)]
        for place in range(count):
            for column in range(place, count):
                full[place][column] = full[column][place] = next(remaining)
        return rebuild([rebuild(row) for row in full])

    return whole


def _jacobian(variables: list[Value], outputs: list[Value], _: list[Value]) -> list[Value]:
    """The matrix, row by row."""
    return [slope for output in outputs for slope in recorded_gradient(output, variables)]


def _rows_of_matrix(trace: Trace, variables: Variables) -> Rebuild:
    count = len(variables.slots)

    def whole(numbers: Sequence[Any]) -> Any:
        rows = [variables.rebuild(list(numbers[k * count : (k + 1) * count])) for k in range(trace.count)]
        return trace.results(rows)

    return whole


VALUE = Request("value")
GRADIENT = Request("value_and_grad", pulls_back=True, is_of_one=True)
VJP = Request("vjp", pulls_back=True, vector="the vector")
JVP = Request("jvp", vector="the direction", derive=recorded_jvp, structure=lambda trace, _: trace.results)
HVP = Request(
    "hvp",
    is_of_one=True,
    vector="the direction",
    derive=lambda variables, outputs, tangents: recorded_hvp(variables, outputs[0], tangents),
    structure=lambda _, variables: variables.rebuild,
)
JACOBIAN = Request("jacobian", derive=_jacobian, structure=_rows_of_matrix)
HESSIAN = Request("hessian", is_of_one=True, derive=_hessian, structure=_whole_matrix)


def trace_for(
    request: Request, trace: Trace, layout: Layout, variables: Variables, numbers: Sequence[float], *, share: bool
) -> Trace:
    """The program that answers a request, with its guards: the trace itself, or that of the derivatives.

    In that, directions are inputs behind the others. The numbers are one for each input; ``share`` makes one of common
    subexpressions. Raises an InvalidValueError if the function returns many numbers and the request is of one, and a
    DataError if second derivatives or a direction are with respect to arguments with rows.
    """
    if request.is_of_one and trace.count != 1:
        raise InvalidValueError(
            f"{request.name} needs a function that returns one number, not {trace.count}; vjp and jvp take functions "
            "that return many"
        )
    if request.derive is None or request.structure is None:
        return _without(request.zeros, trace, numbers, share=share) if request.zeros else trace
    if not set(variables.slots) <= set(layout.shared):
        raise DataError(f"{request.name} is with respect to arguments that all rows share: choose others by wrt")
    leaves = [Value(number) for number in numbers]
    tangents = [Value(1.0) for _ in variables.slots] if request.vector else []
    values = trace.program.replay(leaves)
    outputs = [values[slot] for slot in trace.program.outputs]
    with decisions() as decided:
        moving = [0.0 if place in request.zeros else tangent for place, tangent in enumerate(tangents)]
        results = request.derive([leaves[slot] for slot in variables.slots], outputs, moving)
    names = [*trace.program.inputs, *[f"direction[{place}]" for place in range(len(tangents))]]
    program = Program.record(results, [*leaves, *tangents], names=names, share=share)
    guards = trace.guards
    if decided:
        shared = [leaves[slot] for slot in layout.shared]
        earlier = guards.program.replay(shared) if guards else []
        comparisons = [earlier[slot] for slot in guards.program.outputs] if guards else []
        comparisons += [comparison.record() for comparison in decided]
        shared_names = [*[names[slot] for slot in layout.shared], *names[len(leaves) :]]
        lines = [*trace.lines, *[comparison.line for comparison in decided]]
        guards = guards_of(comparisons, [*shared, *tangents], shared_names, lines)
    return Trace(program, request.structure(trace, variables), guards)


def _without(zeros: frozenset[int], trace: Trace, numbers: Sequence[float], *, share: bool) -> Trace:
    """A trace in which the results at these places are constants."""
    program = trace.program
    leaves = [Value(number) for number in numbers]
    values = program.replay(leaves)
    outputs = [as_value(0.0) if place in zeros else values[slot] for place, slot in enumerate(program.outputs)]
    return replace(trace, program=Program.record(outputs, leaves, names=program.inputs, share=share))
