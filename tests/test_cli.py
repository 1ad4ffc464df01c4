"""The command: what it prints, writes and returns, as a person at a terminal meets it."""

from __future__ import annotations

import contextlib
import io
import os
import runpy
import shlex
import sys
from pathlib import Path

import pytest

import microgrid
from microgrid import MissingPackageError
from microgrid.cli.main import main

LOGISTIC = "L = -(y*log(a) + (1-y)*log(1-a)); a = sigmoid(z); z = w1*x1 + w2*x2 + b"
NUMBERS = ["w1=0.5", "w2=-0.25", "x1=1", "x2=2", "b=0.1", "y=1"]


def test_version_is_the_packages_own(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"microgrid {microgrid.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--help"], ["demo", "draw", "check", "Exit status"]),
        (["check", "--help"], ["NAME=NUMBER", "LOW..HIGH", "examples:", "--order", "--seed N"]),
        (["explain", "--help"], ["--wrt NAME", "--format", "examples:"]),
        (["certify", "--help"], ["NAME=NUMBER", "LOW..HIGH", "--digits N", "--budget N", "examples:"]),
        (["prove", "--help"], ["--wrt NAME", "--equals FORMULA", "refuted", "examples:"]),
        (["demo", "--help"], ["--out DIR", "closed form"]),
        (["draw", "--help"], ["NAME=NUMBER", "examples:", "softplus", "--output NAME", "--out FILE"]),
    ],
)
def test_help_tells_what_can_be_typed(
    arguments: list[str], told: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 0
    printed = capsys.readouterr().out
    assert all(text in printed for text in told)


def test_no_command_is_wrong_input(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([])
    assert stop.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


def test_draw_prints_values_and_gradients_and_writes_the_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "loss.svg"
    assert main(["draw", LOGISTIC, *NUMBERS, "--out", str(picture)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["name", "value", "dL/d(name)"]
    rows = {line.split()[0]: line.split()[1:] for line in lines[2:-1]}
    assert list(rows) == ["w1", "w2", "x1", "x2", "b", "y", "z", "a", "L"]
    assert float(rows["L"][0]) == pytest.approx(float(microgrid.softplus(-0.1)), rel=1e-15)
    assert float(rows["w1"][1]) == pytest.approx(-float(microgrid.sigmoid(-0.1)), rel=1e-14)
    assert lines[-1] == f"drawn in {picture}"
    assert picture.read_text(encoding="utf-8").startswith("<")


def test_draw_names_the_picture_after_the_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["draw", "area = pi*r**2", "r=2"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["area.svg"]


def test_step_writes_a_page_and_opens_it_on_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[str] = []

    def note(uri: str) -> bool:
        opened.append(uri)
        return True

    monkeypatch.setattr("webbrowser.open", note)
    monkeypatch.chdir(tmp_path)
    assert main(["step", LOGISTIC, *NUMBERS]) == 0
    assert opened == []
    assert main(["step", "f = x**2", "x=3", "--open", "--out", "page.html"]) == 0
    assert opened == [(tmp_path / "page.html").as_uri()]
    assert capsys.readouterr().out.splitlines()[-1] == "a page to step through f is in page.html"
    assert "<title>step through L</title>" in (tmp_path / "L.html").read_text(encoding="utf-8")
    monkeypatch.setattr("webbrowser.open", lambda _: False)
    assert main(["step", "f = x**2", "--open"]) == 0
    assert "no browser was found" in capsys.readouterr().err
    assert main(["step", "f = x**2", "--out", "page.pdf"]) == 2


def test_draw_differentiates_the_output_that_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["draw", "a = x**2; b = x**3", "x=2", "--output", "b", "--out", str(tmp_path / "b.dot")]) == 0
    assert "db/d(name)" in capsys.readouterr().out


@pytest.mark.parametrize("formula", ["-x**2", "-(x*x)", "-h*x*x", "- x**2"])
def test_a_formula_may_start_with_a_minus(formula: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    numbers = ["x=3", "h=1"] if "h" in formula else ["x=3"]
    for order in ([formula, *numbers, "--out"], ["--out"]):
        typed = [*order, str(tmp_path / "f.dot"), *([] if formula in order else [formula, *numbers])]
        assert main(["draw", *typed]) == 0
        assert capsys.readouterr().out.splitlines()[-2].split() == ["f", "-9.0", "1.0"]


def test_a_minus_elsewhere_is_told_as_it_was_typed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["draw", "x", "-3"]) == 2
    assert "'-3' is not of the form name=number" in capsys.readouterr().err


def test_numbers_are_printed_as_they_were_typed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["draw", "self + 0.2", "self=0.1", "--out", str(tmp_path / "f.dot")]) == 0
    assert capsys.readouterr().out.splitlines()[2].split() == ["self", "0.1", "1.0"]


@pytest.mark.parametrize("typed", ["\N{MICRO SIGN}", "\N{GREEK SMALL LETTER MU}"])
@pytest.mark.parametrize("given", ["\N{MICRO SIGN}", "\N{GREEK SMALL LETTER MU}"])
def test_a_name_is_the_same_in_the_formula_and_beside_it(typed: str, given: str, tmp_path: Path) -> None:
    assert main(["draw", f"2*{typed}", f"{given}=0.1", "--out", str(tmp_path / "f.dot")]) == 0


def test_a_terminal_without_the_letters_gets_them_spelled_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    assert main(["draw", "2*α", "α=0.1", "--out", str(tmp_path / "f.dot")]) == 0
    assert b"\\u03b1" in written.getvalue()


def test_nobody_reading_the_output_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stdout, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stdout)
        assert main(["draw", "2*x", "x=1", "--out", str(tmp_path / "f.dot")]) == 141
    assert capsys.readouterr().err == ""


def test_output_may_go_into_a_string(tmp_path: Path) -> None:
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert main(["draw", "2*α", "α=0.1", "--out", str(tmp_path / "f.dot")]) == 0
    assert "α" in printed.getvalue()


@pytest.mark.parametrize(("agrees", "status"), [(True, 0), (False, 1)])
def test_the_demos_verdict_is_the_exit_status(agrees: bool, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(folder: Path, *, progress: bool) -> bool:
        return agrees

    monkeypatch.setattr("microgrid.cli.demo.run", run)
    assert main(["demo"]) == status


def test_an_interruption_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*arguments: object, **more: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr("microgrid.cli.demo.run", interrupted)
    assert main(["demo"]) == 130
    assert capsys.readouterr().err == "microgrid: interrupted\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["w*x", "w=1"], "no number is given for x: add x=0.5"),
        (["w*x", "w=1", "x"], "'x' is not of the form name=number"),
        (["w*x", "w=1", "x="], "'' in 'x=' is not a number"),
        (["w*x", "w=1", "x=two"], "'two' in 'x=two' is not a number"),
        (["w*x", "w=1", "x=2", "x=3"], "'x' is given two numbers"),
        (["w*x", "w=1", "x=2", "2y=3"], "'2y=3' is not of the form name=number"),
        (["open('/etc/hosts')", "x=2"], "there is no operation 'open'"),
        (["x.__class__", "x=2"], "a formula can't contain 'x.__class__'"),
    ],
)
def test_wrong_input_is_told_in_one_line_with_status_2_and_writes_nothing(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["draw", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("microgrid: ")
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_picture_that_cannot_be_written_is_wrong_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["draw", "x**2", "x=3", "--out", str(tmp_path / "missing" / "f.svg")]) == 2
    printed = capsys.readouterr()
    assert "missing" in printed.err
    assert printed.out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_picture_of_unknown_kind_is_wrong_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["draw", "x**2", "x=3", "--out", str(tmp_path / "f.jpeg")]) == 2
    printed = capsys.readouterr()
    assert ".svg" in printed.err
    assert printed.out == ""
    assert list(tmp_path.iterdir()) == []


def test_the_module_runs_as_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["microgrid", "--version"])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(Path(microgrid.__file__).parent / "__main__.py"), run_name="__main__")
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"microgrid {microgrid.__version__}\n"


