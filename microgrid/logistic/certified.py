"""Proven bounds on the rounding error of the logistic gradient: of every sample, and of every logit at once."""

from __future__ import annotations

import functools
import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from microgrid._public import public
from microgrid.core.engine import Value
from microgrid.core.graph import dependents, evaluate, local_partials, pullback, topological_order
from microgrid.derivations.certificate import certify as certify_value
from microgrid.derivations.enclosures import Enclosure, ball_module
from microgrid.errors import MissingPackageError
from microgrid.logistic.graph import Form, SampleLoss, dataset_loss, sample_loss
from microgrid.util.tables import table
from microgrid.util.wording import counted

__all__ = ["LogisticCertificate", "bounds_over_z", "certify", "plot_bounds"]

_FARTHEST = 745.0  # e⁻⁷⁴⁵ is the smallest subnormal number
_DIGITS = 25  # of the true gradient, so that the floats' error is what is left
_PIECE = 0.125  # the width of the pieces that the logits are cut into
_BITS = 80


@public("microgrid.logistic")
@dataclass(frozen=True, slots=True)
class LogisticCertificate:
    """How far the gradient by autodiff can be from (a - y)·x, as theorems.

    An ulp is counted as 2**-52 of the larger of a and y, times the feature, and at least 5e-324: what a - y itself is
    rounded in.

    Parameters
    ----------
    form : {"textbook", "logit"}
        The form of the loss.
    samples : tuple of float
        For each sample, the largest error of its derivatives with respect to the weights and the intercept, in ulp: by
        the exact numbers in the data and the parameters.
    everywhere : float
        The largest error of dL/dz in ulp, for both labels and every float z between -745 and 745; the C library's exp
        is taken to be right within 1 ulp.
    """

    form: Form
    samples: tuple[float, ...]
    everywhere: float

    @property
    def worst(self) -> float:
        """The largest error of any sample, in ulp."""
        return max(self.samples)

    def __str__(self) -> str:
        rows = [
            (f"{counted(len(self.samples), 'sample')}, w and b", f"{_up(self.worst)} ulp"),
            ("dL/dz for every float |z| <= 745", f"{_up(self.everywhere)} ulp"),
        ]
        return table((f"|autodiff - (a - y)·x|, {self.form} form", "is at most"), rows, "<>")


def _up(number: float) -> str:
    """A number of three digits that is not smaller."""
    return Enclosure(-math.inf, Fraction(number)).ends(3)[1] if math.isfinite(number) else "inf"


@public("microgrid.logistic")
def certify(
    X: Iterable[Iterable[Any]], y: Iterable[Any], w: Iterable[Any], b: float | Value, *, form: Form = "logit"
) -> LogisticCertificate:
    """Prove how far every sample's gradient by autodiff can be from its closed form (a - y)·x.

    Parameters
    ----------
    X, y, w, b, form
        The data set, the parameters and the form of the loss, as for ``dataset_loss``.

    Returns
    -------
    LogisticCertificate
        A bound for each sample, and one for all logits up to 745 at once.

    Raises
    ------
    DataError
        As for ``dataset_loss``.
    MissingPackageError
        Without python-flint.

    Examples
    --------
    >>> from microgrid import logistic
    >>> certificate = logistic.certify([[1.0, 2.0], [30.0, -2.0]], [0, 1], w=[1.0, 0.5], b=-1.0)
    >>> certificate.worst <= 4.0, certificate.everywhere <= 4.0
    (True, True)
    """
    ball_module()
    graph = dataset_loss(X, y, w, b, form=form)
    everywhere = max([_everywhere(form, label) for label in (0.0, 1.0)])
    return LogisticCertificate(form, tuple(map(_of_sample, graph.samples)), everywhere)


def _everywhere(form: Form, label: float) -> float:
    """The bound for every logit. Where nothing is proven for the largest ones, the others need not be looked at."""
    ends = bounds_over_z(form, label, _FARTHEST, _FARTHEST - 1.0)
    return math.inf if math.inf in dict(ends).values() else max([bound for _, bound in bounds_over_z(form, label)])


