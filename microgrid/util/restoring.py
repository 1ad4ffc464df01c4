"""Pickled dataclasses of earlier versions, which lack the fields that were added since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, fields
from typing import Any, TypeVar

__all__ = ["restorable"]

T = TypeVar("T", bound=type)


def restorable(kind: T) -> T:
    """The dataclass, whose older pickles load. Set afterwards: with slots, dataclass replaces a method of this name."""
    kind.__setstate__ = _restore  # type: ignore[attr-defined]
    return kind


def _restore(thing: Any, state: Sequence[Any]) -> None:
    """Set a dataclass's fields as they were pickled; those that are newer than the pickle have their defaults."""
    for place, one in enumerate(fields(thing)):
        missing = one.default if one.default_factory is MISSING else one.default_factory()
        object.__setattr__(thing, one.name, state[place] if place < len(state) else missing)
