"""Why estimates don't exist: separated classes, certified by a linear program, and collinear columns; told apart.

The classes are separated if a direction of the parameters lowers the loss of some rows without raising any row's, for
ever (A. Albert and J. Anderson, 1984; of several classes too). Rows that the fit has no doubt about are suspicious:
only they can be told better by such a direction, and all others have to be indifferent to it. So the direction lies in
the null space of the others, which is mostly empty, and otherwise has few dimensions for the linear program.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy
import scipy.optimize

from microgrid._public import public
from microgrid.learn.objectives import Block, Linear, Source
from microgrid.util.wording import listed

__all__ = ["CollinearityWarning", "Finding", "SeparationWarning", "diagnose"]

_DOUBT = 0.05  # probability of another class from which a row is not suspicious
_NULL = 1e-11  # eigenvalue of a matrix with a unit diagonal that counts as zero
_BACK = 1e-10  # of a row's terms: what rounding may leave where a direction has to be 0
_FINER = 1e6  # by which what a linear program leaves is enlarged
_NAMED = 1e-6  # part of a direction that is worth a name
_MOST_NAMES = 5
_INTERCEPT = "the intercept"


@public("microgrid.learn")
class SeparationWarning(UserWarning):
    """The classes are separated: maximum-likelihood estimates don't exist."""


@public("microgrid.learn")
class CollinearityWarning(UserWarning):
    """Columns are linear combinations of others: estimates are not unique."""


@public("microgrid.learn")
@dataclass(frozen=True)
class Finding:
    """One reason why maximum-likelihood estimates don't exist or are not unique.

    Parameters
    ----------
    kind : {"complete separation", "quasi-complete separation", "collinear columns"}
        What was found.
    features : tuple of str
        The columns that take part, the most important first.
    direction : array
        Of separation: a direction of the parameters along which the likelihood grows without bound. Of collinear
        columns: a combination of them that is zero in every row.
    samples : array of int
        Of separation: the rows that it separates. Empty for collinear columns.
    """

    kind: Literal["complete separation", "quasi-complete separation", "collinear columns"]
    features: tuple[str, ...]
    direction: Any
    samples: Any

    def __str__(self) -> str:
        names = [*map(repr, self.features[:_MOST_NAMES])]
        more = len(self.features) - len(names)
        named = listed([*names, f"{more} more"] if more else names)
        if self.kind == "collinear columns":
            return (
                f"collinear columns: a combination of {named} is zero in every row, so that their coefficients are not "
                "unique (predictions are): drop one of them, or fit with alpha > 0"
            )
        rows = f"{len(self.samples):,} " + ("row" if len(self.samples) == 1 else "rows")
        some = ", ".join(map(str, self.samples[:_MOST_NAMES])) + (", …" if len(self.samples) > _MOST_NAMES else "")
        return (
            f"{self.kind}: along {named} the classes of {rows} ({some}) are told apart without an error, so that "
            "maximum-likelihood estimates don't exist and the coefficients are where the fit stopped: fit with "
            "bias_reduction='firth' or alpha > 0"
        )


def diagnose(model: Linear, source: Source, theta: Any, names: Sequence[str], is_proved: bool) -> tuple[Finding, ...]:
    """Look for separated classes and collinear columns; ``names`` are the features'.

    Where it ``is_proved`` that every row is told right, by the loss, the parameters are a separating direction.
    """
    named = [*names, _INTERCEPT][: model.width]
    gram = source.total(functools.partial(_gram, model))[0]
    scale = numpy.sqrt(numpy.diag(gram))
    scale = numpy.where(scale > 0.0, scale, 1.0)
    null = _null_space(gram / numpy.outer(scale, scale))
    kind: Any = "collinear columns"
    none = numpy.zeros(0, dtype=int)
    found = [Finding(kind, _important(column, named), column / scale, none) for column in _simplest(null).T]
    separation = _separation(model, source, theta, scale, named, is_proved)
    return (*found, separation) if separation else tuple(found)


def _gram(model: Linear, block: Block) -> tuple[Any]:
    """The sum of xx' over rows that count."""
    found = numpy.zeros((model.width, model.width))
    for chunk in block.chunks():
        rows = model.extended(chunk.X if chunk.weight is None else chunk.X[chunk.weight > 0.0])
        found += rows.T @ rows
    return (found,)


