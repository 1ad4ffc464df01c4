"""Minimising an objective: on growing samples first, then L-BFGS whose first matrix is the last sample's Hessian.

On a convex loss with many more rows than parameters, all rows are read five or six times. Progress is measured in a
scale of the Hessian's own, so that it doesn't depend on the units of the features.
"""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy
import scipy.linalg
import scipy.optimize
from sklearn.exceptions import ConvergenceWarning

from microgrid._public import public
from microgrid.errors import DataError
from microgrid.learn.checkpoint import Checkpoint
from microgrid.util.progress import Progress

__all__ = ["SOLVERS", "Convergence", "Metric", "Solver", "minimize"]

Solver = Literal["auto", "newton", "lbfgs"]
SOLVERS = get_args(Solver)
_DENSE = 2000  # parameters up to which a Hessian is factored
_MEMORY = 10  # pairs of L-BFGS
_SAMPLES = (0.01, 0.1)
_ROWS_EACH = 16  # rows that a sample has for each parameter, at least
_SOME = 2000  # rows that tell the Hessian's diagonal well enough to begin with
_PATIENCE = 6  # steps that L-BFGS has to gain speed from a diagonal
_CHEAP = 100  # parameters up to which a Hessian of a sample costs no more than some steps
_SMALL = 100_000_000  # operations of a Hessian up to which it is computed at each step
_ROUNDING = 8 * numpy.finfo(float).eps  # a gradient, in the objective's scale, that rounding alone makes
_SINGULAR = 1e-13  # curvature in the scale of a unit diagonal that counts as none
_DOWN = 1e-8  # curvature downwards, relative to the largest, that is none of rounding
_ARMIJO, _FLAT = 1e-4, 1e-13  # of a step: the part of the slope to be gained; a relative change that is rounding
_LARGEST = 1e100  # gradient whose square is a float, and so are its sums
_SHORTEST = 1e-10  # step of a line search
_STILL = 1e-7  # step of Newton's method, in the objective's scale, whose square is rounding
_UNCERTAIN = 1e-6  # the same, if rounding lets steps shrink no more: parameters have fewer digits than this leaves
_LATE = 20  # steps of Newton's method from where the gradient is small: along a separating direction they never end
_MOVING = 1e-5, 1e-3  # step of L-BFGS, in the objective's scale and relative, from which its end is doubted
_ROUNDED = "no step along the last direction lowers the loss: it is at its rounding"


@public("microgrid.learn")
@dataclass(frozen=True)
class Convergence:
    """Why a fit stopped, and where.

    Parameters
    ----------
    converged : bool
        Whether the gradient norm reached the goal and, where the Hessian is computed at each step, parameters settled.
    reason : str
        Why it stopped, in a sentence.
    gradient_norm : float
        The largest component of the gradient of the mean loss, each divided by the square root of its second
        derivative at the start, relative to the largest at the start: a number without units.
    goal : float
        What ``gradient_norm`` had to reach: ``tol``, or what rounding allows if that is more.
    loss : float
        The mean loss with its penalty.
    iterations : int
        The steps over all rows.
    passes, hessians : float
        How often all rows were read for the loss and its gradient, and for second derivatives; passes over samples are
        counted by their part.
    rows : int
        The number of rows that were used.
    """

    converged: bool
    reason: str
    gradient_norm: float
    goal: float
    loss: float
    iterations: int
    passes: float
    hessians: float
    rows: int

    def warn(self, stacklevel: int) -> None:
        """Warn unless the fit converged."""
        if not self.converged:
            said = f"{self}\n  raise max_iter or tol, or look at what was fitted"
            warnings.warn(said, ConvergenceWarning, stacklevel=stacklevel + 1)

    def __str__(self) -> str:
        said = "converged" if self.converged else "not converged"
        return (
            f"{said} after {self.iterations} iterations: {self.reason}\n"
            f"  gradient norm {self.gradient_norm:.2g} of that at the start (goal {self.goal:.2g}), "
            f"mean loss {self.loss:.10g}\n"
            f"  {self.rows:,} rows, {self.passes:.2f} passes over them and {self.hessians:.2f} for second derivatives"
        )


@dataclass
class _Limits:
    """What ends a fit besides its goal, and where each step is told."""

    max_iter: int
    floor: float
    line: Progress

    def reason(self, state: _State, goal: _Goal, iterations: int, is_settled: bool = True) -> str | None:
        """Why to stop there; None if there is no reason. A line of progress is written."""
        norm = goal.norm(state.slopes)
        self.line.tell(f"step {iterations}: mean loss {state.value:.6g}, gradient norm {norm:.1e} of that at the start")
        if not math.isfinite(state.value) or not math.isfinite(norm):
            return "the loss or its gradient is not finite there"
        if state.value < self.floor:
            return "every row is told right, so that the loss falls for ever"
        if norm <= goal.goal and is_settled:
            return "the gradient norm reached the goal"
        return f"max_iter={self.max_iter} steps done" if iterations >= self.max_iter else None


