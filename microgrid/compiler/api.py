"""``compile``: a function or a recorded graph, recorded once and called many times, with its derivatives.

A call is answered by a *specialization*: the code of one request (the value, the gradient, ...) at one *trace*. The one
that answered last is tried first. If the arguments are of other types or another structure, or if a guard fails, the
arguments are walked; their structure leads to the traces recorded for it and to what was derived from them. Only if
none holds at these numbers, the function is recorded anew.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from microgrid._public import public
from microgrid.calculus.trace import Wrt
from microgrid.compiler.arguments import (
    NO_VARIABLES,
    Arguments,
    Layout,
    Part,
    Place,
    Variables,
    one_row,
    plain,
    row_arrays,
    variables_of,
    walk,
)
from microgrid.compiler.outside import Outside
from microgrid.compiler.paths import Paths
from microgrid.compiler.request import GRADIENT, HESSIAN, HVP, JACOBIAN, JVP, VALUE, VJP, Request, trace_for
from microgrid.compiler.specialization import MISSED, Bound, Call, Specialization
from microgrid.compiler.target import FunctionTarget, GraphTarget, target_of
from microgrid.compiler.tiers import LEVELS, Code, point_runner, processors, row_kernel
from microgrid.compiler.trace import Trace
from microgrid.errors import DataError, InvalidValueError
from microgrid.program.program import Program
from microgrid.util.locks import Lock
from microgrid.util.pytree import Rebuild, added, flatten
from microgrid.util.wording import listed

__all__ = ["Compiled", "compile"]

P = TypeVar("P", Trace, Specialization)


@dataclass(slots=True)
class _Structure:
    """What was made for arguments of one structure: a trace for each path of branches, and what is derived from it."""

    layout: Layout
    static: Arguments
    traces: Paths[Trace]
    specializations: dict[Request, Paths[Specialization]] = field(default_factory=dict)
    used: int = 0


_OPTIONS = ("_target", "_wrt", "_rows", "_gradient", "_reduce", "_precise", "_optimize", "_threads", "_paths")


@public()
class Compiled:
    """A function that was recorded once and runs at the machine's speed, with its derivatives.

    It is called with the arguments of the function, or with the inputs of the recorded graph, in order or by name. It
    is made by ``compile``, where the options are explained.

    Examples
    --------
    >>> import microgrid
    >>> area = microgrid.compile(lambda r: 3.0 * r["a"] * r["b"])
    >>> area({"a": 2.0, "b": 0.5})
    3.0
    >>> area.value_and_grad({"a": 2.0, "b": 0.5})
    (3.0, {'a': 1.5, 'b': 6.0})
    """

    def __init__(
        self,
        target: FunctionTarget | GraphTarget,
        *,
        wrt: Wrt | None,
        rows: Sequence[Place],
        reduce: str | None,
        precise: bool,
        optimize: str,
        threads: int | None,
        paths: int,
        gradient: Rebuild | None,
        penalty: Compiled | None = None,
    ) -> None:
        self._target, self._wrt, self._rows, self._gradient = target, wrt, rows, gradient
        self._reduce, self._precise, self._optimize, self._threads = reduce, precise, optimize, threads
        self._paths, self._penalty = paths, penalty
        self._forget()

    def _forget(self) -> None:
        """Begin as if it had not been called."""
        self._structures: dict[Hashable, _Structure] = {}
        self._clock = itertools.count()
        self._outside = Outside(None)  # what the function reads from outside, and how it was at the last call
        self._read: Hashable = ()
        self._has_warned = False
        self._recent: dict[Request, Specialization] = {}
        self._sparse: dict[tuple[str, frozenset[int]], Request] = {}
        self._row_places: dict[tuple[Place, ...], list[Place]] = {}
        self._last: Specialization | None = None
        self._lock = Lock()

    # ---- calls ------------------------------------------------------------------------------------------------

    def __call__(self, /, *args: Any, **more: Any) -> Any:
        """The value.

        Returns
        -------
        float or structure
            What the function returns, with floats in it.
        """
        return self._call(VALUE, args, more)

    def value_and_grad(self, /, *args: Any, **more: Any) -> tuple[Any, Any]:
        """The value beside the derivatives with respect to ``wrt``.

        Returns
        -------
        tuple
            The number, and the derivatives in the structure of the argument.

        Raises
        ------
        InvalidValueError
            If the function returns other than one number.
        """
        answer: tuple[Any, Any] = self._call(GRADIENT, args, more)
        return answer

    def grad(self, /, *args: Any, **more: Any) -> Any:
        """The derivatives alone; as ``value_and_grad``."""
        return self._call(GRADIENT, args, more)[1]

    def vjp(self, /, *args: Any, **more: Any) -> Any:
        """The product of a vector and the Jacobian.

        Parameters
        ----------
        *args, **more
            The arguments and, last, the vector, in the structure of what the function returns.

        Returns
        -------
        structure
            In the structure of the argument.
        """
        return self._call(VJP, args, more)

    def jvp(self, /, *args: Any, **more: Any) -> Any:
        """The derivative along a direction.

        Parameters
        ----------
        *args, **more
            The arguments and, last, the direction, in the structure of the argument that is differentiated by.

        Returns
        -------
        structure
            In the structure of what the function returns.
        """
        return self._call(JVP, args, more)

    def hvp(self, /, *args: Any, **more: Any) -> Any:
        """The product of the Hessian and a direction.

        Parameters
        ----------
        *args, **more
            As for ``jvp``.

        Returns
        -------
        structure
            In the structure of the argument.
        """
        return self._call(HVP, args, more)

    def hessp(self, x: Any, direction: Any, /, *args: Any, **more: Any) -> Any:
        """As ``hvp`` in SciPy's order of arguments.

        Parameters
        ----------
        x
            The first argument.
        direction
            The direction.
        *args, **more
            The other arguments.

        Returns
        -------
        structure
            In the structure of the argument.
        """
        return self._call(HVP, (x, *args, direction), more)

    def jacobian(self, /, *args: Any, **more: Any) -> Any:
        """Every derivative of every number that the function returns.

        Returns
        -------
        structure
            That of the function's result, with the structure of the argument in each place; for arrays, one array.
        """
        return self._call(JACOBIAN, args, more)

    def hessian(self, /, *args: Any, **more: Any) -> Any:
        """All second derivatives.

        Returns
        -------
        structure
            In the structure of the argument, with another one in each place; for an array, one array.
        """
        return self._call(HESSIAN, args, more)

    def bind(self, /, *args: Any, **more: Any) -> Bound:
        """Bind the arguments: a call of ``value_and_grad`` without any, for hot loops.

        Parameters
        ----------
        *args, **more
            The arguments. Arrays of rows are read anew, in place, at each call; other numbers, and rows that have to be
            converted to arrays of floats, are copied into arrays of the bound call's own, which are there to be written
            into.

        Returns
        -------
        Bound
            ``call()`` gives the value and fills ``call.gradient``; ``call.arguments`` has the arrays that it reads. A
            bound call has one memory: each thread needs its own. Without ``reduce``, the value is an array in that
            memory, and the next call writes it again.
        """
        specialization, call = self._packed(GRADIENT, args, more, is_bound=True)
        bound = specialization.bound(call)
        return bound if self._penalty is None else bound.beside(self._penalty.bind(**self._shared(args, more)))

    # ---- one way through a call -------------------------------------------------------------------------------

    def _call(self, request: Request, args: Sequence[Any], more: Mapping[str, Any]) -> Any:
        """Answer a request: by the specialization of the last call if it fits, by a walk of the arguments otherwise."""
        recent = self._recent.get(request)
        if recent is not None and not more and (not self._outside.reads or self._outside.key() == self._read):
            answer = recent.answer(args)
            if answer is not MISSED:
                self._last = recent
                return answer if self._penalty is None else self._with_penalty(answer, request, args, more)
        specialization, call = self._packed(request, args, more)
        zeros = specialization.zeros(call) if request.vector else request.zeros
        answer = specialization.compute(call)
        if zeros != request.zeros and _has_nan(answer):  # maybe of what the zeros leave out: 0 times inf
            sparse = self._sparse.setdefault((request.name, zeros), replace(request, zeros=zeros))
            return self._call(sparse, args, more)
        return answer if self._penalty is None else self._with_penalty(answer, request, args, more)

    def _with_penalty(self, answer: Any, request: Request, args: Sequence[Any], more: Mapping[str, Any]) -> Any:
        vector = args[len(args) - bool(request.vector) :]
        shared = self._shared(args[: len(args) - len(vector)], more)
        assert self._penalty is not None  # asked before
        return added(answer, self._penalty._call(request, vector, shared))  # noqa: SLF001  # of its own class

    def _shared(self, args: Sequence[Any], more: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of a call that all rows share, by their names."""
        arguments = self._target.arguments(args, more)
        by_rows = self._places_of_rows(arguments)
        return {self._target.label(place): one for place, one in arguments.items() if place not in by_rows}

    def _packed(
        self, request: Request, args: Sequence[Any], more: Mapping[str, Any], *, is_bound: bool = False
    ) -> tuple[Specialization, Call]:
        """The specialization for a call, and the call with its arguments in place."""
        vector = None
        if request.vector:
            if not args or args[-1] is None:
                raise DataError(f"{request.name} takes the arguments of the function and, last, {request.vector}")
            args, vector = args[:-1], args[-1]
        arguments = self._target.arguments(args, more)
        arrays = row_arrays(arguments, self._places_of_rows(arguments), self._target.label)
        if self._reduce == "mean" and arrays and not len(next(iter(arrays.values()))):
            raise DataError("a mean over no rows has no value: give at least one row, or reduce='sum'")
        key, numbers = self._walked(arguments, arrays)
        structure = self._structure_at(self._outside.key(), key, arguments, arrays)

        calls: list[Call] = []

        def fails(one: Specialization) -> int | None:
            call, failing = one.tried(numbers, vector, is_bound=is_bound)
            calls[:] = [call]
            return failing

        def fitting() -> tuple[Specialization, Call] | None:
            known = structure.specializations.get(request)
            found = known.find(fails) if known else None
            return None if found is None else (found, calls[-1])

        found = fitting()
        if found is None:
            with self._lock:  # another thread may have recorded in the meantime
                found = fitting()
                if found is None:
                    self._specialize(request, structure, key, arguments, numbers, arrays, fails)
                    found = fitting()
        if found is None:
            raise InvalidValueError(
                f"{self._target.__name__} takes another way when it is recorded again: it has to depend on its "
                "arguments alone, and not on chance or on what it did before"
            )
        one, call = found
        one.take(call, arrays, vector)
        self._recent[request] = self._last = one
        return found

    def _structure_at(
        self, read: Hashable, key: Hashable, arguments: Arguments, arrays: Mapping[Place, Any]
    ) -> _Structure:
        """What was made for arguments of a structure while the outside was like that."""
        structure = self._structures.get((read, key))
        if structure is None:
            structure = self._structures.setdefault((read, key), self._laid_out(arguments, arrays))
        self._use(read, structure)
        return structure

    def _use(self, read: Hashable, structure: _Structure) -> None:
        structure.used = next(self._clock)
        if read != self._read:  # what was used last was recorded with other numbers outside
            self._recent.clear()
            self._read = read
        if len(self._structures) > self._paths:
            self._structures.pop(min(self._structures.copy().items(), key=lambda item: item[1].used)[0], None)
            self._warn(
                f"{self._target.__name__} was recorded for more than {self._paths} structures of arguments, fixed "
                "arguments or numbers from outside, and what was not used for longest is forgotten: give arrays of few "
                "shapes, and pass what changes as an argument"
            )

    def _warn(self, text: str) -> None:
        """Warn, once for each compiled function."""
        if not self._has_warned:
            self._has_warned = True
            warnings.warn(text, RuntimeWarning, stacklevel=7)

    def _places_of_rows(self, arguments: Arguments) -> list[Place]:
        given = tuple(arguments)
        if given not in self._row_places:
            self._row_places[given] = [self._target.place(one, arguments) for one in self._rows]
        return self._row_places[given]

    def _static(self, arguments: Arguments) -> set[Place]:
        """The places of a call's static arguments; one that is left to its default needs no place."""
        if not self._target.static:
            return set()
        names = self._target.names
        known = [*names, *self._target.keywords]
        omitted = {one for one in self._target.static if one in known and one not in arguments}
        omitted = {one for one in omitted if one not in names or names.index(str(one)) not in arguments}
        return {self._target.place(one, arguments) for one in self._target.static if one not in omitted}

    def _walked(self, arguments: Arguments, arrays: Mapping[Place, Any]) -> tuple[Hashable, Arguments]:
        """The structure of all arguments, and the numbers of those that rows share, by their places."""
        static = self._static(arguments)
        parts: list[Hashable] = []
        numbers: Arguments = {}
        for place, argument in arguments.items():
            if place in static:
                parts.append((place, "static", self._fixed(place, argument)))
            elif place in arrays:
                parts.append((place, "rows", arrays[place].shape[1:]))
            else:
                structure, numbers[place] = walk(argument)
                parts.append((place, structure))
        return tuple(parts), numbers

    def _fixed(self, place: Place, argument: Any) -> Hashable:
        """A key for a static argument: 1 and True, and both zeros, are equal and yet differ."""
        if isinstance(argument, float):
            return argument.hex()
        if isinstance(argument, tuple):
            return type(argument), tuple([self._fixed(place, one) for one in argument])
        try:
            hash(argument)
        except TypeError:
            raise DataError(
                f"the static argument {self._target.label(place)} is {argument!r}, and a static argument has to be "
                "hashed: traces are kept by it"
            ) from None
        return type(argument), argument

    def _laid_out(self, arguments: Arguments, arrays: Mapping[Place, Any]) -> _Structure:
        static = self._static(arguments)
        examples = {place: one_row(arrays[place]) if place in arrays else one for place, one in arguments.items()}
        places = [(place, self._target.label(place)) for place in arguments if place not in static]
        layout = Layout(places, examples, arrays, self._target.outside)
        fixed = {place: one for place, one in arguments.items() if place in static}
        return _Structure(layout, fixed, Paths(self._paths))

    def _specialize(
        self,
        request: Request,
        structure: _Structure,
        key: Hashable,
        arguments: Arguments,
        given: Arguments,
        arrays: Mapping[Place, Any],
        fails: Callable[[Specialization], int | None],
    ) -> None:
        """Add a specialization for a request, from a trace that holds at these numbers; record one if there is none.

        ``fails`` says which guard of a specialization doesn't hold at these numbers.

        What the function reads from outside is looked for as it is recorded, and looked at after that: what it changed
        itself is no reason to record it again.
        """
        layout = structure.layout
        numbers = layout.numbers(given, arrays)
        shared = [numbers[slot] for slot in layout.shared]
        trace = structure.traces.find(lambda one: one.fails_at(shared))
        if trace is None:
            trace = self._target.record(layout, numbers, structure.static, share=not self._precise)
            self._outside = Outside(self._target.reading)
            if (read := self._outside.key()) != self._read:
                self._structures.pop((self._read, key), None)
                self._structures[read, key] = structure
                self._use(read, structure)
            self._add(structure.traces, trace, lambda one: one.fails_at(shared))
        variables = NO_VARIABLES if request is VALUE else self._variables(layout, arguments, has_rows=bool(arrays))
        asked = trace_for(request, trace, layout, variables, numbers, share=not self._precise)
        runner = self._runner(request, structure, asked, variables)
        options: dict[str, Any] = {"derivatives": request.pulls_back}
        if arrays:
            options["threads"] = self._threads or processors()
        positions = self._target.positions(len(arguments))
        fast = None if structure.static or request.vector else layout.fast(positions)
        made = Specialization(request, asked, layout, variables, fast, runner, options, self._reduce)
        known = structure.specializations.setdefault(request, Paths(self._paths))
        self._add(known, made, fails)

    def _add(self, known: Paths[P], path: P, fails: Callable[[P], int | None]) -> None:
        """Add a path; if another one is forgotten for it, tell why."""
        if known.add(path, fails) is not None:
            self._warn(
                f"{self._target.__name__} took more than {self._paths} paths through its branches, most of them "
                f"decided at {known.branching_line()}, and each new one is recorded and compiled: choose by "
                "microgrid.where, maximum or minimum, which stay in one graph, or keep more by compile(..., paths=...)"
            )

    def _runner(self, request: Request, structure: _Structure, trace: Trace, variables: Variables) -> Any:
        """What runs a program. The gradient and the vector-Jacobian product have it in common."""
        for other in (GRADIENT, VJP) if request.pulls_back else ():
            for one in structure.specializations.get(other, ()):
                if one.trace is trace:
                    return one.runner
        wrt = variables.slots if request.pulls_back else []
        rows = structure.layout.row_parts
        if rows:
            slots = [list(range(part.start, part.stop)) for part in rows]
            kind = row_kernel(trace.program, self._optimize)
            return kind(trace.program, slots, wrt, reduce=self._reduce, precise=self._precise)
        return point_runner(trace.program, wrt, precise=self._precise, optimize=self._optimize, threads=self._threads)

    def _variables(self, layout: Layout, arguments: Arguments, *, has_rows: bool) -> Variables:
        """The inputs that are differentiated with respect to, and how derivatives are put together."""
        if self._gradient is not None:  # all that the graph was given, in a structure of its own
            count = len(self._target.outside) or len(layout.names)
            rebuild = plain(self._gradient)
            return Variables(list(range(count)), rebuild, rebuild)
        wrt: Any = 0 if self._wrt is None else self._wrt
        parts = [self._part(one, layout, arguments) for one in (wrt if isinstance(wrt, tuple) else (wrt,))]
        return variables_of(parts, is_tuple=isinstance(wrt, tuple), keeps_rows=has_rows and not self._reduce)

    def _part(self, one: Place, layout: Layout, arguments: Arguments) -> Part:
        """An argument that is differentiated by."""
        place = self._target.place(one, arguments)
        part = layout.part(place)
        if part is None or part.start == part.stop:
            reason = "is static" if part is None else f"holds no numbers: {arguments[place]!r}"
            raise DataError(
                f"the argument {self._target.label(place)} {reason}: choose others to differentiate by, wrt"
            )
        return part

    # ---- what it did ------------------------------------------------------------------------------------------

    @property
    def _called(self) -> Specialization:
        """The specialization of the last call."""
        if self._last is None:
            if isinstance(self._target, FunctionTarget):
                raise DataError(f"{self._target.__name__} is recorded when it is first called, and it was not yet")
            if self._rows:
                raise DataError(f"{self._target.__name__} is compiled for rows when it is first called with some")
            self._packed(VALUE, [1.0] * len(self._target.names), {})
        assert self._last is not None  # set by the call
        return self._last

    @property
    def _code(self) -> Code:
        return self._called.codes[-1]

    @property
    def program(self) -> Program:
        """What was recorded for the last call."""
        return self._called.trace.program

    @property
    def backend(self) -> str:
        """What the last call ran on: "native", "interpreter", "rows", "numpy" or "python"."""
        return self._code.backend

    @property
    def nodes(self) -> int:
        """How many operations the program has."""
        return len(self.program.ops)

    @property
    def compile_seconds(self) -> float:
        """How long making the code of the last call's program took so far."""
        return sum([code.compile_seconds for code in self._called.codes])

    def listing(self) -> str:
        """The program of the last call, one operation a line."""
        return self.program.listing()

    def ir(self) -> str:
        """The last call's code in LLVM's syntax."""
        return self._code.ir()

    def assembly(self) -> str:
        """The last call's assembly code."""
        return self._code.assembly()

    def __getstate__(self) -> dict[str, Any]:
        """The function and the options: a copy records anew what it is called with."""
        return {name: getattr(self, name) for name in (*_OPTIONS, "_penalty")}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    def __repr__(self) -> str:
        return f"<compiled {self._target.__name__}>"


