"""What checking a gradient costs: calls of f for each coordinate, and seconds, beside other checkers.

``python -m benchmarks.checker_cost`` checks the right gradient of one function of floats at n = 10 to 10,000
coordinates with each checker, counts the calls of the function, and times the whole check beside these calls alone. A
checker that would take longer than a minute, by what the sizes before took, is left out at that size. A second table
has microgrid's checks of recorded graphs: logistic losses of three shapes, with every coordinate compared.

What the columns can't say: SciPy takes one-sided differences and gives an error without a verdict; microgrid looks
along random directions beyond 500 coordinates; numdifftools estimates a gradient and leaves comparing to its user. JAX,
autograd and torch in its fast mode look along random directions at any size.
"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy

import microgrid
from microgrid.checking import check_gradients
from microgrid.util.tables import table

__all__ = ["CHECKERS", "Cost", "cost", "main", "recorded"]

SIZES = (10, 100, 1000, 10_000)
SHAPES = ((569, 30), (200, 100), (50, 1000))
_PATIENCE = 60.0  # seconds
_GROWTH = 100.0  # a quadratic checker's, from one size to the next


@dataclass(frozen=True, slots=True)
class Cost:
    """One check.

    Parameters
    ----------
    calls : int
        Of the function.
    seconds : float
        The whole check.
    of_calls : float
        The seconds that so many calls take by themselves.
    """

    calls: int
    seconds: float
    of_calls: float


class Counted:
    """A sum of sines with its gradient; it counts the calls of its value.

    Parameters
    ----------
    coordinates : int
        How many.
    """

    def __init__(self, coordinates: int) -> None:
        source = numpy.random.default_rng(coordinates)
        self.frequencies, self.at = source.normal(size=coordinates), source.normal(size=coordinates)
        self.calls = 0

    def value(self, x: Any) -> float:
        """The function of floats."""
        self.calls += 1
        return float(numpy.sin(numpy.asarray(x, dtype=float) * self.frequencies).sum())

    def gradient(self, x: Any) -> Any:
        """Its gradient."""
        return self.frequencies * numpy.cos(numpy.asarray(x) * self.frequencies)


def _microgrid(f: Counted, **options: Any) -> None:
    assert check_gradients(f.value, f.at, closed_form=f.gradient, **options)


def _scipy(f: Counted) -> None:
    from scipy.optimize import check_grad  # type: ignore[import-not-found, import-untyped, unused-ignore]

    check_grad(f.value, f.gradient, f.at)


def _scipy_central(f: Counted) -> None:
    from scipy.optimize._numdiff import approx_derivative as approximate  # type: ignore[import-untyped, unused-ignore]

    approximate(f.value, f.at, method="3-point")


def _numdifftools(f: Counted) -> None:
    import numdifftools  # type: ignore[import-not-found, import-untyped, unused-ignore]

    numdifftools.Gradient(f.value)(f.at)


def _jax(f: Counted) -> None:
    import jax  # type: ignore[import-not-found, import-untyped, unused-ignore]
    from jax.test_util import check_grads  # type: ignore[import-not-found, import-untyped, unused-ignore]

    jax.config.update("jax_enable_x64", True)  # type: ignore[no-untyped-call, unused-ignore]

    @jax.custom_vjp  # type: ignore[untyped-decorator, unused-ignore]
    def by_hand(x: Any) -> Any:
        f.calls += 1
        return jax.numpy.sin(x * f.frequencies).sum()

    by_hand.defvjp(
        lambda x: (by_hand(x), x), lambda x, incoming: (incoming * f.frequencies * jax.numpy.cos(x * f.frequencies),)
    )
    check_grads(by_hand, (f.at,), order=1, modes=["rev"])  # type: ignore[no-untyped-call, unused-ignore]


def _autograd(f: Counted) -> None:
    from autograd.extend import defvjp, primitive  # type: ignore[import-not-found, import-untyped, unused-ignore]
    from autograd.test_util import check_grads  # type: ignore[import-not-found, import-untyped, unused-ignore]

    by_hand = primitive(f.value)
    defvjp(by_hand, lambda _, x: lambda incoming: incoming * f.gradient(x))
    check_grads(by_hand, modes=["rev"], order=1)(f.at)


def _torch(f: Counted, **options: Any) -> None:
    import torch  # type: ignore[import-not-found, import-untyped, unused-ignore]

    class ByHand(torch.autograd.Function):  # type: ignore[misc, unused-ignore]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return torch.tensor(f.value(x.detach().numpy()), dtype=torch.float64)

        @staticmethod
        def backward(ctx: Any, incoming: Any) -> Any:
            return incoming * torch.as_tensor(f.gradient(ctx.saved_tensors[0].numpy()))

    torch.autograd.gradcheck(ByHand.apply, (torch.tensor(f.at, requires_grad=True),), **options)


CHECKERS: dict[str, Callable[[Counted], None]] = {
    "microgrid": _microgrid,
    "microgrid, directions=0": functools.partial(_microgrid, directions=0),
    "scipy check_grad": _scipy,
    "scipy approx_derivative, 3-point": _scipy_central,
    "numdifftools Gradient": _numdifftools,
    "JAX check_grads": _jax,
    "autograd check_grads": _autograd,
    "torch gradcheck": _torch,
    "torch gradcheck, fast_mode=True": functools.partial(_torch, fast_mode=True),
}
"""From a checker's name to what checks the gradient of a counted function with it; ImportError if it is not there."""


