"""``compile``: a function or a recorded graph, recorded once and called many times; no code is made here.

A call goes like this. Its arguments have a structure, for which there is a layout: which number goes where. Their
numbers are written into the inputs of a program that was recorded for this structure. The program runs, and with it the
comparisons that the function's branches were decided by. If these come out as they did when it was recorded, the
results are right; otherwise another recorded path is tried, and if none fits, the function is recorded anew.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from microgrid._public import public
from microgrid.calculus.trace import Wrt
from microgrid.compiler.specialization import Path, PointPath, RowPath, row_arrays
from microgrid.compiler.tiers import LEVELS
from microgrid.compiler.trace import Layout, Part, Trace, check_places, derived, distinct, structure_of, trace
from microgrid.core.value import Value
from microgrid.errors import DataError, InvalidValueError
from microgrid.program.program import Program
from microgrid.util.pytree import Rebuild, flatten
from microgrid.util.wording import listed

__all__ = ["Compiled", "compile"]

Place = int | str
Arguments = dict[Place, Any]


class _Function:
    """A function as something that can be recorded: its arguments by their places."""

    def __init__(self, f: Callable[..., Any], outside: Sequence[Value], static: Sequence[Place]) -> None:
        self.f, self.outside, self.static = f, list(outside), static
        self.__name__ = getattr(f, "__name__", "function")
        self.names, self.keywords = _parameters(f)

    def arguments(self, args: Sequence[Any], more: Mapping[str, Any]) -> Arguments:
        """The arguments of a call by their places."""
        arguments: Arguments = dict(enumerate(args))
        arguments.update(more)
        return arguments

    def place(self, one: Place, arguments: Arguments) -> Place:
        """Where an argument that is told by its place or its name stands in a call."""
        if one in arguments:
            return one
        if isinstance(one, str) and one in self.names and self.names.index(one) in arguments:
            return self.names.index(one)
        if isinstance(one, int) and 0 <= one < len(self.names) and self.names[one] in arguments:
            return self.names[one]
        positions = [place for place in arguments if isinstance(place, int)]
        if isinstance(one, int) and -len(positions) <= one < 0:
            return positions[one]
        told = listed([self.label(place) for place in arguments])
        raise DataError(f"there is no argument {one!r} in the call of {self.__name__}; it gives {told}")

    def label(self, place: Place) -> str:
        """What the argument at a place is called."""
        if isinstance(place, str):
            return place
        return self.names[place] if place < len(self.names) else f"argument{place}"

    def check(self, arguments: Arguments) -> None:
        """A function takes whatever it takes."""

    def record(self, layout: Layout, numbers: Sequence[float], fixed: Arguments, *, share: bool) -> Trace:
        """One call on Values."""

        def call(moving: Mapping[Place, Any]) -> Any:
            arguments = {**fixed, **moving}
            positional = [arguments[place] for place in sorted(p for p in arguments if isinstance(p, int))]
            return self.f(*positional, **{place: one for place, one in arguments.items() if isinstance(place, str)})

        return trace(call, layout, numbers, share=share)


def _parameters(f: Callable[..., Any]) -> tuple[list[str], list[str]]:
    """The names of the parameters that have a place, and of those that are given by name alone."""
    import inspect

    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return [], []
    placed = [one.name for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    return placed, [one.name for one in parameters if one.kind is one.KEYWORD_ONLY]


class _Recorded:
    """A recorded graph as something that was recorded: its inputs by their names."""

    outside: Sequence[Value] = ()
    static: Sequence[Place] = ()
    keywords: Sequence[str] = ()
    __name__ = "the recorded graph"

    def __init__(self, make: Callable[[bool], Program], names: Sequence[str], results: Rebuild) -> None:
        self._make, self.names, self._results = make, list(names), results

    def arguments(self, args: Sequence[Any], more: Mapping[str, Any]) -> Arguments:
        """The numbers of a call by the inputs' names."""
        if len(args) > len(self.names):
            raise DataError(f"the recorded graph has {len(self.names)} inputs, and the call gives {len(args)} numbers")
        given = {**dict(zip(self.names, args, strict=False)), **more}
        if given.keys() != set(self.names) or len(given) < len(args) + len(more):
            raise DataError(
                f"the recorded graph has the inputs {listed(self.names)}: give each once, in this order or by its name"
            )
        return {name: given[name] for name in self.names}

    def place(self, one: Place, arguments: Arguments) -> Place:
        """The name of an input that is told by its name or its place."""
        if one in self.names:
            return one
        if isinstance(one, int) and -len(self.names) <= one < len(self.names):
            return self.names[one]
        raise DataError(f"the recorded graph has no input {one!r}; there are {listed(self.names)}")

    def label(self, place: Place) -> str:
        """The name itself."""
        return str(place)

    def check(self, arguments: Arguments) -> None:
        """Raise for an argument that is no number; of those with rows, for a row that is none."""
        for name, argument in arguments.items():
            if structure_of(argument) != structure_of(1.0):
                raise InvalidValueError(f"the input {name} of the recorded graph is one number, not {argument!r}")

    def record(self, layout: Layout, numbers: Sequence[float], fixed: Arguments, *, share: bool) -> Trace:
        """The graph, which was recorded before."""
        return Trace(self._make(share), self._results)


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
        source: _Function | _Recorded,
        *,
        wrt: Wrt | None,
        rows: Sequence[Place],
        reduce: str | None,
        precise: bool,
        optimize: str,
        threads: int | None,
        gradient: Rebuild | None,
    ) -> None:
        self._source, self._wrt, self._rows, self._gradient = source, wrt, rows, gradient
        self._reduce, self._precise, self._optimize, self._threads = reduce, precise, optimize, threads
        self._forget()

    def _forget(self) -> None:
        """Begin as if it had not been called."""
        self._paths: dict[tuple[str, Hashable], list[Path]] = {}
        self._layouts: dict[Hashable, tuple[Layout, Arguments]] = {}
        self._row_places: dict[tuple[Place, ...], list[Place]] = {}
        self._last: Path | None = None
        self._lock = threading.RLock()

    # ---- calls ------------------------------------------------------------------------------------------------

    def __call__(self, /, *args: Any, **more: Any) -> Any:
        """The value.

        Returns
        -------
        float or structure
            What the function returns, with floats in it.
        """
        with self._lock:
            return self._run("value", args, more).results()

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
        with self._lock:
            path = self._run("gradient", args, more)
            return path.results(), path.gradient()

    def grad(self, /, *args: Any, **more: Any) -> Any:
        """The derivatives alone; as ``value_and_grad``."""
        return self.value_and_grad(*args, **more)[1]

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
        of_f, vector = _last(args, "vjp", "the vector")
        with self._lock:
            return self._run("gradient", of_f, more, seeds=vector).gradient()

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
        return self._along("jvp", args, more)

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
        return self._along("hvp", args, more)

    def _along(self, what: str, args: Sequence[Any], more: Mapping[str, Any]) -> Any:
        of_f, direction = _last(args, what, "the direction")
        with self._lock:
            return self._run(what, of_f, more, direction=direction).results()

    def hessian(self, /, *args: Any, **more: Any) -> Any:
        """All second derivatives.

        Returns
        -------
        structure
            In the structure of the argument, with another one in each place; for an array, one array.
        """
        with self._lock:
            return self._run("hessian", args, more).results()

    def bind(self, /, *args: Any, **more: Any) -> Any:
        """A call without arguments, for those who make it often.

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
        with self._lock:
            return self._run("gradient", args, more, fresh=True).bound()

    # ---- finding the path -------------------------------------------------------------------------------------

    def _run(
        self,
        what: str,
        args: Sequence[Any],
        more: Mapping[str, Any],
        seeds: Any = None,
        direction: Any = None,
        *,
        fresh: bool = False,
    ) -> Path:
        arguments = self._source.arguments(args, more)
        arrays = row_arrays(arguments, self._places_of_rows(arguments), self._source.label)
        key = self._key(arguments, arrays)
        known = self._paths.setdefault((what, key), [])
        layout, fixed = self._layouts.get(key) or self._lay_out(key, arguments, arrays)
        for place, path in enumerate([] if fresh else known):
            if path.run(arguments, arrays, seeds, direction):
                known.insert(0, known.pop(place))
                path.forget_arrays()
                self._last = path
                return path
        path = self._new_path(what, layout, fixed, arguments, arrays)
        if not path.run(arguments, arrays, seeds, direction):
            raise InvalidValueError(
                f"{self._source.__name__} takes another way when it is recorded again: it has to depend on its "
                "arguments alone, and not on chance or on what it did before"
            )
        if not fresh:
            known.insert(0, path)
            path.forget_arrays()
        self._last = path
        return path

    def _places_of_rows(self, arguments: Arguments) -> list[Place]:
        given = tuple(arguments)
        if given not in self._row_places:
            self._row_places[given] = [self._source.place(one, arguments) for one in self._rows]
        return self._row_places[given]

    def _static(self, arguments: Arguments) -> set[Place]:
        """The fixed arguments of a call; one that is left to its default is fixed anyway."""
        if not self._source.static:
            return set()
        names = self._source.names
        known = [*names, *self._source.keywords]
        omitted = {one for one in self._source.static if one in known and one not in arguments}
        omitted = {one for one in omitted if one not in names or names.index(str(one)) not in arguments}
        return {self._source.place(one, arguments) for one in self._source.static if one not in omitted}

    def _key(self, arguments: Arguments, arrays: Mapping[Place, Any]) -> Hashable:
        static = self._static(arguments)
        parts: list[Hashable] = []
        for place, argument in arguments.items():
            if place in static:
                parts.append((place, "static", self._fixed(place, argument)))
            elif place in arrays:
                parts.append((place, "rows", arrays[place].shape[1:]))
            else:
                parts.append((place, structure_of(argument)))
        return tuple(parts)

    def _fixed(self, place: Place, argument: Any) -> Hashable:
        """What tells a fixed argument from another one: they may be equal all the same, as 1 and True or both zeros."""
        if isinstance(argument, float):
            return argument.hex()
        if isinstance(argument, tuple):
            return type(argument), tuple([self._fixed(place, one) for one in argument])
        try:
            hash(argument)
        except TypeError:
            raise DataError(
                f"the static argument {self._source.label(place)} is {argument!r}, and recorded calls are told apart "
                "by what can be hashed"
            ) from None
        return type(argument), argument

    def _lay_out(self, key: Hashable, arguments: Arguments, arrays: Mapping[Place, Any]) -> tuple[Layout, Arguments]:
        static = self._static(arguments)
        moving = {place: _one_row(arrays[place]) if place in arrays else one for place, one in arguments.items()}
        self._source.check(moving)
        places = [(place, self._source.label(place)) for place in arguments if place not in static]
        layout = Layout(places, moving, arrays, self._source.outside)
        fixed = {place: one for place, one in arguments.items() if place in static}
        self._layouts[key] = layout, fixed
        return layout, fixed

    def _new_path(
        self,
        what: str,
        layout: Layout,
        fixed: Arguments,
        arguments: Arguments,
        arrays: Mapping[Place, Any],
    ) -> Path:
        numbers = layout.numbers(arguments, arrays)
        recorded = self._source.record(layout, numbers, fixed, share=not self._precise)
        slots, rebuild = ([], list) if what == "value" else self._chosen(layout, arguments)
        if what == "gradient":
            recorded = replace(recorded, differentiated=True)
        if what in ("hvp", "hessian") and recorded.count != 1:
            raise InvalidValueError(f"{what} needs a function that returns one number, not {recorded.count}")
        if what in ("jvp", "hvp", "hessian"):
            if any([slot not in layout.shared for slot in slots]):
                raise DataError(f"{what} is with respect to arguments that all rows share: choose others by wrt")
            recorded = derived(what, recorded, slots, numbers, rebuild, share=not self._precise)
        if arrays:
            return RowPath(layout, recorded, slots, rebuild, self._reduce, self._precise, self._threads)
        options: dict[str, Any] = {"precise": self._precise, "optimize": self._optimize, "threads": self._threads}
        return PointPath(layout, recorded, slots, rebuild, **options)

    def _chosen(self, layout: Layout, arguments: Arguments) -> tuple[list[int], Callable[..., Any]]:
        """The inputs that are differentiated with respect to, and how derivatives are put together."""
        gradient = self._gradient
        if gradient is not None:  # all that the graph was given, in a structure of its own
            count = len(self._source.outside) or len(layout.names)
            return list(range(count)), lambda numbers, finish=None: gradient(_plain_list(numbers))
        wrt: Any = 0 if self._wrt is None else self._wrt
        parts = [self._part(one, layout, arguments) for one in (wrt if isinstance(wrt, tuple) else (wrt,))]
        slots = [slot for part in parts for slot in range(part.start, part.stop)]

        def rebuild(numbers: Any, finish: Callable[[Part, Any], Any] = _as_it_is) -> Any:
            built, start = [], 0
            for part in parts:
                stop = start + part.stop - part.start
                own = numbers[start:stop]
                if not part.is_array:
                    own = _plain_list(own)
                built.append(finish(part, part.rebuild(own)))
                start = stop
            return tuple(built) if isinstance(wrt, tuple) else built[0]

        return slots, rebuild

    def _part(self, one: Place, layout: Layout, arguments: Arguments) -> Part:
        """An argument that is differentiated by."""
        place = self._source.place(one, arguments)
        part = layout.part(place)
        if part is None or part.start == part.stop:
            reason = "is static" if part is None else f"holds no numbers: {arguments[place]!r}"
            raise DataError(
                f"the argument {self._source.label(place)} {reason}: choose others to differentiate by, wrt"
            )
        return part

    # ---- what it did ------------------------------------------------------------------------------------------

    @property
    def _path(self) -> Path:
        if self._last is None:
            if isinstance(self._source, _Function):
                raise DataError(f"{self._source.__name__} is recorded when it is first called, and it was not yet")
            if self._rows:
                raise DataError(f"{self._source.__name__} is compiled for rows when it is first called with some")
            self._run("value", [1.0] * len(self._source.names), {})
        assert self._last is not None  # set by the call
        return self._last

    @property
    def program(self) -> Program:
        """What was recorded for the last call."""
        return self._path.trace.program

    @property
    def backend(self) -> str:
        """What the last call ran on: "native", "interpreter", "full", "rows", "numpy" or "python"."""
        return self._path.backend

    @property
    def nodes(self) -> int:
        """How many operations the program has."""
        return len(self.program.ops)

    @property
    def compile_seconds(self) -> float:
        """How long making the code of the last call's program took so far."""
        return self._path.compile_seconds

    def listing(self) -> str:
        """The program of the last call, one operation a line."""
        return self.program.listing()

    def ir(self) -> str:
        """The text in LLVM's language that the last call's machine code was made from."""
        return self._path.ir()

    def assembly(self) -> str:
        """The last call's machine code in words."""
        return self._path.assembly()

    def __getstate__(self) -> dict[str, Any]:
        """What a copy needs; it records anew what it is called with."""
        made_by_calls = Compiled.__new__(Compiled)
        made_by_calls._forget()
        return {name: one for name, one in self.__dict__.items() if name not in made_by_calls.__dict__}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    def __repr__(self) -> str:
        return f"<compiled {self._source.__name__}>"