@dataclass
class Metric:
    """A factored Hessian, scaled to a unit diagonal."""

    scale: Any  # the square roots of the Hessian's diagonal
    solve: Callable[[Any], Any]  # from a gradient to the Hessian's step; where it is singular, the shortest one
    matrix: Any  # what was factored
    is_singular: bool = False  # some directions have no curvature
    is_saddle: bool = False  # the loss curves down in some

    @property
    def is_rough(self) -> bool:
        """Whether it is a diagonal, to which L-BFGS has much to add."""
        return bool(self.matrix.ndim == 1)

    @classmethod
    def of(cls, hessian: Any) -> Metric:
        """The factors of a matrix, or of a diagonal."""
        diagonal = hessian if hessian.ndim == 1 else numpy.diag(hessian)
        # A parameter without curvature stays where it is: it has no gradient either.
        scale = numpy.sqrt(numpy.where(diagonal != 0.0, numpy.abs(diagonal), 1.0))
        scaled = hessian / numpy.outer(scale, scale) if hessian.ndim > 1 else None
        if scaled is None or not numpy.isfinite(scaled).all():
            return cls(scale, lambda g: g / scale / scale, hessian)
        try:
            factor = scipy.linalg.cho_factor(scaled, lower=True, check_finite=False)
            if numpy.square(numpy.diag(factor[0])).min(initial=1.0) > _SINGULAR:
                return cls(
                    scale, lambda g: scipy.linalg.cho_solve(factor, g / scale, check_finite=False) / scale, hessian
                )
        except numpy.linalg.LinAlgError:
            pass
        values, vectors = numpy.linalg.eigh(scaled)
        sizes = numpy.abs(values)  # of a loss that isn't convex here, for a step downhill in any case
        kept = sizes > _SINGULAR * sizes.max()
        half = vectors[:, kept] / numpy.sqrt(sizes[kept])
        is_saddle = bool(values.min() < -_DOWN * sizes.max())
        return cls(scale, lambda g: half @ (half.T @ (g / scale)) / scale, hessian, True, is_saddle)


@dataclass
class _State:
    """A point, and the pairs of steps and changes of the gradient that led there."""

    theta: Any
    value: float
    slopes: Any
    pairs: list[tuple[Any, Any]] = field(default_factory=list)
    last: Any = 0.0  # the last step

    def direction(self, metric: Metric) -> Any:
        """The step of L-BFGS, with the metric as its first matrix."""
        q, factors = self.slopes.copy(), []
        for s, u in reversed(self.pairs):
            factors.append((s @ q) / (s @ u))
            q -= factors[-1] * u
        d = metric.solve(q)
        if metric.is_rough and self.pairs:  # as long as the last change of the gradient says
            s, u = self.pairs[-1]
            d *= (s @ u) / (u @ metric.solve(u))
        for (s, u), factor in zip(self.pairs, reversed(factors), strict=True):
            d += s * (factor - (u @ d) / (s @ u))
        return d

    def search(self, objective: Any, d: Any) -> tuple[_State | None, float]:
        """The point along a direction where the value falls enough, and how far it was; near rounding, by slopes."""
        slope, t = float(self.slopes @ d), 1.0
        while t >= _SHORTEST:
            theta = self.theta - t * d
            value, slopes = objective.value_and_grad(theta)
            is_flat = abs(value - self.value) <= _FLAT * abs(self.value) and abs(slopes @ d) < abs(slope)
            if value <= self.value - _ARMIJO * t * slope or is_flat:
                s, u = theta - self.theta, slopes - self.slopes
                is_kept = s @ u > 1e-12 * math.sqrt((s @ s) * (u @ u))
                pairs = [*self.pairs, (s, u)][-_MEMORY:] if is_kept else self.pairs
                return _State(theta, value, slopes, pairs, s), t
            curved = 2.0 * (value - self.value + t * slope)
            t *= min(0.5, max(0.1, t * slope / curved)) if math.isfinite(value) and curved > 0.0 else 0.5
        return None, 0.0


