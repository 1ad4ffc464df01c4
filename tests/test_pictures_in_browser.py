"""Pictures as a browser shows them: real fonts, columns of three widths, scripts on and off; and JupyterLab itself."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import pytest
from browser import chromium, needs_chromium

from microgrid import Value, draw, logistic, named, nn, step_through
from microgrid.drawing import Drawing
from microgrid.drawing.look import DARK

pytestmark = [needs_chromium, pytest.mark.any_engine]

HOSTILE = "</script><img src=x onerror=alert(1)><script>alert(2)</script>"

OVERLAPS = """() => {
  const boxes = [...document.querySelectorAll("svg text")].filter((text) => text.textContent.trim()).map((text) => {
    const box = text.getBoundingClientRect();
    return [text.textContent, box.left + 1, box.top + 3, box.right - 1, box.bottom - 3];
  });
  const found = [];
  boxes.forEach((a, at) => boxes.slice(0, at).forEach((b) => {
    if (Math.min(a[3], b[3]) > Math.max(a[1], b[1]) && Math.min(a[4], b[4]) > Math.max(a[2], b[2])) {
      found.push(a[0] + " | " + b[0]);
    }
  }));
  return found;
}"""
"""Texts that stand on each other, with a little of their line height taken off."""

CROSSED = """() => {
  const names = [...document.querySelectorAll("g.node text")].map((text) => [text.textContent, text.getBBox()]);
  const found = [];
  for (const path of document.querySelectorAll("g.edge path:first-of-type")) {
    for (let at = 0; at < path.getTotalLength(); at += 3) {
      const {x, y} = path.getPointAtLength(at);
      for (const [text, box] of names) {
        if (box.x + 3 < x && x < box.x + box.width - 3 && box.y + 4 < y && y < box.y + box.height - 4) found.push(text);
      }
    }
  }
  return found;
}"""
"""Names and numbers of nodes that an edge passes through."""


def textbook() -> Drawing:
    graph = logistic.sample_loss([-0.07, -0.728], 0.0, [0.5, -0.25], 0.1, form="textbook")
    drawing: Drawing = draw(graph.loss, parameters=(*graph.w, graph.b), data=(*graph.x, graph.y))
    return drawing


def perceptron() -> Drawing:
    model = nn.MLP(2, [4, 1])
    drawing: Drawing = draw((model([Value(1.0, "x1"), Value(-1.0, "x2")]) - 1.0) ** 2, parameters=model)
    return drawing


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


def page_of(drawing: Drawing, tmp_path: Path) -> str:
    path = tmp_path / "page.html"
    body = drawing._repr_mimebundle_()["text/html"]
    path.write_text(f'<!doctype html><meta charset="utf-8"><body style="margin:0">{body}', encoding="utf-8")
    return path.as_uri()


@pytest.mark.parametrize(("make", "width"), [(textbook, 1200), (textbook, 748), (textbook, 390), (perceptron, 900)])
def test_the_layout_that_fits_the_column_is_shown_with_tooltips_and_nothing_overlaps(
    browser: Any, tmp_path: Path, make: Any, width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.goto(page_of(make(), tmp_path))
    assert page.locator("img").count() == 0
    shown, natural = page.evaluate(
        "() => { const svg = document.querySelector('svg'); return [svg.clientWidth, +svg.getAttribute('width')]; }"
    )
    assert shown <= width
    assert shown / natural > 0.85
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert "incoming × local = contribution" in page.locator("g.edge title").first.text_content()
    assert page.evaluate(OVERLAPS) == []
    assert page.evaluate(CROSSED) == []
    page.close()


def test_the_check_for_overlaps_sees_one(browser: Any) -> None:
    page = browser.new_page()
    page.set_content('<svg><g class="node"><text x="9" y="20">abc</text><text x="12" y="22">abc</text></g></svg>')
    assert page.evaluate(OVERLAPS) == ["abc | abc"]
    page.set_content(
        '<svg><g class="node"><text x="9" y="20">abcdef</text></g><g class="edge"><path d="M0,15H90"/></g></svg>'
    )
    assert "abcdef" in page.evaluate(CROSSED)
    page.close()


def test_without_scripts_the_picture_is_an_image_of_at_most_the_columns_width(browser: Any, tmp_path: Path) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 500, "height": 800})
    page = context.new_page()
    page.goto(page_of(textbook(), tmp_path))
    box = page.locator("img").bounding_box()
    assert 400 < box["width"] <= 500
    assert page.locator("img").get_attribute("alt").startswith("the graph of L, 25 nodes; L = 0.8243")
    context.close()


def pixel_of(png: bytes) -> tuple[int, ...]:
    """The colour of a picture of one pixel."""
    at, packed = 8, b""
    while at < len(png):
        length = int.from_bytes(png[at : at + 4])
        packed += png[at + 8 : at + 8 + length] if png[at + 4 : at + 8] == b"IDAT" else b""
        at += length + 12
    return tuple(zlib.decompress(packed)[1:4])


def test_without_scripts_the_image_follows_the_colour_scheme_of_its_page(browser: Any, tmp_path: Path) -> None:
    context = browser.new_context(java_script_enabled=False, color_scheme="dark")
    bundles = [textbook()._repr_mimebundle_(), step_through(Value(2.0, "x") * 3.0)._repr_mimebundle_()]
    for bundle in bundles:
        for scheme, background in (("light", (255, 255, 255)), ("dark", (0x14, 0x18, 0x1D))):
            page = context.new_page()
            page.set_content(f"<body style='margin:0;color-scheme:{scheme}'>{bundle['text/html']}")
            png = page.screenshot(clip={"x": 1, "y": 1, "width": 1, "height": 1})
            assert pixel_of(png) == background
            page.close()
    context.close()


def test_on_a_dark_page_the_picture_is_dark_and_has_a_text(browser: Any, tmp_path: Path) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = browser.new_page(viewport={"width": 900, "height": 800})
    page.goto(page_of(textbook(), tmp_path))
    colours = "[...new Set([...document.querySelectorAll('svg [fill]')].map((e) => e.getAttribute('fill')))]"
    light = set(page.evaluate(colours)) - {"none"}
    path = tmp_path / "dark.html"
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    dark = '<html lang="en"><title>t</title><body style="background:#111111"><main><h1 style="color:white">t</h1>'
    path.write_text(html.replace('<body style="margin:0">', dark), encoding="utf-8")
    page.goto(path.as_uri())
    assert set(page.evaluate(colours)) - {"none"} == {DARK[colour] for colour in light}
    assert Axe().run(page).response["violations"] == []
    page.close()


def test_several_pictures_on_a_page_and_hostile_names_run_nothing(browser: Any, tmp_path: Path) -> None:
    x = Value(2.0, HOSTILE)
    said: list[Any] = []
    page = browser.new_page()

    def note(event: Any) -> None:
        said.append(event)

    page.on("dialog", note)
    page.on("pageerror", note)
    path = tmp_path / "page.html"
    body = draw(named(x * x, HOSTILE), steps=True)._repr_mimebundle_()["text/html"]
    path.write_text(f'<!doctype html><meta charset="utf-8">{body}{body}', encoding="utf-8")
    page.goto(path.as_uri())
    assert page.locator("svg").count() == 6
    assert page.locator("img").count() == 0
    assert said == []
    page.close()


# ---- JupyterLab -----------------------------------------------------------------------------------------------

CELLS = {
    "drawing": "from microgrid import *\nfrom microgrid import logistic\n"
    "g = logistic.sample_loss([-.07, -.728], 0.0, [.5, -.25], .1, form='textbook')\ndraw(g.loss)",
    "value": "g.loss",
    "page": "step_through(g.loss, parameters=[*g.w, g.b])",
    "another page": f"step_through(Value(2.0, {HOSTILE!r}) * Value(float('nan')))",
    "table": "logistic.components(g)",
    "derivation": "explain(g.loss, wrt=g.w[0])",
}


@contextmanager
def jupyterlab(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """A server in a folder, and the environment it runs in."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
    }
    options = ["--no-browser", "--allow-root", f"--port={port}", "--ServerApp.token=", "--ServerApp.password="]
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", *options, f"--ServerApp.root_dir={folder}"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=1)
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.25)
        yield f"http://127.0.0.1:{port}", environment
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