def _of_sample(sample: SampleLoss) -> float:
    leaves = [*sample.w, sample.b]
    found = certify_value(sample.loss, digits=_DIGITS, wrt=leaves)
    a = certify_value(sample.a, digits=_DIGITS, wrt=[]).value
    sizes = [*[abs(feature.data) for feature in sample.x], 1.0]
    largest = max(float(a.low), sample.y.data)
    errors = [_distance(one) / _unit(largest * size) for one, size in zip(found.gradient.values(), sizes, strict=True)]
    return math.nextafter(max(errors), math.inf)


def _unit(size: float) -> float:
    return max(size * 2.0**-52, 5e-324)


def _distance(one: Enclosure) -> float:
    """The most that a recorded number can be off."""
    assert one.recorded is not None
    if not (math.isfinite(one.recorded) and one.is_bounded):
        return math.inf
    gap = max(abs(Fraction(one.recorded) - Fraction(end)) for end in (one.low, one.high))
    return math.nextafter(float(gap), math.inf) if gap else 0.0


@functools.cache
def bounds_over_z(
    form: Form, label: float, farthest: float = _FARTHEST, nearest: float = -math.inf
) -> Sequence[tuple[float, float]]:
    """The bound on the rounding error of dL/dz in ulp, on pieces of the logits: the middle of each, and the bound.

    The logits go from minus ``farthest``, or ``nearest`` if that is more, to ``farthest``; where nothing is proven, the
    bound is infinite.
    """
    balls = ball_module()
    sample = sample_loss([1.0], label, [1.0], 0.0, form=form)
    order = topological_order(sample.loss)
    above = dependents([sample.loss], [sample.z], order)
    found = []
    with balls.working_precision(_BITS):
        for place in range(round(2.0 * farthest / _PIECE)):
            low = -farthest + place * _PIECE
            if low < nearest:
                continue
            found.append((low + 0.5 * _PIECE, _on_piece(sample, order, above, balls.between(low, low + _PIECE))))
    return found


def _on_piece(sample: SampleLoss, order: Sequence[Value], above: Collection[Value], z: Any) -> float:
    from microgrid.arithmetics.rounded import ROUNDED, Rounded

    balls = ball_module()
    values = evaluate([sample.loss], ROUNDED, {sample.z: Rounded(z)}, Rounded, order)
    slopes = local_partials(ROUNDED, values)
    slope = pullback(sample.loss, slopes, 1.0, m=ROUNDED, through=above, wanted=[sample.z], order=order)[sample.z]
    error = balls.arb(slope.error)
    a = balls.bounds(balls.BALL.sigmoid(z))[0]
    return balls.bounds(error)[1] / _unit(max(a, sample.y.data)) if error.is_finite() else math.inf


@public("microgrid.logistic")
def plot_bounds(axes: Any = None) -> Any:
    """Draw the proven bound on the rounding error of dL/dz over the logit z, for both forms and both labels.

    Parameters
    ----------
    axes : matplotlib Axes, optional
        Where it is drawn; by default in a figure of its own.

    Returns
    -------
    matplotlib Axes
        With the plot: gaps are where nothing is proven.

    Raises
    ------
    MissingPackageError
        Without matplotlib or python-flint.

    Examples
    --------
    >>> from microgrid.logistic import plot_bounds
    >>> plot_bounds().get_xlabel()
    'z'
    """
    if axes is None:
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise MissingPackageError("a plot needs matplotlib: pip install 'microgrid-autodiff[learn]'") from error
        axes = Figure(figsize=(6.0, 3.4), layout="constrained").add_subplot()
    styles: dict[Form, str] = {"textbook": "--", "logit": "-"}
    for form, style in styles.items():
        for label, color in ((0.0, "C0"), (1.0, "C1")):
            points = bounds_over_z(form, label, 60.0)
            bounds = [bound if math.isfinite(bound) else math.nan for _, bound in points]
            axes.semilogy([z for z, _ in points], bounds, style, color=color, label=f"{form}, y = {label:g}")
    axes.set(xlabel="z", ylabel="error of dL/dz at most, in ulp", title="proven rounding error")
    axes.legend()
    return axes
