"""Blocks on a cluster: Dask's arrays and frames, one block for each chunk; no other engine and no scheduling is here.

Another engine needs the same three things: a function applied to every block, sums added in a fixed order, and some
rows brought here.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy

from microgrid.errors import DataError
from microgrid.learn.objectives import Block, InMemory, Labels, added
from microgrid.learn.sources import Survey, arrays_of

__all__ = ["DaskBlocks", "is_dask"]

_TOGETHER = 8  # sums that are added by one task
_GATHERED = 1 << 23  # numbers that are brought here as a sample


def _dask() -> Any:
    return importlib.import_module("dask")


def is_dask(X: Any) -> bool:
    """Whether it is an array or a frame of Dask."""
    return type(X).__module__.partition(".")[0].startswith("dask")


class DaskBlocks:
    """Rows on a cluster's workers, or in chunks on this machine if no cluster is connected.

    They are computed once and kept where they are; Dask computes again what a lost worker had. Sums are added on
    the workers, in an order that depends on nothing but the number of blocks.

    Parameters
    ----------
    X, y : Dask array, or frame and series
        Features and labels, in as many partitions.
    weight : Dask array or series, optional
        Of the rows.
    """

    def __init__(self, X: Any, y: Any, weight: Any = None) -> None:
        dask = _dask()
        self.features = [str(name) for name in X.columns] if hasattr(X, "columns") else None
        parts = _partitions(X, [y] if weight is None else [y, weight])
        read = dask.delayed(arrays_of, pure=True)
        self._blocks = dask.persist(*[read(number, part) for number, part in enumerate(parts)])
        surveyed = dask.delayed(_surveyed, pure=True)
        self._surveys = dask.compute(*[surveyed(number, block) for number, block in enumerate(self._blocks)])
        self.survey = Survey()
        for one in self._surveys:
            self.survey.merge(one)
        self.labels: Labels | None = None

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.survey.rows

    @property
    def first(self) -> Block:
        """The first row."""
        assert self.labels is not None  # known before anything is fitted
        return self.survey.sample(self.labels)

    def digest(self) -> str:
        """Of what the survey found."""
        return self.survey.digest()

    def total(self, task: Callable[[Block], tuple[Any, ...]]) -> tuple[Any, ...]:
        """The sums."""
        dask = _dask()
        assert self.labels is not None  # known before anything is fitted
        # In a partial, so that Dask doesn't look for its own collections in them at each call.
        applied = functools.partial(_applied, task, self.labels)
        apply, add = dask.delayed(applied, name="applied", pure=False, traverse=False), dask.delayed(added, pure=False)
        parts = [apply(block) for block in self._blocks]
        while len(parts) > 1:  # each task costs the scheduler a millisecond
            parts = [add(parts[k : k + _TOGETHER]) for k in range(0, len(parts), _TOGETHER)]
        found: tuple[Any, ...] = dask.compute(parts[0])[0]
        return found

    def sample(self, fraction: float) -> InMemory | None:
        """Every so manieth row of each block."""
        if not self.survey.columns or fraction * self.rows * self.survey.columns > _GATHERED:
            return None
        step = max(1, round(1.0 / fraction))
        dask = _dask()
        pick = dask.delayed(_picked, pure=False)
        gathered = Survey(kept=list(dask.compute(*[pick(block, slice(None, None, step)) for block in self._blocks])))
        assert self.labels is not None  # likewise
        part = gathered.sample(self.labels)
        return InMemory(part) if part.is_telling else None


def _partitions(X: Any, others: Sequence[Any]) -> list[tuple[Any, ...]]:
    """For each partition its features, labels and weights, to be computed."""
    others = [one.to_dask_array() if hasattr(X, "rechunk") and hasattr(one, "to_dask_array") else one for one in others]
    if hasattr(X, "rechunk"):  # an array: a block has all columns, and as many rows as the others'
        X = X.rechunk({1: -1})
        others = [one.ravel() if one.ndim > 1 else one for one in others]
        rows = (X.chunks[0],)
        others = [one.rechunk(rows) if _is_known(X, one) and one.chunks != rows else one for one in others]
    columns = [list(numpy.ravel(one.to_delayed())) for one in (X, *others)]
    counts = [len(column) for column in columns]
    if len(set(counts)) > 1:
        raise DataError(f"X, y and weights have {counts} partitions: as many are needed, with the same rows in each")
    return list(zip(*columns, strict=True))


def _is_known(X: Any, other: Any) -> bool:
    if X.shape[0] == other.shape[0]:
        return True
    if numpy.isnan(X.shape[0]) or numpy.isnan(other.shape[0]):
        return False  # told when the partitions are read
    raise DataError(f"X and y have inconsistent numbers of samples: {X.shape[0]} and {other.shape[0]}")


def _surveyed(number: int, block: Any) -> Survey:
    survey = Survey(is_sampled=False)
    if block[0].shape[0]:
        survey.see(number, *block)
        survey.kept.append(_picked(block, slice(0, 1)))
    return survey


def _applied(task: Callable[[Block], tuple[Any, ...]], labels: Labels, block: Any) -> tuple[Any, ...]:
    return task(labels.block(*block))


def _picked(block: Any, rows: slice) -> Any:
    return tuple([None if one is None else one[rows] for one in block])