def minimize(
    objective: Any,
    start: Any,
    origin: Any,
    *,
    tol: float,
    max_iter: int,
    solver: str = "auto",
    floor: float = -math.inf,
    checkpoint: Checkpoint | None = None,
    verbose: int = 0,
) -> tuple[Any, bool, Convergence]:
    """The parameters that minimise an objective; whether they have settled; and the report.

    They don't settle where classes are separated or nearly so, nor where columns are collinear. ``origin`` is where the
    gradient is what the goal is relative to: the start, unless that was found by an earlier fit. "newton" computes the
    Hessian at each step, which "auto" does where it costs little; "lbfgs" is SciPy's, in units of the Hessian's
    diagonal. Below ``floor`` every row is told right, so that the loss falls for ever.
    """
    is_newton = objective.is_newton and (solver == "newton" or objective.rows * objective.size**2 <= _SMALL)
    # What isn't finite is told where it matters: the loss, its gradient, and the first Hessian.
    quiet = numpy.errstate(over="ignore", invalid="ignore")
    with quiet, contextlib.closing(Progress(bool(verbose))) as line:
        limits = _Limits(max_iter, floor, line)
        if solver == "lbfgs":
            goal = _Goal.at(objective, origin, tol)
            run = _by_scipy(objective, numpy.array(start, dtype=float), goal, limits, is_newton)
        elif saved := checkpoint.load() if checkpoint is not None else None:
            run = _Run.restored(objective, saved, tol, is_newton)
        else:
            run = _begun(objective, start, origin, tol, solver, is_newton)
        report = run.steps(limits, checkpoint)
        return run.state.theta, run.is_settled and report.converged, report


def _begun(objective: Any, start: Any, origin: Any, tol: float, solver: str, is_newton: bool) -> _Run:
    """Where samples lead, and the first Hessian."""
    theta = numpy.array(start, dtype=float)
    goal = None if numpy.array_equal(start, origin) else _Goal.at(objective, origin, tol)
    is_dense = objective.size <= _DENSE
    metric = None
    counted, enough = [objective], _ROWS_EACH * objective.size
    for fraction in _SAMPLES if is_dense and solver == "auto" else ():
        part = objective.sample(fraction) if objective.rows * fraction >= enough else None
        # A stream may have no more rows to give, or too few.
        if part is not None and part.rows >= enough // 2 and part.rows not in [one.rows for one in counted]:
            counted.append(part)
            theta, metric, first = _on_sample(part, theta, tol)
            goal = goal or first
    state = _started(objective, theta)
    if metric is None or metric.is_singular:
        is_cheap = is_dense and (objective.size <= _CHEAP or is_newton)
        found = objective.hessian(theta, is_newton) if is_cheap else _curvature(objective, theta)
        metric = _measured(objective, found)
    goal = goal or _Goal.of(state.slopes, metric, tol)
    objective.passes, objective.hessians = sum([one.passes for one in counted]), sum([one.hessians for one in counted])
    run = _Run(objective, state, metric, goal, is_newton, renewed=(0, goal.norm(state.slopes)))
    is_there = goal.moved(theta, metric.solve(state.slopes)) <= _STILL
    run.moved = math.inf, 0.0 if is_there else math.inf
    return run


def _started(objective: Any, theta: Any) -> _State:
    """The state at a point. Where parameters are 0, the gradient has the units of what they are multiplied by."""
    state = _State(theta, *objective.value_and_grad(theta))
    sizes = numpy.abs(state.slopes)
    is_beyond = (sizes > _LARGEST) | ((sizes > 0.0) & (sizes < 1.0 / _LARGEST))
    if not theta.any() and is_beyond.any():
        raise _beyond(objective, is_beyond, f"about {sizes[is_beyond.argmax()]:.0e}")
    return state


def _beyond(objective: Any, which: Any, size: str) -> DataError:
    name = objective.names[int(which.argmax())]
    return DataError(
        f"the numbers of {name} are {size}, and their squares no floats any more: give them in another unit"
    )


def _measured(objective: Any, hessian: Any) -> Metric:
    """The first Hessian, by which everything is measured, as a metric."""
    metric = Metric.of(hessian)
    if objective.names and not numpy.isfinite(metric.scale).all():
        raise _beyond(objective, ~numpy.isfinite(metric.scale), "too large")
    return metric


def _curvature(objective: Any, theta: Any) -> Any:
    """The Hessian's diagonal, of some rows if they are telling; they don't know of many columns, mostly of zeros."""
    is_told = objective.rows > 2 * _SOME and objective.size <= _DENSE
    some = objective.sample(_SOME / objective.rows) if is_told else None
    found = objective.diagonal(theta) if some is None else some.diagonal(theta)
    return found if some is None or (found > 0.0).all() else objective.diagonal(theta)


