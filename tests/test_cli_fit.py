"""The commands ``fit`` and ``predict``: what they write, and what they say of tables that can't be used."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy
import pandas
import pytest
from test_learn import drawn

from microgrid.cli.main import main
from microgrid.errors import DataError
from microgrid.learn import LogisticRegression, load_model

RESULTS = ["calibration_and_roc.png", "coefficients.png", "graph.svg", "model.json"]
SUMMARIES = ["summary.html", "summary.tex", "summary.txt"]


def written(path: Path, classes: int = 2) -> pandas.DataFrame:
    X, y = drawn(150, 2, classes)
    frame = pandas.DataFrame({"age": X[:, 0], "dose, mg": X[:, 1], "died": numpy.array(["no", "yes", "later"])[y]})
    (frame.to_parquet if path.suffix == ".parquet" else frame.to_csv)(path, index=False)
    return frame


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_is_fitted_and_predicted(
    kind: str, classes: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = tmp_path / f"data.{kind}", tmp_path / "out"
    frame = written(data, classes)
    assert main(["fit", str(data), "--target", "died", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "150 rows" in said
    assert "dose, mg" in said
    assert sorted(path.name for path in out.iterdir()) == sorted([*RESULTS, *SUMMARIES])
    X = frame[["age", "dose, mg"]]
    expected = LogisticRegression().fit(X, frame["died"])
    model = load_model(out / "model.json")
    numpy.testing.assert_allclose(model.coef_, expected.coef_, rtol=1e-9)
    assert main(["predict", str(out / "model.json"), str(data), "--out", str(tmp_path / "predicted.csv")]) == 0
    predicted = pandas.read_csv(tmp_path / "predicted.csv")
    assert predicted["prediction"].tolist() == expected.predict(X).tolist()
    numpy.testing.assert_allclose(predicted.iloc[:, 1:], expected.predict_proba(X), rtol=1e-9)
    capsys.readouterr()
    assert main(["predict", str(out / "model.json"), str(data)]) == 0
    assert len(list(csv.reader(capsys.readouterr().out.splitlines()))) == 151


def test_separation_is_told_and_firth_cures_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data.csv"
    data.write_text("x,y\n1,0\n2,0\n3,1\n4,1\n")
    assert main(["fit", str(data), "--target", "y", "--out", str(tmp_path / "out")]) == 1
    assert "complete separation: along 'x'" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == RESULTS
    assert main(["fit", str(data), "--target", "y", "--out", str(tmp_path / "firth"), "--firth"]) == 0
    assert "Firth" in capsys.readouterr().out
    assert main(["fit", str(data), "--target", "y", "--out", str(tmp_path / "l2"), "--alpha", "0.1"]) == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,y\n1,0\n2,1\n", "no column 'target': it has x, y"),
        ("x,target\n1,0\nabc,1\n", "row 2 of .* has 'abc' in column 'x'"),
        ("x,target\n1,0\n,1\n", "has '' in column 'x', .* missing values"),
        ("x,target\n1,0\n2,\n", "row 2 of .* has no label in column 'target'"),
        ("x,target\n1,0\n2,1,3\n", "row 2 of .* has 3 entries, and the header 2"),
        ("x,x,target\n1,1,0\n", "two columns of one name"),
        ("x,target\n", "no rows below its header"),
        ("target\n1\n", "no column besides 'target'"),
        ("x,target\n1,0\n2,0\n", "one class only"),
        ("x,target\nnan,0\n2,1\n", "row 1 of .* has 'nan' in column 'x', and finite numbers are needed"),
        ("x,target\n1,0\n1_000,1\n", "row 2 of .* has '1_000' in column 'x'"),
        ("x;target\n1,5;0\n2;1\n", "row 1 of .* has '1,5' in column 'x'"),
        (",x,target\n1,1,0\n2,2,1\n", "column 1 of .* has no name"),
        ("x,target\n1,0.25\n2,0.5\n", "Unknown label type: continuous"),
        ("x,target\n1,jä\n".encode("latin-1"), "is no text in UTF-8 .*: save it as such"),
    ],
)
def test_tables_that_cannot_be_used_are_told(
    text: str | bytes, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data.csv"
    data.write_bytes(text.encode() if isinstance(text, str) else text)
    assert main(["fit", str(data), "--target", "target", "--out", str(tmp_path / "out")]) == 2
    assert re.search(message, capsys.readouterr().err)


def test_labels_stay_as_they_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, model = tmp_path / "data.csv", str(tmp_path / "model.json")
    for labels in ("0 1", "007 7"):
        low, high = labels.split()
        rows = [f"{x};{high if (x > 2) != (x in (2, 3)) else low}" for x in range(6)]
        data.write_text("x;y\n" + "\n".join(rows))
        assert main(["fit", str(data), "--target", "y", "--out", str(tmp_path)]) == 0
        capsys.readouterr()
        assert main(["predict", model, str(data)]) == 0
        said = capsys.readouterr().out.splitlines()
        assert said[0] == f"prediction,p({low}),p({high})"
        assert [line.partition(",")[0] for line in said[1:]] == [low, low, low, high, high, high]


def test_files_that_are_no_models_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, path = tmp_path / "data.csv", tmp_path / "model.json"
    written(data)
    assert main(["fit", str(data), "--target", "died", "--out", str(tmp_path)]) == 0
    contents = json.loads(path.read_text())
    for change, message in (
        ({"coef": [[1.0]]}, None),
        ({"coef": [[1.0], [2.0]]}, "numbers don't fit together"),
        ({"format": "other"}, "is of the format 'other'"),
        ({"convergence": {}}, "no model that save_model wrote"),
    ):
        path.write_text(json.dumps({**contents, **change}))
        if message is not None:
            with pytest.raises(DataError, match=message):
                load_model(path)
    path.write_text("{")
    with pytest.raises(DataError, match="no model that save_model wrote"):
        load_model(path)
    with pytest.raises(DataError, match="can't be read"):
        load_model(tmp_path / "none.json")
    capsys.readouterr()
    path.write_text(json.dumps(contents))
    data.write_text("age\n1\n")
    assert main(["predict", str(path), str(data)]) == 2
    assert "no column 'dose, mg'" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    written(data)
    assert main(["fit", str(data), "--target", "died", "--out", str(tmp_path / "file")]) == 2
    assert "can't be written" in capsys.readouterr().err
