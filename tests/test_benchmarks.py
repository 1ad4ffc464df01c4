"""The benchmark runs in one command and refuses wrong answers. What it measures decides nothing here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False, cwd=ROOT)


def test_the_command_prints_a_table_and_writes_its_samples(tmp_path: Path) -> None:
    out = tmp_path / "new" / "bench.json"
    sizes = ["--chain", "10", "50", "--samples", "4", "--repeats", "1"]
    done = python("-m", "benchmarks", "--quick", *sizes, "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert any(line.split()[:4] == ["work", "peer", "collector", "median"] for line in done.stdout.splitlines())

    written = json.loads(out.read_text())
    assert {"processor", "cores", "python"} <= written["machine"].keys()
    assert {"microgrid", "slotted class", "micrograd"} <= written["peers"].keys()
    assert {row["work"] for row in written["rows"]} >= {
        "chain 10",
        "chain 50",
        "logistic loss 4",
        "moons step 4",
        "import",
    }
    for row in written["rows"]:
        assert f"{row['work']} " in done.stdout
        assert row["forward"]
        assert all(sample > 0.0 for sample in row["forward"])
        if row["peer"] == "microgrid":
            assert row["ratio"] == 1.0


def test_every_peer_is_measured_or_said_to_be_missing(tmp_path: Path) -> None:
    out = tmp_path / "bench.json"
    done = python("-m", "benchmarks", "--works", "chain", "--chain", "10", "--repeats", "1", "--out", str(out))
    written = json.loads(out.read_text())
    names = json.loads(
        python("-c", "import json; from benchmarks.peers import PEERS; print(json.dumps([*PEERS]))").stdout
    )
    assert sorted([*written["peers"], *written["missing"]]) == sorted(names)
    for name, reason in written["missing"].items():
        assert f"{name}: {reason}" in done.stdout


def test_a_wrong_answer_is_not_timed() -> None:
    code = """
from benchmarks.measure import Settings, measure_all
from benchmarks.peers import Peer, load
from benchmarks.works import WORKS
peers, _ = load(["microgrid", "slotted class"])
peers[1].Value.__mul__ = lambda self, other: self + other
measure_all(Settings(chain=(10,), works=("chain",)), peers, print)
"""
    done = python("-c", code)
    assert done.returncode != 0
    assert "ArithmeticError: chain 10: microgrid computes" in done.stderr


@pytest.mark.parametrize("wrong", [["--chain", "1"], ["--samples", "-3"], ["--repeats", "0"], ["--works", "knitting"]])
def test_arguments_that_make_no_sense(wrong: list[str]) -> None:
    done = python("-m", "benchmarks", *wrong)
    assert done.returncode == 2
    assert "usage: python -m benchmarks" in done.stderr
