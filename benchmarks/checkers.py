"""Checkers of gradients side by side, on the same thirty right and thirty wrong ones.

``python -m benchmarks.checkers`` asks each checker of every case of ``benchmarks.gradients``, in the way that its
documentation has one check a derivative written by hand, with its defaults, and prints how many wrong gradients it
found and missed, how many right ones it called wrong, and how often it named the culprit. Below the table stand the
cases that each got wrong.

What is counted: a wrong gradient is *found* if the checker says that it fails, and *missed* if it doesn't. A right one
that fails is a *false alarm*, unless the checker says that the point lies on a kink, where there is no derivative. A
checker may also say that it *can't tell*: that finds no wrong gradient, and raises no alarm at a right one. The
*culprit is named* if the text of a failure, at a wrong gradient, says which coordinate's derivative is wrong and is
right about that; or, where the gradient belongs to one operation of several in a graph, if it names that operation.

microgrid is asked in four ways: of a function of Values with the gradient as its closed form; of a function that takes
floats and nothing else, known by its values alone as it is to the others; and of an operation of the user's own that
has the gradient as its derivatives, written for any numbers or for floats alone.

What is the same for all: double precision, one derivative, reverse mode, coordinates as arguments of their own where
the checker takes such, so that it can name them, and seed 0 for those that look in a direction of chance. What they
leave open is read kindly: autograd's ``check_grads`` goes to order 2 unless told otherwise, which would only let more
right gradients fail.
"""

from __future__ import annotations

import argparse
import functools
import platform
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal

import microgrid
from benchmarks.gradients import FLOATS, RIGHT, WRONG, Case, Functions, functions_of
from microgrid.checking import Report, Verdict, check_gradients
from microgrid.util.tables import table

__all__ = ["CHECKERS", "Answer", "Checker", "Row", "ask", "main", "side_by_side"]

Said = Literal["right", "wrong", "kink", "can't tell"]

SCIPY_LIMIT = 1e-6
"""What is read as a failure of ``scipy.optimize.check_grad``, which gives an error and leaves the verdict to its user.

Its documentation's example gives 3e-8 for a right gradient, and no limit.
"""
SCIPY = f"scipy check_grad > {SCIPY_LIMIT:g}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a checker says of one gradient."""

    said: Said
    culprit: int | str | None = None  # which coordinate, counted from 0, or which operation its text says is wrong
    words: str = ""  # the text, or its beginning


@dataclass(frozen=True, slots=True)
class Checker:
    """A checker of gradients that is installed: its package's version, and how it answers to a case."""

    version: str
    ask: Callable[[Case], Answer]


CHECKERS: dict[str, tuple[Callable[[], Checker], str]] = {}
"""Every checker by its name: the function that imports it, and how it is installed."""


def checker(name: str, install: str) -> Callable[[Callable[[], Checker]], Callable[[], Checker]]:
    """Enter the decorated function under a name."""

    def enter(load: Callable[[], Checker]) -> Callable[[], Checker]:
        CHECKERS[name] = load, install
        return load

    return enter


# ---- microgrid --------------------------------------------------------------------------------------------------

_VALUES = functions_of(microgrid, sign=FLOATS.sign)
_HERE = "make checkers"
_SAID: dict[Verdict, Said] = {Verdict.RIGHT: "right", Verdict.WRONG: "wrong", Verdict.KINK: "kink"}


def _answer(report: Report, culprit: int | str | None) -> Answer:
    where = f": {report.worst.subject}'s {report.worst.name}" if report.worst else ""
    return Answer(_SAID.get(report.verdict, "can't tell"), culprit, f"{report.verdict}{where}")


def _coordinate(report: Report) -> int | None:
    """Which coordinate a report calls the worst: df/dx3 is the third."""
    return int(report.worst.name.rpartition("x")[2]) - 1 if report.worst else None


def _gradient(case: Case) -> Callable[..., Any]:
    return functools.partial(case.gradient, FLOATS)


@checker("microgrid, f of Values", _HERE)
def _with_values() -> Checker:
    def asked(case: Case) -> Answer:
        def f(*xs: Any) -> Any:
            return case.f(_VALUES, *xs)

        report = check_gradients(f, case.at, closed_form=_gradient(case))
        return _answer(report, _coordinate(report))

    return Checker(microgrid.__version__, asked)


@checker("microgrid, f of floats", _HERE)
def _with_floats() -> Checker:
    def asked(case: Case) -> Answer:
        def f(*xs: float) -> float:
            return float(case.f(FLOATS, *map(_plain, xs)))

        report = check_gradients(f, case.at, closed_form=_gradient(case))
        return _answer(report, _coordinate(report))

    return Checker(microgrid.__version__, asked)


def _plain(number: float) -> float:
    """The number itself, if it is a float: this function takes nothing else, so that no graph can be recorded."""
    if not isinstance(number, float):
        raise TypeError(f"a float is needed, not {number!r}")
    return number


def _of_arithmetic(m: Any) -> Functions:
    """The functions of an arithmetic, as the rules of the package have them."""
    return functions_of(m, sign=lambda x: m.where(m.less(x, 0.0), -1.0, m.where(m.less(0.0, x), 1.0, 0.0)))


