"""Pictures in the package's own layout: what they say, how they reach a notebook's reader, files, blanks, steps."""

from __future__ import annotations

import base64
import math
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import microgrid
from microgrid import DataError, MissingPackageError, Value, draw, explain, logistic, maximum, named, nn
from microgrid.drawing import Drawing, raster
from microgrid.util.labels import width

pytestmark = pytest.mark.any_engine

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = [
    'a{b|c}<d>"e"&amp;',
    "</title></svg><script>alert(1)</script>",
    '"]; rm -rf /',
    "]]> --> <!--",
    "\\N \\end{tikzpicture} $x$ %",
    "名前 😀 עברית",
    "\u202eright to left",
    "x" * 500,
    "\ud800 \x00 \x1b",
]


def textbook() -> logistic.SampleLoss:
    return logistic.sample_loss([-0.07, -0.728], 0.0, [0.5, -0.25], 0.1, form="textbook")


def drawn_textbook(**options: Any) -> Drawing:
    graph = textbook()
    drawing: Drawing = draw(graph.loss, parameters=(*graph.w, graph.b), data=(*graph.x, graph.y), **options)
    return drawing


def parsed(drawing: Drawing) -> ElementTree.Element:
    return ElementTree.fromstring(drawing.svg())


def texts(element: ElementTree.Element) -> list[str]:
    return [part.text or "" for part in element.iter(f"{SVG}text")]


def groups(root: ElementTree.Element, kind: str) -> list[ElementTree.Element]:
    return [group for group in root.iter(f"{SVG}g") if kind in group.get("class", "").split()]


def tips(root: ElementTree.Element, kind: str) -> list[str]:
    return [group.findtext(f"{SVG}title") or "" for group in groups(root, kind)]


# ---- what is shown --------------------------------------------------------------------------------------------


def test_a_graph_needs_no_program_to_be_drawn() -> None:
    script = (
        "import sys; sys.modules['typst'] = sys.modules['graphviz'] = None\n"
        "import os; os.environ['PATH'] = ''\n"
        "from microgrid import Value, draw\n"
        "print(draw(Value(3.0, 'x') * 2).svg()[:4], sorted(draw(Value(3.0, 'x') * 2)._repr_mimebundle_()))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "<svg ['text/html', 'text/plain']"


def test_the_textbook_loss_fits_a_page_of_900_pixels_at_a_legible_size() -> None:
    root = parsed(drawn_textbook())
    assert float(root.get("width", "nan")) * 0.9 < 900
    assert {part.get("font-size") for part in root.iter(f"{SVG}text")} <= {"10", "11", "12", "13"}
    assert float(parsed(drawn_textbook(width=740)).get("width", "nan")) < 740
    assert float(parsed(drawn_textbook(width=390)).get("width", "nan")) < 390


def test_a_perceptron_fits_too_and_tells_its_neurons_apart() -> None:
    model = nn.MLP(2, [4, 1])
    root = parsed(draw((model([1.0, -1.0]) - 1.0) ** 2, parameters=model))
    assert float(root.get("width", "nan")) * 0.9 < 900
    assert {f"layer 1, neuron {number}" for number in range(1, 5)} <= set(texts(root))
    assert any([tip.startswith("layer 1, neuron 3, w2") for tip in tips(root, "node")])


def test_a_constant_stands_in_the_circle_that_uses_it() -> None:
    x = Value(2.0, "x")
    y = maximum(1.0 / (1.0 + x) - 3.0, 0.5)
    assert [text for text in texts(parsed(draw(y, legend=False))) if re.search(r"[·÷−+]", text) and "1" in text] == [
        "1+",
        "1 + x",
        "1÷",
        "1 ÷ (1 + x)",
    ]
    assert {"−3", "max(·, 0.5)"} <= set(texts(parsed(draw(y))))
    assert len(groups(parsed(draw(y)), "node")) == 5


def test_a_node_without_a_name_shows_a_short_formula() -> None:
    w, x = Value(0.5, "w"), Value(2.0, "x")
    shown = texts(parsed(draw(((w * x).sin() * microgrid.sum([w, x, w, x, w]) + x).exp())))
    assert {"w × x", "sin(w × x)", "… + x", "out"} <= set(shown)
    assert all([len(text) < 20 for text in shown if "×" in text])


def test_every_edge_tells_incoming_times_local_and_every_node_its_paths() -> None:
    x = Value(3.0, "x")
    root = parsed(draw(named(x * x, "y")))
    assert all(["incoming × local = contribution" in tip and "1 × 3 = 3" in tip for tip in tips(root, "edge")])
    assert "the sum over 2 paths:" in tips(root, "node")[0]
    assert "= 3 + 3" in texts(root)


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan, -0.0, 1e-12, 5e-324])
def test_unusual_numbers_are_shown_as_they_are(number: float) -> None:
    shown = [text for text in texts(parsed(draw(Value(number, "x") * 1.0))) if text and text[0] not in "◄∂"]
    assert any([repr(float(text)) == repr(number) for text in shown if re.fullmatch(r"-?(inf|nan|[\d.e+-]+)", text)])


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("page", [900, 390])
def test_hostile_names_are_text_and_nothing_else(name: str, page: int) -> None:
    x = Value(2.0, name)
    drawing = draw(named(x * x, name), width=page, groups={name: [x]})
    root = parsed(drawing)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        "svg", "g", "title", "text", "rect", "circle", "path", "polygon",
    }  # fmt: skip
    html = drawing._repr_mimebundle_()["text/html"]
    assert html.count("<script>") == html.count("</script>") == 1
    assert len(re.findall(r"<\w+", html.partition("<script>")[0])) == 1
    assert drawing.tikz().count(r"\end{tikzpicture}") == 1
    assert all([re.fullmatch(r" +n\d+.*(\]|\)|\}|n\d+)", line) for line in drawing.mermaid().splitlines()[1:]])