def _has_nan(answer: Any) -> bool:
    return any([number != number for number in flatten(answer)[0]])


# ---- compile --------------------------------------------------------------------------------------------------


@public()
def compile(  # noqa: A001  # the verb that everybody knows; the builtin is not needed here
    target: Any,
    inputs: Any = None,
    *,
    wrt: Wrt | None = None,
    rows: Sequence[Place] | Place = (),
    reduce: str | None = "sum",
    precise: bool = False,
    optimize: str = "auto",
    threads: int | None = None,
    static: Sequence[Place] | Place = (),
    paths: int = 64,
    penalty: Callable[..., Any] | None = None,
) -> Compiled:
    """Record a function once, or take a recorded graph, and run it at the machine's speed.

    Parameters
    ----------
    target : callable, Value, structure of Values, or Program
        A function of numbers, which is recorded at its first call; or what was recorded already.
    inputs : Value, or list, tuple or dict of Values, optional
        Of a recorded graph: the leaves whose numbers change, by default every named leaf; all others are constants with
        the ``data`` that they have now, and what nodes were recorded at isn't used. Of
        a function: Values from outside that it calculates with, such as a model's parameters. Their ``data`` is read at
        each call, and derivatives are with respect to them unless ``wrt`` says otherwise.
    wrt : int, str or tuple of those, optional
        The place or the name of the argument to differentiate with respect to; the first one unless said, and all
        inputs of a recorded graph.
    rows : places or names of arguments
        Which arguments have one row for each sample. They are given as arrays with a leading axis; the function is
        that of one sample, and is recorded on one.
    reduce : "sum", "mean" or None
        What becomes of the samples' results and of derivatives with respect to what they share. None keeps a row each.
    precise : bool
        Give the bits of the eager engine: common subexpressions are computed and differentiated as often as they
        were recorded, and nothing is fused. Otherwise results may differ from the eager ones by some ulp of the largest
        number that was added.
    optimize : "auto", "interpreter" or "full"
        How much time goes into making code. "auto" begins with what is ready at once, and goes on as calls earn it;
        on rows it is the same as "full", and "interpreter" runs NumPy on blocks of them.
    threads : int, optional
        How many threads share the rows, or the samples that a recorded graph repeats; as many as there are processors
        unless said, and no more than OMP_NUM_THREADS. Results don't depend on it.
    static : places or names of arguments
        Which arguments are fixed for a recorded call although they are numbers: the function is recorded anew for each
        value.
    paths : int
        How many paths through the branches of a function are kept, and for how many structures of arguments; those
        used last. A warning names the line that decides most of them if there are more.
    penalty : callable, optional
        A function of arguments that all rows share, which it takes by their names in ``target``. Its value counts
        once, beside the sum or the mean over rows, in every derivative too.

    Returns
    -------
    Compiled
        A callable with the function's own arguments.

    Raises
    ------
    InvalidValueError
        If nothing can be compiled of that, or, when it is called, if an argument holds anything else than real numbers.
    DataError
        If an option is none, or, when it is called, if arguments don't fit.

    Notes
    -----
    What ``strict`` watches is recording; numbers of compiled calls are not looked at.

    A comparison of Values (``<``, ``<=``, ``>``, ``>=``) whose truth a function asks for is computed with every call.
    If it comes out otherwise than it was recorded, the function is recorded again for that path. What it decides by
    other means is not seen, and is as it was at the first call: by ``.data``, ``.grad`` or a text of a Value; by
    ``==``, ``in`` or the truth of a Value itself, which are about which object it is; and by whatever happened before a
    graph was recorded.

    Numbers, flags, texts and arrays that a function reads from outside (globals, closures, containers, attributes and
    mutable defaults that its code names, and the code of the functions that it calls) are compared with each call, and
    it is recorded anew when they changed; pass large data as arguments, which costs less. A bound call keeps those of
    when it was bound. What code doesn't name (``getattr``, files, chance, the clock) is as it was when it was recorded.

    ``where`` keeps both sides in the graph; the one that is not chosen contributes nothing, as in ``backward``, and so
    does a number whose entry in a vector or direction is 0.

    Examples
    --------
    >>> import microgrid
    >>> from microgrid import Value, exp
    >>> f = microgrid.compile(lambda x: exp(x) if x < 0 else 1 + x)
    >>> f(2.0), f.value_and_grad(-1.0) == (f(-1.0), f(-1.0))
    (3.0, True)
    >>> w, x = Value(2.0, name="w"), Value(3.0, name="x")
    >>> g = microgrid.compile(w * x + w)
    >>> g(w=1.0, x=5.0), g.grad(w=1.0, x=5.0)
    (6.0, {'w': 6.0, 'x': 1.0})
    """
    if reduce not in ("sum", "mean", None):
        raise DataError(f"reduce is 'sum', 'mean' or None, not {reduce!r}")
    if optimize not in LEVELS:
        raise DataError(f"optimize is one of {listed(map(repr, LEVELS))}, not {optimize!r}")
    if threads is not None and (isinstance(threads, bool) or not hasattr(threads, "__index__") or threads < 1):
        raise DataError(f"threads is a number of threads from 1, not {threads!r}")
    if isinstance(paths, bool) or not isinstance(paths, int) or paths < 1:
        raise DataError(f"paths is a number of paths from 1, not {paths!r}")
    for one in wrt if isinstance(wrt, tuple) else () if wrt is None else (wrt,):
        if isinstance(one, bool) or not isinstance(one, int | str):
            raise DataError(f"wrt is an argument's place or name, or a tuple of those, not {wrt!r}")
    by_rows, fixed = _places(rows, "rows"), _places(static, "static")
    if set(by_rows) & set(fixed):
        raise DataError(
            f"an argument has rows or is static, and not both: {listed(map(repr, set(by_rows) & set(fixed)))}"
        )
    if fixed and not callable(target):
        raise DataError("static arguments are a function's; a recorded graph has inputs that are numbers")
    if inputs is not None and isinstance(target, Program):
        raise DataError("a Program has its inputs already: leave inputs= out")
    source, gradient = target_of(target, inputs, fixed)
    chosen = wrt if isinstance(wrt, tuple) else () if wrt is None else (wrt,)
    for option, places in (("wrt", chosen), ("rows", by_rows), ("static", fixed)):
        for one in places:
            source.check(one, option)
    return Compiled(
        source,
        wrt=wrt,
        rows=by_rows,
        reduce=reduce,
        precise=precise,
        optimize=optimize,
        threads=threads,
        paths=paths,
        gradient=gradient if wrt is None else None,
        penalty=None if penalty is None else _penalty(penalty, source, chosen or (0,), wrt, by_rows, reduce, precise),
    )


