"""Blocks of rows that are not all in memory: iterables, and Parquet files; memory-mapped arrays are arrays."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy
import scipy.sparse
from sklearn.utils.multiclass import check_classification_targets

from microgrid._public import public
from microgrid.errors import DataError, MissingPackageError
from microgrid.learn.objectives import Block, InMemory, Labels, Partial, carried, closed

__all__ = ["ParquetBlocks", "Stream", "Survey", "arrays_of", "check_unmasked", "encoded", "is_blocks", "read"]

_KEPT = 1 << 23  # numbers of a stream that are kept in memory as a sample


def is_blocks(X: Any) -> bool:
    """Whether data are an iterable of blocks: a function that returns one, or a collection of pairs of arrays."""
    if hasattr(X, "shape") or hasattr(X, "__array__"):
        return False
    if callable(X) or hasattr(X, "features"):
        return True
    if not isinstance(X, Iterable):
        return False
    if iter(X) is X:
        return True  # told to be read once only, when it is read
    first = next(iter(X), None)
    return first is None or (isinstance(first, tuple) and len(first) in (2, 3) and hasattr(first[0], "__len__"))


def encoded(y: Any) -> tuple[Any, Any]:
    """The classes in order, and the place of each row's among them; two whole numbers are told without sorting."""
    if y.dtype.kind in "biuf" and len(y):
        low, high = y.min(), y.max()
        if low < high and low == numpy.floor(low) and high == numpy.floor(high):
            is_high = y == high
            if (is_high | (y == low)).all():
                return numpy.array([low, high], dtype=y.dtype), is_high.astype(numpy.intp)
    if y.dtype.kind == "O" and any(map(_is_missing, y.tolist())):
        raise DataError("y contains NaN or None: every row needs a label")
    try:
        check_classification_targets(y)
        classes, codes = numpy.unique(y, return_inverse=True)
    except TypeError as error:
        raise _of_types(y.tolist(), error) from None
    except ValueError as error:  # in scikit-learn's words
        raise DataError(str(error)) from None
    return classes, codes


def _is_missing(label: Any) -> bool:
    try:
        return label is None or bool(label != label)
    except TypeError:  # pandas' NA has no truth
        return True


def _of_types(labels: Iterable[Any], error: TypeError) -> DataError:
    kinds = sorted({type(label).__name__ for label in labels})
    return DataError(
        f"the labels are of several types: {', '.join(kinds)}; make them of one" if kinds[1:] else str(error)
    )