def test_svg_has_presentation_attributes_only() -> None:
    for element in parsed(drawn_textbook()).iter():
        assert not {"id", "style", "href", "onclick"} & set(element.attrib)
        assert element.tag.removeprefix(SVG) not in ("style", "script", "a")


def test_someone_who_can_not_see_the_picture_is_told_its_numbers() -> None:
    label = parsed(drawn_textbook()).get("aria-label", "")
    assert label.startswith("the graph of L, 25 nodes; L = 0.8243; ")
    assert "w1 = 0.5, ∂L/∂w1 = -0.0393" in label


def test_a_leaf_alone_and_a_constant_alone_are_drawn() -> None:
    assert "x" in texts(parsed(draw(Value(2.0, "x"))))
    assert "2" in texts(parsed(draw((Value(1.0) * 2.0).parents[1])))


# ---- options --------------------------------------------------------------------------------------------------


def test_blanks_hide_numbers_everywhere_but_in_the_leaves() -> None:
    graph = textbook()
    drawing = draw(graph.loss, blanks=["values", "gradients", "partials"])
    shown = texts(parsed(drawing))
    assert shown.count("?") == 15  # operations
    assert "0.5" in shown
    assert "∂ ?" in shown
    assert "◄ ?" in shown
    text = drawing.svg() + drawing.description + drawing.tikz() + drawing.dot
    assert not re.search(r"0\.8243|0\.5614|2\.28", text)


def test_blank_gradients_leave_values_and_partials() -> None:
    text = drawn_textbook(blanks="gradients").svg()
    assert "0.8243" in text
    assert "◄ 0.7811" in text
    assert "-0.7187" not in text


