"""Tools for users' tests: Hypothesis ``strategies`` for points, expressions and graphs, and a ``pytest_plugin``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from microgrid.testing.strategies import Expression, Graph, expressions, graphs, points

__all__ = ["Expression", "Graph", "expressions", "graphs", "points"]


def __getattr__(name: str) -> Any:
    """The strategies, imported on first use: pytest loads this package in every run, for the plugin."""
    if name not in __all__:
        raise AttributeError(f"module 'microgrid.testing' has no attribute {name!r}")
    from microgrid.testing import strategies

    return getattr(strategies, name)