@dataclass
class Survey:
    """What the first pass over blocks finds: rows, classes with their weights, a sample, and a digest."""

    is_sampled: bool = True  # whether a sample is kept
    rows: int = 0
    columns: int | None = None
    dtype: Any = None
    smallest: float = 1.0
    counts: dict[Any, float] = field(default_factory=dict)
    sums: Any = 0.0
    kept: list[tuple[Any, Any, Any]] = field(default_factory=list)
    stride: int = 1

    def see(self, number: int, X: Any, y: Any, weight: Any) -> None:
        """One more block."""
        if self.columns is None:
            self.columns, self.dtype = X.shape[1], X.dtype
        if X.shape[1] != self.columns:
            raise DataError(f"block {number} has {X.shape[1]} columns, and the first has {self.columns}")
        if y.dtype.kind == "f" and not numpy.isfinite(y).all():
            raise DataError(f"the labels of block {number} contain NaN or infinity")
        classes, codes = encoded(y)
        is_sparse = hasattr(X, "tocsr")
        of_rows = (1.0 + codes) * (1.0 if weight is None else weight)  # other labels and weights make another digest
        sums = numpy.asarray(X.T @ of_rows if is_sparse else numpy.einsum("ij,i->j", X, of_rows))
        if not numpy.isfinite(sums).all() and not numpy.isfinite(X.data if is_sparse else X).all():
            raise DataError(f"block {number} contains NaN or infinity")
        for label, count in zip(classes.tolist(), numpy.bincount(codes, weight), strict=True):
            self.counts[label] = self.counts.get(label, 0.0) + float(count)
        if weight is not None and (weight > 0.0).any():
            self.smallest = min(self.smallest, float(weight[weight > 0.0].min()))
        self.sums = self.sums + sums
        if self.is_sampled:
            chosen = slice(-self.rows % self.stride, None, self.stride)
            self.kept.append((X[chosen].copy(), y[chosen].copy(), None if weight is None else weight[chosen].copy()))
        self.rows += X.shape[0]
        while sum([one[0].shape[0] for one in self.kept]) * X.shape[1] > _KEPT:
            self._thin()

    @property
    def classes(self) -> Any:
        """The labels in order."""
        try:
            return numpy.array(sorted(self.counts))
        except TypeError as error:
            raise _of_types(self.counts, error) from None

    def merge(self, other: Survey) -> None:
        """What was found of the blocks that follow; a sample is that of the first ones."""
        if other.columns is None:
            return
        if self.columns not in (None, other.columns):
            raise DataError(f"a block has {other.columns} columns, and the first has {self.columns}")
        self.columns, self.dtype = other.columns, other.dtype if self.dtype is None else self.dtype
        for label, count in other.counts.items():
            self.counts[label] = self.counts.get(label, 0.0) + count
        self.smallest, self.sums = min(self.smallest, other.smallest), self.sums + other.sums
        self.rows += other.rows
        self.kept = self.kept or other.kept

    def _thin(self) -> None:
        """Every second row of the sample, which stays evenly spread over all rows."""
        whole, self.stride = self._joined(), 2 * self.stride
        self.kept = [tuple([None if one is None else one[::2] for one in whole])]  # type: ignore[list-item]

    def _joined(self) -> tuple[Any, Any, Any]:
        X = [one[0] for one in self.kept]
        joined = scipy.sparse.vstack(X, format="csr") if scipy.sparse.issparse(X[0]) else numpy.concatenate(X)
        y = numpy.concatenate([one[1] for one in self.kept])
        weights = [numpy.ones(len(one[1])) if one[2] is None else one[2] for one in self.kept]
        return joined, y, numpy.concatenate(weights)

    def sample(self, labels: Labels) -> Block:
        """The rows that were kept."""
        return labels.block(*self._joined())

    def digest(self) -> str:
        """Of the data, as far as they were looked at."""
        seen = repr((self.rows, self.columns, sorted(map(str, self.counts.items()))))
        return hashlib.sha256(seen.encode() + numpy.asarray(self.sums).tobytes()).hexdigest()


