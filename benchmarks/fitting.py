"""Fits of logistic regression by microgrid and others: ``python -m benchmarks.fitting [WORK ...]``.

Contenders take turns in one process on the same arrays, to a relative gradient norm of 1e-8; scikit-learn's lbfgs stops
near 1e-7 by a tolerance of its own. Medians, whole calls of ``fit``. BLAS has one thread for all, as scikit-learn's own
loops have; our compiled loss has all processors.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import resource
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy
import scipy.sparse
import sklearn.linear_model
import threadpoolctl

from microgrid.learn import LogisticRegression

Fit = Callable[[], Any]
REPEATS = 5


def drawn(
    rows: int, columns: int, *, is_scaled: bool = False, correlation: float = 0.0, classes: int = 2
) -> tuple[Any, Any]:
    """Features and labels whose logits have a standard deviation of about 2."""
    random = numpy.random.default_rng(0)
    X = random.normal(size=(rows, columns))
    for k in range(1, columns if correlation else 0):
        X[:, k] = correlation * X[:, k - 1] + numpy.sqrt(1.0 - correlation**2) * X[:, k]
    weights = random.normal(size=(columns, classes)) * (numpy.sqrt(2.0 if classes == 2 else 4.0) / numpy.sqrt(columns))
    y = (X @ weights + random.gumbel(size=(rows, classes))).argmax(axis=1)
    return (X * random.permutation(10.0 ** numpy.linspace(-3, 3, columns)) if is_scaled else X), y


def sparse() -> tuple[Any, Any]:
    """200,000 rows of 100,000 columns, 50 of them not 0 in a row."""
    random = numpy.random.default_rng(0)
    rows, columns, each = 200_000, 100_000, 50
    indices = random.integers(0, columns, rows * each)
    X = scipy.sparse.csr_array((random.normal(size=rows * each), indices, numpy.arange(0, rows * each + 1, each)))
    X.resize((rows, columns))
    X.sum_duplicates()
    return X, (X @ random.normal(size=columns) * 0.3 + random.logistic(size=rows) > 0).astype(int)


def by_scikit(X: Any, y: Any, solver: str, **options: Any) -> Fit:
    """A fit of scikit-learn's."""
    options = {"C": numpy.inf, "tol": 1e-8, "max_iter": 1000, **options}
    model = sklearn.linear_model.LogisticRegression(solver=solver, **options)
    return lambda: model.fit(X, y)


def by_statsmodels(X: Any, y: Any) -> Fit:
    """One of statsmodels'."""
    import statsmodels.api

    return lambda: statsmodels.api.Logit(y, numpy.c_[X, numpy.ones(len(y))]).fit(disp=0, tol=1e-8)


def by_glum(X: Any, y: Any) -> Fit:
    """One of glum's."""
    import glum

    model = glum.GeneralizedLinearRegressor(family="binomial", alpha=0.0, gradient_tol=1e-8)
    return lambda: model.fit(X, y.astype(float))


def contenders(X: Any, y: Any, names: tuple[str, ...], **options: Any) -> dict[str, Fit]:
    """The fits, ours first."""
    alpha = {"alpha": 1.0 / (options["C"] * X.shape[0])} if "C" in options else {}
    found: dict[str, Fit] = {"microgrid": lambda: LogisticRegression(**alpha).fit(X, y)}
    found |= {name: by_scikit(X, y, name, **options) for name in names if name in ("lbfgs", "newton-cholesky")}
    for name, make in (("statsmodels", by_statsmodels), ("glum", by_glum)):
        if name in names and importlib.util.find_spec(name):
            found[name] = make(X, y)
    return found


def timed(fits: dict[str, Fit], repeats: int = REPEATS) -> dict[str, float]:
    """Seconds of each, the median of turns; what takes long has fewer."""
    seconds: dict[str, list[float]] = {name: [] for name in fits}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for turn in range(repeats + 1):
            for name, fit in fits.items():
                if turn < 2 or max(seconds[name]) < 3.0:
                    start = time.perf_counter()
                    fit()
                    seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(times[1:] or times) for name, times in seconds.items()}


def told(work: str, seconds: dict[str, float], goal: str) -> None:
    """A row: times, and how many times as fast as each other we are."""
    own = seconds["microgrid"]
    others = [f"{name} {1e3 * one:.0f} ms ({one / own:.2f} x)" for name, one in seconds.items() if name != "microgrid"]
    print(f"{work:44s} {1e3 * own:8.1f} ms   {', '.join(others)}   goal: {goal}", flush=True)


COLD = """
import sys, time, warnings
sys.path.insert(0, "."); warnings.simplefilter("ignore")
from benchmarks.fitting import contenders, drawn
fits = contenders(*drawn({rows}, {columns}), ("lbfgs", "newton-cholesky"))
start = time.perf_counter(); fits[{name!r}](); print(time.perf_counter() - start)
"""


def first_in_a_process(rows: int, columns: int, name: str, cache: str | None = None) -> float:
    """Seconds of the first fit in a new process, with an empty code cache or with the usual one."""
    environment = {**os.environ, **({} if cache is None else {"MICROGRID_CACHE": cache})}
    times = []
    for _ in range(3):
        run = subprocess.run(
            [sys.executable, "-c", COLD.format(rows=rows, columns=columns, name=name)],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        )
        times.append(float(run.stdout))
    return statistics.median(times)