def _blamed(case: Case, operation: Callable[..., Any]) -> Answer:
    """What is said of a small graph that has the function as one of its operations."""

    def f(*xs: Any) -> Any:
        node = operation(*[x * 0.5 for x in xs])
        return node * 0.75 + node * 0.5

    report = check_gradients(f, tuple([2.0 * x for x in case.at]))
    return _answer(report, report.blame.node.op.name if report.blame and report.blame.node.op else None)


@checker("microgrid, an operation", _HERE)
def _with_an_operation() -> Checker:
    def asked(case: Case) -> Answer:
        def value(*xs: Any, m: Any) -> Any:
            return case.f(_of_arithmetic(m), *xs)

        def partials(_: Any, *xs: Any, m: Any) -> Sequence[Any]:
            return case.gradient(_of_arithmetic(m), *xs)

        return _blamed(case, microgrid.custom(value, partials, name=case.name))

    return Checker(microgrid.__version__, asked)


@checker("microgrid, an operation of floats", _HERE)
def _with_an_operation_of_floats() -> Checker:
    def asked(case: Case) -> Answer:
        def value(*xs: float) -> Any:
            return case.f(FLOATS, *xs)

        def partials(_: float, *xs: float) -> Sequence[Any]:
            return case.gradient(FLOATS, *xs)

        return _blamed(case, microgrid.custom(value, partials, name=case.name))

    return Checker(microgrid.__version__, asked)


# ---- the others -------------------------------------------------------------------------------------------------


@checker("torch gradcheck", "pip install torch (several gigabytes on some machines, so that no extra has it)")
def _torch() -> Checker:
    import torch  # type: ignore[import-not-found, import-untyped, unused-ignore]
    from torch.autograd.gradcheck import GradcheckError  # type: ignore[import-not-found, import-untyped, unused-ignore]

    def tensor(number: Any) -> Any:
        return torch.as_tensor(number, dtype=torch.float64)

    functions = functions_of(torch, maximum=lambda x, y: torch.maximum(tensor(x), tensor(y)))

    def asked(case: Case) -> Answer:
        class ByHand(torch.autograd.Function):  # type: ignore[misc, unused-ignore]
            @staticmethod
            def forward(ctx: Any, *xs: Any) -> Any:
                ctx.save_for_backward(*xs)
                return case.f(functions, *xs)

            @staticmethod
            def backward(ctx: Any, incoming: Any) -> Any:
                return tuple([incoming * tensor(slope) for slope in case.gradient(functions, *ctx.saved_tensors)])

        inputs = tuple([torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in case.at])
        try:
            torch.autograd.gradcheck(ByHand.apply, inputs)
        except GradcheckError as error:
            named = re.search(r"for output 0 with respect to input (\d+)", str(error))
            return Answer("wrong", int(named[1]) if named else None, str(error))
        return Answer("right")

    return Checker(version("torch"), asked)


@checker("autograd check_grads", "pip install autograd, or make checkers")
def _autograd() -> Checker:
    import autograd.numpy as np  # type: ignore[import-not-found, import-untyped, unused-ignore]
    from autograd.extend import defvjp, primitive  # type: ignore[import-not-found, import-untyped, unused-ignore]
    from autograd.test_util import check_grads  # type: ignore[import-not-found, import-untyped, unused-ignore]

    functions = _of_numpy(np)

    def asked(case: Case) -> Answer:
        by_hand = primitive(lambda *xs: case.f(functions, *xs))

        def along(place: int) -> Callable[..., Any]:
            return lambda _, *xs: lambda incoming: incoming * case.gradient(functions, *xs)[place]

        places = range(len(case.at))
        defvjp(by_hand, *[along(place) for place in places])
        np.random.seed(0)
        try:
            check_grads(by_hand, [*places], modes=["rev"], order=1)(*case.at)
        except AssertionError as error:
            return Answer("wrong", words=str(error))
        return Answer("right")

    return Checker(version("autograd"), asked)


def _of_numpy(np: Any) -> Functions:
    """The functions of NumPy, or of a module with NumPy's names."""
    return functions_of(np, atan2=np.arctan2)


@checker("JAX check_grads", "pip install jax, or make checkers")
def _jax() -> Checker:
    import jax  # type: ignore[import-not-found, import-untyped, unused-ignore]
    import numpy
    from jax.test_util import check_grads  # type: ignore[import-not-found, import-untyped, unused-ignore]

    jax.config.update("jax_enable_x64", True)  # type: ignore[no-untyped-call, unused-ignore]
    functions = _of_numpy(jax.numpy)

    def asked(case: Case) -> Answer:
        by_hand = jax.custom_vjp(lambda *xs: case.f(functions, *xs))
        by_hand.defvjp(
            lambda *xs: (case.f(functions, *xs), xs),
            lambda xs, incoming: tuple([incoming * slope for slope in case.gradient(functions, *xs)]),
        )
        numpy.random.seed(0)
        try:
            check_grads(by_hand, tuple([jax.numpy.asarray(x) for x in case.at]), order=1, modes=["rev"])  # type: ignore[no-untyped-call, unused-ignore]
        except AssertionError as error:
            return Answer("wrong", words=str(error))
        return Answer("right")

    return Checker(version("jax"), asked)


