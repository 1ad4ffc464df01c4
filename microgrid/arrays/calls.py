"""The call of a user's function on Values, with NumPy's functions at hand where NumPy is loaded at all."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from microgrid.core.engine import Value

__all__ = ["recorded_call", "recording_of_call", "second_derivatives_of"]


def recording_of_call(variables: list[Value], outer: Sequence[set[Value]]) -> Any:
    """The recording of a call whose arrays may be computed as a whole; None where there is no NumPy."""
    if sys.modules.get("numpy") is None:
        return None
    from microgrid.arrays.whole import Recording

    return Recording(variables, outer)


def recorded_call(call: Callable[[], Any], recording: Any = None) -> Any:
    """Make a call that records: its arrays of Values are ``ValueArray``, and NumPy's errors come as advice.

    Without a recording, each element of an array is a node.
    """
    if sys.modules.get("numpy") is None:  # then there is no array, and whoever doesn't use NumPy doesn't wait for it
        return call()
    from microgrid.arrays.advice import called
    from microgrid.arrays.plain import NeedsElements, recording_of_arrays
    from microgrid.arrays.values import is_known  # values registers what arrays are built of

    token = recording_of_arrays.set(recording)
    try:
        return called(call, is_known)
    except NeedsElements:
        recording.arrays.clear()
        recording_of_arrays.set(None)
        return called(call, is_known)
    finally:
        recording_of_arrays.reset(token)


def second_derivatives_of(recording: Any, output: Value, directions: Sequence[Sequence[float]] | None) -> Any:
    """As ``second_order.second_derivatives``, which needs NumPy."""
    from microgrid.arrays.second_order import second_derivatives

    return second_derivatives(recording, output, directions)
