"""``Interval``: a range in the place of a number, from which points are drawn, or over which something is proven."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Literal, get_args

from microgrid._public import public
from microgrid.errors import DataError

__all__ = ["Interval"]

Spacing = Literal["uniform", "log"]


@public()
@dataclass(frozen=True, slots=True)
class Interval:
    """A range given instead of a number: points are drawn from it, or something is proven over all of it.

    Parameters
    ----------
    low, high : float
        Its finite ends.
    spacing : {"uniform", "log"}, default "uniform"
        Uniform in the number, or in its logarithm; for "log", both ends have the same sign and are not 0.

    Raises
    ------
    DataError
        If the ends are not finite, not in order or invalid for the spacing.

    Examples
    --------
    >>> from microgrid import Interval, check_gradients, exp
    >>> report = check_gradients(lambda w, x: exp(-w * x), (Interval(-2, 2), Interval(0.1, 4)), count=50)
    >>> bool(report), report.checked
    (True, 100)
    """

    low: float
    high: float
    spacing: Spacing = "uniform"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise DataError(
                f"an interval needs two finite ends, the lower one first, not {self.low!r} and {self.high!r}"
            )
        if self.spacing not in get_args(Spacing):
            raise DataError(f"spacing is 'uniform' or 'log', not {self.spacing!r}")
        if self.spacing == "log" and self.low <= 0.0 <= self.high:
            raise DataError(
                f"orders of magnitude between {self.low!r} and {self.high!r} have no end at 0: give both ends one sign"
            )

    def draw(self, source: random.Random) -> float:
        """A random number of the interval.

        Parameters
        ----------
        source : random.Random
            The source of randomness.

        Returns
        -------
        float
            From ``low`` to ``high``.
        """
        if self.spacing == "uniform":
            return source.uniform(self.low, self.high)
        sign = math.copysign(1.0, self.low)
        size = math.exp(source.uniform(math.log(abs(self.low)), math.log(abs(self.high))))
        return min(max(sign * size, self.low), self.high)
