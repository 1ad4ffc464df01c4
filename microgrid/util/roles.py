"""What is given for a role of a graph's leaves: one node, several, or a model's parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from microgrid.errors import InvalidValueError

__all__ = ["listed"]


def listed(role: str, given: Any, is_node: Callable[[Any], bool]) -> list[Any]:
    """What is given as a list, the elements of which are not looked at."""
    if is_node(given):
        return [given]
    method = getattr(given, "parameters", None)
    try:
        return list(method() if callable(method) else given)
    except TypeError:
        raise InvalidValueError(
            f"{role} is a Value, several of them, or a model with a method parameters, not {given!r}"
        ) from None