@pytest.mark.trials  # a server and a kernel are started
@pytest.mark.filterwarnings("default")  # they are other processes; this one only passes messages on
def test_jupyterlab_shows_everything_trusted_and_untrusted(browser: Any, tmp_path: Path) -> None:
    from nbclient import NotebookClient
    from nbformat import v4

    notebook = v4.new_notebook(cells=[v4.new_code_cell(source) for source in CELLS.values()])
    NotebookClient(notebook, timeout=120).execute()
    for name in ("untrusted", "trusted"):
        nbformat.write(notebook, tmp_path / f"{name}.ipynb")
    with jupyterlab(tmp_path) as (address, environment):
        for name, element in (("untrusted", "img"), ("trusted", "svg[role=img], .jp-OutputArea-output iframe")):
            if name == "trusted":  # by its contents, which are those of the other
                trust = [sys.executable, "-m", "jupyter", "trust", str(tmp_path / "trusted.ipynb")]
                subprocess.run(trust, env=environment, check=True, capture_output=True)
            page = browser.new_page(viewport={"width": 1200, "height": 5000})
            page.on("dialog", lambda dialog: pytest.fail(f"something was executed: {dialog.message}"))
            page.goto(f"{address}/lab/workspaces/{name}/tree/{name}.ipynb")
            page.wait_for_selector(".jp-OutputArea-output mjx-container", timeout=60_000)  # the derivation is typeset
            pictures = page.locator(f".jp-OutputArea-output {element}")
            pictures.nth(3).wait_for(state="attached", timeout=60_000)
            assert pictures.count() == 4
            for width in (1200, 900):
                page.set_viewport_size({"width": width, "height": 5000})
                page.wait_for_function(
                    "(element) => [...document.querySelectorAll(element)].every((one) => one.clientWidth > 250)",
                    arg=f".jp-OutputArea-output {element}",
                    timeout=60_000,
                )
                sizes = pictures.evaluate_all(
                    "(all) => all.map((one) => [one.clientWidth, one.parentElement.clientWidth])"
                )
                assert all([own <= column for own, column in sizes])
            assert page.locator(".jp-OutputArea-output table tr").count() == 10
            frames = [frame for frame in page.frames if frame is not page.main_frame]
            assert len(frames) == (2 if name == "trusted" else 0)
            for frame in frames:
                frame.click("#back")
                assert "hands on incoming × local" in frame.inner_text("#say")
            page.close()
