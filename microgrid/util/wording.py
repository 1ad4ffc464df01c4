"""Counts and lists in messages."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["counted", "listed"]


def counted(number: int, noun: str) -> str:
    """A number and its noun, in the plural unless the number is 1.

    >>> counted(1, "node"), counted(12700, "node")
    ('1 node', '12,700 nodes')
    """
    return f"{number:,} {noun}{'s' * (number != 1)}"


def listed(names: Iterable[str]) -> str:
    """Names separated by commas, or "none".

    >>> listed(["w", "b"]), listed([])
    ('w, b', 'none')
    """
    return ", ".join(names) or "none"
