"""What is asked of f at a point: which function it is there, with Values and with floats, and which gradients it has.

f is called with floats and with Values. If both give the same number, its graph is checked, and a closed form beside
it. If it takes only floats, or is another function with these, the gradient is checked against the floats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from microgrid.calculus.reverse import gradients
from microgrid.checking.differences import Estimate
from microgrid.checking.effort import Effort
from microgrid.checking.points import Point, count_of, derivatives, jacobian, second_derivatives
from microgrid.checking.recordings import Recording, record
from microgrid.checking.structures import is_sequence, the_one
from microgrid.checking.subjects import AUTODIFF, Function, PlainFunction, RecordedFunction
from microgrid.core.engine import Value
from microgrid.errors import DataError, InvalidValueError

__all__ = ["CLOSED_FORM", "Options", "Question", "name_of", "questions"]

CLOSED_FORM = "closed form"

Call = Callable[[Sequence[Any]], Any]
Shape = Literal["number", "pair", "several"]


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a check, as ``check_gradients`` describes them, and the name of f in the report."""

    name: str
    reference: Any
    order: int
    tol: float
    seed: int
    directions: int | None


@dataclass(frozen=True, slots=True)
class Question:
    """One function at one point, the names of its derivatives, and the gradients to be checked there.

    ``subjects`` leads from "autodiff" and "closed form" to a gradient; ``outside`` is a reference given by the caller.
    """

    function: Function
    names: list[str]
    subjects: dict[str, list[float]]
    outside: list[Estimate] | None


def name_of(function: Any, otherwise: str) -> str:
    """A function's name, or another one for a lambda."""
    name = getattr(function, "__name__", type(function).__name__)
    return name if name.isidentifier() else otherwise


def questions(
    f: Callable[..., Any],
    point: Point,
    closed_form: Callable[..., Any] | None,
    options: Options,
    effort: Effort,
    remarks: dict[str, None],
) -> Iterator[Question]:
    """Ask what f is at a point: a question for each output of f, and for each first derivative at the second order.

    ``remarks`` gets what the reader of the report should know, as keys. DataError if the closed form does not fit the
    point, or second derivatives of such a function can't be checked.
    """
    call, row = effort.counted(point.caller(f)), point.row()
    leaves = [Value(number, name) for name, number in zip(point.names, point.numbers, strict=True)]
    result, failure = _attempt(call, row)
    with_floats = failure is None
    if failure is not None:
        result, other = _attempt(call, leaves)
        if other is not None:
            raise other if closed_form is None else failure
    given, of = None, CLOSED_FORM
    if closed_form is not None:
        given = point.caller(closed_form)(point.numbers)
    shape, count = _shape_of(result, count_of(given), len(point.names))
    if shape == "several" and (closed_form is None or options.order == 2):
        shape, count = "number", 1  # to be told that it is none
    if closed_form is None and shape == "pair" and options.order == 1:
        given, of = result[1], "gradient that f returns"
    rows = _rows(given, point, of, count if shape == "several" else 0, options.order)
    outside = _outside(options.reference, point)
    for place, output in enumerate(_outputs_of(shape, count)):
        asked = _Asked(call, output, point, row if with_floats else None, options, remarks)
        first = rows[place] if rows is not None and options.order == 1 else None
        yield asked.question(first, outside, may_be_plain=given is not None)
        for index in range(len(point.names) if options.order == 2 else 0):
            yield asked.question_of_slope(index, rows[index] if rows is not None else None)


def _attempt(call: Call, numbers: Any) -> tuple[Any, Exception | None]:
    """What a call gives, or the exception that it raises."""
    try:
        return call(numbers), None
    except Exception as error:  # noqa: BLE001  # of any kind: it is raised if f can't be called in another way
        return None, error


def _rows(given: Any, point: Point, of: str, outputs: int, order: int) -> list[list[float]] | None:
    """The closed form: one row for each output, or for the second order one for each first derivative."""
    if given is None:
        return None
    if order == 2:
        return second_derivatives(given, point, of)
    return jacobian(given, point, outputs, of) if outputs else [derivatives(given, point, of)]


def _outside(reference: Any, point: Point) -> list[Estimate] | None:
    """A gradient function given by the caller, as a reference."""
    if not callable(reference):
        return None
    how = name_of(reference, "the given reference")
    slopes = derivatives(point.caller(reference)(point.numbers), point, how)
    return [Estimate(slope, 0.0, how) for slope in slopes]


