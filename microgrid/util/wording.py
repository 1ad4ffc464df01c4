"""Counts and lists in messages."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["counted", "listed"]


_LONGEST = 60  # characters of a name in a message
_MOST = 20  # names in a message


def counted(number: int, noun: str) -> str:
    """A number and its noun, in the plural unless the number is 1.

    >>> counted(1, "node"), counted(12700, "node")
    ('1 node', '12,700 nodes')
    """
    return f"{number:,} {noun}{'s' * (number != 1)}"


def listed(names: Iterable[str]) -> str:
    """Names separated by commas, or "none"; long names are cut, and only the first of very many are told.

    >>> listed(["w", "b"]), listed([])
    ('w, b', 'none')
    """
    told = [name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…" for name in names]
    more = len(told) - _MOST
    return ", ".join(told[:_MOST]) + (f" and {more:,} more" if more > 0 else "") or "none"
