"""Linear algebra on matrices of Values: elimination, Cholesky's factors and Jacobi's rotations, as graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy

from microgrid.arrays.plain import as_numbers, objects_of
from microgrid.core.functions import FUNCTIONS
from microgrid.errors import DataError

__all__ = ["cholesky", "det", "eigh", "eigvalsh", "inv", "pinv", "polyfit", "qr", "slogdet", "solve", "stacked"]


def stacked(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function of a matrix, for stacks of matrices."""

    def of_stack(a: Any) -> Any:
        matrices = _matrices(a)
        results = [function(matrix) for matrix in matrices.reshape(-1, *matrices.shape[-2:])]
        if matrices.ndim == 2:
            return results[0]
        return numpy.array(results, dtype=object).reshape(matrices.shape[:-2] + numpy.shape(results[0]))

    return of_stack


def _matrices(a: Any) -> Any:
    array = objects_of(a)
    if array.ndim < 2 or array.shape[-1] != array.shape[-2]:
        raise DataError(f"square matrices are needed, not an array of shape {array.shape}")
    return array


def _eliminated(matrix: Any, right: Any) -> tuple[list[list[Any]], list[list[Any]], float]:
    """The upper triangle and what became of the right sides, by elimination with the largest pivots; the sign."""
    rows, sides, sign = [list(row) for row in matrix], [list(row) for row in right], 1.0
    for k in range(len(rows)):
        best = k
        for i in range(k + 1, len(rows)):
            if bool(abs(rows[i][k]) > abs(rows[best][k])):
                best = i
        if best != k:
            rows[k], rows[best], sides[k], sides[best], sign = rows[best], rows[k], sides[best], sides[k], -sign
        for i in range(k + 1, len(rows)):
            factor = FUNCTIONS["div"](rows[i][k], rows[k][k])
            rows[i] = [
                *[0.0] * (k + 1),
                *[y - factor * x for x, y in zip(rows[k][k + 1 :], rows[i][k + 1 :], strict=True)],
            ]
            sides[i] = [y - factor * x for x, y in zip(sides[k], sides[i], strict=True)]
    return rows, sides, sign


def det(matrix: Any) -> Any:
    """The determinant: of up to three rows by its formula, whose derivatives exist where the matrix is singular too."""
    if len(matrix) == 0:
        return 1.0
    if len(matrix) <= 3:
        first, *others = [list(row) for row in matrix]
        if not others:
            return first[0]
        minors = [det([row[:k] + row[k + 1 :] for row in others]) for k in range(len(first))]
        terms = [x * minor for x, minor in zip(first, minors, strict=True)]
        return terms[0] - terms[1] if len(terms) == 2 else terms[0] - terms[1] + terms[2]
    rows, _, sign = _eliminated(matrix, [[]] * len(matrix))
    product: Any = sign
    for k, row in enumerate(rows):
        product = product * row[k]
    return product


def slogdet(a: Any) -> tuple[Any, Any]:
    """The sign of the determinant, which is a constant, and the logarithm of its absolute value."""

    def of_one(matrix: Any) -> tuple[Any, Any]:
        rows, _, sign = _eliminated(matrix, [[]] * len(matrix))
        total: Any = 0.0
        for k, row in enumerate(rows):
            sign *= -1.0 if bool(row[k] < 0.0) else 1.0 if bool(row[k] > 0.0) else 0.0 * as_numbers(row[k])
            total = total + FUNCTIONS["log"](abs(row[k]))
        return sign, total

    matrices = _matrices(a)
    found = [of_one(matrix) for matrix in matrices.reshape(-1, *matrices.shape[-2:])]
    if matrices.ndim == 2:
        return found[0]
    signs, logarithms = zip(*found, strict=True)
    shape = matrices.shape[:-2]
    return numpy.array(signs, dtype=float).reshape(shape), numpy.array(logarithms, dtype=object).reshape(shape)


def _solved(matrix: Any, right: Any) -> Any:
    rows, sides, _ = _eliminated(matrix, right)
    for k in reversed(range(len(rows))):
        for j in range(k + 1, len(rows)):
            sides[k] = [y - rows[k][j] * x for x, y in zip(sides[j], sides[k], strict=True)]
        sides[k] = [FUNCTIONS["div"](y, rows[k][k]) for y in sides[k]]
    return numpy.array(sides, dtype=object)


def solve(a: Any, b: Any) -> Any:
    """The solution of a system for one right side or, in columns, for several."""
    right = objects_of(b)
    matrices = _matrices(a)
    if right.ndim == 1:
        return stacked(lambda matrix: _solved(matrix, right[:, None])[:, 0])(matrices)
    if matrices.ndim == 2 and right.ndim == 2:
        return _solved(matrices, right)
    shape = numpy.broadcast_shapes(matrices.shape[:-2], right.shape[:-2])
    pairs = (
        numpy.broadcast_to(matrices, shape + matrices.shape[-2:]),
        numpy.broadcast_to(right, shape + right.shape[-2:]),
    )
    found = [_solved(pairs[0][place], pairs[1][place]) for place in numpy.ndindex(shape)]
    return numpy.array(found, dtype=object).reshape(shape + right.shape[-2:])


def inv(matrix: Any) -> Any:
    """The inverse of one matrix."""
    return _solved(matrix, numpy.eye(len(matrix)).tolist())


