"""Tools for users' tests: Hypothesis strategies for points, expressions and graphs; ``pytest_plugin`` has fixtures."""

from __future__ import annotations

from microgrid.testing.strategies import Expression, Graph, expressions, graphs, points

__all__ = ["Expression", "Graph", "expressions", "graphs", "points"]