def test_one_highlighted_node_stresses_every_path_to_the_output() -> None:
    x = Value(3.0, "x")
    a, b = named(x.exp(), "a"), named(x.sin(), "b")
    y = named(a * 2.0 + b, "y")
    for chosen, count in ((x, 5), ([x, a], 1)):
        root = parsed(draw(y, highlight=chosen))
        assert len([path for path in root.iter(f"{SVG}path") if path.get("stroke") == "#d6336c"]) == count
    with pytest.raises(DataError, match="'z' of highlight is not in the graph"):
        draw(y, highlight=Value(1.0, "z"))


def test_the_steps_show_gradients_as_they_arrive() -> None:
    x = Value(3.0, "x")
    y = named(x * x.exp(), "y")
    steps = draw(y, steps=True)
    shown = [[text for text in texts(parsed(one)) if text.startswith("∂ ")] for one in steps]
    assert [len(one) for one in shown] == [0, 1, 3, 3]
    assert shown[2][0].endswith("+ …")
    assert shown[3] == [text for text in texts(parsed(draw(y))) if text.startswith("∂ ")]
    places = {tuple([(box.x, box.y) for box in one.picture.layout().boxes]) for one in steps if one.picture}
    assert len(places) == 1  # nothing moves
    for one in steps:  # and nothing is cut off: the widest text has its room
        assert one.picture
        assert one.picture.moment
        assert one.picture.moment.gradients is not None
        room = {label.node: label.width for label in one.picture.layout().labels if label.kind == "gradient"}
        assert all([width(text, 12) <= room[node] for node, text in one.picture.moment.gradients.items()])


def test_a_series_is_saved_as_numbered_files_and_shown_in_one_output(tmp_path: Path) -> None:
    steps = draw(Value(3.0, "x") * 2.0, steps=True)
    assert [path.name for path in steps.save(tmp_path / "pass.svg")] == ["pass_00.svg", "pass_01.svg", "pass_02.svg"]
    assert steps._repr_mimebundle_()["text/html"].count("<img ") == 3
    assert repr(steps) == "<Series of 3 drawings: the graph of out, 3 nodes>"


def test_own_grads_are_shown_when_asked_for() -> None:
    x = Value(3.0, "x")
    y = x * x
    y.backward()
    y.backward()
    assert "∂ 12" in texts(parsed(draw(y, gradients="grad")))
    assert "∂ 6" in texts(parsed(draw(y)))


def test_size_and_background_can_be_chosen() -> None:
    y = Value(3.0, "x") * 2.0
    plain, large = parsed(draw(y, legend=False)), parsed(draw(y, legend=False, font_size=24))
    assert float(large.get("width", "nan")) == pytest.approx(2 * float(plain.get("width", "nan")), abs=1)
    assert [rect.get("fill") for rect in plain.findall(f"{SVG}rect")] == ["#ffffff"]
    assert not parsed(draw(y, legend=False, transparent=True)).findall(f"{SVG}rect")


def test_groups_have_frames_with_their_names() -> None:
    x = Value(3.0, "x")
    a = x.exp()
    root = parsed(draw(a.sin(), groups={"inner": [x, a]}))
    assert "inner" in texts(root)
    y = a.sin()
    with pytest.raises(DataError, match="'one' and 'two' overlap"):
        draw(y, groups={"one": [x, a], "two": [a, y]})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"blanks": "names"}, "blanks is one of values, gradients, partials"),
        ({"gradients": "all"}, "gradients is True, False"),
        ({"width": 0}, "width is a positive number, not 0"),
        ({"dpi": math.nan}, "dpi is a positive number, not nan"),
        ({"font_size": "large"}, "font_size is a positive number"),
        ({"engine": "graphviz", "steps": True, "transparent": True}, "no steps, transparent: choose no engine"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        draw(Value(1.0), **options)


def test_what_graphviz_lays_out_says_what_it_does_not_have() -> None:
    total = microgrid.sum([Value(float(index), "x") * 2.0 for index in range(150)])
    with pytest.raises(DataError, match=r"no font_size: draw fewer nodes \(max_nodes\)"):
        draw(total, font_size=20, max_nodes=1000)
    with pytest.raises(DataError, match="TikZ is written from the package's own figure"):
        draw(total, max_nodes=1000).tikz()


# ---- files ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("suffix", "start"),
    [
        ("png", b"\x89PNG"),
        ("pdf", b"%PDF"),
        ("tikz", b"% \\usepackage"),
        ("tex", b"% \\usepackage"),
        ("mmd", b"flowchart LR"),
    ],
)
def test_pictures_are_saved_in_many_formats(tmp_path: Path, suffix: str, start: bytes) -> None:
    path = drawn_textbook().save(tmp_path / f"graph.{suffix}")
    assert path.read_bytes().startswith(start)


