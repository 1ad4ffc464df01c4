"""The call of a user's function on Values, with NumPy's functions at hand where NumPy is loaded at all."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

__all__ = ["recorded_call"]


def recorded_call(call: Callable[[], Any]) -> Any:
    """Make a call that records: its arrays of Values are ``ValueArray``, and NumPy's errors come as advice.

    Parameters
    ----------
    call : callable
        Builds the arguments and calls the user's function.

    Returns
    -------
    object
        What it returns.

    Raises
    ------
    OperationError
        If NumPy or SciPy can't calculate with the Values that it was given.
    """
    if sys.modules.get("numpy") is None:  # then there is no array, and whoever doesn't use NumPy doesn't wait for it
        return call()
    from microgrid.arrays.advice import called
    from microgrid.arrays.values import ValueArray  # noqa: F401  # registers what arrays are built of

    return called(call)
