"""``microgrid fit`` and ``microgrid predict``: tables in, summaries, models, plots and predictions out."""

from __future__ import annotations

import csv
import importlib
import io
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from microgrid.drawing import draw
from microgrid.errors import DataError, MissingPackageError, OutputError
from microgrid.util.atomic_write import write

__all__ = ["fit", "predict"]


def _need(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingPackageError(
            f"fitting needs {module.partition('.')[0]}, which is not installed: pip install 'microgrid-autodiff[learn]'"
        ) from error


def fit(
    data: Path,
    target: str,
    folder: Path,
    say: Callable[[str], None],
    *,
    alpha: float,
    firth: bool,
    cov_type: str,
    verbose: bool,
) -> bool:
    """Fit a table's target, say what was found and write it into a folder; give whether estimates exist."""
    learn = _need("microgrid.learn")
    options = {"alpha": alpha, "bias_reduction": "firth" if firth else None, "verbose": int(verbose)}
    model = learn.LogisticRegression(**options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # all that it warns of is said below
        if data.suffix == ".parquet":
            blocks = learn.ParquetBlocks(data, target)
            model.fit(blocks)
            X, y = next(iter(blocks))[:2]
        else:
            table = _Table(data, target)
            X, y = table.block
            model.fit(table)
    say(f"{data}: {model.convergence_.rows:,} rows, {model.n_features_in_} features, target {target!r}")
    say(str(model.convergence_))
    for finding in model.diagnosis_:
        say(str(finding))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"the folder {folder} can't be written ({error.strerror}): name another with --out"
        ) from error
    written = [learn.save_model(model, folder / "model.json")]
    inference = None
    if not alpha and not model.diagnosis_:
        inference = model.inference(cov_type=cov_type)
        summary = inference.summary()
        say(str(summary))
        for kind, text in (("txt", f"{summary}\n"), ("html", summary.html()), ("tex", summary.latex())):
            written.append(folder / f"summary.{kind}")
            write(written[-1], text.encode())
    written += _plots(model, X, y, inference, folder)
    try:
        written.append(draw(model.graph_).save(folder / "graph.svg"))
    except MissingPackageError as error:
        say(f"The graph is not drawn: {error}")
    say("Written:\n" + "\n".join(f"  {path}" for path in written))
    return bool(model.convergence_.converged and not model.diagnosis_)


def predict(model: Path, data: Path, out: Path | None, say: Callable[[str], None]) -> None:
    """Write the class of each row and the probabilities of all, as CSV; on the screen without ``out``."""
    fitted = _need("microgrid.learn").load_model(model)
    names = getattr(fitted, "feature_names_in_", None)
    if names is None:
        raise DataError(f"{model} has no names of features: fit it by `microgrid fit`")
    numpy = _need("numpy")
    if data.suffix == ".parquet":
        frame = _need("pyarrow.parquet").read_table(data)
        missing = [name for name in names if name not in frame.column_names]
        if missing:
            raise DataError(f"{data} has no column {missing[0]!r}, which the model needs")
        X = numpy.column_stack([frame[name].to_numpy() for name in names]).astype(float)
    else:
        X = _numbers(*_read(data), list(names), data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that arrays have no names of features
        labels, probabilities = fitted.predict(numpy.asarray(X)), fitted.predict_proba(numpy.asarray(X))
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(["prediction", *[f"p({label})" for label in fitted.classes_.tolist()]])
    lines.writerows([[label, *row] for label, row in zip(labels.tolist(), probabilities.tolist(), strict=True)])
    if out is None:
        say(text.getvalue().rstrip())
    else:
        write(out, text.getvalue().encode())
        say(f"{len(labels):,} rows in {out}")


def _read(data: Path) -> tuple[list[str], list[list[str]]]:
    try:
        with data.open(newline="", encoding="utf-8-sig") as file:
            first = file.readline()
            file.seek(0)
            # The separator of the header: German tables have semicolons.
            rows = [row for row in csv.reader(file, delimiter=max(",;\t", key=first.count)) if row]
    except UnicodeDecodeError as error:
        raise DataError(f"{data} is no text in UTF-8 ({error}): save it as such") from error
    except (OSError, csv.Error) as error:
        raise DataError(f"{data} can't be read as CSV: {error}") from error
    if len(rows) < 2:
        raise DataError(f"{data} has no rows below its header")
    head = [name.strip() for name in rows[0]]
    if "" in head:
        raise DataError(
            f"column {head.index('') + 1} of {data} has no name: name it, or drop it if it numbers the rows"
        )
    if len(set(head)) < len(head):
        raise DataError(f"{data} has two columns of one name: {', '.join(head)}")
    for number, row in enumerate(rows[1:], start=1):
        if len(row) != len(head):
            raise DataError(f"row {number} of {data} has {len(row)} entries, and the header {len(head)}")
    return head, rows[1:]


def _numbers(head: Sequence[str], rows: Sequence[Sequence[str]], names: Sequence[str], data: Path) -> list[list[float]]:
    for name in names:
        if name not in head:
            raise DataError(f"{data} has no column {name!r}: it has {', '.join(head)}")
    places = [head.index(name) for name in names]
    found = []
    for number, row in enumerate(rows, start=1):
        numbers = [_number(row[place]) for place in places]
        if not all(map(math.isfinite, numbers)):
            wrong = next(name for name, one in zip(names, numbers, strict=True) if not math.isfinite(one))
            raise DataError(
                f"row {number} of {data} has {row[head.index(wrong)]!r} in column {wrong!r}, and finite numbers are "
                "needed: encode categories, and fill in or drop rows with missing values"
            )
        found.append(numbers)
    return found


def _number(text: str) -> float:
    """A number as tables have them; nan if it is none."""
    try:
        return math.nan if "_" in text else float(text)
    except ValueError:
        return math.nan


def _labels(texts: list[str]) -> list[Any]:
    """Numbers if all are, and are written as Python writes them; otherwise texts, so that 007 stays what it is."""
    for kind in (int, float):
        try:
            numbers = [kind(text) for text in texts]
        except ValueError:
            continue
        if all([abs(number) < 2**53 and str(number) == text for number, text in zip(numbers, texts, strict=True)]):
            return numbers
    return texts


class _Table:
    """A table in memory as one block, with the names of its features."""

    def __init__(self, data: Path, target: str) -> None:
        head, rows = _read(data)
        if target not in head:
            raise DataError(f"{data} has no column {target!r}: it has {', '.join(head)}")
        self.features = [name for name in head if name != target]
        if not self.features:
            raise DataError(f"{data} has no column besides {target!r}")
        labels = [row[head.index(target)].strip() for row in rows]
        if "" in labels:
            raise DataError(f"row {labels.index('') + 1} of {data} has no label in column {target!r}")
        numpy = _need("numpy")
        self.block = numpy.array(_numbers(head, rows, self.features, data)), numpy.array(_labels(labels))

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[Any]:
        return iter([self.block])


# ---- plots ----------------------------------------------------------------------------------------------------


def _plots(model: Any, X: Any, y: Any, inference: Any, folder: Path) -> list[Path]:
    figure_of, numpy = _need("matplotlib.figure").Figure, _need("numpy")
    names = list(model.feature_names_in_)
    if inference is None:
        labels, centres, spans = [*names] * len(model.coef_), model.coef_.ravel(), None
    else:
        kept = [k for k, name in enumerate(inference.names) if not name.endswith("intercept")]
        labels, centres = [inference.names[k] for k in kept], inference.estimates[kept]
        spans = numpy.abs(inference.interval()[kept] - centres[:, None]).T
    figure = figure_of(figsize=(7, 1.5 + 0.25 * len(labels)), layout="constrained", facecolor="white")
    axes = figure.subplots()
    axes.errorbar(centres, range(len(labels)), xerr=spans, fmt="o", color="#0b61a4", capsize=3)
    axes.axvline(0.0, color="#5c6770", linewidth=1)
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.set_xlabel("coefficient" if spans is None else "coefficient, with its 95% interval")
    pictures = [_save(figure, folder / "coefficients.png")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        probabilities = model.predict_proba(numpy.asarray(X))
    figure = figure_of(figsize=(10, 4.5), layout="constrained", facecolor="white")
    left, right = figure.subplots(1, 2)
    metrics, calibration = _need("sklearn.metrics"), _need("sklearn.calibration")
    for k in range(1 if len(model.classes_) == 2 else 0, len(model.classes_)):
        is_class = numpy.asarray(y) == model.classes_[k]
        if is_class.any() and not is_class.all():
            seen, said = calibration.calibration_curve(is_class, probabilities[:, k], n_bins=10, strategy="quantile")
            left.plot(said, seen, "o-", label=str(model.classes_[k]))
            false, true, _ = metrics.roc_curve(is_class, probabilities[:, k])
            right.plot(false, true, label=f"{model.classes_[k]}: area {metrics.auc(false, true):.3f}")
    for axes, title, across, up in (
        (left, "Calibration", "predicted probability", "observed frequency"),
        (right, "ROC", "false positive rate", "true positive rate"),
    ):
        axes.plot([0, 1], [0, 1], color="#5c6770", linestyle=":")
        axes.set(title=title, xlabel=across, ylabel=up)
        axes.legend()
    return [*pictures, _save(figure, folder / "calibration_and_roc.png")]


def _save(figure: Any, path: Path) -> Path:
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=150)
    write(path, picture.getvalue())
    return path
