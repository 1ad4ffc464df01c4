"""The pytest plugin, run as its users run it: what a failure shows, which points are drawn, what bad use is told."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import microgrid.testing.pytest_plugin
from microgrid import DataError, GradientError, check_gradients, exp
from microgrid.testing.pytest_plugin import GradCheck

pytest_plugins = ["pytester"]

HEAD = """
    import pytest
    from microgrid import Interval, check_gradients, exp

    def decay(w, x):
        return exp(-w * x)

    def cut(w, x):
        return w * x.data
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a file of tests in a pytest of its own; gives the result."""

    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # looking for plugins takes a second each time
    for name in ("CI", "BUILD_NUMBER"):  # with these, pytest repeats whole messages in its last lines
        monkeypatch.delenv(name, raising=False)

    def run(text: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(_dedented(HEAD) + _dedented(text))
        return pytester.runpytest_inprocess(
            "-p", "no:cacheprovider", "--strict-markers", *options, plugins=[microgrid.testing.pytest_plugin]
        )

    return run


def _dedented(text: str) -> str:
    return "\n".join([line[4:] for line in text.splitlines()])


# ---- the fixture ------------------------------------------------------------------------------------------------


def test_right_gradients_pass_and_the_report_is_handed_back(run: Any) -> None:
    result = run("""
    def test_right(gradcheck):
        report = gradcheck(decay, (0.5, 2.0))
        assert report.checked == 2
        assert gradcheck(decay, {"w": Interval(-1, 1), "x": 2.0}, order=2, count=3, tol=1e-5, seed=4).checked == 18
        assert gradcheck(decay, (0.5, 2.0), reference="differences")
        assert gradcheck(decay, (0.5, 2.0), closed_form=lambda w, x: (-x * exp(-w * x), -w * exp(-w * x)))
        assert repr(gradcheck) == "<gradcheck>"
    """)
    result.assert_outcomes(passed=1)


def test_a_failure_shows_the_tests_own_line_and_the_report(run: Any) -> None:
    result = run("""
    def test_wrong(gradcheck):
        gradcheck(cut, (0.5, 2.0))
    """)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            ">       gradcheck(cut, (0.5, 2.0))",
            "E       microgrid.GradientError: wrong gradient: 1 of 2 derivatives (1 right)",
            "E         checked     2 derivatives at 1 point against central differences, *",
            "E         worst       dcut/dx at point 0: autodiff gives 0.0",
            "E         blame       missing path: node 2 of 3, the constant 2.0, used by mul",
            "E         repeat      check_gradients(cut, (float.fromhex(*)), seed=0)",
            "E         dcut/dx * 0  autodiff  0.0 *  wrong gradient",
            "*test_a_failure_shows_the_tests_own_line_and_the_report.py:*: GradientError",
        ]
    )
    assert "pytest_plugin.py" not in result.stdout.str()
    assert "judging.py" not in result.stdout.str()


def test_an_error_of_the_function_or_of_its_use_is_shown_without_the_inside_of_the_checker(run: Any) -> None:
    result = run("""
    def hopeless(x):
        return x / int(0 * x.data)

    def test_function(gradcheck):
        gradcheck(lambda x: 1 / 0, 0.5)

    def test_use(gradcheck):
        gradcheck(decay, [0.5, 2.0])
    """)
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            ">       gradcheck(lambda x: 1 / 0, 0.5)",
            "E   ZeroDivisionError: division by zero",
            ">       gradcheck(decay, [[]0.5, 2.0])",
            "E       microgrid.DataError: f can't be called with the point 0.5: *a list is many points",
        ]
    )
    assert "checking" not in result.stdout.str()


def test_a_test_that_asks_for_the_fixture_and_checks_nothing_fails(run: Any) -> None:
    result = run("""
    def test_right(gradcheck):
        gradcheck(decay, (0.5, 2.0))

    def test_nothing(gradcheck):
        pass

    @pytest.mark.usefixtures("gradcheck")
    def test_never():
        pass

    @pytest.fixture
    def checked(gradcheck):
        gradcheck(decay, (0.5, 2.0))

    def test_by_a_fixture(checked):
        pass

    def test_skipped(gradcheck):
        pytest.skip("not today")

    def test_failed(gradcheck):
        assert 1 == 2

    def test_other():
        pass
    """)
    result.assert_outcomes(passed=3, failed=3, skipped=1)
    result.stdout.fnmatch_lines(
        [
            "*_ test_nothing _*",
            "nothing checked: the test requests the fixture gradcheck and never called it, * Call gradcheck(f, at), *",
            "*_ test_never _*",
            "nothing checked: *",
            "*_ test_failed _*",
            "E       assert 1 == 2",
        ]
    )


def test_the_fixture_goes_with_hypothesis(run: Any) -> None:
    result = run("""
    from hypothesis import given, settings
    from microgrid.testing import points

    @settings(max_examples=5, database=None)
    @given(points(w=Interval(-1, 1), x=Interval(0.5, 2)))
    def test_decay(gradcheck, point):
        gradcheck(decay, point)
    """)
    result.assert_outcomes(passed=1)


def test_the_fixture_takes_what_check_gradients_takes() -> None:
    own, other = (inspect.signature(function).parameters for function in (GradCheck(0), check_gradients))
    assert list(own) == list(other)
    assert {name for name in own if own[name].default != other[name].default} == {"seed"}


def test_outside_of_a_test_the_fixtures_object_asserts_as_well() -> None:
    gradcheck = GradCheck(seed=3)
    assert gradcheck(lambda x: exp(x), 0.5) is gradcheck.reports[0]
    with pytest.raises(GradientError, match="wrong gradient") as caught:
        gradcheck(lambda x: x * x.data, 0.5)
    assert caught.value.report is gradcheck.reports[1]
    assert caught.value.report.reproduce.endswith("seed=3)")
    with pytest.raises(DataError, match="order is 1 or 2"):
        gradcheck(exp, 0.5, order=3)  # type: ignore[arg-type]
    assert len(gradcheck.reports) == 2  # what was not checked does not count


# ---- assertions of reports ----------------------------------------------------------------------------------------


def test_a_bare_assertion_of_a_report_shows_its_text(run: Any) -> None:
    result = run("""
    def test_call():
        assert check_gradients(cut, (0.5, 2.0))

    def test_name():
        fine = check_gradients(decay, (0.5, 2.0))
        other = check_gradients(cut, (1.5, 2.0))
        report = check_gradients(cut, (0.5, 2.0), seed=7)
        assert fine
        assert report

    def test_attribute():
        report = check_gradients(cut, (0.5, 2.0))
        assert report.verdict == "kink crossed"

    def test_other():
        report = check_gradients(cut, (0.5, 2.0))
        assert "another" == "thing"
    """)
    result.assert_outcomes(failed=4)
    result.stdout.fnmatch_lines(
        [
            ">       assert check_gradients(cut, (0.5, 2.0))",
            "E       assert <wrong gradient: 1 of 2 derivatives (1 right)>",
            "E       wrong gradient: 1 of 2 derivatives (1 right)",
            "E         worst       dcut/dx at point 0: autodiff gives 0.0",
            "*_ test_name _*",
            "E         repeat * seed=7)",
            "*_ test_attribute _*",
            "E         worst       dcut/dx at point 0: autodiff gives 0.0",
            "*_ test_other _*",
        ]
    )
    text = result.stdout.str()
    assert "worst" not in text.split("_ test_other _")[1]
    assert text.split("_ test_name _")[1].split("_ test_attribute _")[0].count("worst") == 1


def test_an_assertion_that_tells_the_report_itself_or_has_no_source_is_left_as_it_is(run: Any) -> None:
    result = run("""
    def test_own_text():
        report = check_gradients(cut, (0.5, 2.0))
        assert report, str(report)

    def test_no_source():
        report = check_gradients(cut, (0.5, 2.0))
        exec("assert report")
    """)
    result.assert_outcomes(failed=2)
    assert len([line for line in result.outlines if "worst" in line]) == 1


# ---- drawn points -----------------------------------------------------------------------------------------------

POINTS = """
    @pytest.mark.gradcheck_points(w=Interval(-3, 3), x=Interval(0.1, 4), b=1, count=3)
    def test_decay(gradcheck, point):
        assert set(point) == {"w", "x", "b"}
        assert -3 <= point["w"] <= 3 and 0.1 <= point["x"] <= 4 and point["b"] == 1
        gradcheck(lambda w, x, b: decay(w, x) + b, point)
