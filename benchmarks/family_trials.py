"""Checkers of gradients side by side on families of functions of floats: right gradients and mistakes.

``python -m benchmarks.family_trials`` draws from every family of ``benchmarks.families``, puts the right derivative and
three mistakes of each draw to every checker that is installed, and prints one table. A checker *decides* a right
gradient if it says right or wrong, and a wrong one likewise; a right one that is called wrong, or a kink, and a wrong
one that is called right are errors. Each is asked in the way of its documentation, with its defaults. Those that give a
derivative with an error estimate (numdifftools, ``scipy.differentiate``) are read as the checker is: right if the two
agree to the draw's tolerance and the error estimate is below it, wrong if they differ by more than both.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.checkers import SCIPY_LIMIT, Said
from benchmarks.families import FAMILIES, Draw, draws
from microgrid.checking import Verdict, check_gradients
from microgrid.util.tables import table

__all__ = ["CHECKERS", "Tally", "main", "trials"]

Plain = Callable[[float], float]
Checker = Callable[[Plain, float, float, float], Said]
MISTAKES = 3  # of each draw
_SAID: dict[Verdict, Said] = {Verdict.RIGHT: "right", Verdict.WRONG: "wrong", Verdict.KINK: "kink"}


def _microgrid() -> Checker:
    def ask(f: Plain, x: float, slope: float, tol: float) -> Said:
        report = check_gradients(lambda t: f(float(t)), x, closed_form=lambda _: slope, tol=tol)
        return _SAID.get(report.verdict, "can't tell")

    return ask


def _torch() -> Checker:
    import torch  # type: ignore[import-not-found, import-untyped, unused-ignore]
    from torch.autograd.gradcheck import GradcheckError  # type: ignore[import-not-found, import-untyped, unused-ignore]

    def ask(f: Plain, x: float, slope: float, tol: float) -> Said:  # noqa: ARG001  # its own tolerances
        class ByHand(torch.autograd.Function):  # type: ignore[misc, unused-ignore]
            @staticmethod
            def forward(_: Any, at: Any) -> Any:
                return torch.tensor(f(float(at)), dtype=torch.float64)

            @staticmethod
            def backward(_: Any, incoming: Any) -> Any:
                return incoming * slope

        try:
            torch.autograd.gradcheck(ByHand.apply, torch.tensor(x, dtype=torch.float64, requires_grad=True))
        except GradcheckError:
            return "wrong"
        return "right"

    return ask


def _jax() -> Checker:
    import jax  # type: ignore[import-not-found, import-untyped, unused-ignore]
    import numpy
    from jax.test_util import check_vjp  # type: ignore[import-not-found, import-untyped, unused-ignore]

    jax.config.update("jax_enable_x64", True)  # type: ignore[no-untyped-call, unused-ignore]

    def ask(f: Plain, x: float, slope: float, tol: float) -> Said:  # noqa: ARG001  # its own tolerances
        def value(at: Any) -> Any:
            return numpy.float64(f(float(at)))

        numpy.random.seed(0)
        try:
            check_vjp(value, lambda at: (value(at), lambda incoming: (incoming * slope,)), (numpy.float64(x),))  # type: ignore[no-untyped-call, unused-ignore]
        except AssertionError:
            return "wrong"
        return "right"

    return ask


def _scipy() -> Checker:
    import numpy
    from scipy.optimize import check_grad  # type: ignore[import-not-found, import-untyped, unused-ignore]

    def ask(f: Plain, x: float, slope: float, tol: float) -> Said:  # noqa: ARG001  # it gives an error alone
        error = check_grad(lambda at: f(float(at[0])), lambda _: numpy.array([slope]), numpy.array([x]))
        return "right" if error <= SCIPY_LIMIT else "wrong"

    return ask


def _read(slope: float, found: float, error: float, tol: float) -> Said:
    """What a derivative with an error estimate says of another one."""
    gap, size = abs(slope - found), max(abs(slope), abs(found))
    if gap <= tol * size + error:
        return "right" if error <= tol * size else "can't tell"
    return "wrong" if gap > tol * size + 2.0 * error else "can't tell"


def _scipy_derivative() -> Checker:
    import numpy
    from scipy.differentiate import derivative  # type: ignore[import-not-found, import-untyped, unused-ignore]

    def ask(f: Plain, x: float, slope: float, tol: float) -> Said:
        result = derivative(numpy.vectorize(lambda at: f(float(at)), otypes=[float]), x)
        return _read(slope, float(result.df), float(result.error), tol)

    return ask


def _numdifftools() -> Checker:
    import numdifftools  # type: ignore[import-not-found, import-untyped, unused-ignore]
    import numpy

    def ask(f: Plain, x: float, slope: float, tol: float) -> Said:
        plain = numpy.vectorize(lambda at: f(float(at)), otypes=[float])
        found = numdifftools.Derivative(plain, full_output=True)(x)
        return _read(slope, float(found.estimate), float(found.error_estimate), tol)

    return ask


CHECKERS: dict[str, Callable[[], Checker]] = {
    "microgrid": _microgrid,
    "torch gradcheck": _torch,
    "JAX check_vjp": _jax,
    f"scipy check_grad > {SCIPY_LIMIT:g}": _scipy,
    "scipy derivative": _scipy_derivative,
    "numdifftools": _numdifftools,
}
"""From a checker's name to the function that imports it."""


