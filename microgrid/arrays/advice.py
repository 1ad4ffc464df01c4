"""What is said where NumPy or SciPy can't calculate with Values: which function, and what to write in its place."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from microgrid.arrays.plain import as_numbers
from microgrid.errors import MicrogridError, OperationError

__all__ = ["ADVICE", "answer", "called", "refused"]

_COMPLEX = "its result is complex, and a Value is a real number: write the sums with numpy.cos and numpy.sin"
_COUNT = "its result is a step function, whose derivative is 0: give it the numbers, [v.data for v in x.ravel()]"
_SOLVE = "numpy.linalg.solve, inv, pinv, det, slogdet, cholesky, qr, eigh and eigvalsh take arrays of Values"

ADVICE = {
    **dict.fromkeys(("fft", "ifft", "rfft", "irfft", "fft2", "ifft2", "fftn", "ifftn", "hilbert", "roots"), _COMPLEX),
    **dict.fromkeys(("histogram", "digitize", "bincount", "unique"), _COUNT),
    **dict.fromkeys(("svd", "pinv", "lstsq", "eig", "eigh", "eigvals", "matrix_rank", "cond"), _SOLVE),
    **dict.fromkeys(("qr", "lu", "lu_factor", "cho_factor"), _SOLVE),
    "logsumexp": "use microgrid.logsumexp(x), which takes the elements of a list or a one-dimensional array",
    "log_softmax": "use microgrid.log_softmax(x)",
    "softmax": "use microgrid.softmax(x)",
    "polygamma": "use microgrid.polygamma(n, x)",
    **dict.fromkeys(("rel_entr", "kl_div"), "use microgrid.xlogy(x, x / y)"),
    **dict.fromkeys(("beta", "betaln"), "use microgrid.lgamma(x) + microgrid.lgamma(y) - microgrid.lgamma(x + y)"),
    "expm": "sum its series with x @ x",
    "quad": "use numpy.trapezoid on a grid, or differentiate the integrand",
    **dict.fromkeys(("solve_triangular", "cho_solve", "solve_banded"), "use numpy.linalg.solve"),
}
"""What to write instead, by a function's name."""

_OTHERWISE = (
    "make an operation of it by microgrid.custom, from its value and its derivative, or write it with NumPy's "
    "arithmetic; where no derivative is wanted, give it the numbers, .data"
)


def refused(name: str) -> OperationError:
    """The error for a function that doesn't calculate with Values."""
    return OperationError(f"{name} does not calculate with Values: {ADVICE.get(_last(name), _OTHERWISE)}")


def answer(function: Any, args: Any, options: Any, error: Exception) -> Exception:
    """What to raise for an error of NumPy's own code on Values: the error itself if plain numbers give it too."""
    try:
        function(*as_numbers(args), **{name: as_numbers(one) for name, one in options.items()})
    except MicrogridError:
        pass
    except Exception:  # noqa: BLE001  # whatever it is, it is not about Values
        return error
    return refused(f"{function.__module__}.{function.__name__}")


_OBJECTS = re.compile(
    r"ufunc '(\w+)'.*(?:not supported|did not contain a loop|could not be safely coerced)|no callable (\w+) method|"
    r"Cannot cast ufunc '(\w+)'|rray type object|[oO]bject arrays|dtype object|dtype\('O'\)|ObjectDType",
)


def called(function: Callable[[], Any], is_known: Callable[[str], bool]) -> Any:
    """Call a user's function; an error of NumPy or SciPy about objects comes as advice.

    ``is_known`` tells whether a function of a name works on a ``ValueArray``.
    """
    try:
        return function()
    except Exception as error:
        foreign = _foreign(error.__traceback__)
        if isinstance(error, MicrogridError):
            if foreign is None or _last(foreign) not in ADVICE:
                raise
            raise refused(foreign) from error
        found = _OBJECTS.search(str(error))
        if found is None:
            raise
        name = foreign or next((part for part in found.groups() if part), "a function of NumPy")
        if is_known(_last(name)) and _last(name) not in ADVICE:
            raise OperationError(
                f"{name} was given a plain array of objects, which NumPy can't calculate with: make the array by "
                "microgrid.ValueArray(...), where numpy.array or numpy.asarray made one"
            ) from error
        raise refused(name) from error


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _foreign(traceback: TracebackType | None) -> str | None:
    """The first function of NumPy or SciPy that was called; None if the error came from a ufunc itself."""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        parts = Path(code.co_filename).parts
        package = next((one for one in ("numpy", "scipy") if one in parts), None)
        if package and not code.co_name.startswith(("_", "<")):
            rooms = [one for one in parts[parts.index(package) : -1] if not one.startswith("_") and one != "lib"]
            return ".".join([*rooms, code.co_name])
        traceback = traceback.tb_next
    return None
