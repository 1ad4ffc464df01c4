"""Blocks on a cluster: Dask's arrays and frames, one block for each chunk; no other engine and no scheduling is here.

Another engine needs the same three things: a function applied to every block, sums added in a fixed order, and some
rows brought here.
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy

from microgrid.errors import DataError
from microgrid.learn.objectives import Block, InMemory, Labels, Partial, carried, closed
from microgrid.learn.sources import Survey, arrays_of

__all__ = ["DaskBlocks", "is_dask"]

_TOGETHER = 8  # blocks or partial sums that one task reads
_LIGHT = 1 << 20  # numbers of all blocks' sums up to which they may meet in one task
_GATHERED = 1 << 23  # numbers that are brought here as a sample


def _dask() -> Any:
    return importlib.import_module("dask")


def is_dask(X: Any) -> bool:
    """Whether it is an array or a frame of Dask."""
    return type(X).__module__.partition(".")[0].startswith("dask")


class DaskBlocks:
    """Rows on a cluster's workers, or in chunks on this machine if no cluster is connected.

    They are computed once and kept where they are; Dask computes again what a lost worker had. A task reads several
    blocks of one worker, for each costs the scheduler and the client a millisecond or two; sums are added on the
    workers, in an order that depends on nothing but the number of blocks. X is a Dask array or frame, and labels and
    weights are arrays or series in as many partitions.
    """

    def __init__(self, X: Any, y: Any, weight: Any = None) -> None:
        dask = _dask()
        self.features = [str(name) for name in X.columns] if hasattr(X, "columns") else None
        parts = _partitions(X, [y] if weight is None else [y, weight])
        read = dask.delayed(arrays_of, pure=True)
        self._blocks = dask.persist(*[read(number, part) for number, part in enumerate(parts)])
        self.survey = Survey()
        for one in self._gathered(_surveyed):
            self.survey.merge(one)
        self.labels: Labels  # known before anything is fitted
        self._targets: tuple[Any, ...] = ()  # of each block, once the labels are known
        self._some: tuple[int, Block] | None = None  # each so manieth row, once gathered

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.survey.rows

    @property
    def first(self) -> Block:
        """The first row."""
        return self.survey.sample(self.labels)

    def digest(self) -> str:
        """Of what the survey found."""
        return self.survey.digest()

    def total(self, task: Callable[[Block], tuple[Any, ...]], size: int | None = None) -> tuple[Any, ...]:
        """The sums."""
        dask = _dask()
        if not self._targets:
            targets = dask.delayed(functools.partial(_targets, self.labels), pure=False)
            self._targets = dask.persist(*[targets(block) for block in self._blocks])
        is_light = size is not None and size * len(self._blocks) <= _LIGHT
        groups = self._groups() if is_light else [[number] for number in range(len(self._blocks))]
        # In a partial, so that Dask doesn't look for its own collections in them at each call.
        parts = self._tasks(functools.partial(_summed, task), groups, self._blocks, self._targets)
        merge = dask.delayed(_merged, pure=False)
        while len(parts) > (_TOGETHER if is_light else 1):
            parts = [merge(*parts[k : k + _TOGETHER]) for k in range(0, len(parts), _TOGETHER)]
        return closed(carried(dask.compute(*parts)))

    def sample(self, fraction: float) -> InMemory | None:
        """Every so manieth row of each block."""
        if not self.survey.columns or fraction * self.rows * self.survey.columns > _GATHERED:
            return None
        step = max(1, round(1.0 / fraction))
        if self._some is None or step % self._some[0]:
            picked = self._gathered(functools.partial(_picked, slice(None, None, step)))
            self._some = step, Survey(kept=picked).sample(self.labels)
        part = self._some[1].pick(slice(None, None, step // self._some[0]))
        return InMemory(part) if part.is_telling else None

    def _gathered(self, function: Callable[[int, Any], Any]) -> list[Any]:
        """What a function of its number and its rows gives for each block, brought here."""
        found: dict[int, Any] = {}
        for part in _dask().compute(*self._tasks(functools.partial(_each, function), self._groups(), self._blocks)):
            found |= part
        return [found[number] for number in range(len(self._blocks))]

    def _tasks(self, function: Callable[..., Any], groups: Sequence[Sequence[int]], *kept: Sequence[Any]) -> list[Any]:
        """The function of the numbers of each group's blocks and of what is kept of them, to be computed."""
        apply = _dask().delayed(function, name="applied", pure=False, traverse=False)
        return [apply(numbers, *[each[number] for each in kept for number in numbers]) for numbers in groups]

    def _groups(self) -> list[list[int]]:
        """The numbers of all blocks: those of a task lie on one worker, and each of its threads has a task."""
        distributed: Any = sys.modules.get("distributed")
        futures = distributed.futures_of(self._blocks) if distributed else []
        if futures:
            distributed.wait(futures)
        holders = futures[0].client.who_has(futures) if futures else {}
        threads = futures[0].client.nthreads() if futures else {}
        held: dict[str, list[int]] = {}
        groups = []
        for number, block in enumerate(self._blocks):
            if addresses := [address for address in holders.get(block.key, ()) if address in threads]:
                held.setdefault(min(addresses, key=lambda one: len(held.get(one, ()))), []).append(number)
            else:  # not computed yet, or lost, or without a cluster
                groups.append([number])
        for address, numbers in held.items():
            each = min(_TOGETHER, -(-len(numbers) // threads[address]))
            groups += [numbers[k : k + each] for k in range(0, len(numbers), each)]
        return sorted(groups)


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


def _each(function: Callable[[int, Any], Any], numbers: Sequence[int], *blocks: Any) -> dict[int, Any]:
    return {number: function(number, block) for number, block in zip(numbers, blocks, strict=True)}


def _surveyed(number: int, block: Any) -> Survey:
    survey = Survey(is_sampled=False)
    if block[0].shape[0]:
        survey.see(number, *block)
        survey.kept.append(_picked(slice(0, 1), number, block))
    return survey


def _picked(rows: slice, _number: int, block: Any) -> Any:
    return tuple([None if one is None else one[rows] for one in block])


def _targets(labels: Labels, block: Any) -> tuple[Any, Any]:
    """The targets and the weights of a block's rows, made once: that takes a tenth of a pass."""
    made = labels.block(*block)
    return made.y, made.weight


def _summed(task: Callable[[Block], tuple[Any, ...]], numbers: Sequence[int], *kept: Any) -> Partial:
    """Added one after the other, so that few are kept of blocks that lie side by side."""
    blocks, targets = kept[: len(numbers)], kept[len(numbers) :]
    each = zip(numbers, blocks, targets, strict=True)
    return carried({(0, number): task(Block(block[0], *target))} for number, block, target in each)


def _merged(*parts: Partial) -> Partial:
    return carried(parts)
