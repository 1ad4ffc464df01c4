"""The documentation: its links, the files it names, its commands, and that nothing public is missing from it.

The examples with prompts are run as doctests (``testpaths`` in pyproject.toml).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

import microgrid
import microgrid.checking
import microgrid.learn
import microgrid.logistic
import microgrid.nn
import microgrid.testing
from microgrid.cli.main import main
from microgrid.core.rules import RULES

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.glob("*.md"))]
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)

FENCE = re.compile(r"^```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
NAMED_FILE = re.compile(r"`((?:microgrid|tests|docs|notebooks|benchmarks|\.ci)/[\w./]*)`")


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def blocks(page: Path, language: str) -> list[str]:
    return [text for kind, text in FENCE.findall(page.read_text(encoding="utf-8")) if kind == language]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and MyST make them."""
    headings = re.findall(r"^#+ +(.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands() -> Iterator[str]:
    """Every ``microgrid`` command of the documentation that ends by itself and within a second or two."""
    for page in PAGES:
        for block in blocks(page, "sh"):
            yield from [line for line in block.splitlines() if line.startswith("microgrid ")]


def test_the_readme_fits_150_lines() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


@every_page
def test_a_link_leads_to_a_file_and_a_heading_that_are_there(page: Path) -> None:
    for link in LINK.findall(prose(page)):
        if not re.match(r"https?:", link):
            file, _, anchor = link.partition("#")
            target = (page.parent / file).resolve() if file else page
            assert target.is_file(), f"{page.name} links to {link}"
            assert not anchor or anchor in anchors(target), f"{page.name} links to {link}"


@every_page
def test_a_file_that_is_named_is_there(page: Path) -> None:
    missing = [name for name in NAMED_FILE.findall(prose(page)) if not (ROOT / name).exists()]
    assert not missing, f"{page.name} names {missing}"


def test_the_modules_of_the_core_in_one_sitting_are_there() -> None:
    listed = prose(DOCS / "contributing.md").partition("## The core in one sitting")[2].partition("\n\nThe sign")[0]
    named = re.findall(r"`(\w+)`", listed.partition("1. ")[2])
    assert len(named) > 6
    assert [name for name in named if not (ROOT / "microgrid" / "core" / f"{name}.py").is_file()] == []


def test_every_floor_of_the_house_is_described_in_its_order() -> None:
    from test_house import FLOORS

    rows = re.findall(r"^\| (\d+) \| (.+?) \|", prose(DOCS / "contributing.md"), re.MULTILINE)
    described = [set(re.findall(r"`microgrid/([\w]+)", rooms)) - {"__init__"} for _, rooms in reversed(rows)]
    assert described[0] == {*FLOORS[0], *FLOORS[1]}
    assert described[1:] == [{room for room in rooms if room != "the face"} for rooms in FLOORS[2:]]
    assert [int(floor) for floor, _ in rows] == [*range(len(rows), 0, -1)]


def test_the_symbols_of_the_readmes_caption_are_in_its_picture() -> None:
    caption = (ROOT / "README.md").read_text(encoding="utf-8").partition("The picture is")[2].partition("\n\n")[0]
    shown = re.findall(r"<text[^>]*>([^<]+)</text>", (DOCS / "logistic_graph.svg").read_text(encoding="utf-8"))
    symbols = set(re.findall(r"\b([Layz]|[wx]\d)\b", caption))
    assert {"L", "a", "y", "z", "w1", "x1"} <= symbols
    assert symbols <= set(shown)


def test_the_readmes_picture_is_the_graph_that_make_picture_draws() -> None:
    namespace: dict[str, object] = {"__name__": "logistic_graph"}
    exec((DOCS / "logistic_graph.py").read_text(encoding="utf-8"), namespace)
    page = namespace["logistic_graph"]()  # type: ignore[operator]
    for name, picture in (("logistic_graph", page.picture), ("logistic_graph_dark", page.dark_picture)):
        assert (DOCS / f"{name}.svg").read_text(encoding="utf-8") == picture


def test_the_figures_of_the_readme_are_those_of_the_benchmarks() -> None:
    """Each ratio of the README's compiled rows stands on the page of the benchmarks too."""
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("<!-- figures")[2].partition("## Licence")[0]
    measured = (DOCS / "benchmarks.md").read_text(encoding="utf-8")
    rows = [row for row in table.splitlines() if row.endswith("|") and "compiled |" in row]
    ratios = [ratio for row in rows for ratio in re.findall(r"([\d.,]*\d) times", row)]
    assert len(ratios) >= 6
    for ratio in ratios:
        assert f"{ratio} times" in measured


def test_every_public_name_is_in_the_reference() -> None:
    text = (DOCS / "reference.md").read_text(encoding="utf-8")
    for name in set(microgrid.__all__) - set(RULES):
        assert f":: microgrid.{name}\n" in text, name
    for room in (microgrid.checking, microgrid.learn, microgrid.logistic, microgrid.nn, microgrid.testing):
        assert f".. automodule:: {room.__name__}\n" in text
    members = re.findall(r"automodule:: microgrid\.checking\n +:members: (.+)", text)[0].split(", ")
    assert {*members, "Interval", "check_gradients", "assert_gradients"} == set(microgrid.checking.__all__)


def test_every_verdict_is_on_the_page_of_checks() -> None:
    text = (DOCS / "checking.md").read_text(encoding="utf-8")
    for verdict in microgrid.checking.Verdict:
        assert f"| {verdict} |" in text


@pytest.mark.parametrize("command", sorted(set(commands())))
def test_a_command_of_the_documentation_runs(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(command)[1:]) == 0, capsys.readouterr().err


@every_page
def test_an_example_in_python_has_prompts_or_is_a_test_file(page: Path) -> None:
    """Examples with prompts are run as doctests; the one test file is run in ``test_pytest_plugin``."""
    for block in blocks(page, "python"):
        assert block.startswith(">>> ") or (page.name == "checking.md" and "def test_" in block)


@every_page
def test_headings_go_down_by_one_level(page: Path) -> None:
    levels = [len(marks) for marks in re.findall(r"^(#+) ", prose(page), re.MULTILINE)]
    assert levels.count(1) == 1
    assert all(below - above <= 1 for above, below in pairwise(levels))
