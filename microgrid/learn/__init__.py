"""Fitting: logistic regression as an estimator of scikit-learn, with inference, diagnosis and custom losses.

``estimator`` is what users see. It minimises one of ``losses`` as an ``objectives`` object, by ``minimize``, over
arrays or over blocks from ``sources`` and ``dask_source``, with a ``checkpoint``. Then ``inference`` gives standard
errors, ``separation`` says why estimates don't exist, and ``firth`` has the remedy. ``graph_fit`` does the same for
any loss, ``boosting`` lends a loss to XGBoost and LightGBM, ``model_file`` saves models.
"""

from __future__ import annotations

from microgrid.errors import MissingPackageError

try:
    import scipy as _scipy  # noqa: F401  # asked for here, so that what is missing is told in one place
    import sklearn as _sklearn  # noqa: F401
except ImportError as _error:
    raise MissingPackageError(
        "microgrid.learn needs scikit-learn and SciPy: pip install 'microgrid-autodiff[learn]'"
    ) from _error

from microgrid.learn.boosting import BoostingObjective
from microgrid.learn.estimator import LogisticRegression
from microgrid.learn.graph_fit import GraphFit, fit_graph
from microgrid.learn.inference import Inference, Summary
from microgrid.learn.minimize import Convergence
from microgrid.learn.model_file import load_model, save_model
from microgrid.learn.separation import CollinearityWarning, Finding, SeparationWarning
from microgrid.learn.sources import ParquetBlocks

__all__ = [
    "BoostingObjective",
    "CollinearityWarning",
    "Convergence",
    "Finding",
    "GraphFit",
    "Inference",
    "LogisticRegression",
    "ParquetBlocks",
    "SeparationWarning",
    "Summary",
    "fit_graph",
    "load_model",
    "save_model",
]