def test_check_prints_the_report_and_its_verdict_is_the_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", LOGISTIC, *NUMBERS]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("right: 6 derivatives agree with their reference")
    assert "dL/d" in printed
    assert main(["check", "abs(x)*y", "x=0", "y=3"]) == 1
    printed = capsys.readouterr().out
    assert printed.startswith("kink crossed: 1 of 2 derivatives (1 right)")
    assert "at node 2 of 4, abs(x = 0.0): its slope is -3 on one side and 3 on the other" in printed


def test_check_draws_points_from_ranges(capsys: pytest.CaptureFixture[str]) -> None:
    for numbers, counted in ((["x=0.1..4", "y=-3..3"], "14 derivatives at 7 points"), (["x=0.5", "y=2"], "at 1 point")):
        assert main(["check", "log(x)*y", *numbers, "--count", "7"]) == 0
        assert counted in capsys.readouterr().out


def test_a_failed_check_can_be_typed_again(capsys: pytest.CaptureFixture[str]) -> None:
    typed = [
        "check",
        "f = log(1 - 1/(1 + exp(-x)))*y; g = x",
        "x=33..35",
        "y=1..2",
        "--output=f",
        "--count=3",
        "--seed=5",
        "--tol=1e-3",
    ]
    assert main(typed) == 1
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  repeat")]
    again = shlex.split(line.removeprefix("  repeat"))
    assert again[:2] == ["microgrid", "check"]
    assert again[-4:] == ["--output=f", "--tol=0.001", "--count=3", "--seed=5"]
    assert main(again[1:]) == 1
    assert line in capsys.readouterr().out


