"""``microgrid demo``: the logistic graph differentiated, compared, drawn and fitted to real data.

The data are scikit-learn's bundled breast cancer set (569 samples; W. Wolberg, O. Mangasarian, N. Street, W. Street,
UCI Machine Learning Repository, 1995), of which two standardised features are used. All output goes through ``say``.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microgrid import logistic
from microgrid.drawing import Drawing, draw
from microgrid.drawing.render import find_command
from microgrid.errors import MissingPackageError, OutputError
from microgrid.pages import step_through
from microgrid.util.atomic_write import write
from microgrid.util.progress import Progress
from microgrid.util.tables import table

__all__ = ["Data", "accuracy", "agreement_table", "draw_sample", "load_data", "run", "sample_graph"]

FEATURES = ("mean radius", "mean texture")
STEPS, RATE = 200, 2.0
START_W, START_B = (0.5, -0.25), 0.1  # the parameters of the sample's graph, before the descent

# The allowed difference between autodiff and closed form, in ulp of the closed form's value. One rounding is less than
# one ulp of its result, so that roundings can be counted. From the logit, both sides do the same operations, and the
# last one may differ. The textbook graph and the products round a derivative 12 times at most; the closed form's a has
# an error of up to 2.5, which the subtraction a - y magnifies by a/(1 - a) = e^z, 3.2 at this sample.
LOGIT_TOLERANCE = 2.0
TEXTBOOK_TOLERANCE = 12.0 + 2.5 * 3.2

_BLUE, _RED, _GREY = "#0b61a4", "#d1495b", "#5c6770"


@dataclass(frozen=True, slots=True)
class Data:
    """Two standardised features and a label for every sample."""

    features: tuple[str, ...]  # the names of the two columns
    X: Any  # of shape (samples, 2); each column with mean 0 and standard deviation 1
    y: Any  # of shape (samples,); 1 for a malignant tumour, 0 for a benign one


def load_data() -> Data:
    """The breast cancer data: 569 samples, two features, standardised."""
    bunch = _need("sklearn.datasets").load_breast_cancer()
    columns = [list(bunch.feature_names).index(name) for name in FEATURES]
    chosen = bunch.data[:, columns]
    return Data(FEATURES, (chosen - chosen.mean(axis=0)) / chosen.std(axis=0), 1 - bunch.target)


def run(folder: Path, say: Callable[[str], None] = print, *, steps: int = STEPS, progress: bool = True) -> bool:
    """Run the demo, write its pictures into the folder, and give whether every derivative agreed with its closed form.

    The folder is created if it doesn't exist. ``say`` is called with each block of text; ``progress`` shows a line
    of it on standard error.
    """
    _prepare(folder)
    data = load_data()
    say(f"Breast cancer data: {len(data.y)} samples, features {' and '.join(data.features)}, standardised")
    sample_agrees = _compare_sample(data, say)
    history, descent_agrees = _descend(data, say, steps, progress=progress)
    fit_agrees = _fit(data, say)
    check = logistic.check(data.X, data.y, history[-1].w, history[-1].b, tolerance=LOGIT_TOLERANCE)
    say(f"Every component of every sample at the end\n  {check}")
    _make(folder)
    written = [_write_page(data, folder), *_draw_graphs(data, folder)]
    written += [_plot_descent(history, folder), _plot_boundary(data, history[-1], folder)]
    say(
        "A page to step through, move and train (open it in a browser), and pictures:\n"
        + "\n".join(f"  {path}" for path in written)
    )
    return sample_agrees and descent_agrees and fit_agrees and bool(check)


def _need(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingPackageError(
            f"the demo needs {module.partition('.')[0]}, which is not installed: "
            "pip install 'microgrid-autodiff[demo]' brings everything that it needs"
        ) from error


def _prepare(folder: Path) -> None:
    """Check before any work that no package is missing and that the folder can be written; create nothing."""
    for module in ("sklearn.datasets", "scipy", "matplotlib.figure"):
        _need(module)
    find_command()
    try:
        there = next(path for path in (folder, *folder.parents) if path.exists())
        is_folder = there.is_dir()
        if is_folder:
            tempfile.TemporaryFile(dir=there).close()
    except OSError as error:
        raise _unwritable(folder, error) from error
    if not is_folder:
        raise OutputError(f"{there} is a file, not a folder: name another folder with --out")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> OutputError:
    return OutputError(f"the folder {folder} can't be written ({error.strerror}): name another with --out")


# ---- the three comparisons ------------------------------------------------------------------------------------


def sample_graph(data: Data, form: logistic.Form) -> logistic.SampleLoss:
    """The graph of the first sample's loss at the initial parameters."""
    x, y = [float(number) for number in data.X[0]], float(data.y[0])
    return logistic.sample_loss(x, y, START_W, START_B, form=form)


