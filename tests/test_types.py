"""Types: what a checker says about a user's script, and that the committed stubs are what the table says."""

from __future__ import annotations

import ast
import importlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import microgrid
from microgrid import Value
from microgrid.core.stubs import written

ROOT = Path(microgrid.__file__).parent.parent

# Right lines first, each of which also runs; then what a checker has to refuse, each line for itself.
IMPORTS = """\
import math
import random
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

import microgrid
from microgrid import *
from microgrid import Value, logistic
from microgrid.nn import MLP

"""

RIGHT = """\
w, x = Value(0.5, name="w"), Value(2, "x")
b = Value(np.float64(3.0))
y: Value = exp(w * x + 1)
number: float = exp(2.0)
whole: float = exp(2)
flag: float = exp(True)
scalar: float = exp(np.float32(2.0))
third: float = log(Fraction(1, 3))
many = exp(np.array([1.0, 2.0]))
typed: NDArray[np.float64] = np.ones(3)
some = exp(typed)
z: Value = w + 1 - 2.0 * x / 3 + True + np.float64(2.0) * w + w * np.int64(3) + np.int32(1) * w
z = x**2 + 2**x + x**0.5 - (-x) + abs(x) + +x + Fraction(1, 2) * x
z += 1
z *= w
if x < y or not x >= 2:
    z = where(x < 0, -x, x)
z = where(x, y, 2.0)
plain: float = where(1.0 < 2.0, 3.0, 4)
condition: Comparison = x <= 3
condition = 3 > x
recorded: Value = condition.record()
masked: Value = (x < y) * z + 1
biggest: Value = max(x, y)
smallest = min([x, y, z], key=lambda v: v.data)
smallest = sorted([x, y])[0]
largest: Value = max([x, y])
top: Value = maximum(x, 2)
top = maximum(2, x)
top = x.maximum(2.0).relu().tanh().exp()
loose: float = maximum(1, 2.0)
arrays = maximum(typed, x)
total: Value = microgrid.sum([w, x])
total = dot([w, x], [1.0, 2.0])
total = dot([1, 2], [w, x])
total = logsumexp((w, x, y))
nothing: list[float] = []
zero: float = microgrid.sum(nothing)
costs: list[Any] = [w, x]
microgrid.sum(costs).backward()
spread = microgrid.sum([w, 2.0, x < 3])
squares: Value = microgrid.sum(v * v for v in [w, x])
floats: float = dot([1.0, 2], [3, 4])
rows: list[list[float]] = [[1.0, 2.0]]
inner: Value = dot([w, x], rows[0])
y.backward()
gradients_of = gradients(y, w)
y.zero_grad()
w.data -= 0.1 * w.grad
w.data = 2
w.grad = 0.0
w.label = "w"
names: str | None = w.name
parents: tuple[Value, ...] = y.parents
for p, slope in zip(y.parents, y.partials):
    print(p, slope, p.op, p.is_constant, f"{p.data:.4f} {p:.2f}")
model = MLP(3, [4, 4, 1])
out = model([1.0, 2.0, 3.0])
picture = draw(y)
picture2 = draw(z, parameters=[w, b], data=[x])
source: str = to_c(z, [w, x])
f = grad(lambda v: v[0] * v[1])
slope2 = f([1.0, 2.0])
uniform: Value = Value(random.uniform(-1, 1)) * random.random()
xs = [Value(i) for i in range(3)]
loss: Value = microgrid.sum([(yout - ygt) ** 2 for ygt, yout in zip([1.0, -1.0], xs)])
arr = np.array([w, x])
prod = w * arr
prod2 = arr * w
prod3 = w * np.array([1.0, 2.0])
sums = arr.sum()
named(w * x, "z")
with strict():
    pass
same: bool = w == x
nodes: dict[Value, int] = {w: 1}
hump = custom(lambda t: t * t, lambda out, t: 2 * t)
h = hump(w)
graph = logistic.sample_loss(x=[1.0, 2.0], y=1, w=[0.5, -0.25], b=0.0)
anything: object = w
v: Value = w * rows[0][0] + typed[0]
"""

WRONG = """\
x.bacward()
exp("a")
exp(1, 2, 3)
w + "a"
"a" + w
draw(3)
microgrid.exq
math.exp(x)
float(x)
w.parents = ()
exp(x=2.0)
Value("3")
maximum(x)
x.maximum()
x.exp(2)
w < "a"
dot([w], "a")
microgrid.sum(w)
text: str = exp(x)
integer: int = exp(2.0)
w + None
w + 2j
x.data()
x.name = 3
exq(x)
"""