def test_check_takes_the_reference_and_the_order_that_are_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    for reference, told in (("mpmath", "mpmath at"), ("differences", "central differences")):
        assert main(["check", "-x**3", "x=2", "--order", "2", "--reference", reference]) == 0
        printed = capsys.readouterr().out
        assert told in printed
        assert "2 derivatives at 1 point" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x*y", "x=1"], "no number is given for y"),
        (["x", "x=3..1"], "two finite ends, the lower one first"),
        (["x", "x=3..a"], "'3..a' in 'x=3..a' is not a number"),
        (["x", "x=1", "--tol", "7"], "tol is a relative error between 0 and 1"),
        (["x", "x=1", "--count", "0"], "count is a whole number from 1"),
    ],
)
def test_wrong_input_to_check_is_told_in_one_line_with_status_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", *arguments]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""


# ---- certify ----------------------------------------------------------------------------------------------------


def test_certify_prints_proven_digits_at_a_point(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["certify", "f = x - 0.1", "x=0.3", "--digits", "20"]) == 0
    assert "0.19999999999999998335" in capsys.readouterr().out
    assert main(["certify", "f = sin(x) - sin(x)", "x=0.3"]) == 1
    assert "lost in" in capsys.readouterr().out


def test_certify_proves_signs_over_ranges(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["certify", "f = exp(x)*y", "x=0..1", "y=2"]) == 0
    output = capsys.readouterr().out
    assert "positive" in output
    assert "df/dy" not in output
    assert main(["certify", "f = 1/x", "x=-1..1", "--budget", "9000"]) == 1
    assert "y != 0" in capsys.readouterr().out
    assert main(["certify", "f = 1/x", "x=2..1"]) == 2
    assert main(["certify", "f = log(x)", "x=-1"]) == 2
    assert "which is defined for x > 0" in capsys.readouterr().err


# ---- explain and prove ----------------------------------------------------------------------------------------


