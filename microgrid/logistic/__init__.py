"""Logistic regression: the graph of its loss, the components of its gradient, and their closed forms.

``graph`` records the loss, ``closed_forms`` has the components beside autodiff's, ``checks`` compares them for every
sample, ``certified`` bounds their rounding with proof, and ``descent`` trains with both.
"""

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
