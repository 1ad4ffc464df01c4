"""``public``: the mark on every name that users import, which says where they import it from."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

__all__ = ["public"]

_Named = TypeVar("_Named")


def public(module: str = "microgrid") -> Callable[[_Named], _Named]:
    """Mark a class or a function as one that users import from ``module``, wherever it is defined.

    Representations, tracebacks and pickles then name the import path, which stays, and not the file, which may move.

    >>> @public("microgrid.logistic")
    ... def sample_loss(): ...
    >>> sample_loss.__module__
    'microgrid.logistic'
    """

    def mark(thing: _Named) -> _Named:
        thing.__module__ = module
        return thing

    return mark
