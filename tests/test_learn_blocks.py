"""Fitting blocks that are not all in memory: iterables, memory-mapped arrays, Parquet files, checkpoints."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest
import scipy.sparse
from test_learn import close, drawn

from microgrid.errors import DataError, OutputError
from microgrid.learn import LogisticRegression, ParquetBlocks, SeparationWarning, minimize


def cut(X: Any, y: Any, weight: Any = None, rows: int = 37) -> list[Any]:
    """Blocks of rows, the last one shorter."""
    starts = range(0, len(y), rows)
    arrays = (X, y) if weight is None else (X, y, weight)
    return [tuple([one[start : start + rows] for one in arrays]) for start in starts]


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_blocks_are_fitted_as_one_array(classes: int, class_weight: Any) -> None:
    X, y = drawn(300, 3, classes)
    labels = numpy.array(["a", "b", "c"])[y]
    weight = numpy.random.default_rng(1).integers(0, 3, 300) * 1.0
    for given in (None, weight):
        model = LogisticRegression(class_weight=class_weight).fit(X, labels, given)
        blocks = cut(X, labels, given)
        sparse = [(scipy.sparse.csr_array(block[0]), *block[1:]) for block in blocks]
        for kind in (blocks, lambda blocks=blocks: iter(blocks), sparse):
            other = LogisticRegression(class_weight=class_weight).fit(kind)
            close(other, model, 1e-10)
            assert other.convergence_.rows == 300
            assert other.classes_.tolist() == model.classes_.tolist()
            numpy.testing.assert_allclose(
                other.inference(cov_type="HC1").standard_errors,
                model.inference(cov_type="HC1").standard_errors,
                rtol=1e-9,
            )
    assert other.graph_.data == pytest.approx(model.graph_.data, rel=1e-9)


def test_separation_in_blocks_is_told_with_its_rows() -> None:
    X, y = drawn(300, 3)
    X[:, 1] = 0.0
    X[numpy.flatnonzero(y == 1)[-3:], 1] = 1.0
    with pytest.warns(SeparationWarning, match="along 'x2' the classes of 3 rows"):
        model = LogisticRegression().fit(cut(X, y))
    assert model.diagnosis_[0].samples.tolist() == numpy.flatnonzero(X[:, 1]).tolist()


def test_a_sample_of_the_first_pass_saves_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minimize, "_SMALL", 0)
    monkeypatch.setattr("microgrid.learn.sources._KEPT", 100_000)
    X, y = drawn(60_000, 3)
    passes = []

    def blocks() -> Iterator[Any]:
        passes.append(0)
        yield from cut(X, y, rows=10_000)

    model = LogisticRegression().fit(blocks)
    close(model, LogisticRegression().fit(X, y), 1e-6)
    assert len(passes) <= 12
    assert model.convergence_.passes < 7.0


def test_memory_mapped_arrays_are_fitted_where_they_lie(tmp_path: Path) -> None:
    X, y = drawn(200, 3)
    numpy.save(tmp_path / "X.npy", X)
    mapped = numpy.load(tmp_path / "X.npy", mmap_mode="r")
    model = LogisticRegression().fit(mapped, y)
    assert (model.coef_ == LogisticRegression().fit(X, y).coef_).all()


def with_nan(X: Any) -> Any:
    wrong = X.copy()
    wrong[0, 0] = numpy.nan
    return wrong


GOOD = drawn(40, 2)
BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "a generator": (lambda: (block for block in cut(*GOOD)), "pass a function that returns the iterator"),
    "nan": (lambda: [cut(*GOOD)[0], (with_nan(GOOD[0]), GOOD[1])], "block 1 contains NaN or infinity"),
    "labels that are nan": (lambda: [(GOOD[0], numpy.full(40, numpy.nan))], "labels of block 0 contain NaN"),
    "other columns": (lambda: [GOOD, (GOOD[0][:, :1], GOOD[1])], "block 1 has 1 columns, and the first has 2"),
    "lengths that differ": (lambda: [(GOOD[0], GOOD[1][:-1])], "inconsistent numbers of samples"),
    "negative weights": (lambda: [(*GOOD, -numpy.ones(40))], "not negative"),
    "one class": (lambda: [(GOOD[0], numpy.ones(40))], "one class only"),
    "no rows": (lambda: lambda: iter([]), "no rows"),
    "no block": (list, "no rows"),
    "labels of two types": (lambda: [GOOD, (GOOD[0], numpy.array(["a", "b"] * 20))], "several types: int, str"),
    "labels that are None": (lambda: [(GOOD[0], numpy.array([None, "a"] * 20))], "every row needs a label"),
    "a function that is read once": (lambda: (lambda blocks: lambda: blocks)(iter(cut(*GOOD))), "a new iterator"),
    "a function of no blocks": (lambda: lambda: 5, "gives int: it has to return an iterator"),
    "columns in another order": (
        lambda: [
            (pandas.DataFrame(GOOD[0], columns=["a", "b"]), GOOD[1]),
            (pandas.DataFrame(GOOD[0], columns=["b", "a"]), GOOD[1]),
        ],
        "block 1 has the columns b, a, and one before a, b",
    ),
    "complex numbers": (lambda: [(GOOD[0] + 1j, GOOD[1])], "block 0 holds what is no number"),
    "text": (lambda: [(numpy.full((40, 2), "a"), GOOD[1])], "block 0 holds what is no number"),
    "masked entries": (lambda: [(numpy.ma.masked_greater(GOOD[0], 1.0), GOOD[1])], "masked entries"),
    "no pair": (lambda: lambda: iter([GOOD[0]]), "block 0 is no pair"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_blocks_are_told_in_a_sentence(case: str) -> None:
    blocks, message = BAD[case]
    with pytest.raises(DataError, match=message):
        LogisticRegression().fit(blocks())


def test_blocks_that_change_from_pass_to_pass_are_told() -> None:
    calls = []

    def blocks() -> Iterator[Any]:
        calls.append(0)
        yield from cut(*GOOD)[: 2 if len(calls) == 1 else 1]

    with pytest.raises(DataError, match="this pass over the blocks has 37 rows, and the first had 40"):
        LogisticRegression().fit(blocks)
    with pytest.raises(DataError, match="weights of blocks are in them"):
        LogisticRegression().fit(cut(*GOOD), sample_weight=numpy.ones(40))
    with pytest.raises(DataError, match="in memory"):
        LogisticRegression(bias_reduction="firth").fit(cut(*GOOD))


# ---- Parquet --------------------------------------------------------------------------------------------------


@pytest.fixture
def parquet(tmp_path: Path) -> Path:
    pytest.importorskip("pyarrow")
    X, y = drawn(120, 2)
    frame = pandas.DataFrame({"age": X[:, 0], "label": numpy.where(y == 1, "yes", "no"), "dose": X[:, 1]})
    frame["times"] = numpy.arange(120) % 3
    path = tmp_path / "data.parquet"
    frame.to_parquet(path, row_group_size=50)
    return path


def test_a_parquet_file_is_fitted_by_row_groups(parquet: Path) -> None:
    frame = pandas.read_parquet(parquet)
    expected = LogisticRegression().fit(frame[["age", "dose"]], frame["label"], frame["times"])
    model = LogisticRegression().fit(ParquetBlocks(parquet, "label", weight="times"))
    close(model, expected, 1e-10)
    assert model.feature_names_in_.tolist() == ["age", "dose"]
    assert model.summary().rows[0][0] == "age"
    chosen = LogisticRegression().fit(ParquetBlocks(str(parquet), "label", ["dose"]))
    close(chosen, LogisticRegression().fit(frame[["dose"]], frame["label"]), 1e-10)


def test_bad_parquet_files_are_told(parquet: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no column 'target': it has age, label, dose"):
        ParquetBlocks(parquet, "target")
    with pytest.raises(DataError, match="can't be read as Parquet"):
        ParquetBlocks(Path(__file__), "label")
    with pytest.raises(DataError, match="can't be read as Parquet"):
        ParquetBlocks(tmp_path / "none.parquet", "label")
    with pytest.raises(DataError, match=r"column 'label' .* numbers are needed"):
        LogisticRegression().fit(ParquetBlocks(parquet, "age"))
    contents = bytearray(parquet.read_bytes())
    contents[4:100] = bytes([255]) * 96
    parquet.write_bytes(contents)
    with pytest.raises(DataError, match=r"row group 0 of .* can't be read"):
        LogisticRegression().fit(ParquetBlocks(parquet, "label"))


# ---- checkpoints ----------------------------------------------------------------------------------------------

RUN = """
import os, signal, sys
import numpy
from microgrid.learn import LogisticRegression, minimize
minimize._SMALL = 0
random = numpy.random.default_rng(0)
X = random.normal(size=(5000, 4))
y = X @ random.normal(size=4) + random.logistic(size=5000) > 0.3
passes = [0]
def blocks():
    passes[0] += 1
    for start in range(0, 5000, 1000):
        if passes[0] == int(sys.argv[2]) and start == 3000:
            os.kill(os.getpid(), signal.SIGKILL)
        yield X[start : start + 1000], y[start : start + 1000]