@dataclass(slots=True)
class Tally:
    """What a checker said, by family and whether the gradient was right.

    Parameters
    ----------
    name : str
        The checker.
    said : Counter
        How often, by ("right" or "wrong", what it said).
    errors : list of str
        Where it was wrong.
    calls : list of int
        Of the function, for each right gradient.
    """

    name: str
    said: Counter[tuple[str, Said]] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)

    def decided(self, truth: str) -> float:
        """The share of the gradients of one sort of which it said what they are."""
        count = sum([number for (sort, _), number in self.said.items() if sort == truth])
        return self.said[truth, "right" if truth == "right" else "wrong"] / max(count, 1)

    def row(self) -> tuple[str, ...]:
        """A row of the table."""
        alarms = self.said["right", "wrong"] + self.said["right", "kink"]
        missed = self.said["wrong", "right"] + self.said["wrong", "kink"]
        unsure = (self.said["right", "can't tell"], self.said["wrong", "can't tell"])
        shares = [f"{self.decided(truth):.1%}" for truth in ("right", "wrong")]
        return self.name, str(alarms), str(missed), *map(str, unsure), *shares, f"{statistics.median(self.calls):.0f}"


_HEADER = (
    *("checker", "right called wrong", "wrong called right", "can't tell: right", "wrong"),
    *("decided: right", "wrong", "calls"),
)


def trials(name: str, count: int, seed: int = 0, families: Sequence[str] = tuple(FAMILIES)) -> Tally:
    """Put every draw, right and with its mistakes, to one checker.

    Parameters
    ----------
    name : str
        A key of ``CHECKERS``.
    count : int
        How many draws of each family.
    seed : int, default 0
        Of the draws.
    families : sequence of str, default all
        Which families.

    Returns
    -------
    Tally
        What it said.

    Raises
    ------
    ImportError
        If the checker is not installed.
    """
    ask, tally = CHECKERS[name](), Tally(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of infinities at the far ends of a difference: the verdict is what counts
        for each in families:
            for place, draw in enumerate(draws(FAMILIES[each], count, seed)):
                _ask_of(draw, place, ask, tally, each)
    return tally


def _ask_of(draw: Draw, place: int, ask: Checker, tally: Tally, family: str) -> None:
    """One draw: its right derivative, and mistakes in turn."""
    calls = 0

    def f(x: float) -> float:
        nonlocal calls
        calls += 1
        try:
            return draw.plain(x)
        except (ArithmeticError, TypeError, ValueError):  # outside of its domain, or complex there
            return float("nan")

    mistakes = list(draw.mistakes.items())
    mistakes = [mistakes[(place + turn) % len(mistakes)] for turn in range(min(MISTAKES, len(mistakes)))]
    for truth, what, slope in [("right", "", draw.slope), *[("wrong", what, slope) for what, slope in mistakes]]:
        try:
            said = ask(f, draw.x, slope, draw.tol)
        except (ArithmeticError, ValueError):  # of a checker that does not expect infinite or nan values
            said = "can't tell"
        if truth == "right":
            tally.calls.append(calls)
        tally.said[truth, said] += 1
        if said not in (truth, "can't tell"):
            tally.errors.append(f"{family}, {what or 'right'}, at {draw.x!r}: {said}")


def main(argv: list[str] | None = None) -> None:
    """Run the trials and print the table.

    Parameters
    ----------
    argv : list of str, optional
        The command line's arguments.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.family_trials", description=main.__doc__)
    parser.add_argument("--draws", type=int, default=40, help="of each family (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the draws (%(default)s)")
    parser.add_argument(
        "--checkers", choices=CHECKERS, nargs="+", default=list(CHECKERS), help="all of them unless said"
    )
    arguments = parser.parse_args(argv)
    rows, missing = [], []
    for name in arguments.checkers:
        try:
            tally = trials(name, arguments.draws, arguments.seed)
        except ImportError as error:
            missing.append(f"  {name}: not installed ({error})")
            continue
        rows.append(tally.row())
        if name == "microgrid":
            missing += [f"  microgrid: {line}" for line in tally.errors]
    draws_of = f"{len(FAMILIES)} families of functions of floats, {arguments.draws} draws of each"
    print(f"{draws_of}, Python {platform.python_version()}")
    print(table(_HEADER, rows, "<>>>>>>>"))
    print("\n".join(missing))


if __name__ == "__main__":
    main()