def _null_space(scaled: Any) -> Any:
    """An orthonormal basis of what a positive semidefinite matrix of unit diagonal, or zeros on it, makes zero."""
    values, vectors = numpy.linalg.eigh(scaled)
    return vectors[:, values < _NULL * max(1.0, float(values[-1]))]


def _simplest(basis: Any) -> Any:
    """A basis of the same space with many zeros: each of its vectors has some coordinate for itself."""
    basis = basis.copy()
    for column in range(basis.shape[1]):
        pivot = numpy.abs(basis[:, column:]).argmax()
        row, other = divmod(int(pivot), basis.shape[1] - column)
        basis[:, [column, column + other]] = basis[:, [column + other, column]]
        basis[:, column] /= basis[row, column]
        for k in range(basis.shape[1]):
            if k != column:
                basis[:, k] -= basis[row, k] * basis[:, column]
    return basis


def _important(direction: Any, names: Sequence[str]) -> tuple[str, ...]:
    """The names of the features that a direction has, the largest first; the intercept only by itself."""
    sizes = numpy.abs(direction)
    order = [names[k] for k in numpy.argsort(-sizes, kind="stable") if sizes[k] > _NAMED * sizes.max()]
    return tuple([name for name in order if name != _INTERCEPT] or order)


@dataclass(frozen=True)
class _Pairs:
    """Rows as constraints: for each row and each other class, the change of the logits' difference.

    Parameters are those of every logit but the first of several, whose own are 0.
    """

    model: Linear
    theta: Any

    def parts(self, block: Block) -> list[tuple[int, int, Any, Any]]:
        """For each pair of a label and another class: the rows, and the probability of the other class."""
        weight = numpy.ones(block.rows) if block.weight is None else block.weight
        a = self.model.slopes(self.theta, block)[1] + block.y
        if self.model.logits == 1:
            a, y = numpy.concatenate([1.0 - a, a], axis=1), numpy.concatenate([1.0 - block.y, block.y], axis=1)
        else:
            y = block.y
        classes = range(y.shape[1])
        found = []
        for label in classes:
            rows = numpy.flatnonzero((y[:, label] == 1.0) & (weight > 0.0))
            others = [other for other in classes if other != label]
            found += [(label, other, rows, a[rows, other] / (a[rows, other] + a[rows, label])) for other in others]
        return found

    def indifferent(self, block: Block) -> tuple[Any]:
        """The sum of outer products of the constraints that are not suspicious."""
        width, count = self.model.width, max(self.model.logits, 2)
        found = numpy.zeros((count, width, count, width))
        for chunk in block.chunks():
            for label, other, rows, doubt in self.parts(chunk):
                chosen = self.model.extended(chunk.X[rows[~(doubt < _DOUBT)]])
                gram = chosen.T @ chosen
                for p, q, sign in ((label, label, 1), (other, other, 1), (label, other, -1), (other, label, -1)):
                    found[p, :, q, :] += sign * gram
        return (found[1:, :, 1:, :].reshape((count - 1) * width, -1),)

    def shaped(self, basis: Any) -> Any:
        """Directions as parameters of every class, the first's being 0."""
        columns = self.model.width, basis.shape[1]
        return numpy.concatenate([numpy.zeros((1, *columns)), basis.reshape(-1, *columns)])


def _worst(pairs: _Pairs, direction: Any, terms: Any, block: Block) -> tuple[list[float]]:
    """What the worst told row loses along a direction, as a part of its terms; one part of a list.

    ``terms`` are, of each column, what a direction as long as this one may multiply it by.
    """
    shaped = pairs.shaped(direction[:, None])[:, :, 0]
    worst = 0.0
    for chunk in block.chunks():
        for label, other, rows, _ in pairs.parts(chunk):
            chosen = pairs.model.extended(chunk.X[rows])
            gain, size = chosen @ (shaped[label] - shaped[other]), numpy.abs(chosen) @ terms
            worst = min(worst, float((gain / numpy.where(size > 0.0, size, 1.0)).min(initial=0.0)))
    return ([worst],)


