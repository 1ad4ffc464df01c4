"""A recorded graph as flat arrays, the form in which it is compiled."""

from __future__ import annotations

from microgrid.program.program import Program

__all__ = ["Program"]