model = LogisticRegression(checkpoint=sys.argv[1], tol=1e-12).fit(blocks)
print(passes[0], model.coef_.tobytes().hex(), model.intercept_.tobytes().hex(), model.n_iter_[0])
"""


def run(path: Path, killed_in: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", RUN, str(path), str(killed_in)]
    return subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent, check=False)


def test_a_process_that_was_killed_in_mid_stream_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    passes, *expected = run(tmp_path / "whole", 0).stdout.split()
    path = tmp_path / "checkpoint"
    assert run(path, 7).returncode == -signal.SIGKILL
    assert path.exists()
    again, *found = run(path, 0).stdout.split()
    assert found == expected
    assert int(again) < int(passes)
    assert not path.exists()


def stopped(path: Path, *, seed: int = 0, **options: Any) -> None:
    """Leave a checkpoint behind, as of a fit that was interrupted in its fifth pass."""
    X, y = drawn(200, 3, seed=seed)
    passes: list[int] = []

    def blocks() -> Iterator[Any]:
        passes.append(0)
        if len(passes) == 5:
            raise KeyboardInterrupt
        yield X, y

    with pytest.raises(KeyboardInterrupt):
        LogisticRegression(checkpoint=path, **options).fit(blocks)


def test_a_checkpoint_of_other_data_or_options_is_told(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    X, y = drawn(200, 3)
    stopped(path, seed=1)
    with pytest.raises(DataError, match="checkpoint of other data or options"):
        LogisticRegression(checkpoint=path).fit(lambda: iter([(X, y)]))
    path.unlink()
    stopped(path, alpha=0.5)
    with pytest.raises(DataError, match="checkpoint of other data or options"):
        LogisticRegression(checkpoint=path).fit(lambda: iter([(X, y)]))
    path.unlink()
    stopped(path)
    whole = path.read_bytes()
    for given in ((X, numpy.roll(y, 1)), (X, y, numpy.linspace(0.5, 1.5, 200))):
        with pytest.raises(DataError, match="checkpoint of other data or options"):
            LogisticRegression(checkpoint=path).fit(lambda given=given: iter([given]))
    for damaged in (b"something else", whole[:-100], whole.replace(b"reference", b"difference")):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match="no checkpoint of a fit"):
            LogisticRegression(checkpoint=path).fit(lambda: iter([(X, y)]))
    path.write_bytes(whole)
    model = LogisticRegression(checkpoint=str(path)).fit(lambda: iter([(X, y)]))
    assert (model.coef_ == LogisticRegression().fit(lambda: iter([(X, y)])).coef_).all()
    with pytest.raises(DataError, match="keeps no checkpoint"):
        LogisticRegression(checkpoint=path, solver="lbfgs").fit(X, y)


def test_a_checkpoint_that_cannot_be_written_stops_the_fit_and_leaves_the_last_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = drawn(200, 3)
    with pytest.raises(OutputError, match="choose a folder that exists"):
        LogisticRegression(checkpoint=tmp_path / "none" / "checkpoint").fit(lambda: iter([(X, y)]))
    path = tmp_path / "checkpoint"
    original, written = Path.write_bytes, []

    def full(self: Path, data: bytes) -> int:
        written.append(self)
        if len(written) == 3:
            raise OSError(28, "No space left on device")
        return original(self, data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(OutputError, match="No space left on device"):
            LogisticRegression(checkpoint=path).fit(lambda: iter([(X, y)]))
    model = LogisticRegression(checkpoint=path).fit(lambda: iter([(X, y)]))
    assert (model.coef_ == LogisticRegression().fit(lambda: iter([(X, y)])).coef_).all()
