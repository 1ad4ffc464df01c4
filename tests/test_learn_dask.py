"""Fitting Dask's arrays and frames: in chunks on one machine, and on a cluster whose worker is lost."""

from __future__ import annotations

import itertools
import os
import threading
import time
import warnings
from typing import Any

import numpy
import pandas
import pytest
from test_learn import close, drawn

from microgrid.errors import DataError
from microgrid.learn import LogisticRegression, dask_source
from microgrid.learn.objectives import carried, closed

dask = pytest.importorskip("dask")
array = pytest.importorskip("dask.array")


@pytest.mark.parametrize("classes", [2, 3])
def test_chunks_are_fitted_as_one_array(classes: int) -> None:
    X, y = drawn(300, 4, classes)
    weight = numpy.random.default_rng(1).integers(0, 3, 300) * 1.0
    for given in (None, weight):
        model = LogisticRegression().fit(X, y, given)
        chunks = array.from_array(X, chunks=(70, 2)), array.from_array(y, chunks=50)
        weights = None if given is None else array.from_array(given, chunks=100)
        other = LogisticRegression().fit(*chunks, weights)
        close(other, model, 1e-12)
        assert other.convergence_.rows == 300
        numpy.testing.assert_allclose(other.inference().standard_errors, model.inference().standard_errors, rtol=1e-12)


def test_frames_are_fitted_with_their_names() -> None:
    frames = pytest.importorskip("dask.dataframe")
    X, y = drawn(200, 2)
    frame = pandas.DataFrame({"age": X[:, 0], "dose": X[:, 1], "label": y})
    parts = frames.from_pandas(frame, npartitions=3)
    model = LogisticRegression().fit(parts[["age", "dose"]], parts["label"])
    close(model, LogisticRegression().fit(frame[["age", "dose"]], frame["label"]), 1e-12)
    assert model.feature_names_in_.tolist() == ["age", "dose"]


def test_partitions_without_rows_are_passed_over() -> None:
    frames = pytest.importorskip("dask.dataframe")
    X, y = drawn(90, 2)
    frame = pandas.DataFrame(X, columns=["age", "dose"]).assign(label=y, when=numpy.arange(90))
    parts = frames.from_pandas(frame, npartitions=3)
    parts = parts[parts["when"] >= 50]  # the first of the three is empty now
    model = LogisticRegression().fit(parts[["age", "dose"]], parts["label"])
    close(model, LogisticRegression().fit(frame[["age", "dose"]][50:], frame["label"][50:]), 1e-12)
    assert model.convergence_.rows == 40


def test_bad_chunks_are_told() -> None:
    X, y = drawn(40, 2)
    lazy = array.from_array(X, chunks=(10, 2))
    with pytest.raises(DataError, match="labels of Dask's X are Dask's too"):
        LogisticRegression().fit(lazy, y)
    with pytest.raises(DataError, match="inconsistent numbers of samples: 40 and 39"):
        LogisticRegression().fit(lazy, array.from_array(y[1:], chunks=10))
    X[25, 0] = numpy.nan
    with pytest.raises(DataError, match="block 2 contains NaN"):
        LogisticRegression().fit(array.from_array(X, chunks=(10, 2)), array.from_array(y, chunks=10))


def test_sums_are_the_same_bits_however_blocks_are_grouped() -> None:
    random = numpy.random.default_rng(2)
    for count in (1, 2, 7, 16, 37):
        parts = [(random.normal(size=3), [number]) for number in range(count)]
        expected: Any = None
        for _ in range(4):
            order = random.permutation(count)
            cuts = numpy.sort(random.integers(0, count + 1, 3))
            groups = [carried({(0, int(k)): parts[k]} for k in group) for group in numpy.split(order, cuts)]
            sums, numbers = closed(carried(groups))
            assert numbers == [*range(count)]
            expected = sums if expected is None else expected
            assert (sums == expected).all()
        numpy.testing.assert_allclose(expected, numpy.sum([part[0] for part in parts], axis=0), rtol=1e-13)


def test_a_task_reads_several_blocks_of_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed")
    X, y = drawn(400, 3)
    chunks = array.from_array(X, chunks=(20, 3)), array.from_array(y, chunks=20)
    expected = LogisticRegression().fit(*chunks)
    groups: list[list[list[int]]] = []
    chosen = dask_source.DaskBlocks._groups

    def seen(blocks: dask_source.DaskBlocks) -> list[list[int]]:
        groups.append(chosen(blocks))
        return groups[-1]

    monkeypatch.setattr(dask_source.DaskBlocks, "_groups", seen)
    with (
        warnings.catch_warnings(action="ignore"),
        distributed.LocalCluster(2, threads_per_worker=1, processes=False, dashboard_address=None) as cluster,
        distributed.Client(cluster),
    ):
        model = LogisticRegression().fit(*chunks)
    assert (model.coef_ == expected.coef_).all()
    assert len(groups) >= model.convergence_.passes
    assert all(sorted(itertools.chain(*one)) == [*range(20)] and len(one) <= 6 for one in groups)


@pytest.mark.trials  # a cluster takes seconds to start
def test_a_lost_workers_part_is_computed_again() -> None:
    distributed = pytest.importorskip("distributed")
    X, y = drawn(4000, 4, 3)
    expected = LogisticRegression().fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with (
            distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
            distributed.Client(cluster) as client,
        ):
            chunks = array.from_array(X, chunks=(500, 4)), array.from_array(y, chunks=500)
            model = LogisticRegression().fit(*chunks)
            close(model, expected, 1e-12)
            victims = client.run(os.getpid)
            killer = threading.Timer(0.3, os.kill, (next(iter(victims.values())), 9))
            killer.start()
            for _ in range(6):
                close(LogisticRegression().fit(*chunks), expected, 1e-12)
                time.sleep(0.05)
            killer.join()
