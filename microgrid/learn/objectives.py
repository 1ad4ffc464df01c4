"""What is minimised: the mean of a model's loss over the blocks of a source, and a penalty; not how it is minimised.

A *model* maps a block of rows to sums (the loss, its gradient, its Hessian); a *source* maps a function over its blocks
and adds what comes back in a fixed order. Data in memory, streams and clusters are sources.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy

from microgrid.compiler.llvm.jit import is_available
from microgrid.learn.losses import compiled_loss, link_of

__all__ = [
    "Block",
    "InMemory",
    "Labels",
    "Linear",
    "Model",
    "Objective",
    "Partial",
    "Source",
    "added",
    "carried",
    "closed",
]

_COMPILED = 4_000_000  # products of numbers with weights from which machine code pays, though it takes 0.1 s to make
_NARROW = 250  # columns up to which it reads rows that lie column by column faster than BLAS
_ALL_ROWS = 100  # parameters up to which a Hessian is of all rows
_ROWS_OF_HESSIAN = 10  # for each of many parameters
_ENOUGH = 10  # rows of a kind that tell something of it
_CHUNK = 8192  # rows that are converted or weighted at once
_NEIGHBOURS = 64  # rows of a sample that lie side by side


@dataclass(frozen=True)
class Block:
    """Rows of data."""

    X: Any  # array or CSR matrix of shape (rows, columns): the features
    y: Any  # of shape (rows, logits): the labels, as a model wants them
    weight: Any = None  # of shape (rows,): how often each row counts; once unless given

    @property
    def rows(self) -> int:
        """How many there are."""
        return int(self.y.shape[0])

    @property
    def is_telling(self) -> bool:
        """Whether there are enough rows of each class to say something of it."""
        return min(int(numpy.count_nonzero(column)) for column in (*self.y.T, *(1.0 - self.y).T)) >= _ENOUGH

    @property
    def is_rich(self) -> bool:
        """Whether every column has numbers other than 0 in some rows, so that they say something of it."""
        counts = self.X.astype(bool).sum(axis=0) if hasattr(self.X, "tocsr") else numpy.count_nonzero(self.X, axis=0)
        return bool(counts.min() >= _ENOUGH)

    def pick(self, rows: Any) -> Block:
        """Some of the rows."""
        return Block(self.X[rows], self.y[rows], None if self.weight is None else self.weight[rows])

    def chunks(self, rows: int = _CHUNK) -> Iterator[Block]:
        """All rows in order, so many at a time."""
        for start in range(0, self.rows, rows):
            yield self.pick(slice(start, start + rows))


@dataclass(frozen=True)
class Labels:
    """The classes of labels, and how the rows of blocks become targets with weights."""

    classes: Any  # the labels in order
    of_classes: Any = None  # the weight of each class, by which rows' weights are multiplied

    @property
    def logits(self) -> int:
        """1 for two classes, otherwise one for each."""
        return 1 if len(self.classes) == 2 else len(self.classes)

    def block(self, X: Any, y: Any, weight: Any = None) -> Block:
        """Rows with targets: 1 at the row's class, of two classes at the second."""
        targets = numpy.asarray(y)[:, None] == self.classes[-self.logits :]
        if self.of_classes is not None:
            own = self.of_classes[numpy.searchsorted(self.classes, y)]
            weight = own if weight is None else own * weight
        return Block(X, targets.astype(float), weight)


class Model(Protocol):
    """Sums over a block's rows, as functions of a flat array of parameters."""

    size: int

    def value_and_grad(self, theta: Any, block: Any) -> tuple[float, Any]:
        """The loss and its gradient."""

    def hessian(self, theta: Any, block: Any) -> Any:
        """The second derivatives."""

    def diagonal(self, theta: Any, block: Any) -> Any:
        """The diagonal of the Hessian."""

    def outer(self, theta: Any, block: Any) -> Any:
        """The sum of the outer products of the rows' gradients, each with its weight once."""


class Source(Protocol):
    """Blocks of data, wherever they are."""

    @property
    def rows(self) -> int:
        """The number of rows."""

    @property
    def first(self) -> Any:
        """A block of the first row, or of some more."""

    def digest(self) -> str:
        """Of what one look at the data tells."""

    def total(self, task: Callable[[Any], tuple[Any, ...]], size: int | None = None, /) -> tuple[Any, ...]:
        """The sums of what a function gives for each block, added in a fixed order.

        ``size`` is how many numbers it gives, if that is known: a cluster computes few of them for many blocks at once.
        """

    def sample(self, fraction: float) -> Source | None:
        """A source with that part of the rows, evenly spread; None if there is none."""