@dataclass(frozen=True, slots=True)
class _Asked:
    """One output of f at one point; ``row`` is the point if f takes floats."""

    calls: Call
    output: _Output
    point: Point
    row: Any
    options: Options
    remarks: dict[str, None]

    def call(self, numbers: Sequence[Any]) -> Any:
        return self.output.of(self.calls(numbers))

    @property
    def _name(self) -> str:
        return self.options.name + self.output.suffix

    def question(self, given: list[float] | None, outside: list[Estimate] | None, *, may_be_plain: bool) -> Question:
        """The question for the output itself."""
        point, options = self.point, self.options
        names = [f"d{self._name}/d{name}" for name in point.names]
        recording = self._try_to_record() if may_be_plain else record(self.call, point.names, point.numbers)
        if recording is None and options.order == 2:
            raise DataError(
                "second derivatives are checked on recorded graphs, and f takes plain numbers only: check each "
                "component of the gradient as a function of its own"
            )
        if recording is None:
            assert given is not None  # without a closed form, f was recorded
            return Question(PlainFunction(self.call, point.row(), options.tol), names, {CLOSED_FORM: given}, outside)
        function = RecordedFunction(self.call, recording, options.tol, options.seed)
        plain = self._plain()
        if plain is None or function.compare_with(plain, self.row):
            return self._recorded_question(function, names, given, outside)
        subjects = {AUTODIFF: recording.gradient} if given is None else {CLOSED_FORM: given}
        checked = "autodiff" if given is None else "the closed form"
        self.remarks[
            f"f is another function with Values: it gives {recording.output.data!r} for these and "
            f"{plain.value_there!r} for floats; {checked} was checked against the floats"
            + (", and second derivatives against the graph" if options.order == 2 else "")
        ] = None
        return Question(plain, names, subjects, outside)

    def _try_to_record(self) -> Recording | None:
        """The graph of f, or None if it takes plain numbers only."""
        try:
            recording = record(self.call, self.point.names, self.point.numbers)
        except Exception as error:  # noqa: BLE001  # of any kind: f is called again, with plain numbers
            why = f"f takes plain numbers only ({type(error).__name__} on Values)"
        else:
            if recording.output.op is not None or recording.output in recording.inputs:
                return recording
            why = "f gives a plain number for Values"
        self.remarks[f"{why}, so that the closed form alone was checked"] = None
        return None

    def _plain(self) -> PlainFunction | None:
        """The output as a function of floats, if f takes these and gives a number."""
        try:
            return None if self.row is None else PlainFunction(self.call, self.row, self.options.tol)
        except InvalidValueError:
            return None

    def question_of_slope(self, index: int, given: list[float] | None) -> Question:
        """The question for one first derivative: the second derivatives."""
        names = [f"d²{self._name}/d{self.point.names[index]}d{other}" for other in self.point.names]

        def slope(values: Sequence[Value]) -> Any:
            output = the_one(self.call(values))
            return gradients(output, values[index]) if isinstance(output, Value) else 0.0

        recording = record(slope, self.point.names, self.point.numbers)
        function = RecordedFunction(slope, recording, self.options.tol, self.options.seed)
        return self._recorded_question(function, names, given, None)

    def _recorded_question(
        self, function: RecordedFunction, names: list[str], given: list[float] | None, outside: list[Estimate] | None
    ) -> Question:
        subjects = {AUTODIFF: function.recording.gradient}
        if self.options.reference == CLOSED_FORM and given is not None:
            outside = [Estimate(slope, 0.0, CLOSED_FORM) for slope in given]
        elif given is not None:
            subjects[CLOSED_FORM] = given
        return Question(function, names, subjects, outside)


# ---- what f returns: a number, perhaps in an array of one element; a pair; or several numbers -------------------


@dataclass(frozen=True, slots=True)
class _Output:
    """One number of what f returns: how its name in the report ends, such as "[2]", and what finds it."""

    suffix: str
    of: Callable[[Any], Any]


def _shape_of(result: Any, given: int | None, coordinates: int) -> tuple[Shape, int]:
    """What f returned, and how many numbers that is.

    A tuple of a number and anything else is a "pair", unless a closed form with ``given`` numbers has a row for both.
    """
    if not is_sequence(result) or _is_single(result):
        return "number", 1
    if isinstance(result, tuple) and len(result) == 2 and _is_single(result[0]):
        has_two_rows = _is_single(result[1]) and given == 2 * coordinates
        return ("several", 2) if has_two_rows else ("pair", 1)
    return "several", len(_flat(result))


def _is_single(thing: Any) -> bool:
    thing = the_one(thing)
    return not is_sequence(thing) and not isinstance(thing, dict)


def _outputs_of(shape: Shape, count: int) -> list[_Output]:
    """The numbers of such a result that are differentiated."""
    if shape == "number":
        return [_Output("", lambda result: result)]
    if shape == "pair":
        return [_Output("", lambda result: result[0])]
    return [_Output(f"[{place}]", partial(_at, place)) for place in range(count)]


def _at(place: int, result: Any) -> Any:
    return _flat(result)[place]


def _flat(result: Any) -> list[Any]:
    """The numbers of nested sequences in a row."""
    if hasattr(result, "ravel"):
        return list(result.ravel())
    if hasattr(result, "to_numpy"):
        return list(result.to_numpy().ravel())
    return [one for part in result for one in (_flat(part) if is_sequence(part) else [part])]