def dense() -> None:
    """1,000,000 rows of 30 columns, as they are, badly scaled, and correlated."""
    everybody = ("lbfgs", "newton-cholesky", "statsmodels", "glum")
    goal = "3 x scikit-learn, 10 x statsmodels"
    told("1,000,000 x 30", timed(contenders(*drawn(1_000_000, 30), everybody), 3), goal)
    names = ("newton-cholesky",)
    scaled = contenders(*drawn(1_000_000, 30, is_scaled=True), names)
    told("the same, scales 1e-3 to 1e3", timed(scaled, 3), "1.2 x its own time")
    correlated = contenders(*drawn(1_000_000, 30, correlation=0.95), names)
    told("the same, correlation 0.95", timed(correlated, 3), "1.2 x its own time")


def cold() -> None:
    """The first fit of a process, nothing compiled before."""
    names = ("microgrid", "lbfgs")
    seconds = {name: first_in_a_process(1_000_000, 30, name, cache="") for name in names}
    told("1,000,000 x 30, cold", seconds, "1 x scikit-learn")


def wide() -> None:
    """10,000 rows of 500 columns."""
    names = ("lbfgs", "newton-cholesky")
    told("10,000 x 500", timed(contenders(*drawn(10_000, 500), names)), "1.3 x scikit-learn")
    correlated = contenders(*drawn(10_000, 500, correlation=0.95), names)
    told("the same, correlation 0.95", timed(correlated, 3), "scikit-learn beside it")


def small() -> None:
    """500 rows of 5 columns: the first fit in a process, and those after it."""
    names = ("microgrid", "lbfgs", "newton-cholesky")
    told("500 x 5, first fit", {name: first_in_a_process(500, 5, name) for name in names}, "at most 2 x as long")
    told("500 x 5", timed(contenders(*drawn(500, 5), names[1:]), 30), "scikit-learn beside it")


def multinomial() -> None:
    """100,000 rows of 50 columns in 10 classes."""
    told("100,000 x 50, 10 classes", timed(contenders(*drawn(100_000, 50, classes=10), ("lbfgs",))), "3 x scikit-learn")


def csr() -> None:
    """A CSR matrix with L2."""
    told("CSR 200,000 x 100,000, L2", timed(contenders(*sparse(), ("lbfgs",), C=1.0), 2), "1 x scikit-learn's lbfgs")


def stream() -> None:
    """20 GB of blocks, which take no time to make here, beside rows in memory; alone in a process for its memory."""
    X, y = drawn(200_000, 30)
    blocks = 400

    def made() -> Iterator[Any]:
        for _ in range(blocks):
            yield X, y

    start = time.perf_counter()
    model = LogisticRegression().fit(made)
    passes = model.convergence_.passes + 1.0
    spent = (time.perf_counter() - start) / (blocks * 200_000 * passes)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    in_memory = drawn(2_000_000, 30)
    LogisticRegression().fit(*in_memory)
    start = time.perf_counter()
    model = LogisticRegression().fit(*in_memory)
    own = (time.perf_counter() - start) / (2_000_000 * model.convergence_.passes)
    print(
        f"{'stream of 80,000,000 x 30 (19.2 GB)':44s} {passes:.1f} passes, one of them to look, {1e9 * spent:.1f} ns a "
        f"row and pass, in memory {1e9 * own:.1f} ({own / spent:.0%}; goal 60%), peak memory {peak} MiB (goal 1024)"
    )


def dask() -> None:
    """4,000,000 rows of 30 columns on one worker and on two."""
    array: Any = importlib.import_module("dask.array")
    distributed: Any = importlib.import_module("distributed")
    seconds = {}
    for workers in (1, 2):
        with (
            distributed.LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster,
            distributed.Client(cluster) as client,
        ):
            random = array.random.default_rng(0)
            X = random.normal(size=(4_000_000, 30), chunks=(250_000, 30)).persist()
            noise = random.logistic(size=4_000_000, chunks=250_000)
            y = ((X.sum(axis=1) * 0.3 + noise) > 0).astype(int).persist()
            distributed.wait([X, y])
            times = []
            for _ in range(3):
                start = time.perf_counter()
                LogisticRegression().fit(X, y)
                times.append(time.perf_counter() - start)
            seconds[workers] = min(times)
            client.close()
    print(
        f"{'Dask, 4,000,000 x 30':44s} 1 worker {seconds[1]:.2f} s, 2 workers {seconds[2]:.2f} s "
        f"({seconds[1] / seconds[2]:.2f} x; goal 1.6 x)"
    )


WORKS = {work.__name__: work for work in (dense, cold, wide, small, multinomial, csr, stream, dask)}


def main() -> None:
    """Measure the works that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fitting", description=__doc__)
    parser.add_argument("works", nargs="*", metavar="WORK", help=", ".join(WORKS), choices=[*WORKS, []])
    names = parser.parse_args().works or list(WORKS)
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # of the processes that are started
    with threadpoolctl.threadpool_limits(1, "blas"):
        for name in names:
            WORKS[name]()


if __name__ == "__main__":
    main()
