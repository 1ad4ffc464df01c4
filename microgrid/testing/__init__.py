"""Tools for the tests of people who use microgrid: Hypothesis strategies; the pytest plugin is ``pytest_plugin``."""

from __future__ import annotations

from microgrid.testing.strategies import Expression, Graph, expressions, graphs, points

__all__ = ["Expression", "Graph", "expressions", "graphs", "points"]