@checker(SCIPY, "pip install scipy, or make checkers")
def _scipy() -> Checker:
    import numpy
    from scipy.optimize import check_grad  # type: ignore[import-not-found, import-untyped, unused-ignore]

    functions = _of_numpy(numpy)

    def asked(case: Case) -> Answer:
        def f(xs: Any) -> Any:
            return case.f(functions, *xs)

        def gradient(xs: Any) -> Any:
            return numpy.array(case.gradient(functions, *xs))

        error = float(check_grad(f, gradient, numpy.array(case.at)))
        return Answer("right" if error <= SCIPY_LIMIT else "wrong", words=repr(error))

    return Checker(version("scipy"), asked)


# ---- asking, and the table --------------------------------------------------------------------------------------


@dataclass(slots=True)
class Row:
    """What one checker said of all the cases."""

    name: str
    version: str
    right: dict[str, Answer]  # from each right case to the answer
    wrong: dict[str, Answer]  # from each wrong one
    named: int = 0  # at how many of the wrong ones the culprit was named
    missing: str = ""  # why there are no answers, if so

    def cases(self, side: Literal["right", "wrong"], *said: Said) -> list[str]:
        """The names of the right or of the wrong cases of which that was said."""
        return [name for name, answer in getattr(self, side).items() if answer.said in said]


def ask(name: str) -> Row:
    """Put every case to a checker, a key of ``CHECKERS``: its answers, or why there are none."""
    load, install = CHECKERS[name]
    try:
        loaded = load()
    except ImportError as error:
        return Row(name, "–", {}, {}, missing=f"not installed ({error}): {install}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of infinities at the far ends of a difference: the verdict is what counts
        right = {case.name: loaded.ask(case) for case in RIGHT}
        wrong = {case.name: loaded.ask(case) for case in WRONG}
    named = sum([_names_culprit(wrong[case.name], case) for case in WRONG])
    return Row(name, loaded.version, right, wrong, named)


def _names_culprit(answer: Answer, case: Case) -> bool:
    return answer.said == "wrong" and (answer.culprit in case.wrong or answer.culprit == case.name)


_HEADER = ("checker", "version", "found", "missed", "false alarms", "can't tell", "culprit named")


def side_by_side(found: Sequence[Row]) -> str:
    """The table, with a row for each checker, and below it the cases that each got wrong."""
    lines = [
        f"{len(WRONG)} wrong and {len(RIGHT)} right gradients, Python {platform.python_version()}",
        table(_HEADER, [_cells(row) for row in found], "<<>>>>>"),
        *[f"  {row.name}: {row.missing}" for row in found if row.missing],
        *[_in_hindsight(row) for row in found if row.name == SCIPY and not row.missing],
    ]
    for row in found:
        for title, names in _mistakes(row).items():
            if names:
                lines += ["", f"{row.name}, {title}:", *[f"  {name}" for name in names]]
    return "\n".join(lines)


def _cells(row: Row) -> tuple[str, ...]:
    if row.missing:
        return (row.name, "not installed", *["–"] * (len(_HEADER) - 2))
    caught, alarms = len(row.cases("wrong", "wrong")), len(row.cases("right", "wrong"))
    unsure = len(row.cases("right", "can't tell")) + len(row.cases("wrong", "can't tell"))
    return row.name, row.version, *map(str, (caught, len(row.wrong) - caught, alarms, unsure, row.named))


def _in_hindsight(row: Row) -> str:
    """What the best of all limits would make of the errors that scipy gives, chosen when the answers are known."""
    right, wrong = [[float(answer.words) for answer in side.values()] for side in (row.right, row.wrong)]

    def mistakes(limit: float) -> tuple[int, int]:
        return sum([error <= limit for error in wrong]), sum([error > limit for error in right])

    best = min([0.0, *right, *wrong], key=lambda limit: sum(mistakes(limit)))
    missed, alarms = mistakes(best)
    return (
        f"  {row.name}: the limit that suits these cases best, {best:.2g}, gives {missed} missed, {alarms} false alarms"
    )


def _mistakes(row: Row) -> dict[str, list[str]]:
    return {
        "missed": row.cases("wrong", "right", "kink"),
        "missed, for it can't tell": _with_words(row.wrong),
        "false alarms": row.cases("right", "wrong"),
        "can't tell of a right one": _with_words(row.right),
    }


def _with_words(answers: dict[str, Answer]) -> list[str]:
    return [f"{name} ({answer.words})" for name, answer in answers.items() if answer.said == "can't tell"]


def main(argv: list[str] | None = None) -> None:
    """Ask the checkers and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.checkers", description=main.__doc__)
    parser.add_argument("--checkers", choices=CHECKERS, nargs="+", help="all of them unless said")
    names = parser.parse_args(argv).checkers or CHECKERS
    print(side_by_side([ask(name) for name in names]))


if __name__ == "__main__":
    main()
