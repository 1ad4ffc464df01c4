"""Every work, in the order of the tables."""

from __future__ import annotations

from benchmarks.works import scalar, gpt, logistic, sample, graphs, moons, hessian, ours  # isort: skip

__all__ = ["gpt", "graphs", "hessian", "logistic", "moons", "ours", "sample", "scalar"]