def _last(args: Sequence[Any], what: str, told: str) -> tuple[Sequence[Any], Any]:
    if not args or args[-1] is None:
        raise DataError(f"{what} takes the arguments of the function and, last, {told}")
    return args[:-1], args[-1]


def _as_it_is(part: Part, built: Any) -> Any:
    return built


def _plain_list(numbers: Any) -> list[Any]:
    """Python's own numbers, for Python's own structures."""
    return numbers if isinstance(numbers, list) else numbers.tolist()


def _one_row(array: Any) -> Any:
    return array[0] if len(array) else _zeros_like_a_row(array)


def _zeros_like_a_row(array: Any) -> Any:
    import numpy

    row = numpy.zeros(array.shape[1:])
    return row if row.ndim else 0.0


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
) -> Compiled:
    """Record a function once, or take a recorded graph, and run it at the machine's speed.

    Parameters
    ----------
    target : callable, Value, structure of Values, or Program
        A function of numbers, which is recorded at its first call; or what was recorded already.
    inputs : Value, or list, tuple or dict of Values, optional
        Of a recorded graph: the leaves whose numbers change, by default every named leaf; all others are constants. Of
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
        on rows it is the same as "full", and there is no other.
    threads : int, optional
        How many threads share the rows, or the samples that a recorded graph repeats; as many as there are processors
        unless said. Results don't depend on it.
    static : places or names of arguments
        Which arguments are fixed for a recorded call although they are numbers: the function is recorded anew for each
        value.

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
    graph was recorded. ``where`` keeps both sides in the graph: if the one that is not chosen overflows, derivatives
    are nan, as those of ``backward`` are.

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
    if by_rows and optimize not in ("auto", "full"):
        raise DataError(f"what runs on rows is always compiled in full, and optimize={optimize!r} says otherwise")
    source, gradient = _source(target, inputs, fixed)
    return Compiled(
        source,
        wrt=wrt,
        rows=by_rows,
        reduce=reduce,
        precise=precise,
        optimize=optimize,
        threads=threads,
        gradient=gradient if wrt is None else None,
    )


def _places(given: Sequence[Place] | Place, what: str) -> list[Place]:
    places = [given] if isinstance(given, str | int) else list(given)
    check_places(places, what)
    return places


def _source(target: Any, inputs: Any, static: Sequence[Place]) -> tuple[_Function | _Recorded, Rebuild | None]:
    if isinstance(target, Program):
        names = target.inputs
        made = _Recorded(lambda share: target, names, _one_or_list(len(target.outputs)))
        return made, lambda numbers: dict(zip(names, numbers, strict=True))
    leaves, gradient = ([], None) if inputs is None else flatten(inputs)
    for leaf in leaves:
        if not isinstance(leaf, Value) or leaf.op is not None:
            raise InvalidValueError(f"inputs are leaves, Values that were made from a number, not {leaf!r}")
    if callable(target):
        return _Function(target, leaves, static), gradient
    return _recorded_source(target, leaves, gradient, inputs)


def _one_or_list(count: int) -> Rebuild:
    return lambda parts: parts[0] if count == 1 else list(parts)


def _input_names(inputs: Any, leaves: Sequence[Value]) -> list[str]:
    """What the inputs are called by: a dict's keys, or the leaves' own names, made distinct."""
    if isinstance(inputs, Mapping) and len(inputs) == len(leaves):
        return list(inputs)
    return distinct([leaf.name or f"x{place}" for place, leaf in enumerate(leaves)])


def _recorded_source(
    target: Any, leaves: list[Value], gradient: Rebuild | None, inputs: Any
) -> tuple[_Recorded, Rebuild]:
    from microgrid.core.graph import topological_order

    outputs, results = flatten(target)
    for output in outputs:
        if not isinstance(output, Value):
            raise InvalidValueError(f"compile takes a function, recorded Values or a Program, and not {output!r}")
    names = None if gradient is None else _input_names(inputs, leaves)
    if gradient is None:
        leaves = [node for node in topological_order(*outputs) if node.op is None and node.name]
        if not leaves:
            raise DataError("the recorded graph has no named leaf: name its inputs, or give them as inputs=[...]")
    program = Program.record(outputs, leaves, names=names)
    by_name = gradient or (lambda numbers: dict(zip(program.inputs, numbers, strict=True)))

    def make(share: bool) -> Program:
        return program if share else Program.record(outputs, leaves, names=names, share=False)

    return _Recorded(make, program.inputs, results), by_name