@dataclass
class _Goal:
    """The gradient norm to be reached, relative to that at the start."""

    scale: Any
    reference: float
    tol: float

    @classmethod
    def of(cls, slopes: Any, metric: Metric, tol: float) -> _Goal:
        """Relative to a gradient."""
        return cls(metric.scale, float(numpy.abs(slopes / metric.scale).max(initial=0.0)), tol)

    @classmethod
    def at(cls, objective: Any, theta: Any, tol: float) -> _Goal:
        """Relative to the gradient at a point."""
        return cls.of(_started(objective, theta).slopes, _measured(objective, objective.diagonal(theta)), tol)

    def norm(self, slopes: Any) -> float:
        """Relative to the start."""
        largest = float(numpy.abs(slopes / self.scale).max(initial=0.0))
        return largest / self.reference if self.reference else largest

    def moved(self, theta: Any, step: Any) -> float:
        """The largest change of a parameter by a step: in the scale, or relative if that is less."""
        size = numpy.abs(theta * self.scale)
        return float((numpy.abs(step * self.scale) / numpy.maximum(size, 1.0)).max(initial=0.0))

    @property
    def goal(self) -> float:
        """As ``Convergence`` has it."""
        return float(max(self.tol, _ROUNDING / self.reference if self.reference else _ROUNDING))


def _on_sample(part: Any, theta: Any, tol: float) -> tuple[Any, Metric, _Goal]:
    """Newton's steps until the error is well below that of the sample; then the Hessian, and the goal."""
    state = _started(part, theta)
    metric = _measured(part, part.hessian(theta))
    goal = _Goal.of(state.slopes, metric, tol)
    for _ in range(30):
        if state.slopes @ metric.solve(state.slopes) < 0.01 * part.size / part.rows:
            break
        found, t = state.search(part, state.direction(metric))
        if found is None:
            break
        is_slow = t < 1.0 or numpy.abs(found.slopes).max() > 0.2 * numpy.abs(state.slopes).max()
        state = found
        if is_slow and part.size <= _CHEAP:
            metric = Metric.of(part.hessian(state.theta))
            state.pairs.clear()
    return state.theta, Metric.of(part.hessian(state.theta)), goal