def read(blocks: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Each block as arrays: X of float64 or float32 or CSR, labels, and weights or None."""
    given = blocks() if callable(blocks) else blocks
    if not isinstance(given, Iterable):
        raise DataError(f"the function of blocks gives {type(given).__name__}: it has to return an iterator over them")
    if not callable(blocks) and iter(given) is given:
        raise DataError(
            "these blocks can be read once only, and a fit reads them several times: pass a function that returns the "
            "iterator, or a list"
        )
    names = None
    for number, one in enumerate(given):
        block = arrays_of(number, one)
        here = [*map(str, one[0].columns)] if hasattr(one[0], "columns") else None
        names = names or here
        if names and here and here != names:
            raise DataError(f"block {number} has the columns {', '.join(here)}, and one before {', '.join(names)}")
        if block[0].shape[0]:
            yield block


def arrays_of(number: int, one: Any) -> tuple[Any, Any, Any]:
    """A block as arrays: X of float64 or float32 or CSR, labels, and weights or None."""
    if not isinstance(one, tuple) or len(one) not in (2, 3):
        raise DataError(f"block {number} is no pair (X, y) or triple (X, y, weights)")
    check_unmasked(*one)
    X, y = one[0], numpy.asarray(one[1]).ravel()
    X = X.tocsr() if hasattr(X, "tocsr") else numpy.asarray(X)
    weight = None if len(one) < 3 or one[2] is None else numpy.asarray(one[2])
    try:
        X = X if X.dtype in (numpy.float64, numpy.float32) else X.astype(float, casting=_casting(X))
        weight = None if weight is None else weight.astype(float, casting=_casting(weight))
    except (TypeError, ValueError) as error:
        raise DataError(f"block {number} holds what is no number: {error}") from None
    lengths = [X.shape[0], len(y), *([] if weight is None else [weight.size])]
    if X.ndim != 2 or len(set(lengths)) > 1:
        raise DataError(f"block {number} has X of shape {X.shape} and inconsistent numbers of samples: {lengths}")
    if weight is not None and not ((weight >= 0.0) & numpy.isfinite(weight)).all():
        raise DataError(f"the weights of block {number} are not all finite and not negative")
    return X, y, None if weight is None else weight.ravel()


def _casting(array: Any) -> Any:
    return "same_kind" if array.dtype.kind == "c" else "unsafe"  # a complex number is none of ours


def check_unmasked(*arrays: Any) -> None:
    """Refuse masked entries, which NumPy would take for numbers, by a DataError."""
    if any(map(numpy.ma.is_masked, arrays)):
        raise DataError("the data have masked entries: fill them in, or drop their rows")


@dataclass
class Stream:
    """Blocks that are read anew in each pass; the sums of passes need no more memory than some blocks'."""

    blocks: Any  # as for ``read``
    survey: Survey = field(default_factory=Survey)  # what the first pass found
    labels: Labels = field(init=False)  # known before anything is fitted

    def __post_init__(self) -> None:
        self.features = getattr(self.blocks, "features", None)
        for number, block in enumerate(read(self.blocks)):
            self.survey.see(number, *block)

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.survey.rows

    @property
    def first(self) -> Block:
        """A block of the first rows."""
        block = next(read(self.blocks), None)
        if block is None:
            raise DataError("the second pass over the blocks finds none: each call has to return a new iterator")
        return self.labels.block(*block)

    def digest(self) -> str:
        """Of what the first pass found."""
        return self.survey.digest()

    def total(self, task: Callable[[Block], tuple[Any, ...]], _size: int | None = None, /) -> tuple[Any, ...]:
        """The sums, of which few are kept at a time."""
        sums: Partial = {}
        rows = 0
        for number, one in enumerate(read(self.blocks)):
            rows += one[0].shape[0]
            sums = carried([sums, {(0, number): task(self.labels.block(*one))}])
        if rows != self.rows:
            raise DataError(f"this pass over the blocks has {rows} rows, and the first had {self.rows}")
        return closed(sums)

    @functools.cached_property
    def _kept(self) -> Block:
        return self.survey.sample(self.labels)

    def sample(self, fraction: float) -> InMemory | None:
        """Of the rows that were kept in the first pass, as many as are asked for, or all."""
        step = max(1, round(1.0 / (fraction * self.survey.stride)))
        part = self._kept.pick(slice(None, None, step))
        return InMemory(part) if part.is_telling else None


@public("microgrid.learn")
class ParquetBlocks:
    """The rows of a Parquet file, one row group at a time, for ``LogisticRegression.fit``.

    Parameters
    ----------
    path : str or Path
        The file.
    target : str
        The column of labels.
    features : sequence of str, optional
        The columns of features; all others unless given.
    weight : str, optional
        The column of weights.

    Raises
    ------
    DataError
        If a column isn't there, the file is none of Parquet, or, while it is read, a row group is corrupt.
    MissingPackageError
        Without pyarrow.
    """

    def __init__(
        self, path: str | Path, target: str, features: Sequence[str] | None = None, weight: str | None = None
    ) -> None:
        self.path, self.target, self.weight = Path(path), target, weight
        file = self._open()
        names = file.schema_arrow.names
        others = [name for name in names if name not in (target, weight)]
        self.features = others if features is None else list(features)
        self._columns = [*self.features, target, *([] if weight is None else [weight])]
        for name in self._columns:
            if name not in names:
                raise DataError(f"{self.path} has no column {name!r}: it has {', '.join(names)}")

    def _open(self) -> Any:
        try:
            import pyarrow.parquet
        except ImportError as error:
            raise MissingPackageError("Parquet needs pyarrow: pip install 'microgrid-autodiff[big]'") from error
        try:
            return pyarrow.parquet.ParquetFile(self.path)
        except (OSError, pyarrow.ArrowException) as error:
            raise DataError(f"{self.path} can't be read as Parquet: {error}") from error

    def __iter__(self) -> Iterator[tuple[Any, Any, Any]]:
        import pyarrow

        file = self._open()
        for number in range(file.num_row_groups):
            try:
                frame = file.read_row_group(number, columns=self._columns).to_pandas()
            except (OSError, pyarrow.ArrowException) as error:
                raise DataError(f"row group {number} of {self.path} can't be read: {error}") from error
            X = numpy.column_stack([self._numbers(frame[name], name, number) for name in self.features])
            weight = None if self.weight is None else frame[self.weight].to_numpy(dtype=float)
            if frame[self.target].isna().any():
                raise DataError(f"column {self.target!r} has missing labels in row group {number} of {self.path}")
            yield X, frame[self.target].to_numpy(), weight

    def _numbers(self, column: Any, name: str, group: int) -> Any:
        try:
            return column.to_numpy(dtype=float)
        except (TypeError, ValueError):
            raise DataError(
                f"column {name!r} of {self.path} holds {column.dtype} in row group {group}, and numbers are needed"
            ) from None
