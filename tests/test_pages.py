"""The page that steps through a graph, in a real browser: what it shows at each step is what Python has."""

from __future__ import annotations

import json
import math
import random
import re
import time
from collections.abc import Iterator
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import pytest
from browser import CHROMIUM, NODE, chromium, in_node, needs_chromium
from helpers import everyday

import microgrid
from microgrid import DataError, InvalidValueError, OutputError, Value, logistic, named, nn, sigmoid, step_through
from microgrid.core.arithmetic import FLOAT
from microgrid.core.engine import recorder
from microgrid.core.graph import evaluate, pullback, topological_order
from microgrid.core.rules import RULES
from microgrid.drawing.look import DARK
from microgrid.pages.mathml import rule_in_mathml
from microgrid.pages.page import asset, embedded
from microgrid.pages.picture import shown_number

HOSTILE = [
    "<script>alert(1)</script>",
    '"]; rm -rf',
    "<!--<script>",
    "{|} {title} {data}",
    "😀 σ ∂",
    "\u202eright",
    "x" * 500,
    "'\"&",
]


def loss_of_a_sample() -> logistic.SampleLoss:
    return logistic.sample_loss([-0.07, -0.728], 0, [0.5, -0.25], 0.1)


@cache
def page_of_the_loss() -> microgrid.Page:
    return page_with()


def page_with(**more: Any) -> microgrid.Page:
    graph = loss_of_a_sample()
    return step_through(graph.loss, parameters=[*graph.w, graph.b], data=[*graph.x, graph.y], **more)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.fixture(autouse=True)