def _suspicious(pairs: _Pairs, basis: Any, block: Block) -> tuple[list[Any]]:
    """The suspicious constraints on coordinates of a basis, and their rows, as one part of a list."""
    shaped = pairs.shaped(basis)
    constraints, numbers, start = [], [], 0
    for chunk in block.chunks():
        for label, other, rows, doubt in pairs.parts(chunk):
            chosen = rows[doubt < _DOUBT]
            constraints.append(pairs.model.extended(chunk.X[chosen]) @ (shaped[label] - shaped[other]))
            numbers.append(chosen + start)
        start += chunk.rows
    return ([(numpy.concatenate(constraints), numpy.concatenate(numbers), block.rows)],)


def _separation(
    model: Linear, source: Source, theta: Any, scale: Any, names: Sequence[str], is_proved: bool
) -> Finding | None:
    logits = max(model.logits - 1, 1)
    scales = numpy.tile(scale, logits)

    def found(kind: Any, direction: Any, samples: Any) -> Finding:
        strength = numpy.abs(direction * scales).reshape(logits, -1).max(axis=0)
        return Finding(kind, _important(strength, names), direction, samples)

    if is_proved:
        shaped = theta.reshape(model.logits, model.width)
        direction = (shaped if model.logits == 1 else shaped[1:] - shaped[0]).ravel()
        return found("complete separation", direction, numpy.arange(source.rows))
    pairs = _Pairs(model, theta)
    gram = source.total(pairs.indifferent)[0]
    # Scaled by all rows: what is left of a direction among the others may be small, but not rounding.
    basis = _null_space(gram / numpy.outer(scales, scales)) / scales[:, None]
    if not basis.shape[1]:
        return None
    (parts,) = source.total(functools.partial(_suspicious, pairs, basis))
    starts = numpy.cumsum([0, *[rows for _, _, rows in parts]])
    constraints = numpy.concatenate([part[0] for part in parts])
    numbers = numpy.concatenate([part[1] + start for part, start in zip(parts, starts, strict=False)])
    sizes = numpy.abs(constraints).max(axis=1, initial=0.0)
    felt = sizes > 1e-9 * sizes.max(initial=0.0) if len(sizes) else sizes > 0.0
    if not felt.any() or sizes.max() < 1e-12:
        return None
    point = _separating(constraints[felt] / sizes[felt, None])
    if point is None:
        return None
    direction = basis @ point
    terms = numpy.abs(direction * scales).max() / scale
    if min(source.total(functools.partial(_worst, pairs, direction, terms))[0]) < -_BACK:
        return None  # the classes overlap, by less than the null space or the linear program tells
    gained = constraints @ point
    is_strict = felt & (gained > _NAMED * gained.max())
    is_complete = numpy.count_nonzero(is_strict) == starts[-1] * logits
    kind = "complete separation" if is_complete else "quasi-complete separation"
    return found(kind, direction, numpy.unique(numbers[is_strict]))


def _separating(constraints: Any) -> Any:
    """A point t with A t >= 0 and not all of it 0, by a linear program; None if there is none.

    The sum of A t is maximised with 0 <= A t <= 1: of a cone's points, the one that fulfils most rows strictly.
    """
    rows, columns = constraints.shape
    both = numpy.concatenate([-constraints, constraints])
    bounds = numpy.concatenate([numpy.zeros(rows), numpy.ones(rows)])
    result = scipy.optimize.linprog(
        -constraints.sum(axis=0), A_ub=both, b_ub=bounds, bounds=[(None, None)] * columns, method="highs"
    )
    if result.x is None or (constraints @ result.x).max() < 0.5:
        return None
    # The program keeps to its constraints by 1e-7 only. What it leaves is solved for once more, enlarged.
    far = 1e-3 * _FINER * numpy.abs(result.x).max()
    rest = scipy.optimize.linprog(
        numpy.zeros(columns),
        A_ub=-constraints,
        b_ub=_FINER * (constraints @ result.x),
        bounds=(-far, far),
        method="highs",
    )
    return None if rest.x is None else result.x + rest.x / _FINER