@pytest.mark.trials
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="TIKZ IS NOT COMPILED: apt-get install texlive-pictures")
def test_a_handout_with_blanks_a_path_a_series_and_any_letters_compiles(tmp_path: Path) -> None:
    graph = logistic.sample_loss([-0.07, -0.728], 0.0, [0.5, -0.25], 0.1, form="textbook")
    draw(graph.loss, blanks=["gradients", "partials"]).save(tmp_path / "blank.tikz")
    draw(graph.loss, blanks="values").save(tmp_path / "blank.pdf")
    draw(graph.loss, highlight=graph.w[0]).save(tmp_path / "path.tikz")
    steps = draw(named(graph.w[0] * 2.0, HOSTILE[0]), steps=True).save(tmp_path / "steps.tikz")
    for index, name in enumerate([*HOSTILE, "名😀𝑥"]):
        draw(named(Value(1.0, name) * 2.0, name)).save(tmp_path / f"name{index}.tikz")
    pieces = ["blank.tikz", "path.tikz", *[step.name for step in steps]]
    pieces += [f"name{index}.tikz" for index in range(len(HOSTILE) + 1)]
    body = "\\newpage".join([rf"\input{{{piece}}}" for piece in pieces])
    packages = r"\usepackage{tikz,amssymb,textcomp,graphicx}\usepackage[T1]{fontenc}"
    (tmp_path / "handout.tex").write_text(
        rf"\documentclass{{article}}{packages}\begin{{document}}{body}\newpage\includegraphics{{blank.pdf}}\end{{document}}",
        encoding="utf-8",
    )
    compiled = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "handout.tex"]
    done = subprocess.run(compiled, cwd=tmp_path, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:].decode(errors="replace")
    assert (tmp_path / "handout.pdf").stat().st_size > 20_000


def test_letters_that_latex_has_not_are_told_by_their_codes() -> None:
    text = draw(Value(1.0, "é名") * 2.0).tikz()
    assert r"{é\mgletter{540D}{名}}" in text
    assert text.splitlines()[1].startswith(r"\providecommand{\mgletter}")


def test_dpi_scales_the_pixels() -> None:
    def pixels(drawing: Drawing) -> int:
        return int.from_bytes(drawing.png()[16:20], "big")

    x = Value(3.0, "x")
    assert pixels(draw(x * 2.0, dpi=384)) == pytest.approx(2 * pixels(draw(x * 2.0)), abs=1)


def test_letters_that_no_font_has_are_told_with_the_font_that_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raster, "_has_font", lambda letter: letter not in "名😀")
    with pytest.warns(UserWarning, match=r"no font .* has 名 😀: .* install Noto Sans CJK and Noto Color Emoji"):
        draw(Value(1.0, "名😀") * 2.0).png()


def test_whether_a_font_has_a_letter_is_seen_in_its_picture() -> None:
    assert raster._has_font("∂")
    assert not raster._has_font("\U000f0000")


def test_without_typst_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(MissingPackageError, match=r"written as PDF by Typst: pip install 'microgrid-autodiff\[draw\]'"):
        draw(Value(1.0)).pdf()


