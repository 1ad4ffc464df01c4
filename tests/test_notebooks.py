"""The notebooks run from a clean kernel, and what they were saved with is what they say."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def texts(notebook: Any) -> list[str]:
    """What the code cells printed or showed as text, cell by cell."""
    shown = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            told = [
                output for output in cell.outputs if output.get("name") != "stderr"
            ]  # a progress bar tells the time
            outputs = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in told]
            shown.append("".join(outputs))
    return shown


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("default")  # the kernel is another process; this one only passes messages on
def test_a_notebook_runs_from_a_clean_kernel_and_says_what_it_was_saved_with(path: Path) -> None:
    saved = nbformat.read(path, as_version=4)
    fresh = nbformat.read(path, as_version=4)
    NotebookClient(fresh, timeout=300, resources={"metadata": {"path": str(FOLDER)}}).execute()
    assert any(texts(saved)), "the notebook was saved without its outputs: make notebooks"
    if saved.metadata.language_info.version.split(".")[:2] == list(map(str, sys.version_info[:2])):
        assert texts(fresh) == texts(saved)
    else:  # Python's sum rounds otherwise since 3.12, and what is ranked by an error changes places
        assert [text.count("\n") for text in texts(fresh)] == [text.count("\n") for text in texts(saved)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_was_saved_after_one_run_from_top_to_bottom(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