@dataclass
class _Run:
    """Steps over all rows, with a new Hessian where one gains less than a factor of two, or at each of Newton's."""

    objective: Any
    state: _State
    metric: Metric
    goal: _Goal
    is_newton: bool
    iterations: int = 0
    was_renewed: bool = False
    renewed: tuple[int, float] = (0, 1.0)  # the step of the last new Hessian, and the gradient norm there
    late: int = 0  # steps since the gradient reached the goal
    moved: tuple[float, float] = (math.inf, math.inf)  # what the last step but one changed, and what the last did

    def saved(self) -> dict[str, Any]:
        """All that the steps to come depend on, as arrays."""
        state, counts = self.state, [self.iterations, self.was_renewed, *self.renewed, self.late, *self.moved]
        return {
            "theta": state.theta,
            "value": state.value,
            "slopes": state.slopes,
            "last": state.last,
            "pairs": numpy.array(state.pairs),
            "matrix": self.metric.matrix,
            "counts": counts,
            "scale": self.goal.scale,
            "reference": self.goal.reference,
            "costs": [self.objective.passes, self.objective.hessians],
        }

    @classmethod
    def restored(cls, objective: Any, saved: dict[str, Any], tol: float, is_newton: bool) -> _Run:
        """Where a run that was saved goes on."""
        pairs = [(s, u) for s, u in saved["pairs"]]
        state = _State(saved["theta"], float(saved["value"]), saved["slopes"], pairs, saved["last"])
        goal = _Goal(saved["scale"], float(saved["reference"]), tol)
        objective.passes, objective.hessians = saved["costs"].tolist()
        iterations, was_renewed, step, norm, late, *moved = saved["counts"].tolist()
        counts: Any = int(iterations), bool(was_renewed), (int(step), norm), int(late), tuple(moved)
        return cls(objective, state, Metric.of(saved["matrix"]), goal, is_newton, *counts)

    @property
    def is_settled(self) -> bool:
        """Whether a further step would change no parameter by much."""
        theta, last = self.state.theta, numpy.abs(self.state.last)
        if self.metric.is_singular:
            return False
        if self.is_newton:
            return self.moved[1] <= _UNCERTAIN
        is_moving = (last * self.goal.scale > _MOVING[0]) & (last > _MOVING[1] * numpy.abs(theta))
        return not is_moving.any()

    def steps(self, limits: _Limits, checkpoint: Checkpoint | None) -> Convergence:
        """Go on until there is a reason to stop."""
        reason = None
        while reason is None:
            if checkpoint is not None:
                checkpoint.save(self.saved())
            before, last = self.moved
            is_still = last <= _STILL or 0.9 * before <= last <= _MOVING[1] or self.late >= _LATE
            is_still = is_still or not self.is_newton
            reason = limits.reason(self.state, self.goal, self.iterations, is_still)
            if reason is None and not self.step():
                reason = _ROUNDED
        norm, is_vague = self.goal.norm(self.state.slopes), self.is_newton and self.moved[1] > _UNCERTAIN
        if norm <= self.goal.goal and is_vague and math.isfinite(self.moved[1]):
            reason = f"{reason}, and parameters still change by {self.moved[1]:.1g} of themselves a step"
        if is_saddle := self.is_newton and self.metric.is_saddle:
            reason = f"{reason}, at no minimum: the loss curves down there in some direction"
        converged = norm <= self.goal.goal and not is_vague and not is_saddle
        counts = self.iterations, self.objective.passes, self.objective.hessians, self.objective.rows
        return Convergence(converged, reason, norm, self.goal.goal, self.state.value, *counts)

    def step(self) -> bool:
        """One step, and a new Hessian where it is due; False if nothing more is gained."""
        is_dense, norm = self.objective.size <= _DENSE, self.goal.norm(self.state.slopes)
        if self.is_newton and self.iterations > self.renewed[0]:
            self.renew(norm)
        d = self.state.direction(self.metric)
        found, t = self.state.search(self.objective, d)
        if found is None and not self.state.pairs and (self.was_renewed or not is_dense):
            self.moved = self.moved[1], self.goal.moved(self.state.theta, d)
            return False
        if found is None:
            self.renew(norm)
            return True
        self.iterations += 1
        self.late += norm <= self.goal.goal
        self.moved = self.moved[1], self.goal.moved(found.theta, found.last)
        gained = self.goal.norm(found.slopes)
        if self.metric.is_rough or (not self.is_newton and self.objective.is_sampled):  # L-BFGS learns the rest
            steps, before = self.iterations - self.renewed[0], self.renewed[1]
            is_slow = steps >= _PATIENCE and gained > before * 2.0**-steps
        else:
            is_slow = t < 1.0 or gained > 0.5 * norm
        self.state, self.was_renewed = found, False
        if is_slow and is_dense and not self.is_newton and gained > self.goal.goal:
            self.renew(gained)
        return True

    def renew(self, norm: float) -> None:
        """Compute the Hessian where the run is, unless it has too many parameters, and forget what steps told."""
        if self.objective.size <= _DENSE:
            self.metric = Metric.of(self.objective.hessian(self.state.theta, self.is_newton))
        self.state.pairs.clear()
        self.was_renewed, self.renewed = True, (self.iterations, norm)


def _by_scipy(objective: Any, theta: Any, goal: _Goal, limits: _Limits, is_newton: bool) -> _Run:
    """Where SciPy's L-BFGS-B ends, in units of the square roots of the Hessian's diagonal."""
    state = seen = _started(objective, theta)
    iterations = 0

    def scaled(u: Any) -> tuple[float, Any]:
        nonlocal seen
        theta = u / goal.scale
        seen = _State(theta, *objective.value_and_grad(theta))
        return seen.value, seen.slopes / goal.scale

    def callback(intermediate_result: Any) -> None:
        nonlocal state, iterations
        theta, before = intermediate_result.x / goal.scale, state.theta
        state = seen if numpy.array_equal(seen.theta, theta) else _State(theta, *objective.value_and_grad(theta))
        state.last, iterations = theta - before, iterations + 1
        if limits.reason(state, goal, iterations) is not None:
            raise StopIteration

    limit = limits.max_iter
    options = {"maxiter": limit, "maxfun": 100 * limit + 1000, "maxls": 50, "gtol": 0.0, "ftol": 0.0}
    if limits.reason(state, goal, 0) is None:
        scipy.optimize.minimize(
            scaled, theta * goal.scale, jac=True, method="L-BFGS-B", callback=callback, options=options
        )
    # Near the goal, where values are flat, its line search may give up where ours goes on by slopes.
    metric, renewed = Metric.of(goal.scale**2), (iterations, goal.norm(state.slopes))
    run = _Run(objective, state, metric, goal, is_newton, iterations, renewed=renewed)
    if is_newton:
        run.renew(renewed[1])
    return run