def cost(check: Callable[[Counted], None], coordinates: int) -> Cost:
    """Check one gradient and measure.

    Parameters
    ----------
    check : callable
        A value of ``CHECKERS``.
    coordinates : int
        The size.

    Returns
    -------
    Cost
        Calls and seconds.
    """
    f = Counted(coordinates)
    started = time.perf_counter()
    check(f)
    seconds, calls = time.perf_counter() - started, f.calls
    few = min(calls, 1000)
    started = time.perf_counter()
    for _ in range(few):
        f.value(f.at)
    return Cost(calls, seconds, (time.perf_counter() - started) / few * calls)


def recorded(samples: int, features: int) -> tuple[int, int, float]:
    """Check a recorded logistic loss.

    Parameters
    ----------
    samples, features : int
        Its shape.

    Returns
    -------
    tuple
        The derivatives compared, the calls of the loss, and the seconds.
    """
    source = numpy.random.default_rng(samples)
    x, y = source.normal(size=(samples, features)), source.random(samples) > 0.5

    def loss(w: Any, b: Any) -> Any:
        return microgrid.sum([microgrid.softplus(z + b) - t * (z + b) for z, t in zip(x @ w, y, strict=True)])

    started = time.perf_counter()
    report = check_gradients(loss, (0.1 * source.normal(size=features), 0.3))
    assert report, report
    return report.checked, report.calls, time.perf_counter() - started


def _row(name: str, sizes: tuple[int, ...]) -> tuple[str, ...]:
    cells: list[str] = []
    expected = 0.0
    try:
        cost(CHECKERS[name], 2)  # imports
    except ImportError:
        return name, *["not installed", "", ""] * len(sizes)
    for size in sizes:
        if expected > _PATIENCE:
            cells += ["–", "–", "–"]
            continue
        found = cost(CHECKERS[name], size)
        cells += [f"{found.calls / size:.3g}", f"{found.seconds:.3g}", f"{found.seconds / found.of_calls:.2f}"]
        expected = found.seconds * _GROWTH if found.seconds > 1.0 else 0.0
    return name, *cells


def main(argv: list[str] | None = None) -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.checker_cost", description=main.__doc__)
    parser.add_argument("--most", type=int, default=SIZES[-1], help="coordinates at most (%(default)s)")
    arguments = parser.parse_args(argv)
    sizes = tuple([size for size in SIZES if size <= arguments.most])
    titles = [f"{size:,}: {title}" for size in sizes for title in ("calls each", "s", "× f")]
    print("A function of floats: calls of f for each coordinate, seconds, and these in units of its calls alone")
    print(table(("checker", *titles), [_row(name, sizes) for name in CHECKERS], "<" + ">>>" * len(sizes)))
    rows = []
    for shape in [one for one in SHAPES if one[1] <= arguments.most]:
        checked, calls, seconds = recorded(*shape)
        rows.append((f"{shape[0]} × {shape[1]}", f"{checked:,}", f"{calls}", f"{seconds:.2f}"))
    print("\nRecorded logistic losses, every derivative compared")
    print(table(("samples × features", "derivatives", "calls of f", "s"), rows, "<>>>"))


if __name__ == "__main__":
    main()
