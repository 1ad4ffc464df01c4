"""The main job from end to end, on fewer steps; and what it does where something is missing."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from microgrid import MissingPackageError, OutputError, demo, logistic
from microgrid.cli import main

PICTURES = [
    "decision_boundary.png",
    "logistic_graph.png",
    "logistic_graph.svg",
    "logistic_graph_from_logit.png",
    "logistic_graph_from_logit.svg",
    "loss_curve.png",
]


def test_the_demo_compares_fits_and_leaves_its_pictures(tmp_path: Path) -> None:
    said: list[str] = []
    assert demo.run(tmp_path / "pictures", said.append, steps=40, progress=False)
    text = "\n".join(said)
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == PICTURES
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
    def off_by_a_millionth(row: logistic.Agreement) -> float:
        return abs(row.autodiff * (1.0 + 1e-6) - row.closed_form) / 2.0**-53

    monkeypatch.setattr(logistic.Agreement, "ulp", property(off_by_a_millionth))
    monkeypatch.setattr(demo, "STEPS", 3)
    monkeypatch.setattr(demo.run, "__kwdefaults__", {"steps": 3, "progress": False})
    assert main(["demo", "--out", str(tmp_path)]) == 1
    assert "disagrees" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_refused_before_any_work(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    said: list[str] = []
    with pytest.raises(OutputError, match="--out"):
        demo.run(blocked / "pictures", said.append)
    assert said == []
    assert list(tmp_path.iterdir()) == [blocked]


@pytest.mark.parametrize("module", ["sklearn.datasets", "matplotlib.figure", "tqdm"])
def test_a_missing_package_is_named_with_the_extra_that_brings_it(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingPackageError, match=r"microgrid-autodiff\[demo\]"):
        demo.run(tmp_path / "pictures", print)
    assert list(tmp_path.iterdir()) == []


def test_a_picture_that_fails_halfway_leaves_nothing_behind(tmp_path: Path) -> None:
    class FullDisk:
        def savefig(self, path: Path) -> None:
            path.write_bytes(b"half")
            raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match="No space left"):
        demo._save(FullDisk(), tmp_path / "plot.png")
    assert list(tmp_path.iterdir()) == []


def test_the_readmes_picture_is_what_the_demo_draws() -> None:
    graph = demo.sample_graph(demo.load_data(), "logit")
    drawn = replace(demo.drawing(graph), engine="graphviz-pure").svg()
    picture = Path(__file__).parent.parent / "docs" / "logistic_graph.svg"
    assert picture.read_text(encoding="utf-8") == drawn, "make picture draws it anew"
