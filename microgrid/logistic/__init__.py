"""Logistic regression: the graph of its loss, the components of its gradient, and their closed forms."""

from __future__ import annotations

from microgrid.logistic.graph import (
    Agreement,
    DatasetLoss,
    Form,
    SampleLoss,
    Step,
    check,
    components,
    dataset_loss,
    gradient_descent,
    mean_gradient,
    sample_loss,
)

__all__ = [
    "Agreement",
    "DatasetLoss",
    "Form",
    "SampleLoss",
    "Step",
    "check",
    "components",
    "dataset_loss",
    "gradient_descent",
    "mean_gradient",
    "sample_loss",
]