def test_explain_prints_the_derivation(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", LOGISTIC, *NUMBERS, "--wrt", "w1"]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "dL/dw1, by the chain rule along the graph"
    assert "dL/dw1 = dL/da · da/dz · dz/dw1" in lines
    for line in ("dL/da = (1 - y)/(1 - a) - y/a", "= a·(1 - a)", "dL/dz = a - y", "dz/dw1 = x1", "dL/dw1 = x1·(a - y)"):
        assert line in lines


@pytest.mark.parametrize(("format_", "begins"), [("latex", r"\begin{aligned}"), ("html", "<div>"), ("text", "df/dx")])
def test_explain_writes_what_is_asked_for_and_needs_no_numbers(
    format_: str, begins: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", "-x*y", "--wrt", "x", "--format", format_]) == 0
    assert capsys.readouterr().out.startswith(begins)


@pytest.mark.parametrize(
    ("claim", "verdict", "status"),
    [
        ("(a - y)*x1", "proved", 0),
        ("(a + y)*x1", "refuted", 1),
        ("(a - y)*x2", "refuted", 1),
        ("-(y - a)*x1", "proved", 0),
    ],
)
def test_prove_prints_the_verdict(claim: str, verdict: str, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prove", LOGISTIC, "--wrt", "w1", "--equals", claim]) == status
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"dL/dw1 = {claim}"
    assert second.startswith(f"{verdict}: ")
    assert ("at x1 = " in second or "at w1 = " in second) == (verdict == "refuted")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["explain", "w*x", "--wrt", "q"], "the formula has no name 'q' to differentiate with respect to: w, x, f"),
        (["explain", "w*x", "w=1", "--wrt", "w"], "no number is given for x"),
        (["prove", "w*x", "--wrt", "w", "--equals", "q"], "q in 'q' is no name"),
        (["prove", "w*x", "--wrt", "w", "--equals", "x+"], "the formula can't be read"),
    ],
)
def test_wrong_input_to_explain_and_prove_is_told(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""


def test_a_derivative_of_0_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "L = 2*b; b = x*0 + w", "--wrt", "b"]) == 0
    assert main(["prove", "L = less(w, x) ", "--wrt", "w", "--equals", "0"]) == 0
    capsys.readouterr()


def test_compile_says_what_it_made_of_a_formula(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", "f = x**2 * y", "x=3", "y=0.5", "--precise", "--bench"]) == 0
    printed = capsys.readouterr().out
    for told in ("2 nodes on native", "t1 = mul(t0, y)  # output 0", "f = 4.5", "compiled, one point, bound", "points"):
        assert told in printed
    for formula in ("f = k*x; k = 2", "f = 2*3", "f = self*2"):
        assert main(["compile", formula, "--bench"]) == 0
        assert "compiled, one point, bound" in capsys.readouterr().out
    for shown, told in (("ir", "define void @reverse"), ("assembly", "ret")):
        assert main(["compile", "exp(x)", "--show", shown]) == 0
        assert told in capsys.readouterr().out


# ---- how arguments may be typed -------------------------------------------------------------------------------


def test_options_may_stand_between_formula_and_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "L = (w*x - y)**2", "--wrt", "w", "x=1", "y=2", "w=–3"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].strip() == "= -10.0"
    assert main(["prove", "-w*x", "w=1", "--wrt", "w", "x=1", "--equals", "-x"]) == 0
    with pytest.raises(SystemExit):
        main(["explain", "L = w", "--wrong"])
    assert "usage: microgrid explain" in capsys.readouterr().err


def test_numbers_that_are_not_given_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "w*x", "--wrt", "w"]) == 0
    assert "no numbers are given, so these are used: w=0.5 x=0.5" in capsys.readouterr().err
    assert main(["explain", "a*w; a = 3", "--wrt", "w"]) == 0
    assert capsys.readouterr().err == "microgrid: no numbers are given, so these are used: w=0.5\n"
    assert main(["prove", "w*x", "--wrt", "w", "--equals", "x"]) == 0
    assert capsys.readouterr().err == ""  # true for all numbers


def test_numbers_are_printed_where_nothing_lays_out_graphs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def missing(*_: object) -> None:
        raise MissingPackageError("no layout engine")

    monkeypatch.setattr("microgrid.drawing.Drawing.save", missing)
    assert main(["draw", "x**2", "x=3", "--out", str(tmp_path / "f.svg")]) == 2
    printed = capsys.readouterr()
    assert "9.0" in printed.out
    assert "no layout engine" in printed.err


def test_a_command_without_any_output_ends_with_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", None)
    assert main(["explain", "x*x", "x=1", "--wrt", "x"]) == 0
