"""Fitted models as JSON: numbers and names that anybody can read, and nothing that is executed."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy

from microgrid._public import public
from microgrid.errors import DataError
from microgrid.learn.estimator import LogisticRegression
from microgrid.learn.minimize import Convergence
from microgrid.util.atomic_write import write

__all__ = ["load_model", "save_model"]

_FORMAT = "microgrid logistic regression 1"


@public("microgrid.learn")
def save_model(model: LogisticRegression, path: str | Path) -> Path:
    """Write a fitted model as JSON.

    Parameters
    ----------
    model : LogisticRegression
        Fitted.
    path : str or Path
        The file.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    OutputError
        If it can't be written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from microgrid.learn import LogisticRegression, load_model, save_model
    >>> model = LogisticRegression(alpha=0.1).fit([[0.0], [1.0], [3.0]], ["a", "b", "b"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     again = load_model(save_model(model, pathlib.Path(folder) / "model.json"))
    >>> bool((again.coef_ == model.coef_).all()), again.predict([[2.0]]).tolist()
    (True, ['b'])
    """
    options = {name: value for name, value in model.get_params(deep=False).items() if name != "checkpoint"}
    names = getattr(model, "feature_names_in_", None)
    contents = {
        "format": _FORMAT,
        "options": {**options, "class_weight": None},
        "classes": model.classes_.tolist(),
        "features": None if names is None else [str(name) for name in names],
        "coef": model.coef_.tolist(),
        "intercept": model.intercept_.tolist(),
        "dtype": str(model.coef_.dtype),
        "convergence": dataclasses.asdict(model.convergence_),
        "diagnosis": [str(finding) for finding in model.diagnosis_],
    }
    path = Path(path)
    write(path, (json.dumps(contents, indent=1, default=lambda number: number.item()) + "\n").encode())
    return path


@public("microgrid.learn")
def load_model(path: str | Path) -> LogisticRegression:
    """A model that ``save_model`` wrote, ready to predict.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    LogisticRegression
        The model; what needs the rows of its fit needs a fit again.

    Raises
    ------
    DataError
        If the file can't be read, or is no model.
    """
    try:
        contents: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
        if contents["format"] != _FORMAT:
            raise DataError(f"{path} is of the format {contents['format']!r}, and {_FORMAT!r} is known")
        model = LogisticRegression(**contents["options"])
        kind = numpy.dtype(contents["dtype"])
        model.coef_, model.intercept_ = numpy.array(contents["coef"], kind), numpy.array(contents["intercept"], kind)
        model.classes_ = numpy.array(contents["classes"])
        model.convergence_ = Convergence(**contents["convergence"])
        model.n_features_in_ = model.coef_.shape[1]
        if contents["features"] is not None:
            model.feature_names_in_ = numpy.array(contents["features"], dtype=object)
        logits = len(model.classes_) if len(model.classes_) > 2 else 1
        is_whole = model.coef_.shape[0] == len(model.intercept_) == logits
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} can't be read: {error}") from error
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DataError(f"{path} is no model that save_model wrote: {error}") from error
    if not is_whole or not numpy.isfinite(model.coef_).all() or not numpy.isfinite(model.intercept_).all():
        raise DataError(f"{path} is no model that save_model wrote: its numbers don't fit together")
    model.n_iter_ = numpy.array([model.convergence_.iterations], dtype=numpy.int32)
    return model
