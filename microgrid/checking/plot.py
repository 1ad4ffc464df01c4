"""A picture of one derivative: its error against the step, as the differences of the function's values have it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from microgrid._public import public
from microgrid.checking.differences import differentiate, slopes_by_step
from microgrid.checking.points import derivatives, sample_points
from microgrid.checking.recordings import record
from microgrid.checking.subjects import PlainFunction
from microgrid.errors import DataError, MissingPackageError

__all__ = ["plot_steps"]


@public("microgrid.checking")
def plot_steps(
    f: Callable[..., Any],
    at: Any,
    coordinate: int | str = 0,
    *,
    closed_form: Callable[..., Any] | None = None,
    axes: Any = None,
) -> Any:
    """Draw how far a derivative is from the differences of f's values, against their step.

    For a right derivative the distance falls as the square of the step until the values' noise makes it rise again; a
    wrong one's stays the same. The step that a check by differences chooses is marked.

    Parameters
    ----------
    f : callable
        As for ``check_gradients``.
    at : point
        One point, as for ``check_gradients``.
    coordinate : int or str, default 0
        Which derivative: the coordinate's place among all numbers of the point, or its name, such as ``w[2]``.
    closed_form : callable, optional
        The gradient whose derivative is drawn; without one, that of ``backward``.
    axes : matplotlib Axes, optional
        Where it is drawn; by default in a figure of its own.

    Returns
    -------
    matplotlib Axes
        With the plot.

    Raises
    ------
    DataError
        If there is no such coordinate, or more than one point.
    MissingPackageError
        Without matplotlib.

    Examples
    --------
    >>> import math
    >>> from microgrid.checking import plot_steps
    >>> plot_steps(math.sin, 1.0, closed_form=math.cos).get_xlabel()
    'step'
    """
    points = sample_points(f, at, 1, 0)
    if len(points) != 1:
        raise DataError(f"plot_steps draws one derivative at one point, not at {len(points)}")
    (point,) = points
    names = list(point.names)
    if coordinate not in names and coordinate not in range(len(names)):
        raise DataError(f"coordinate is one of {', '.join(names)} or its place, not {coordinate!r}")
    place = names.index(coordinate) if isinstance(coordinate, str) else coordinate
    if closed_form is None:
        got = record(point.caller(f), point.names, point.numbers).gradient[place]
    else:
        got = derivatives(point.caller(closed_form)(point.numbers), point, "closed form")[place]
    along = PlainFunction(point.caller(f), point.row(), 1e-6).along(place)
    found = differentiate(along, point.numbers[place])
    return _drawn(axes, slopes_by_step(along, point.numbers[place]), got, found.step, f"∂/∂{names[place]}")


def _drawn(axes: Any, slopes: list[tuple[float, float]], got: float, chosen: float, title: str) -> Any:
    if axes is None:
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise MissingPackageError("a plot needs matplotlib: pip install 'microgrid-autodiff[learn]'") from error
        axes = Figure(figsize=(5.0, 3.4), layout="constrained").add_subplot()
    size = abs(got) or 1.0
    errors = [(step, abs(slope - got) / size) for step, slope in slopes]
    axes.loglog(*zip(*[(step, error) for step, error in errors if error], strict=True), ".-", label="relative error")
    if chosen:
        axes.axvline(chosen, linestyle="--", color="C1", label="chosen step")
    axes.set(xlabel="step", ylabel=f"distance from {got:.6g}, relative", title=title)
    axes.legend()
    return axes
