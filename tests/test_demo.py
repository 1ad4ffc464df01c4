"""The main job from end to end, on fewer steps; and what it does where something is missing."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from microgrid import MissingPackageError, OutputError, logistic
from microgrid.cli import demo
from microgrid.cli.main import main
from microgrid.core.graph import pullback

PICTURES = [
    "decision_boundary.png",
    "logistic_graph.png",
    "logistic_graph.svg",
    "logistic_graph_from_logit.png",
    "logistic_graph_from_logit.svg",
    "loss_curve.png",
    "step_through.html",
]


def test_the_demo_compares_fits_and_leaves_its_pictures(tmp_path: Path) -> None:
    said: list[str] = []
    assert demo.run(tmp_path / "pictures", said.append, steps=40, progress=False)
    text = "\n".join(said)
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == PICTURES
    assert said[-1].splitlines()[1].strip() == str(tmp_path / "pictures" / "step_through.html")  # named first
    assert all(str(tmp_path / "pictures" / name) in text for name in PICTURES)
    for row in ("dL/da", "da/dz", "dL/dz", "dz/dw1", "dz/dw2", "dz/db", "dL/dw1", "dL/dw2", "dL/db"):
        assert f"  {row} " in text
    assert "accuracy    8" in text
    for name in PICTURES:
        start = (tmp_path / "pictures" / name).read_bytes()[:8]
        assert start == b"\x89PNG\r\n\x1a\n" if name.endswith("png") else start.startswith(b"<")


def test_the_data_are_two_standardised_features_of_569_samples() -> None:
    data = demo.load_data()
    assert data.X.shape == (569, 2)
    assert data.X.mean(axis=0) == pytest.approx([0.0, 0.0], abs=1e-12)
    assert data.X.std(axis=0) == pytest.approx([1.0, 1.0])
    assert int(data.y.sum()) == 212  # malignant ones


def test_a_disagreement_ends_the_command_with_status_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def off_by_a_thousandth(root: Any) -> dict[Any, float]:
        return {node: adjoint * 1.001 for node, adjoint in pullback(root).items()}

    monkeypatch.setattr("microgrid.logistic.closed_forms.pullback", off_by_a_thousandth)
    monkeypatch.setattr(demo.run, "__kwdefaults__", {"steps": 3, "progress": False})
    assert main(["demo", "--out", str(tmp_path)]) == 1
    assert "disagrees" in capsys.readouterr().err


@pytest.mark.parametrize("planted", ["textbook", "logit"])
def test_an_error_of_a_thousandth_in_one_row_of_either_form_is_found(
    planted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(index: int, graph: logistic.SampleLoss) -> list[logistic.Agreement]:
        rows = components(graph)
        if graph.form == planted:
            rows[index] = replace(rows[index], autodiff=rows[index].autodiff * 1.001)
        return rows

    components, data, said = logistic.components, demo.load_data(), list[str]()
    assert demo._compare_sample(data, said.append)
    for index in range(9 if planted == "textbook" else 8):
        monkeypatch.setattr(logistic, "components", partial(wrong, index))
        assert not demo._compare_sample(data, said.append)


def test_the_tables_verdict_is_what_its_numbers_say() -> None:
    rows = logistic.components(demo.sample_graph(demo.load_data(), "textbook"))
    for row, line in zip(rows, demo.agreement_table(rows).splitlines()[2:], strict=True):
        *_, autodiff, closed_form, ulp = line.split()
        assert float(ulp) == abs(float(autodiff) - float(closed_form)) / math.ulp(row.closed_form)


@pytest.mark.parametrize("below", ["", "pictures", "two/deep"])
def test_a_file_where_a_folder_is_wanted_is_refused_before_any_work(below: str, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    said: list[str] = []
    with pytest.raises(OutputError, match=r"file is a file, not a folder: name another folder with --out"):
        demo.run(blocked / below, said.append)
    assert said == []
    assert list(tmp_path.iterdir()) == [blocked]


def test_a_folder_that_cannot_be_written_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(dir: Path) -> None:  # noqa: A002
        raise PermissionError(13, "Permission denied", str(dir))

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(OutputError, match=r"can't be written \(Permission denied\): name another with --out"):
        demo.run(tmp_path / "pictures")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_taken_away_meanwhile_is_told(tmp_path: Path) -> None:
    (tmp_path / "pictures").symlink_to(tmp_path / "nowhere" / "else")
    with pytest.raises(OutputError, match="--out"):
        demo._make(tmp_path / "pictures")


def test_a_missing_layout_engine_is_told_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("microgrid.drawing.render.COMMANDS", ())
    said: list[str] = []
    with pytest.raises(MissingPackageError, match="layout engine"):
        demo.run(tmp_path / "pictures", said.append)
    assert said == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("module", ["sklearn.datasets", "matplotlib.figure"])
def test_a_missing_package_is_named_with_the_extra_that_brings_it(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingPackageError, match=r"microgrid-autodiff\[demo\]"):
        demo.run(tmp_path / "pictures", print)
    assert list(tmp_path.iterdir()) == []


def test_a_plot_that_fails_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(path: Path, contents: bytes) -> None:
        raise OSError(28, "No space left on device")

    plot = tmp_path / "plot.png"
    plot.write_bytes(b"old")
    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(OutputError, match="No space left"):
        demo._save(demo._figure(1.0, 1.0), plot)
    assert plot.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [plot]
