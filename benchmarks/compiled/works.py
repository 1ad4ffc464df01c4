"""Every work, in the order of the tables; each stands in a file of its own."""

from __future__ import annotations

from benchmarks.compiled import graphs, hessian, logistic, moons, ours, sample

__all__ = ["graphs", "hessian", "logistic", "moons", "ours", "sample"]