def _penalty(
    penalty: Callable[..., Any],
    source: FunctionTarget | GraphTarget,
    chosen: Sequence[Place],
    wrt: Wrt | None,
    rows: Sequence[Place],
    reduce: str | None,
    precise: bool,
) -> Compiled:
    """A penalty as a function of all shared arguments, compiled with the derivatives that the samples' function has."""
    if not isinstance(source, FunctionTarget) or source.outside or not rows or reduce is None:
        raise DataError(
            "a penalty stands beside a function's sum or mean over rows: give rows=, reduce='sum' or 'mean', and all "
            "Values as arguments"
        )
    by_rows = {source.names[one] if isinstance(one, int) else one for one in rows}
    names = tuple([source.names[one] if isinstance(one, int) else one for one in chosen])
    needed = FunctionTarget(penalty, (), ()).names
    unknown = [one for one in (*needed, *names) if one in by_rows or one not in (*source.names, *source.keywords)]
    if unknown or not needed:
        told = f"and {listed(unknown)} is none" if unknown else "and this one takes no argument by name"
        raise DataError(f"a penalty and wrt beside it are about arguments that all rows share, {told}")

    def beside(**shared: Any) -> Any:
        return penalty(**{name: shared[name] for name in needed})

    beside.__name__ = getattr(penalty, "__name__", "penalty")
    return compile(beside, wrt=names if isinstance(wrt, tuple) else names[0], precise=precise)


def _places(given: Sequence[Place] | Place, option: str) -> list[Place]:
    places = [given] if isinstance(given, str | int) else list(given)
    for one in places:
        if isinstance(one, bool) or not isinstance(one, int | str):
            raise DataError(f"{option} holds the places or names of arguments, not {one!r}")
    return places
