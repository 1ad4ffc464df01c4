"""A recorded graph as flat arrays, the form in which it is compiled: ``program`` has it, ``lowering`` makes it."""

from __future__ import annotations

from microgrid.program.program import Program

__all__ = ["Program"]