SCRIPT = IMPORTS + RIGHT + WRONG
FIRST_WRONG = len((IMPORTS + RIGHT).splitlines()) + 1
WRONG_LINES = {*range(FIRST_WRONG, FIRST_WRONG + len(WRONG.splitlines()))}


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT, encoding="utf-8")
    return path


def told(found: dict[int, str]) -> dict[str, str]:
    """Messages by the text of their lines, for a failed comparison that can be read."""
    lines = SCRIPT.splitlines()
    return {lines[number - 1]: message for number, message in found.items()}


def check(found: dict[int, str]) -> None:
    assert told({number: text for number, text in found.items() if number not in WRONG_LINES}) == {}
    assert told(dict.fromkeys(WRONG_LINES - found.keys(), "passes")) == {}


def test_the_right_lines_run() -> None:
    exec(IMPORTS + RIGHT, {"__name__": "script"})


@pytest.mark.any_engine
@pytest.mark.unmeasured
def test_strict_mypy_finds_what_is_wrong_in_a_script_and_nothing_else(
    script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = importlib.import_module("mypy.api")
    monkeypatch.chdir(ROOT)  # where the configuration and the cache of `make types` are
    output, errors, _ = api.run(["--strict", str(script)])
    assert not errors
    # By the file's name alone: mypy remembers the messages about an unchanged script with the folder of another run.
    found = re.findall(r"^.*\bscript\.py:(\d+): error: (.*)$", output, flags=re.MULTILINE)
    assert len(found) == output.count(": error: "), output
    check({int(number): message for number, message in found})


@pytest.mark.any_engine
@pytest.mark.unmeasured
def test_pyright_finds_what_is_wrong_in_a_script_and_nothing_else(script: Path) -> None:
    importlib.import_module("basedpyright")
    settings = {"include": [script.name], "typeCheckingMode": "standard", "extraPaths": [str(ROOT)]}
    (script.parent / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--project", str(script.parent)]
    run = subprocess.run(
        [*command, "--pythonpath", sys.executable], capture_output=True, text=True, check=False, cwd=script.parent
    )
    report = json.loads(run.stdout)
    assert report["summary"]["filesAnalyzed"] == 1
    messages = [one for one in report["generalDiagnostics"] if one["severity"] == "error"]
    check({one["range"]["start"]["line"] + 1: one["message"] for one in messages})


@pytest.mark.parametrize("path", written(), ids=lambda path: path.name)
def test_what_is_written_from_the_table_is_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == written()[path], "run python -m microgrid.core.stubs"


@pytest.mark.any_engine
@pytest.mark.unmeasured
def test_the_stub_of_the_face_has_the_names_and_the_signatures_of_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    stubtest: Any = importlib.import_module("mypy.stubtest")
    from mypy.config_parser import parse_config_file
    from mypy.options import Options

    monkeypatch.chdir(ROOT)
    options = Options()
    parse_config_file(options, lambda: None, "pyproject.toml", sys.stdout, sys.stderr)
    options.incremental = False  # what mypy takes from its cache has no tree to compare with
    options.follow_imports = "skip"  # mypy itself checks the modules that the names come from
    stubtest.build_stubs(["microgrid"], options)
    errors = [error.get_description(concise=True) for error in stubtest.test_module("microgrid")]
    assert errors == []


def test_every_attribute_of_a_value_is_known_to_type_checkers() -> None:
    declared = {
        "backward",
        "conjugate",
        "data",
        "grad",
        "is_constant",
        "label",
        "name",
        "op",
        "parents",
        "partials",
        "step_through",
        "zero_grad",
    }
    (methods,) = [
        node
        for node in ast.parse((ROOT / "microgrid" / "core" / "table.pyi").read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and node.name == "Methods"
    ]
    declared |= {node.name for node in methods.body if isinstance(node, ast.FunctionDef)}
    assert {name for name in dir(Value) if not name.startswith("_")} == {
        name for name in declared if not name.startswith("_")
    }


@pytest.mark.any_engine
@pytest.mark.unmeasured
def test_completion_lists_the_functions_of_the_table_without_running_anything() -> None:
    jedi = importlib.import_module("jedi")
    script = jedi.Script("import microgrid\nmicrogrid.", project=jedi.Project(str(ROOT)))
    assert {"Value", "draw", "exp", "grad", "log", "where"} <= {completion.name for completion in script.complete()}
    script = jedi.Script("from microgrid import Value, exp\nexp(Value(2.0)).", project=jedi.Project(str(ROOT)))
    assert {"backward", "data", "maximum", "tanh"} <= {completion.name for completion in script.complete()}