def added(parts: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
    """The sums of tuples of numbers and arrays, in pairs, so that the order is fixed and rounding stays small."""
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    left, right = added(parts[:half]), added(parts[half:])
    return tuple([a + b for a, b in zip(left, right, strict=True)])


Partial = dict[tuple[int, int], tuple[Any, ...]]


def carried(partials: Iterable[Partial]) -> Partial:
    """Partial sums joined, as a binary counter carries: in one order, however blocks are grouped.

    A partial sum is of the 2**level blocks from number place · 2**level on, and its key is (level, place). Two halves
    of the next level are added as soon as both are there, so that few are kept of blocks that lie side by side.
    """
    found: Partial = {}
    for partial in partials:
        for (level, place), sums in partial.items():
            while (other := found.pop((level, place ^ 1), None)) is not None:
                sums = added([other, sums] if place & 1 else [sums, other])
                level, place = level + 1, place >> 1
            found[level, place] = sums
    return found


def closed(partial: Partial) -> tuple[Any, ...]:
    """The sum of all blocks, from what was carried of them."""
    return added([partial[key] for key in sorted(partial, key=lambda key: key[1] << key[0])])


@dataclass(frozen=True)
class InMemory:
    """One block in memory."""

    block: Any

    @property
    def rows(self) -> int:
        """How many there are."""
        return int(self.block.rows)

    @property
    def first(self) -> Any:
        """The first row."""
        return self.block.pick(slice(0, 1))

    def digest(self) -> str:
        """Of the shape and the sums of columns, of all rows and of those of each logit."""
        X, y, weight = self.block.X, self.block.y, self.block.weight
        of_rows = numpy.column_stack([numpy.ones(len(y)), y]) * (1.0 if weight is None else weight[:, None])
        # Not by BLAS, whose bits depend on the number of threads.
        sums = X.T @ of_rows if hasattr(X, "tocsr") else numpy.einsum("ij,ik->jk", X, of_rows)
        return hashlib.sha256(repr(self.block.X.shape).encode() + sums.tobytes()).hexdigest()

    def total(self, task: Callable[[Any], tuple[Any, ...]], _size: int | None = None, /) -> tuple[Any, ...]:
        """What the function gives for the block."""
        return task(self.block)

    def sample(self, fraction: float) -> InMemory | None:
        """Blocks of neighbouring rows, evenly spread: cheap to gather, and sorted data do no harm."""
        together = _NEIGHBOURS if self.rows * fraction >= 50 * _NEIGHBOURS else 1  # at 50 places at least
        step = max(together, round(together / fraction))
        rows = (numpy.arange(self.rows // step)[:, None] * step + numpy.arange(together)).ravel()
        part = self.block.pick(rows)
        return InMemory(part) if part.is_telling else None


class Linear:
    """The logistic losses of linear predictors, on blocks of rows.

    There is one logit for two classes, otherwise one for each. The parameters are the weights of each logit with its
    intercept, logit after logit. From many ``rows`` on, of all blocks together, the compiled loss is worth its making.
    """

    def __init__(self, columns: int, logits: int, intercept: bool, rows: int = 0) -> None:
        self.columns, self.logits, self.intercept, self.rows = columns, logits, intercept, rows
        self.width = columns + intercept
        self.size = logits * self.width

    def _is_compiled(self, block: Block) -> bool:
        if self.rows * self.size < _COMPILED or not isinstance(block.X, numpy.ndarray):
            return False
        is_read_well = self.width <= _NARROW or block.X.strides[1] == block.X.itemsize
        return is_read_well and is_available()

    def _arguments(self, theta: Any, block: Block) -> tuple[Any, ...]:
        one = self.logits == 1
        shaped = theta if one else theta.reshape(self.logits, self.width)
        y = block.y[:, 0] if one else block.y
        return (shaped, block.X, y) if block.weight is None else (shaped, block.X, y, block.weight)

    def value_and_grad(self, theta: Any, block: Block) -> tuple[float, Any]:
        """By the compiled loss on many rows; otherwise by BLAS and the link's rules on columns."""
        if self._is_compiled(block):
            loss = compiled_loss(self.logits, self.columns, block.weight is not None)
            value, slopes = loss.value_and_grad(*self._arguments(theta, block))
            return float(value), numpy.asarray(slopes).ravel()
        is_whole = block.X.dtype == numpy.float64 or not isinstance(block.X, numpy.ndarray)
        value, slopes = added([self._by_columns(theta, one) for one in ([block] if is_whole else block.chunks())])
        return float(value), slopes

    def _by_columns(self, theta: Any, block: Block) -> tuple[float, Any]:
        losses, slopes = self.slopes(theta, block)
        if block.weight is not None:
            losses, slopes = losses * block.weight, slopes * block.weight[:, None]
        gradient = numpy.empty((self.logits, self.width))
        gradient[:, : self.columns] = (block.X.T @ slopes).T
        if self.intercept:
            gradient[:, -1] = slopes.sum(axis=0)
        return losses.sum(), gradient.ravel()

    def predictors(self, theta: Any, X: Any) -> Any:
        """The logits of each row."""
        shaped = theta.reshape(self.logits, self.width)
        z = X @ shaped[:, : self.columns].T
        return z + shaped[:, -1] if self.intercept else z

    def slopes(self, theta: Any, block: Block) -> tuple[Any, Any]:
        """The loss of each row and its derivatives with respect to the logits, without weights."""
        z = self.predictors(theta, block.X)
        losses, slopes = link_of(self.logits).value_and_slopes(z, block.y)
        return losses, slopes

    def _probabilities(self, theta: Any, block: Block) -> Any:
        """Of each logit's class: what the loss's slope and the label add up to. Of one logit, of the other class."""
        slopes = self.slopes(theta, block)[1]
        return numpy.abs(slopes) if self.logits == 1 else slopes + block.y

    def extended(self, X: Any) -> Any:
        """Dense rows in double precision, with a column of ones for the intercept."""
        dense = X.toarray() if hasattr(X, "toarray") else X
        found = numpy.ones((len(dense), self.width))
        found[:, : self.columns] = dense
        return found

    def hessian(self, theta: Any, block: Block) -> Any:
        """By BLAS, from the probabilities."""
        if self.logits > 1 and not theta.any():  # every class is as probable in every row
            own = sum(self._gram(chunk) for chunk in block.chunks()) * (1.0 / self.logits)
            return numpy.kron(numpy.eye(self.logits) - 1.0 / self.logits, own)
        return sum(self._hessian(theta, chunk) for chunk in block.chunks())

    def _gram(self, block: Block) -> Any:
        rows = self.extended(block.X)
        return rows.T @ (rows if block.weight is None else rows * block.weight[:, None])

    def _hessian(self, theta: Any, block: Block) -> Any:
        rows, a = self.extended(block.X), self._probabilities(theta, block)
        weight = 1.0 if block.weight is None else block.weight
        if self.logits == 1:
            rows *= numpy.sqrt(weight * a[:, 0] * (1.0 - a[:, 0]))[:, None]
            return rows.T @ rows
        rows *= numpy.sqrt(weight)[:, None] if block.weight is not None else 1.0
        crossed = (a[:, :, None] * rows[:, None, :]).reshape(len(rows), -1)
        found = -(crossed.T @ crossed)  # of diag(a) - aa' the second term, for all pairs of logits at once
        for k in range(self.logits):
            here = slice(k * self.width, (k + 1) * self.width)
            found[here, here] += crossed[:, here].T @ rows
        return found

    def diagonal(self, theta: Any, block: Block) -> Any:
        """From the probabilities and the squares of the features; a CSR matrix stays one."""
        found = numpy.zeros((self.logits, self.width))
        for chunk in [block] if not isinstance(block.X, numpy.ndarray) else block.chunks():
            a = self._probabilities(theta, chunk)
            curvature = a * (1.0 - a) * (1.0 if chunk.weight is None else chunk.weight[:, None])
            squares = chunk.X.multiply(chunk.X) if hasattr(chunk.X, "multiply") else numpy.square(chunk.X)
            found[:, : self.columns] += (squares.T @ curvature).T
            if self.intercept:
                found[:, -1] += curvature.sum(axis=0)
        return found.ravel()

    def outer(self, theta: Any, block: Block) -> Any:
        """By BLAS."""
        return sum(self._outer(theta, chunk) for chunk in block.chunks())

    def _outer(self, theta: Any, block: Block) -> Any:
        rows, slopes = self.extended(block.X), self.slopes(theta, block)[1]
        slopes = slopes if block.weight is None else slopes * numpy.sqrt(block.weight)[:, None]
        crossed = (slopes[:, :, None] * rows[:, None, :]).reshape(len(rows), -1)
        return crossed.T @ crossed


@dataclass
class Objective:
    """The weighted mean of a model's loss over a source, and half of the penalty's sum of squares."""

    model: Model
    source: Source
    weight: float  # the sum of the rows' weights: their number, if they have none
    penalty: Any  # for each parameter the factor of half of its square
    rows: int
    logits: int = 1  # or how many there are that may change together without changing the loss
    names: Sequence[str] = ()  # of the parameters, for messages
    share: float = 1.0  # of a sample, what a pass over it counts
    is_newton: ClassVar[bool] = True  # whether the Hessian is that of the objective
    passes: float = field(default=0.0, init=False)
    hessians: float = field(default=0.0, init=False)

    @property
    def size(self) -> int:
        """The number of parameters."""
        return self.model.size

    def value_and_grad(self, theta: Any) -> tuple[float, Any]:
        """The mean with its penalty, and the gradient."""
        self.passes += self.share
        value, slopes = self.source.total(functools.partial(self.model.value_and_grad, theta), self.size)
        mean = float(value) / self.weight + 0.5 * float(self.penalty @ (theta * theta))
        return mean, slopes / self.weight + self.penalty * theta

    def hessian(self, theta: Any, is_exact: bool = False) -> Any:
        """The second derivatives, made regular in directions that change nothing; of many parameters, of some rows.

        It is what steps are measured by, and not what estimates' errors are computed from. Where some rows don't know
        of every class or column, it is the diagonal of all. If it has to be exact, it is of all rows.
        """
        few = self if is_exact else self._few
        if few is None:
            return self.diagonal(theta)
        self.hessians += few.share
        found = few.information(theta) / few.weight
        found[numpy.diag_indices(self.size)] += self.penalty
        return found + _shared(found, self.logits) if self.logits > 1 else found

    @property
    def is_sampled(self) -> bool:
        """Whether the Hessian is that of some rows unless it has to be exact."""
        return self._few is not self

    @functools.cached_property
    def _few(self) -> Objective | None:
        """As many rows as second derivatives of so many parameters are worth, if they are telling."""
        enough = _ROWS_OF_HESSIAN * self.size
        if self.size <= _ALL_ROWS or self.rows <= 1.5 * enough:
            return self
        part = self.sample(enough / self.rows)
        return part if part and part.rows > enough // 2 and part.source.total(_richness)[0] else None

    def information(self, theta: Any) -> Any:
        """The Hessian of the sum of losses, without a penalty."""
        return self._total(self.model.hessian, theta)

    def outer(self, theta: Any) -> Any:
        """The sum of the outer products of the rows' gradients."""
        return self._total(self.model.outer, theta)

    def diagonal(self, theta: Any) -> Any:
        """The diagonal of the Hessian."""
        self.hessians += self.share / self.size
        return self._total(self.model.diagonal, theta, self.size) / self.weight + self.penalty

    def _total(self, function: Callable[[Any, Any], Any], theta: Any, size: int | None = None) -> Any:
        return self.source.total(functools.partial(_alone, function, theta), size)[0]

    def sample(self, fraction: float) -> Objective | None:
        """The same of a part of the rows."""
        source = self.source.sample(fraction)
        if source is None:
            return None
        rows, weight = source.total(_size)
        share = self.share * rows / self.rows
        return Objective(self.model, source, weight, self.penalty, rows, self.logits, self.names, share)


def _shared(hessian: Any, logits: int) -> Any:
    """Curvature for the direction that all logits share, in which the loss has none: about that of one logit."""
    width = len(hessian) // logits
    own = numpy.einsum("kikj->ij", hessian.reshape(logits, width, logits, width))
    return numpy.kron(numpy.full((logits, logits), 1.0 / logits**2), own)


def _alone(function: Callable[[Any, Any], Any], theta: Any, block: Any) -> tuple[Any]:
    return (function(theta, block),)


def _size(block: Any) -> tuple[int, float]:
    return block.rows, float(block.rows if block.weight is None else block.weight.sum())


def _richness(block: Any) -> tuple[bool]:
    return (block.is_rich,)