def draw_sample(graph: logistic.SampleLoss) -> Drawing:
    """The picture of a sample's graph, with its parameters and data marked."""
    return draw(graph.loss, parameters=(*graph.w, graph.b), data=(*graph.x, graph.y))


def _compare_sample(data: Data, say: Callable[[str], None]) -> bool:
    graph = sample_graph(data, "textbook")
    rows = logistic.components(graph)
    from_logit = logistic.components(sample_graph(data, "logit"))
    worst, worst_from_logit = max(row.ulp for row in rows), max(row.ulp for row in from_logit)
    leaves = ", ".join(f"{leaf.name} = {leaf.data:g}" for leaf in (*graph.x, graph.y, *graph.w, graph.b))
    say(f"One sample: {leaves}\n  z = {graph.z.data:.6f}, a = {graph.a.data:.6f}, L = {graph.loss.data:.6f}")
    say(agreement_table(rows))
    say(
        "  ulp: the difference of the two in units in the last place of the closed form's value.\n"
        f"  The worst is {worst:g} ulp; the rounding of both may account for {TEXTBOOK_TOLERANCE:g} here.\n"
        f"  With L from the logit the worst of {len(from_logit)} is {worst_from_logit:g} ulp; "
        f"rounding may account for {LOGIT_TOLERANCE:g}."
    )
    return worst <= TEXTBOOK_TOLERANCE and worst_from_logit <= LOGIT_TOLERANCE


def _descend(data: Data, say: Callable[[str], None], steps: int, *, progress: bool) -> tuple[list[logistic.Step], bool]:
    walk = logistic.gradient_descent(data.X, data.y, steps=steps, rate=RATE)
    history = []
    with contextlib.closing(Progress(progress)) as line:
        for step in walk:
            history.append(step)
            line.tell(f"Gradient descent: step {len(history) - 1} of {steps}, loss {step.loss:.6f}")
    last = history[-1]
    worst = max((step.worst for step in history), key=lambda row: row.ulp_of_terms)
    bound = len(data.y) + 7  # the additions, n - 1, and four roundings of each term on either side
    compared = sum(len(step.gradient) for step in history)
    say(
        f"Gradient descent on all {len(data.y)} samples, {steps} steps at rate {RATE:g}\n"
        f"  final loss  {last.loss:.6f}   w1 = {last.w[0]:.6f}, w2 = {last.w[1]:.6f}, b = {last.b:.6f}\n"
        f"  accuracy    {accuracy(data, last):.2%}\n"
        f"  gradient    {compared} derivatives compared with the mean of the closed forms: the worst, {worst.name},\n"
        f"              is {worst.ulp_of_terms:g} ulp of the terms' mean size apart "
        f"(rounding {len(data.y)} terms and their sum\n"
        f"              may account for {bound}), and {worst.ulp:g} ulp of the mean itself, in which the terms cancel"
    )
    return history, worst.ulp_of_terms <= bound


def _fit(data: Data, say: Callable[[str], None]) -> bool:
    """The same loss at its minimum, by the estimator; whether its gradients agree with the closed form."""
    model = _need("microgrid.learn").LogisticRegression().fit(data.X, data.y)
    check = model.check_gradient(data.X, data.y)
    (w1, w2), b = model.coef_[0], model.intercept_[0]
    say(
        f"LogisticRegression, fitted to the minimum\n"
        f"  final loss  {model.convergence_.loss:.6f}   w1 = {w1:.6f}, w2 = {w2:.6f}, b = {b:.6f}\n"
        f"  {model.convergence_}\n  {check}\n\n{model.summary()}"
    )
    return bool(check)


def accuracy(data: Data, step: logistic.Step) -> float:
    """The fraction of samples on the right side of z = 0."""
    right = [
        (math.fsum([weight * x for weight, x in zip(step.w, row, strict=True)]) + step.b > 0.0) == bool(label)
        for row, label in zip(data.X, data.y, strict=True)
    ]
    return sum(right) / len(right)


# ---- text -----------------------------------------------------------------------------------------------------