"""


def _ids(result: pytest.RunResult) -> list[str]:
    return [line.split("::")[1].split(" ")[0] for line in result.outlines if "::" in line]


def test_the_marker_makes_one_test_for_each_drawn_point(run: Any) -> None:
    result = run(POINTS, "-v")
    result.assert_outcomes(passed=3)
    ids = _ids(result)
    assert len(set(ids)) == 3
    assert ids[0] == "test_decay[w=2.067,x=3.056,b=1]"
    assert _ids(run(POINTS, "-v")) == ids
    assert "gradcheck" not in "".join(result.outlines[:5])


def test_the_seed_draws_other_points_and_is_shown(run: Any) -> None:
    before = _ids(run(POINTS, "-v"))
    result = run(POINTS, "-v", "--gradcheck-seed", "7")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["gradcheck: seed 7"])
    assert not set(_ids(result)) & set(before)
    own = POINTS.replace("count=3", "count=3, seed=0")
    assert _ids(run(own, "-v", "--gradcheck-seed", "7")) == before
    assert len(_ids(run(POINTS.replace("b=1, count=3", "b=1"), "-v"))) == 20


def test_the_seed_is_that_of_the_fixtures_points_too(run: Any) -> None:
    text = """
    def test_wrong(gradcheck):
        gradcheck(cut, (Interval(0, 1), 2.0), count=1)
    """
    run(text, "--gradcheck-seed", "7").stdout.fnmatch_lines(["E * seed=7)"])


def test_a_marker_of_a_class_and_long_points(run: Any) -> None:
    result = run(
        """
    @pytest.mark.gradcheck_points(x=Interval(0, 1), count=2)
    class TestAll:
        def test_one(self, point):
            assert list(point) == ["x"]

        @pytest.mark.gradcheck_points(**{name: Interval(0, 1) for name in "abcdef"}, count=1)
        def test_other(self, point):
            assert list(point) == list("abcdef")
    """,
        "-v",
    )
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["*::test_other[[]a=0.8444,b=0.758,c=0.4206,d=0.2589,...]*"])


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("()", "gradcheck_points has no Interval to draw a point from"),
        ("(x=1.5)", "gradcheck_points has no Interval to draw a point from"),
        ("(Interval(0, 1))", "gradcheck_points takes each coordinate by its name, not Interval(*) alone"),
        ("(x=(0, 1))", "gradcheck_points draws x from an Interval, not from (0, 1)"),
        ("(x=Interval(0, 1), y=True)", "gradcheck_points draws y from an Interval, not from True"),
        ("(x=Interval(0, 1), count=0)", "count is a whole number from 1, not 0"),
        ("(x=Interval(0, 1), seed='a')", "the seed of gradcheck_points is a whole number, not 'a'"),
        ("(x=Interval(0, 1), seed=True)", "the seed of gradcheck_points is a whole number, not True"),
    ],
)
def test_bad_use_of_the_marker_is_told(run: Any, marker: str, message: str) -> None:
    result = run(f"""
    @pytest.mark.gradcheck_points{marker}
    def test_it(point):
        pass
    """)
    result.assert_outcomes(errors=1)
    example = "@pytest.mark.gradcheck_points(x=Interval(-3, 3), count=20, seed=0)"
    result.stdout.fnmatch_lines([f"test_it: {message}. Use it as {example}"])
    assert "Traceback" not in result.stdout.str()


def test_a_marker_needs_the_argument_and_stands_alone(run: Any) -> None:
    result = run("""
    @pytest.mark.gradcheck_points(x=Interval(0, 1))
    def test_none():
        pass

    @pytest.mark.gradcheck_points(x=Interval(0, 1))
    @pytest.mark.gradcheck_points(y=Interval(0, 1))
    def test_two(point):
        pass
    """)
    result.stdout.fnmatch_lines(
        ["test_none: gradcheck_points passes each point as the argument 'point', which the test doesn't have. Use *"]
    )
    result = run(
        """
    @pytest.mark.gradcheck_points(x=Interval(0, 1))
    @pytest.mark.gradcheck_points(y=Interval(0, 1))
    def test_two(point):
        pass
    """
    )
    result.stdout.fnmatch_lines(["test_two: a test has one gradcheck_points, not 2. Use *"])


def test_the_marker_is_registered_and_described(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_inprocess("--markers")
    result.stdout.fnmatch_lines(
        ["@pytest.mark.gradcheck_points(*, count=20, seed=None, ****intervals): make one test *"]
    )


# ---- the summary ------------------------------------------------------------------------------------------------


def test_the_summary_is_printed_if_it_is_asked_for(run: Any) -> None:
    text = """
    @pytest.mark.gradcheck_points(w=Interval(0, 1), x=Interval(0, 1), count=12)
    def test_right(gradcheck, point):
        gradcheck(decay, point)

    def test_wrong(gradcheck):
        gradcheck(cut, (0.5, 2.0))

    def test_empty(gradcheck):
        gradcheck(lambda: 0.0, ())

    def test_other():
        pass
    """
    assert "gradient checks" not in run(text).stdout.str()
    result = run(text, "--gradcheck-report")
    result.stdout.fnmatch_lines(
        [
            "*= gradient checks =*",
            "13 checks of 26 derivatives in 13 tests, the worst first:",
            "  test * verdict         derivatives  rel. error  reference",
            "  *.py::test_wrong  *  wrong gradient            2     1.0e+00  central differences",
            "  *.py::test_right[[]w=*,x=*]  right                     2     ?.?e-1?  complex step",
            "  and 3 more",
        ]
    )


def test_a_summary_of_nothing_says_so(run: Any) -> None:
    text = """
    def test_other():
        pass
    """
    run(text, "--gradcheck-report").stdout.fnmatch_lines(["no gradient was checked"])


# ---- what it costs ----------------------------------------------------------------------------------------------


def test_the_plugin_imports_nothing_of_its_own() -> None:
    script = (
        "import sys, pytest, microgrid; before = set(sys.modules); import microgrid.testing.pytest_plugin; "
        "print(*sorted(set(sys.modules) - before)); print('numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["microgrid.testing", "microgrid.testing.pytest_plugin", "False"]


def test_the_example_of_the_documentation_passes(pytester: pytest.Pytester) -> None:
    page = (Path(__file__).parent.parent / "docs" / "checking.md").read_text(encoding="utf-8")
    (block,) = [part.split("```")[0] for part in page.split("```python\n") if "def test_" in part.split("```")[0]]
    pytester.makepyfile(block)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "--strict-markers")
    result.assert_outcomes(passed=block.count("def test_") - 1 + 10)


def test_a_report_outside_of_pytest_is_as_it_was() -> None:
    assert repr(check_gradients(exp, 0.5)) == "<right: 1 derivative agrees with its reference>"