def test_a_drawing_is_a_source_of_the_graphviz_package() -> None:
    graphviz = pytest.importorskip("graphviz")
    source = draw(Value(3.0, "x") * 2.0).to_graphviz()
    assert isinstance(source, graphviz.Source)
    assert b"<svg" in source.pipe(format="svg")


# ---- notebooks ------------------------------------------------------------------------------------------------


def test_the_bundle_reaches_untrusted_and_trusted_readers() -> None:
    drawing = drawn_textbook()
    bundle = drawing._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html", "image/png"}
    assert bundle["image/png"].startswith(b"\x89PNG")
    image = re.match(
        r'<img class="microgrid-drawing" style="max-width:100%;height:auto" alt="([^"]*)" src="([^"]*)"',
        bundle["text/html"],
    )
    assert image
    assert image[1].startswith("the graph of L, 25 nodes")
    kind, _, data = image[2].partition(";base64,")
    assert kind == "data:image/svg+xml"
    column = base64.b64decode(data).decode()
    assert float(ElementTree.fromstring(column).get("width", "nan")) < 740
    others = re.findall(r'data-others="([^"]*)"', bundle["text/html"])[0].split()
    assert [base64.b64decode(other).decode() for other in others] == [drawing.svg(), drawn_textbook(width=390).svg()]


def test_a_notebook_is_heeded_when_it_wants_one_kind_or_no_picture() -> None:
    drawing = draw(Value(3.0, "x") * 2.0)
    assert set(drawing._repr_mimebundle_(include=["text/plain"])) == {"text/plain"}
    assert set(drawing._repr_mimebundle_(include=["image/png"])) == {"text/plain", "image/png"}
    assert set(drawing._repr_mimebundle_(exclude=["text/html"])) == {"text/plain", "image/png"}


def test_in_a_terminal_nothing_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    shell = SimpleNamespace(display_formatter=SimpleNamespace(active_types=["text/plain"]))
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setattr(Drawing, "svg", lambda _: pytest.fail("drawn for nobody"))
    value = Value(3.0, "x") * 2.0
    assert value._repr_mimebundle_() == {"text/plain": repr(value)}
    assert set(draw(value)._repr_mimebundle_()) == {"text/plain"}


def test_a_values_gradients_are_its_nodes_own_after_backward() -> None:
    x = Value(3.0, "x")
    y = x * x
    y.backward()
    y.backward()
    page = y._repr_mimebundle_()["text/html"]
    assert page.startswith("<pre>Value(data=9.0, grad=1.0)</pre>")
    svg = base64.b64decode(re.findall(r"base64,([^\"]*)", page)[0]).decode()
    assert "∂ 12" in svg
    assert "∂: its grad" in svg


def test_a_large_value_shows_its_text_and_a_collapsed_picture() -> None:
    graph = logistic.dataset_loss([[float(i), 1.0] for i in range(200)], [i % 2 for i in range(200)], [0.1, 0.2], 0.3)
    page = graph.loss._repr_mimebundle_()["text/html"]
    svg = ElementTree.fromstring(base64.b64decode(re.findall(r"base64,([^\"]*)", page)[0]).decode())
    assert float(svg.get("width", "nan")) < 1000
    assert float(svg.get("height", "nan")) < 1200
    assert any(["nodes and" in text for text in texts(svg)])


def test_components_are_a_table_and_a_derivation_is_typeset() -> None:
    graph = textbook()
    rows = logistic.components(graph)
    assert rows._repr_html_().count("<tr>") == 1 + len(rows)
    assert str(rows).splitlines()[0].split() == ["derivative", "formula", "autodiff", "closed", "form", "ulp"]
    derivation = explain(graph.loss, wrt=graph.w[0])
    bundle = derivation._repr_mimebundle_()
    assert bundle == {"text/latex": f"$\\displaystyle {derivation.latex()}$", "text/plain": derivation.text()}