def agreement_table(rows: Sequence[logistic.Agreement]) -> str:
    """Derivatives as a table: by autodiff, by closed form, and their difference."""
    cells = [(row.name, row.formula, repr(row.autodiff), repr(row.closed_form), f"{row.ulp:g}") for row in rows]
    return table(("derivative", "closed form", "by autodiff", "by closed form", "ulp"), cells, "<<>>>")


# ---- pictures -------------------------------------------------------------------------------------------------


_ON_THE_PAGE = 60  # samples: enough to see the boundary move


def _write_page(data: Data, folder: Path) -> Path:
    graph = sample_graph(data, "textbook")
    rows = zip(data.X[:_ON_THE_PAGE].tolist(), data.y[:_ON_THE_PAGE].tolist(), strict=True)
    page = step_through(
        graph.loss,
        parameters=(*graph.w, graph.b),
        data=(*graph.x, graph.y),
        samples=[(*row, label) for row, label in rows],
        title=f"logistic loss of one tumour: {data.features[0]} x1, {data.features[1]} x2",
    )
    return page.save(folder / "step_through.html")


def _draw_graphs(data: Data, folder: Path) -> list[Path]:
    textbook, logit = draw_sample(sample_graph(data, "textbook")), draw_sample(sample_graph(data, "logit"))
    pictures = (("logistic_graph", textbook), ("logistic_graph_from_logit", logit))
    return [one.save(folder / f"{name}.{kind}") for name, one in pictures for kind in ("svg", "png")]


def _figure(width: float, height: float) -> Any:
    return _need("matplotlib.figure").Figure(figsize=(width, height), dpi=150, layout="constrained", facecolor="white")


def _tidy(axes: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=_GREY)


def _save(figure: Any, path: Path) -> Path:
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    write(path, picture.getvalue())
    return path


def _plot_descent(history: Sequence[logistic.Step], folder: Path) -> Path:
    """The loss from step to step, and below it the difference between autodiff and closed form."""
    figure = _figure(7.0, 5.0)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    upper.plot([step.loss for step in history], color=_BLUE, linewidth=2)
    upper.set_ylabel("mean loss")
    first, last = history[0].loss, history[-1].loss
    upper.set_title(f"Gradient descent: the loss falls from {first:.4f} to {last:.4f}", loc="left")
    lower.plot([step.worst.ulp_of_terms for step in history], ".", color=_RED, markersize=4)
    lower.set(xlabel="step", ylabel="ulp")
    title = "largest distance between autodiff and closed form, in ulp of the terms' mean size"
    lower.set_title(title, loc="left", fontsize="medium")
    lower.set_ylim(bottom=0)
    for axes in (upper, lower):
        _tidy(axes)
    return _save(figure, folder / "loss_curve.png")


def _plot_boundary(data: Data, step: logistic.Step, folder: Path) -> Path:
    """The samples, the line z = 0 and the probability around it."""
    numpy = _need("numpy")
    figure = _figure(7.0, 5.5)
    axes = figure.subplots()
    low, high = data.X.min(axis=0) - 0.5, data.X.max(axis=0) + 0.5
    across, up = numpy.meshgrid(numpy.linspace(low[0], high[0], 200), numpy.linspace(low[1], high[1], 200))
    z = step.w[0] * across + step.w[1] * up + step.b
    probability = 1.0 / (1.0 + numpy.exp(-z))
    levels = numpy.linspace(0.0, 1.0, 11)
    shades = axes.contourf(across, up, probability, levels=levels, cmap="RdBu_r", alpha=0.35)
    axes.contour(across, up, z, levels=[0.0], colors="black", linewidths=1.5)
    for label, marker, colour, name in ((0, "o", _BLUE, "benign"), (1, "^", _RED, "malignant")):
        chosen = data.X[data.y == label]
        axes.scatter(*chosen.T, marker=marker, s=18, color=colour, edgecolor="white", linewidth=0.4, label=name)
    axes.set(xlabel=f"{data.features[0]} (standardised)", ylabel=f"{data.features[1]} (standardised)")
    axes.set_title(f"Decision boundary z = 0: {accuracy(data, step):.1%} of {len(data.y)} samples right", loc="left")
    axes.legend(loc="upper right", framealpha=0.9)
    figure.colorbar(shades, label="a, the probability of malignant")
    _tidy(axes)
    return _save(figure, folder / "decision_boundary.png")