def _closing(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a test opened is closed after it, so that nothing goes on in it."""
    yield
    if "browser" in request.fixturenames:
        for context in request.getfixturevalue("browser").contexts:
            context.close()


def opened(browser: Any, page: microgrid.Page, folder: Path, width: int = 1200, link: str = "", **more: Any) -> Any:
    """The page in a tab. Whatever goes wrong in it, or is asked of the network, fails the test."""
    tab = browser.new_page(viewport={"width": width, "height": 800}, **more)
    faults: list[str] = []
    tab.on("pageerror", lambda error: faults.append(str(error)))
    tab.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    tab.on("dialog", lambda _: faults.append("something was executed"))
    tab.on(
        "request", lambda request: None if request.url.startswith(("file:", "data:")) else faults.append(request.url)
    )
    tab.goto(page.save(folder / "page.html").as_uri() + link)
    tab.faults = faults
    assert faults == []
    return tab


def total(terms: list[float]) -> float:
    """The sum, which begins with its first term: 0 has a sign."""
    return sum(terms[1:], terms[0])


def numbers(tab: Any, attribute: str) -> dict[str, str]:
    """What the visible picture shows."""
    script = (
        f"() => Object.fromEntries([...document.querySelectorAll('svg.g [data-{attribute}]')]"
        f".filter(e => e.getClientRects().length).map(e => [e.dataset.{attribute}, e.firstChild?.data ?? '']))"
    )
    return dict(tab.evaluate(script))


# ---- without a browser ----------------------------------------------------------------------------------------


def test_the_page_is_complete_without_its_script() -> None:
    page = page_of_the_loss()
    graph = loss_of_a_sample().loss
    order = topological_order(graph)
    adjoints = pullback(graph)
    without = re.sub(r"<script.*?</script>", "", page.html, flags=re.DOTALL)
    for node in order:
        if not node.is_constant:
            assert f">{shown_number(node.data)}<" in without
            assert f">{shown_number(adjoints[node])}<" in without
    assert page.picture.count("<svg") == 1
    assert "<script" not in page.picture
    assert "<style" not in page.picture


def test_a_notebook_gets_the_page_an_image_and_plain_text() -> None:
    page = page_of_the_loss()
    bundle = page._repr_mimebundle_()
    assert set(bundle) == {"text/html", "image/png", "text/plain"}
    assert bundle["image/png"].startswith(b"\x89PNG")
    assert bundle["text/html"].startswith("<img ")
    assert page.description.startswith("step through L, 25 nodes; L = 0.8243; y = 0, ∂L/∂y = −0.247; w1 = 0.5, ")
    assert bundle["text/plain"].splitlines()[1:] == page.description.split("; ")[1:]
    assert f'alt="{page.description}"' in bundle["text/html"]
    assert f'aria-label="{page.description}"' in page.picture
    assert set(page._repr_mimebundle_(include=["text/html"])) == {"text/plain", "text/html"}
    wide = step_through(
        microgrid.sum([(microgrid.sin, microgrid.cos)[k % 2](Value(float(k), f"x{k}")) for k in range(200)])
    )
    assert "image/png" not in wide._repr_mimebundle_()  # of a side of many thousand pixels


def test_the_dark_picture_has_the_colours_of_the_dark_page() -> None:
    themes = [dict(re.findall(r"--(\w+): (#\w+)", line)) for line in asset("page.css").splitlines() if "--bg:" in line]
    light, dark, system = [{k: v if len(v) == 7 else "#ffffff" for k, v in theme.items()} for theme in themes]
    assert dark == system
    for name in ("bg", "ink", "line", "f", "b", "op", "par", "parline", "dat", "datline", "out", "outline"):
        assert DARK[light[name]] == dark[name], name
    page = page_of_the_loss()
    colours = set(re.findall("#[0-9a-f]{6}", page.dark_picture))
    assert colours <= set(DARK.values())
    assert ">fill=&quot;#1f2933<" in step_through(Value(1.0, 'fill="#1f2933') * 2.0).dark_picture


def test_a_page_asks_for_nothing_outside_and_stays_small() -> None:
    html = page_of_the_loss().html
    assert len(html.encode()) < 150_000
    assert set(re.findall(r"https?://[^\s\"'<)]+", html)) <= {"http://www.w3.org/2000/svg"}
    assert "eval(" not in html
    assert "new Function" not in html


def test_embedded_json_ends_no_script_and_begins_no_tag() -> None:
    text = embedded([*HOSTILE, "</script>", "\u2028"])
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text)[:-2] == HOSTILE


def test_a_constant_is_its_number_and_what_has_no_name_its_formula_or_a_name_of_its_own() -> None:
    w, v1 = Value(0.5, "w"), Value(2.0, "v1")
    graph = microgrid.exercise(microgrid.sum([w * v1, 0.25, Value(3.0), microgrid.maximum(w, 1.5)])).graph
    assert graph.names == ["w", "v1", "w × v1", "0.25", "v2", "1.5", "max(w, 1.5)", "out"]
    losses = microgrid.mean([(w * (0.3 * k) - 0.4 * k) ** 2 for k in range(9)])
    page = json.loads(re.search(r'id="data">(.*?)</script>', step_through(losses).html)[1])  # type: ignore[index]
    assert [node["n"] for node in page["nodes"]] == ["w", "d1", "w × d1", "d2", "… − d2", "2", "out"]


def test_what_is_wrong_is_refused_with_its_reason(tmp_path: Path) -> None:
    x = Value(1.0, name="x")
    y = x * 2.0
    with pytest.raises(InvalidValueError, match="only the graph of a Value"):
        step_through(3.0)  # type: ignore[arg-type]
    with pytest.raises(InvalidValueError, match="parameters"):
        step_through(y, parameters=5)
    with pytest.raises(OutputError, match=r"ends in \.html"):
        step_through(y).save(tmp_path / "page.pdf")
    x.data = 5.0
    with pytest.raises(DataError, match="was changed since the graph was recorded"):
        step_through(y)


def test_the_pages_numbers_are_written_as_pythons() -> None:
    draw = random.Random(3)
    some = [draw.choice((-1, 1)) * 10.0 ** draw.uniform(-12, 12) for _ in range(600)]
    some += [draw.randrange(-40000, 40000) / 2 ** draw.randrange(12) for _ in range(600)]  # with ties
    some += [0.0, -0.0, 1e5, 99995.0, 9999.5, 0.00012345, 9.9995e-5, 1e300, 5e-324, 1234567.0, 1e7, 999999.5]
    script = asset("text.js").partition("const nameOf")[0] + f"; {json.dumps(some)}.map(x => [shown(x), shown(x, 3)])"
    assert NODE or CHROMIUM
    if NODE:
        answers = in_node(script)
    else:
        with chromium() as started:
            answers = started.new_page().evaluate("script => (0, eval)(script)", script)
    some[some.index(-0.0)] = 0.0  # JSON has no -0
    assert answers == [[shown_number(x), shown_number(x, 3)] for x in some]


# ---- stepping -------------------------------------------------------------------------------------------------


WALK = """() => {
  const texts = (key) => Object.fromEntries([...document.querySelectorAll(`svg.g [data-${key}]`)]
    .filter((e) => e.getClientRects().length).map((e) => [e.dataset[key], e.firstChild?.data ?? ""]));
  const say = document.getElementById("say"), steps = [];
  document.getElementById("first").click();
  for (let step = 0; step <= +document.getElementById("step").max; step++) {
    if (step) document.getElementById("next").click();
    const places = [...document.querySelectorAll("svg.wide ellipse")].map((e) => e.getBoundingClientRect());
    const tall = say.offsetHeight;
    steps.push({ say: say.textContent, v: texts("v"), g: texts("g"), places: JSON.stringify(places), tall });
  }
  return steps;
}"""
"""What the page shows at each of its steps."""


@needs_chromium
def test_each_step_shows_what_python_has_and_nothing_before_its_time_at_the_same_place(
    browser: Any, tmp_path: Path
) -> None:
    graph = loss_of_a_sample().loss
    order = topological_order(graph)
    place = {node: str(index) for index, node in enumerate(order)}
    operations = [node for node in order if node.op is not None]
    uses = {node: sum([child.parents.count(node) for child in operations]) for node in order}
    tab = opened(browser, page_of_the_loss(), tmp_path)
    walked = tab.evaluate(WALK)
    assert len(walked) == 2 * len(operations) + 3
    for step, seen in enumerate(walked):
        assert f"step {step} of {2 * len(operations) + 2} " in seen["say"]
        computed = operations[:step]
        handed = operations[::-1][: max(step - len(operations) - 1, 0)]
        arrived: dict[Value, list[float]] = {graph: [1.0]} if step > len(operations) else {}
        for node in handed:
            for parent, partial in zip(node.parents, node.partials, strict=True):
                arrived.setdefault(parent, []).append(partial * total(arrived[node]))
        wanted = {place[n]: shown_number(n.data) for n in order if n.op is None or n in computed}
        values = seen["v"]
        assert {k: v for k, v in values.items() if v} == {k: v for k, v in wanted.items() if k in values}
        for key, text in seen["g"].items():
            node = order[int(key)]
            terms = arrived.get(node, [])
            more = " + …" if terms and node is not graph and len(terms) < uses[node] else ""
            assert text == (shown_number(total(terms)) + more if terms else "")
        if step > len(operations) + 1 and step < 2 * len(operations) + 2:
            node = handed[-1]
            for parent, partial in zip(node.parents, node.partials, strict=True):
                if not parent.is_constant:
                    incoming = total(arrived[node])
                    product = f"{shown_number(incoming)}×{shown_number(partial)}={shown_number(incoming * partial)}"
                    assert f"to {parent.name}: {product}" in seen["say"]
    assert len({seen["places"] for seen in walked}) == 1
    heights = {seen["tall"] for seen in walked}
    assert max(heights) - min(heights) <= 24
    assert tab.faults == []


@needs_chromium
def test_equations_are_mathml_in_the_names_of_the_operands(browser: Any, tmp_path: Path) -> None:
    x, n = Value(0.5, "x"), Value(2.0, "<b>")
    tab = opened(browser, step_through(named(sigmoid(named(x - n, "x - n")) / x, "q")), tmp_path)
    said = [step["say"] for step in tab.evaluate(WALK)]
    assert "∂(x - n)∂x=1, ∂(x - n)∂(<b>)=−1" in said[1]
    assert "= sigmoid(x - n = −1.5) = 11+e−(x - n) = 0.1824" in said[2]
    assert "∂q∂x=−σ(x - n)x2=−0.7297" in said[3]
    assert "the sum over its paths: ∂q∂x=−0.7297+0.2983=−0.4314" in said[7]
    tab.click("#back")
    assert tab.locator("#say math mfrac").count() == 1
    assert tab.faults == []


def test_every_rules_formulas_are_written_in_mathml() -> None:
    import xml.etree.ElementTree as ElementTree

    for rule in RULES.values():
        for text in rule_in_mathml(rule):
            ElementTree.fromstring(f"<math>{text}</math>".replace("&#x2061;", ""))
    assert rule_in_mathml(RULES["div"])[2] == (
        "<mfrac><mrow><mo>−</mo><mi>x</mi></mrow><msup><mi>y</mi><mn>2</mn></msup></mfrac>"
    )
    assert rule_in_mathml(RULES["tanh"])[1].startswith("<mrow><mn>1</mn><mo>−</mo><msup>")
    assert "otherwise" in rule_in_mathml(RULES["relu"])[1]
    assert rule_in_mathml(RULES["sum"]) == []


@needs_chromium
def test_keys_clicks_links_and_the_slider_go_to_steps(browser: Any, tmp_path: Path) -> None:
    tab = opened(browser, page_of_the_loss(), tmp_path, link="#step=22", bypass_csp=True)

    def says() -> str:
        return str(tab.inner_text("#say"))

    assert "step 22 of 32" in says()
    for key, step in (("ArrowRight", 23), ("ArrowLeft", 22), ("Home", 0), ("End", 32)):
        tab.keyboard.press(key)
        assert f"step {step} of 32" in says()
    assert tab.evaluate("location.hash") == "#step=32"
    node = tab.locator("svg.wide .n", has_text="log-").first
    node.click()
    assert "backward through +" in says()
    node.click()
    assert "forward: log-likelihood = add" in says()
    tab.locator("#step").fill("5")
    assert "step 5 of 32" in says()
    tab.locator("svg.wide .n[tabindex='0']").focus()
    tab.keyboard.press("ArrowLeft")
    tab.keyboard.press("Enter")
    assert "log-likelihood" in says()
    tab.click("#play")
    tab.wait_for_function("!document.getElementById('say').textContent.includes('step 16 ')", timeout=4000)
    assert tab.inner_text("#play") == "pause"
    assert tab.faults == []


# ---- moving ---------------------------------------------------------------------------------------------------


@needs_chromium
def test_a_number_in_the_sentence_is_a_control(browser: Any, tmp_path: Path) -> None:
    tab = opened(browser, page_of_the_loss(), tmp_path)
    tab.locator("#say .scrub").first.focus()
    tab.keyboard.press("ArrowUp")
    moved = logistic.sample_loss([-0.07, -0.728], 0, [0.6, -0.25], 0.1)
    moved.loss.backward()
    shown = set(numbers(tab, "g").values())
    assert {shown_number(moved.w[0].grad), shown_number(moved.b.grad)} <= shown
    box = tab.locator("#say .scrub").nth(1).bounding_box()
    tab.mouse.move(box["x"] + 3, box["y"] + 5)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 28, box["y"] + 5)
    tab.mouse.up()
    moved = logistic.sample_loss([-0.07, -0.728], 0, [0.6, 0.0], 0.1)
    moved.loss.backward()
    assert shown_number(moved.loss.data) in numbers(tab, "v").values()
    assert shown_number(moved.w[1].grad) in numbers(tab, "g").values()


def graph_of_every_rule(shift: float) -> tuple[dict[str, float], Value]:
    """The sum of all rules, each on leaves of its own; the leaves stand between their everyday point and another."""
    leaves: dict[str, float] = {}
    outputs = []
    for rule in RULES.values():
        first, second = list(everyday(rule, 2))[:2]
        operands = []
        for index, (a, b) in enumerate(zip(first, second, strict=True)):
            region = rule.regions[index * len(rule.regions) // len(first)]
            if region.constant:
                operands.append(Value(2.0))
                continue
            name = f"{rule.name}_{index}"
            leaves[name] = a + shift * (b - a)
            operands.append(Value(leaves[name], name=name))
        outputs.append(named(recorder(rule)(*operands), rule.name))
    return leaves, named(microgrid.sum(outputs), "total")


@needs_chromium
def test_sliders_move_every_rule(browser: Any, tmp_path: Path) -> None:
    _, start = graph_of_every_rule(0.0)
    wanted_leaves, wanted = graph_of_every_rule(0.4)
    tab = opened(browser, step_through(start), tmp_path)
    tab.click("[data-mode=move]")
    tab.evaluate(
        "leaves => { for (const row of document.querySelectorAll('[data-leaf]')) {"
        " const typed = row.querySelector('input[type=number]'), name = row.querySelector('b').textContent;"
        " if (name in leaves) { typed.value = leaves[name]; typed.onchange(); } } }",
        wanted_leaves,
    )
    order = topological_order(wanted)
    adjoints = pullback(wanted)
    for key, text in numbers(tab, "v").items():
        assert text == shown_number(order[int(key)].data), order[int(key)]
    wrong = {
        order[int(key)].name: (text, shown_number(adjoints[order[int(key)]]))
        for key, text in numbers(tab, "g").items()
        if text != shown_number(adjoints[order[int(key)]])
    }
    assert wrong == {}
    assert tab.faults == []


@needs_chromium
def test_the_check_button_agrees_and_a_slider_moves_the_plot(browser: Any, tmp_path: Path) -> None:
    tab = opened(browser, page_of_the_loss(), tmp_path)
    tab.click("[data-mode=move]")
    tab.click("#check")
    assert tab.inner_text("#checked").startswith("✓ 6 of 6 agree")
    before = tab.get_attribute(".plot .tangent", "d")
    tab.evaluate(
        "() => { const range = document.querySelectorAll('[data-leaf] input')[10]; range.value = 1.5; range.oninput() }"
    )
    assert tab.get_attribute(".plot .tangent", "d") != before
    assert "L along b" in tab.inner_text("#plotted")
    moved = logistic.sample_loss([-0.07, -0.728], 0, [0.5, -0.25], 1.5)
    moved.loss.backward()
    assert f"slope {shown_number(moved.b.grad)}" in tab.inner_text("#plotted")
    tab.click("#reset")
    assert shown_number(loss_of_a_sample().loss.data) in numbers(tab, "v").values()


# ---- whoever looks at it --------------------------------------------------------------------------------------


@needs_chromium
def test_the_check_says_right_and_wrong_where_differences_can_tell(browser: Any, tmp_path: Path) -> None:
    steep, flat, far = Value(1e-9, "steep"), Value(2.0, "flat"), Value(1.7e308, "far")
    graph = microgrid.sin(steep * 1e9) + microgrid.tanh(flat * 1e-13) + microgrid.tanh(far)
    tab = opened(browser, step_through(graph + microgrid.relu(Value(0.0, "kink"))), tmp_path)
    tab.click("[data-mode=move]")
    tab.click("#check")
    told = tab.inner_text("#checked")
    assert told.startswith("✗ kink: 0.5 by differences, 0 by backpropagation")
    assert not {"steep", "flat", "far"} & {*re.findall(r"\w+", told)}
    tab.evaluate("document.querySelectorAll('[data-leaf] input[type=range]').forEach((one) => one.focus())")
    assert tab.faults == []
    tab = opened(browser, step_through(microgrid.log(Value(math.inf, "x")) + steep), tmp_path)
    tab.click("[data-mode=move]")
    tab.click("#check")
    assert tab.inner_text("#checked") == "differences tell nothing of x, steep: a number is not finite"
    assert tab.faults == []


@needs_chromium
def test_the_page_fits_every_width(browser: Any, tmp_path: Path) -> None:
    tab = opened(browser, page_of_the_loss(), tmp_path)
    shown = "[...document.querySelectorAll('svg.g')].filter(e => e.getClientRects().length)"
    for width, name in ((1200, "wide"), (760, "middle"), (390, "narrow")):
        tab.set_viewport_size({"width": width, "height": 800})
        assert tab.evaluate(f"{shown}.map(e => e.classList[1])") == [name]
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert tab.evaluate(f"{shown}.every(e => e.getBoundingClientRect().right <= innerWidth)")
        tab.click("#last")
        assert "" not in numbers(tab, "g").values()
        tab.click("#first")  # the picture that has just come into view follows
        assert "" in numbers(tab, "g").values()


@needs_chromium
@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.trials)])
def test_nothing_that_a_screen_reader_would_stumble_over(browser: Any, tmp_path: Path, scheme: Any) -> None:
    from axe_playwright_python.sync_playwright import Axe

    tab = opened(browser, page_of_the_loss(), tmp_path, color_scheme=scheme, bypass_csp=True)
    dark = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (dark == "rgb(20, 24, 29)") == (scheme == "dark")
    for mode in tab.locator("[data-mode]").all():
        mode.click()
        results = Axe().run(tab)
        assert [(v["id"], v["nodes"][0]["html"][:200]) for v in results.response["violations"]] == []


@needs_chromium
def test_hostile_names_are_shown_and_execute_nothing(browser: Any, tmp_path: Path) -> None:
    leaves = [Value(float(index), name=name) for index, name in enumerate(HOSTILE)]
    page = step_through(named(microgrid.sum(leaves) * leaves[0], HOSTILE[0]), parameters=leaves[:3], title=HOSTILE[2])
    tab = opened(browser, page, tmp_path)
    for _ in range(8):
        tab.click("#back")
    for mode in tab.locator("[data-mode]").all():
        mode.click()
    assert HOSTILE[2] in tab.inner_text("h1")
    assert tab.faults == []


@needs_chromium
def test_inf_nan_a_single_leaf_and_a_branch_not_taken(browser: Any, tmp_path: Path) -> None:
    tab = opened(browser, step_through(Value(2.5, name="x")), tmp_path)
    assert "step 2 of 2" in tab.inner_text("#say")
    x = Value(0.0, name="x")
    tab = opened(browser, step_through(microgrid.where(x, microgrid.log(x), x * 2.0)), tmp_path)
    assert "−∞" in numbers(tab, "v").values()
    assert numbers(tab, "g")["0"] == "2"  # not 0·inf
    nan = Value(math.nan, name="n")
    tab = opened(browser, step_through(nan * Value(math.inf, name="i")), tmp_path)
    assert set(numbers(tab, "v").values()) == {"nan", "∞"}
    tab.click("[data-mode=move]")
    tab.click("#check")
    assert tab.faults == []


@needs_chromium
def test_an_operation_of_ones_own_keeps_its_recorded_numbers(browser: Any, tmp_path: Path) -> None:
    double = microgrid.custom(lambda x: 2.0 * x, lambda *_: (2.0,), name="double_it")
    x = Value(1.5, name="x")
    page = step_through(sigmoid(double(x)))
    tab = opened(browser, page, tmp_path)
    assert "can't be computed in a browser" in tab.inner_text("#note")
    assert "3" in numbers(tab, "v").values()
    tab.click("#back")
    assert "hands on" in tab.inner_text("#say")


CLASSIC = "<body style='background:#111'>{outputs}"
"""As in a file that nbconvert writes, and in the classic notebook."""

VS_CODE = """<!doctype html><meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src
'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src https: http: data:; font-src https:; connect-src
https:; child-src https: data:"><body style="background:#111"><div id="output"></div>
<template>{outputs}</template><script>
const output = document.getElementById("output");
output.innerHTML = document.querySelector("template").innerHTML;
for (const old of output.querySelectorAll("script")) {{
  const script = document.createElement("script");
  script.textContent = old.textContent;
  old.replaceWith(script);
}}
</script>"""
"""Its policy for outputs, and scripts that are made anew since those in innerHTML don't run."""

COLAB = """<!doctype html><body><iframe id="host" sandbox="allow-scripts allow-forms" style="width:100%;height:2000px"
srcdoc="{quoted}"></iframe>"""
"""Each output in a document of its own, of another origin, without access to what is around it."""


@needs_chromium
@pytest.mark.parametrize("host", [CLASSIC, VS_CODE, COLAB], ids=["classic", "VS Code", "Colab"])
def test_two_pages_and_a_drawing_in_one_notebook_of_any_front_end(browser: Any, tmp_path: Path, host: str) -> None:
    loss = loss_of_a_sample()
    pages = (page_of_the_loss(), step_through(Value(2.0, name=HOSTILE[0]) * 3.0), microgrid.draw(loss.loss))
    outputs = "\n".join([page._repr_mimebundle_()["text/html"] for page in pages])
    text = host.format(outputs=outputs, quoted=escape(f"<body style='background:#111'>{outputs}"))
    (tmp_path / "notebook.html").write_text(text, encoding="utf-8")
    tab = browser.new_page(viewport={"width": 900, "height": 700})
    faults: list[str] = []
    tab.on("pageerror", lambda error: faults.append(str(error)))
    tab.on("dialog", lambda _: faults.append("something was executed"))
    tab.goto((tmp_path / "notebook.html").as_uri())
    around = tab.frames[1] if host == COLAB else tab.main_frame
    around.wait_for_selector("svg[role=img]", state="attached")
    frames = [element.content_frame() for element in around.query_selector_all("iframe")]
    assert len(frames) == 2
    assert around.locator("img").count() == 0
    assert all([element.get_attribute("sandbox") == "allow-scripts" for element in around.locator("iframe").all()])
    frames[0].click("#back")
    assert "step 31 of 32" in frames[0].inner_text("#say")
    frames[0].wait_for_selector("html[data-theme=dark]", state="attached")
    around.wait_for_function("[...document.querySelectorAll('iframe')].every((one) => one.offsetHeight !== 600)")
    assert around.evaluate("document.querySelector('svg[role=img] rect').getAttribute('fill')") == DARK["#ffffff"]
    assert faults == []
    tab.close()


@pytest.mark.trials
@needs_chromium
def test_first_paint_and_a_slider_move_are_timed(browser: Any, tmp_path: Path) -> None:
    random.seed(0)
    model = nn.MLP(4, [12, 12, 1])
    out = named((model([0.5, -1.0, 0.25, 2.0]) - 1.0) ** 2, "L")
    tab = opened(browser, step_through(out, parameters=model), tmp_path)
    paint = tab.evaluate(
        "new Promise((done) => new PerformanceObserver((list) => done(list.getEntries()[0].startTime))"
        ".observe({ type: 'paint', buffered: true }))"
    )
    tab.click("[data-mode=move]")
    weight = tab.locator("[data-leaf] b").first.inner_text()
    moves = tab.evaluate(
        "() => { const r = document.querySelector('[data-leaf] input'), t = [];"
        "for (let k = 1; k <= 41; k++) { const a = performance.now(); r.value = k / 20; r.oninput();"
        "document.body.offsetHeight; t.push(performance.now() - a) }"
        "return t.sort((a, b) => a - b) }"
    )
    print(f"{len(topological_order(out))} nodes: first paint after {paint:.0f} ms, a slider's move {moves[20]:.1f} ms")
    leaf = next(node for node in topological_order(out) if node.name == weight)
    moved = evaluate([out], FLOAT, {leaf: 41 / 20})
    assert shown_number(moved[out]) in numbers(tab, "v").values()


@pytest.mark.trials
@needs_chromium
def test_scrolling_through_five_thousand_nodes_is_timed(browser: Any, tmp_path: Path) -> None:
    w, b = Value(0.5, "w"), Value(0.1, "b")
    terms = [(microgrid.softplus, microgrid.tanh)[k % 2](w * Value(k / 900, f"x{k}") + b) for k in range(900)]
    tab = opened(browser, step_through(named(microgrid.sum(terms), "total")), tmp_path)
    times = tab.evaluate(
        "async () => { const pane = document.getElementById('graph'), t = []; pane.scrollTo(0, 0);"
        "for (let k = 0; k < 100; k++) { const a = performance.now(); pane.scrollBy(0, 120);"
        "await new Promise(requestAnimationFrame); t.push(performance.now() - a) }"
        "return t.sort((a, b) => a - b) }"
    )
    print(f"4,504 nodes: a frame while scrolling {times[50]:.0f} ms, the slowest of twenty {times[95]:.0f} ms")
    tab.wait_for_timeout(100)
    seen = "(one) => { const y = one.getBoundingClientRect().y; return y > 100 && y < 600 }"
    shown = tab.evaluate(
        f"[...document.querySelectorAll('.tile [data-n]')].filter({seen}).map((one) => one.textContent)"
    )
    assert len(shown) > 10
    assert all([re.search(r"\d", text) for text in shown])


# ---- training -------------------------------------------------------------------------------------------------

SAMPLES = [
    (-0.07, -0.728, 0),
    (-0.357, -0.717, 0),
    (0.609, 0.331, 1),
    (0.271, 1.501, 1),
    (0.2, -0.4, 0),
    (-0.1, 0.4, 1),
]


def trained(steps: int, rate: float) -> list[list[float]]:
    """The parameters at each step, from graphs that Python records."""
    at = [0.5, -0.25, 0.1]
    history = [at]
    for _ in range(steps):
        sums = [0.0, 0.0, 0.0]
        for *x, y in SAMPLES:
            graph = logistic.sample_loss(x, y, at[:2], at[2])
            graph.loss.backward()
            sums = [total + leaf.grad for total, leaf in zip(sums, (*graph.w, graph.b), strict=True)]
        at = [number - rate * (total / len(SAMPLES)) for number, total in zip(at, sums, strict=True)]
        history.append(at)
    return history


def leaves_in_the_page(tab: Any) -> dict[str, float]:
    tab.click("[data-mode=move]")
    rows = tab.locator("[data-leaf]").all()
    return {row.locator("b").inner_text(): float(row.locator("input[type=number]").input_value()) for row in rows}


@needs_chromium
def test_training_in_the_page_reaches_pythons_parameters(browser: Any, tmp_path: Path) -> None:
    tab = opened(browser, page_with(samples=SAMPLES, rate=2.0), tmp_path)
    tab.click("[data-mode=train]")
    for _ in range(8):
        tab.click("#onestep")
    assert "after 8 steps" in tab.inner_text("#lossnow")
    history = trained(8, 2.0)
    assert shown_number(history[-1][0]) in tab.inner_text("#parameters")
    found = leaves_in_the_page(tab)
    for name, wanted in zip(("w1", "w2", "b"), history[-1], strict=True):
        assert found[name] == float(f"{wanted:.8g}")
    tab.click("[data-mode=step]")  # that very backward pass
    moved = logistic.sample_loss(SAMPLES[0][:2], SAMPLES[0][2], history[-1][:2], history[-1][2])
    moved.loss.backward()
    assert shown_number(moved.w[0].grad) in numbers(tab, "g").values()
    assert tab.faults == []


@needs_chromium
def test_a_sample_is_chosen_and_its_graph_is_shown(browser: Any, tmp_path: Path) -> None:
    tab = opened(browser, page_with(samples=SAMPLES), tmp_path, bypass_csp=True)
    assert "one sample, × 6" in tab.text_content("svg.wide .frame")
    tab.click("[data-mode=train]")
    tab.locator("#samples").focus()
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("ArrowRight")
    assert "sample 3 of 6, y = 1" in tab.inner_text("#linked")
    assert "0.609" in numbers(tab, "v").values()
    tab.click("#worst")
    losses = [logistic.sample_loss(x, y, [0.5, -0.25], 0.1).loss.data for *x, y in SAMPLES]
    assert f"sample {losses.index(max(losses)) + 1} of 6" in tab.inner_text("#linked")
    tab.click("#run")
    tab.wait_for_function("/after [3-9]/.test(document.getElementById('lossnow').textContent)")
    tab.click("#run")
    assert tab.faults == []


@needs_chromium
def test_a_recorded_run_is_shown_step_by_step(browser: Any, tmp_path: Path) -> None:
    graph = loss_of_a_sample()
    history = trained(5, 1.0)
    roles: dict[str, Any] = {"parameters": [*graph.w, graph.b], "data": [*graph.x, graph.y]}
    page = microgrid.animate(graph.loss, history, samples=SAMPLES, **roles)
    tab = opened(browser, page, tmp_path)
    tab.locator("#at").fill("4")
    assert "after 4 steps" in tab.inner_text("#lossnow")
    assert f"w1 = {shown_number(history[4][0])}" in tab.inner_text("#parameters")
    by_name = [dict(zip(("w1", "w2", "b"), step, strict=True)) for step in history]
    assert microgrid.animate(graph.loss, by_name, samples=SAMPLES, **roles).html == page.html


def test_what_training_needs_is_asked_for() -> None:
    graph = loss_of_a_sample()
    data = [*graph.x, graph.y]
    for options, message in (
        ({"parameters": [graph.b], "data": data, "samples": []}, "samples is empty"),
        ({"parameters": [graph.b], "data": data, "samples": [(1.0, 2.0)]}, "sample 0 has 2 numbers, and data has 3"),
        ({"parameters": [graph.b], "data": data, "samples": [(1.0, 2.0, math.nan)]}, "not finite"),
        ({"data": data, "samples": SAMPLES}, "nothing to train"),
        ({"parameters": [graph.b], "data": data, "samples": SAMPLES, "rate": -1.0}, "rate is a positive number"),
        ({"parameters": [graph.b], "data": [*data, Value(1.0, "q")], "samples": [(1, 2, 0, 1)]}, "not in the graph"),
    ):
        with pytest.raises(DataError, match=message):
            step_through(graph.loss, **options)
    with pytest.raises(DataError, match=r"step 1 of the run has 2 numbers for 1 parameter"):
        microgrid.animate(graph.loss, [[1.0], [1.0, 2.0]], parameters=graph.b, data=data, samples=SAMPLES)


@pytest.mark.parametrize(("form", "named_as", "threshold"), [("textbook", "a", 0.5), ("logit", "z", 0.0)])
def test_what_the_model_predicts_is_found(form: Any, named_as: str, threshold: float) -> None:
    graph = logistic.sample_loss([-0.07, -0.728], 0, [0.5, -0.25], 0.1, form=form)
    page = step_through(graph.loss, parameters=[*graph.w, graph.b], data=[*graph.x, graph.y], samples=SAMPLES)
    data = json.loads(re.findall(r'id="data">(.*?)</script>', page.html)[0])
    assert data["nodes"][data["training"]["prediction"]]["n"] == named_as
    assert data["training"]["threshold"] == threshold


# ---- exercises ------------------------------------------------------------------------------------------------

ANSWERS = [  # to ∂L/∂a, ∂L/∂z, ∂L/∂w1: what is typed, and what the verdict says
    ("a", "(1-y)/(1-a) - y/a", "right"),
    ("a", "(1-y)/(1-a)", "a path is missing: the one through log a"),
    ("a", "y/a - (1-y)/(1-a)", "the sign is turned round"),
    ("z", "a - y", "right"),
    ("z", "sigmoid(w1*x1 + w2*x2 + b) − y", "right"),
    ("z", "y - a", "the sign is turned round"),
    ("z", "2*(a - y)", "a factor of 2 too much"),
    ("z", "0.5614", "right"),
    ("z", "-0.5614", "the sign is turned round"),
    ("z", "0.2", "not equal"),
    ("z", "0.5614 + 0*a", "a stale value"),
    ("w1", "(a-y)*x1", "right"),
    ("w1", "(a - y)·x1", "right"),
    ("w1", "x1", "that is the local derivative of w1·x1 alone"),
    ("w1", "a-y", "that is what arrives at w1·x1: the local derivative is missing"),
    ("w1", "(a-y)*w1", "that takes the derivative by x1, the other operand"),
    ("w1", "-2*(a-y)*x1", "a factor of −2 too much"),
    ("z", "a-y^2", "right at these numbers only"),  # any number may be a label
    ("w1", "w2", "not equal"),
    # As it stands on paper and in word processors.
    ("z", "σ(z) − y", "right"),
    ("z", "∂L/∂z = 1/(1+e^(−z)) – y", "right"),
    ("z", "(a² − a·y)÷a", "right"),
    ("z", "−2(y−a)½", "right"),
    ("z", "a⁻¹·[a|a| - y*a]", "right"),
    ("z", "√(a)√a - y", "right"),
    ("z", "3*(0.5614/3)", "right"),
    ("z", "2(a-y)", "a factor of 2 too much"),
    ("z", "0.5(a-y)", "a factor of 2 is missing"),
    ("w1", "x1(expit(z)(1-expit(z)) + expit(z)² − y)", "right"),
    ("w1", "1/((a-y)*x1)", "one over the right one"),
    ("w1", "−∞", "not equal"),
]
UNREADABLE = [
    ("z", "alert(1)", "no number is called alert"),
    ("z", "constructor", "no number is called constructor"),
    ("z", "a y", "write w*x, not w x"),
    ("z", "(a - y", "without its )"),
    ("z", "a -", "too early"),
    ("z", "1/2a", "write 1/(2*a)"),
    ("z", "0,5614", "a decimal point is written as ."),
    ("z", "exp(a, y)", "given 2 numbers"),
]


def exercise_on_the_loss(hide: Any = ("a", "z", "w1")) -> microgrid.Exercise:
    graph = loss_of_a_sample()
    return microgrid.exercise(graph.loss, hide, parameters=[*graph.w, graph.b], data=[*graph.x, graph.y])


@needs_chromium
def test_typed_answers_are_judged_on_the_page(browser: Any, tmp_path: Path) -> None:
    page = exercise_on_the_loss()
    tab = opened(browser, page, tmp_path)
    order = topological_order(page.graph.order[-1])
    rows = {order[page.graph.names.index(name)].name: index for index, name in enumerate(("a", "z", "w1"))}
    typed_in = [[rows[name], typed] for name, typed, _ in [*ANSWERS, *UNREADABLE]]
    verdicts = tab.evaluate(
        "(all) => all.map(([row, typed]) => { const task = document.querySelectorAll('.task')[row];"
        "const input = task.querySelector('input'); input.value = typed; input.dispatchEvent(new Event('change'));"
        "return task.querySelector('[role=status]').textContent })",
        typed_in,
    )
    for (name, typed, verdict), said in zip([*ANSWERS, *UNREADABLE], verdicts, strict=True):
        assert verdict in said, (name, typed, said)
        assert said.startswith("✓" if verdict == "right" else "✗" if (name, typed, verdict) in ANSWERS else "…")
    row = tab.locator(".task").first
    row.locator("input").fill("1")
    row.locator("input").press("Enter")
    assert row.locator("[role=status]").inner_text() == "✗ not equal"
    assert "3 of 3" in tab.inner_text("#score")
    assert tab.faults == []


@pytest.mark.trials
def test_typed_answers_are_judged_in_python() -> None:
    task = exercise_on_the_loss()
    assert task.asked == ("∂L/∂a", "∂L/∂z", "∂L/∂w1")
    for name, typed, verdict in ANSWERS:
        found = task.judge(name, typed)
        assert bool(found) == (verdict == "right"), (name, typed, str(found))
        assert verdict.replace("−", "-") in str(found), (name, typed, str(found))
    assert task.judge("∂L/∂z", "a - y").reason == "proved equal"
    assert task.judge("z", 0.5614)
    for name, typed, _ in UNREADABLE:
        with pytest.raises(microgrid.FormulaError):
            task.judge(name, typed)
    with pytest.raises(DataError, match="is not asked for"):
        task.judge("b", 1.0)


def test_what_is_hidden_is_not_given_away_by_a_neighbour() -> None:
    page = exercise_on_the_loss(["z"])
    places = {name: str(index) for index, name in enumerate(page.graph.names)}
    for name in (
        "z",
        "b",
        "w1·x1",
        "w2·x2",
        "-z",
    ):  # what the sum and the minus hand on without changing more than a sign
        assert re.search(rf'data-g="{places[name]}"[^>]*>\?<', page.picture), name
    assert re.search(rf'data-g="{places["a"]}"[^>]*>2.28<', page.picture)
    assert "0.5614</text>" in page.picture  # a itself, which happens to be as large: y is 0
    visible = re.sub(r"<script.*?</script>", "", page.html, flags=re.DOTALL)
    assert "<table" not in visible


def test_an_answer_is_proved_and_a_mistake_is_named() -> None:
    task = exercise_on_the_loss()
    assert task.asked == ("∂L/∂a", "∂L/∂z", "∂L/∂w1")
    assert task.judge("∂L/∂w1", "(a - y)*x1").reason == "proved equal"
    assert task.judge("a", "(1-y)/(1-a)").reason == "a path is missing: the one through log a"
    assert task.judge("z", -0.5614).reason == "the sign is turned round"
    with pytest.raises(microgrid.FormulaError):
        task.judge("z", "a y")
    with pytest.raises(DataError, match="is not asked for"):
        task.judge("b", 1.0)


def test_tiny_infinite_saturated_and_cancelling_numbers_are_judged_by_their_own_size() -> None:
    w, x, k = Value(3e-9, "w"), Value(2e-9, "x"), Value(0.0, "k")
    tiny = microgrid.exercise((w * x) ** 2 * w, hide=[w])
    assert tiny.judge("w", "1.08e-34")
    assert not tiny.judge("w", 0.0)
    assert tiny.judge("w", "-1.08e-34").reason == "the sign is turned round"
    assert tiny.judge("w", "2w²x²").reason == "a path is missing: the one through out"
    infinite = microgrid.exercise(microgrid.log(k) * w, hide=[w])
    assert infinite.judge("w", "−∞")
    assert not infinite.judge("w", 1.0)
    assert not infinite.judge("w", math.nan)
    steep = Value(20.0, "steep")
    z = named(steep * Value(2.0, "u") + 0.0, "z")
    saturated = microgrid.exercise(named(sigmoid(z), "a"), hide=[z])
    assert saturated.judge("z", "a(1-a)")
    assert saturated.judge("z", "2a(1-a)").reason == "a factor of 2 too much"
    assert not saturated.judge("z", "z - z")


def test_what_has_two_meanings_is_asked_about() -> None:
    first, second = Value(2.0, "x"), Value(3.0, "x")
    task = microgrid.exercise(first * second * second, hide=[first, second])
    assert task.judge(first, 9)
    assert task.judge(second, "12")
    with pytest.raises(DataError, match="several nodes are called 'x'"):
        task.judge("x", 9)
    with pytest.raises(microgrid.FormulaError, match="not the name of one node alone"):
        task.judge(first, "x")
    assert task.judge(first, second**2).reason == "proved equal"
    assert task.judge(second, first * second).reason == "a path is missing: the one through x × x"
    with pytest.raises(DataError, match=r"an answer is a number, a formula or a Value, not \[9\]"):
        task.judge(first, [9])  # type: ignore[arg-type]
    steps = microgrid.exercise(named(Value(2.0, "w") * 3.0, "L"), hide="steps")
    assert steps.judge("L", "3w").reason == "proved equal"
    with pytest.raises(microgrid.FormulaError, match="tells the number by itself"):
        steps.judge("L", "L + 0")


@pytest.mark.parametrize("hide", ["gradients", "partials", "steps", None])
def test_everything_that_can_be_hidden_has_a_right_answer(hide: Any) -> None:
    task = exercise_on_the_loss(hide)
    graph = task.graph
    adjoints = pullback(graph.order[-1])
    for symbol, key in zip(task.asked, task.tasks, strict=True):
        node, _, edge = key[1:].partition(".")
        value = graph.order[int(node)]
        truth = {"v": value.data, "g": adjoints[value], "d": value.partials[int(edge)] if edge else 0.0}[key[0]]
        assert task.judge(symbol, truth)
        assert not task.judge(symbol, truth + 0.7)


def test_a_sheet_has_blanks_and_on_request_answers() -> None:
    task = exercise_on_the_loss()
    blank, solved = task.sheet().html, task.sheet(solutions=True).html
    assert "<script" not in solved
    assert blank.count("class='blank'") == 3
    assert blank.count(">?<") > 3
    assert "∂L/∂w1 = −0.0393" not in blank
    assert "∂L/∂w1 = −0.0393" in solved
    with pytest.raises(DataError, match="nothing of this graph is left"):
        microgrid.exercise(Value(1.0, name="x"))
    with pytest.raises(DataError, match="which is to be hidden"):
        exercise_on_the_loss(["q"])
    with pytest.raises(DataError, match="hide is 'gradients'"):
        exercise_on_the_loss("everything")


# ---- large graphs ---------------------------------------------------------------------------------------------


@needs_chromium
def test_a_sum_over_samples_is_one_sample_that_trains_on_all(browser: Any, tmp_path: Path) -> None:
    data = logistic.dataset_loss([row[:2] for row in SAMPLES * 2], [row[2] for row in SAMPLES * 2], [0.5, -0.25], 0.1)
    tab = opened(browser, step_through(named(data.loss, "mean L")), tmp_path)
    assert "One of 12 equal samples" in tab.inner_text("#note")
    assert "× 12" in tab.text_content("svg.wide .frame")
    tab.click("[data-mode=train]")
    assert f"mean L after 0 steps: {shown_number(data.loss.data)}" in tab.inner_text("#lossnow")
    data.loss.backward()
    assert f"mean gradient {shown_number(data.w[0].grad)}" in tab.inner_text("#parameters")


def test_a_deep_graph_that_can_not_be_cut_is_read_from_top_to_bottom_on_a_phone() -> None:
    x = Value(0.5, name="x")
    y: Any = x
    for _ in range(14):
        y = microgrid.sin(y) * x
    looks = re.findall(r'<svg [^>]*class="(g [^"]*)"', step_through(y).html)
    assert looks == ["g wide right large", "g narrow down", "g middle right large"]


def test_samples_are_found_in_chains_of_additions_and_only_where_they_are_equal() -> None:
    w = Value(0.5, name="w")
    rows = [(Value(float(k), name="x"), Value(2.0 * k, name="y")) for k in range(10)]
    total: Any = 0.0
    for x, y in rows:
        total = total + (w * x - y) ** 2
    assert "One of 10 equal samples" in step_through(total).html
    plain = microgrid.sum([(1 - k % 2) * microgrid.softplus(w * float(k) - 0.5) for k in range(10)])
    data = json.loads(re.findall(r'id="data">(.*?)</script>', step_through(plain).html)[0])
    assert data["training"]["samples"] == [[1.0 - k % 2, float(k)] for k in range(10)]  # labels are plain numbers
    assert [data["nodes"][index]["k"] for index in data["training"]["data"]] == ["data", "data"]
    assert [node["v"] for node in data["nodes"] if node["k"] == "constant"] == [0.5]
    assert "equal samples" not in step_through(total + w).html
    assert "equal samples" not in step_through(microgrid.sum([w * x for x, _ in rows[:4]])).html
    assert "equal samples" not in step_through(microgrid.sum([x for x, _ in rows])).html


@needs_chromium
def test_a_graph_that_is_too_large_shows_what_is_near_the_output(browser: Any, tmp_path: Path) -> None:
    x = Value(0.5, name="x")
    y = x
    for _ in range(6000):
        y = y * 1.0001
    tab = opened(browser, step_through(named(y, "end")), tmp_path)
    assert "of 12,001 nodes are shown" in tab.inner_text("#note")
    assert shown_number(y.data) in numbers(tab, "v").values()
    for _ in range(4):
        tab.click("#back")
    assert "hands on incoming × local" in tab.inner_text("#say")
    wide = microgrid.sum([Value(float(k), name=f"x{k}") for k in range(6000)])
    assert "and 5,996 operands" in step_through(wide).html


@needs_chromium
def test_a_large_graph_is_in_tiles_that_are_right_when_they_come_into_view(browser: Any, tmp_path: Path) -> None:
    w = Value(0.5, "w")
    terms = [(microgrid.sin if k % 2 else microgrid.cos)(w * Value(k / 64, f"x{k}")) for k in range(120)]
    total = named(microgrid.sum(terms), "total")
    order = topological_order(total)
    page = step_through(total)
    assert 4 < page.html.count('<div class="tile"') < 20
    for node in order:
        assert f">{shown_number(node.data)}<" in page.html.partition("<script")[0]
    assert page.picture.count("<svg") == 1
    tab = opened(browser, page, tmp_path, bypass_csp=True)
    tab.wait_for_function("document.querySelector('.n.output').getBoundingClientRect().top < 700")  # it opens there
    inner = [node for node in order if node.op]
    tab.evaluate(f"location.hash = '#step={inner.index(terms[7]) + 1}'")
    at = f".tile [data-n='{order.index(terms[7])}']"
    tab.wait_for_function(f"document.querySelector(\"{at}\").classList.contains('current')")
    box = tab.locator(at).first.bounding_box()
    assert 0 < box["y"] < 800
    lit = tab.locator(".tile .lit.forward")
    assert lit.get_attribute("d").count("M") == 1  # the one edge to it
    assert (
        tab.locator(f".tile [data-v='{order.index(terms[100])}']").first.text_content() != ""
    )  # not seen, not emptied
    tab.click("[data-mode=move]")
    tab.evaluate("() => { const r = document.querySelector('[data-leaf] input'); r.value = 1; r.oninput() }")
    row = tab.locator(f"[data-leaf='{order.index(terms[100].parents[0].parents[1])}'] .B")  # out of view
    row.scroll_into_view_if_needed()
    tab.wait_for_function(
        "([row, wanted]) => row.textContent === wanted",
        arg=[row.element_handle(), shown_number(-math.sin(100 / 64))],
        timeout=5000,
    )
    far = tab.locator(f".tile [data-n='{order.index(terms[100])}'][role]").first
    far.scroll_into_view_if_needed()
    wanted = shown_number(math.cos(100 / 64))
    tab.wait_for_function(
        "([at, wanted]) => document.querySelector(at).textContent.includes(wanted)",
        arg=[f".tile [data-n='{order.index(terms[100])}']", wanted],
        timeout=5000,
    )
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert tab.faults == []


@pytest.mark.trials
@pytest.mark.parametrize("shape", ["chain", "wide"])
def test_a_million_nodes_are_summarised(shape: str) -> None:
    x = Value(0.5, name="x")
    y: Any = x
    if shape == "chain":
        for _ in range(500_000):
            y = y * 1.0000001
    else:
        y = microgrid.sum([Value(1.0) for _ in range(1_000_000)])
    start = time.perf_counter()
    page = step_through(y)
    print(f"{shape} of a million nodes: {time.perf_counter() - start:.1f} s")
    assert len(page.html) < 300_000


@needs_chromium
def test_the_layers_of_a_perceptron_are_boxes_that_open(browser: Any, tmp_path: Path) -> None:
    random.seed(0)
    model = nn.MLP(3, [6, 5, 1])
    loss = named((model([0.5, -1.0, 0.25]) - 1.0) ** 2, "L")
    tab = opened(browser, step_through(loss, parameters=model), tmp_path)
    boxes = tab.locator("svg.wide [data-layer]")
    assert [box.get_attribute("data-layer") for box in boxes.all()] == [
        "layer 1 × 6",
        "layer 2 × 5",
        "layer 3 × 1",
    ]
    order = topological_order(loss)
    weight = str(order.index(model.layers[1].neurons[2].w[0]))
    assert weight not in numbers(tab, "g")
    boxes.nth(1).click()
    assert boxes.nth(1).get_attribute("aria-expanded") == "true"
    assert numbers(tab, "g")[weight] == shown_number(pullback(loss)[model.layers[1].neurons[2].w[0]])
    tab.evaluate(f"location.hash = '#step={2 * len([n for n in order if n.op]) - 4}'")
    tab.wait_for_selector("[data-layer].current", state="attached")
    boxes.nth(1).click()
    assert weight not in numbers(tab, "g")
    assert tab.faults == []
