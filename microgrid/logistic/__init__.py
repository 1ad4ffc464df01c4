"""Logistic regression: the graph of its loss, the components of its gradient, and their closed forms."""

from __future__ import annotations

from microgrid.logistic.certified import LogisticCertificate, certify, plot_bounds
from microgrid.logistic.checks import check
from microgrid.logistic.closed_forms import Agreement, Agreements, components, mean_gradient
from microgrid.logistic.descent import Step, gradient_descent
from microgrid.logistic.graph import DatasetLoss, Form, SampleLoss, dataset_loss, sample_loss
from microgrid.logistic.graph import _restore_dataset as _restore_dataset  # by these names pickles restore losses
from microgrid.logistic.graph import _restore_sample as _restore_sample

__all__ = [
    "Agreement",
    "Agreements",
    "DatasetLoss",
    "Form",
    "LogisticCertificate",
    "SampleLoss",
    "Step",
    "certify",
    "check",
    "components",
    "dataset_loss",
    "gradient_descent",
    "mean_gradient",
    "plot_bounds",
    "sample_loss",
]