def cholesky(a: Any, /, *, upper: bool = False) -> Any:
    """Cholesky's factor of symmetric matrices, of which the lower triangle is read, or the upper one."""

    def lower(matrix: Any) -> Any:
        source = matrix.T if upper else matrix
        size = len(source)
        factor = numpy.full((size, size), 0.0, dtype=object)
        for i in range(size):
            for j in range(i + 1):
                rest = source[i, j]
                for k in range(j):
                    rest = rest - factor[i, k] * factor[j, k]
                factor[i, j] = FUNCTIONS["sqrt"](rest) if i == j else FUNCTIONS["div"](rest, factor[j, j])
        return factor.T if upper else factor

    return stacked(lower)(a)


def eigvalsh(a: Any, UPLO: str = "L") -> Any:  # noqa: N803  # NumPy's name
    """The eigenvalues of symmetric matrices in ascending order.

    Where eigenvalues coincide, they have no derivatives, and nan comes out.
    """
    return stacked(lambda matrix: _rotated(matrix, UPLO)[0])(a)


def eigh(a: Any, UPLO: Any = "L") -> Any:  # noqa: N803  # NumPy's name
    """The eigenvalues of symmetric matrices, as ``eigvalsh``, and the eigenvectors, with the signs that NumPy gives."""

    def vectors(matrix: Any) -> Any:
        found = _rotated(matrix, UPLO)[1]
        signs = numpy.sign((as_numbers(found) * numpy.linalg.eigh(as_numbers(matrix), UPLO)[1]).sum(axis=0))
        return found * signs

    return type(numpy.linalg.eigh(numpy.eye(1)))(eigvalsh(a, UPLO), stacked(vectors)(a))


def _rotated(matrix: Any, triangle: str) -> tuple[Any, Any]:
    """Eigenvalues and eigenvectors by Jacobi's rotations.

    Two sweeps more than the numbers need: each squares what is left beside the diagonal, also of its derivatives.
    """
    size, lower = len(matrix), triangle == "L"
    rows = [[matrix[max(i, j) if lower else min(i, j)][min(i, j) if lower else max(i, j)] for j in range(size)]
            for i in range(size)]  # fmt: skip
    basis: list[list[Any]] = numpy.eye(size).tolist()
    more = 2
    for _ in range(_MOST_SWEEPS):
        beside = [rows[p][q] * rows[p][q] for p in range(size) for q in range(p)]
        whole = [element * element for row in rows for element in row]
        more -= bool(FUNCTIONS["sum"](beside or [0.0]) <= 1e-28 * FUNCTIONS["sum"](whole))
        if more < 0:
            break
        _sweep(rows, basis)
    order = sorted(range(size), key=lambda k: rows[k][k])
    values = numpy.array([rows[k][k] for k in order], dtype=object)
    return values, numpy.array([[row[k] for k in order] for row in basis], dtype=object)


def qr(a: Any, mode: str = "reduced") -> Any:
    """The factors Q and R of a matrix with at least as many rows as columns, by Householder's reflections."""
    matrix = objects_of(a)
    if mode != "reduced" or matrix.ndim != 2 or matrix.shape[0] < matrix.shape[1]:
        raise DataError("numpy.linalg.qr of Values is that of one matrix, no wider than high, with mode='reduced'")
    count, size = matrix.shape
    upper, factor = matrix.copy(), numpy.eye(count).astype(object)
    for k in range(min(count - 1, size)):
        column = upper[k:, k].copy()
        length = FUNCTIONS["sqrt"](FUNCTIONS["sum"]((column * column).tolist()))
        column[0] = column[0] - length if bool(column[0] < 0.0) else column[0] + length
        scale = 2.0 / FUNCTIONS["sum"]((column * column).tolist())
        upper[k:] = upper[k:] - scale * numpy.outer(column, column @ upper[k:])
        factor[:, k:] = factor[:, k:] - scale * numpy.outer(factor[:, k:] @ column, column)
    for k in range(size):
        upper[k + 1 :, k] = 0.0
    return type(numpy.linalg.qr(numpy.eye(1)))(factor[:, :size], upper[:size])


def pinv(a: Any) -> Any:
    """The pseudoinverse of a matrix whose rank is its smaller side; otherwise inf and nan come out."""
    matrix = objects_of(a)
    if matrix.shape[0] < matrix.shape[1]:
        return pinv(matrix.T).T
    factor, upper = qr(matrix)
    return _solved(upper, factor.T)


def polyfit(x: Any, y: Any, deg: int) -> Any:
    """The coefficients of the polynomial of a degree that is nearest to points, by their matrix's factors Q and R."""
    factor, upper = qr(numpy.array([[one ** (deg - k) for k in range(deg + 1)] for one in x], dtype=object))
    return _solved(upper, (factor.T @ objects_of(y))[:, None])[:, 0]


_MOST_SWEEPS = 30


def _sweep(rows: list[list[Any]], basis: list[list[Any]]) -> None:
    """Rotate each element beside the diagonal to 0, and the basis with it, in place."""
    size = len(rows)
    for p in range(size):
        for q in range(p + 1, size):
            angle = 0.5 * FUNCTIONS["atan2"](2.0 * rows[p][q], rows[q][q] - rows[p][p])
            c, s = FUNCTIONS["cos"](angle), FUNCTIONS["sin"](angle)
            for row in (*rows, *basis):
                row[p], row[q] = c * row[p] - s * row[q], s * row[p] + c * row[q]
            rows[p], rows[q] = (
                [c * x - s * y for x, y in zip(rows[p], rows[q], strict=True)],
                [s * x + c * y for x, y in zip(rows[p], rows[q], strict=True)],
            )
