"""The ``microgrid`` command: its arguments and its output; the work is done in other rooms."""

from __future__ import annotations

import argparse
import io
import os
import re
import shlex
import sys
import textwrap
import webbrowser
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import microgrid
from microgrid.calculus.reverse import gradients
from microgrid.checking import Interval, check_gradients
from microgrid.checking.points import Point
from microgrid.cli import demo, fit
from microgrid.cli.timing import timings
from microgrid.compiler.api import compile  # noqa: A004  # microgrid's own is meant
from microgrid.core.engine import Value, as_value
from microgrid.core.functions import FUNCTIONS
from microgrid.derivations.certificate import Certificate, certify
from microgrid.derivations.derivation import explain
from microgrid.derivations.proof import prove
from microgrid.derivations.regions import RegionCertificate
from microgrid.drawing import draw
from microgrid.errors import DataError, FormulaError, MicrogridError, MissingPackageError
from microgrid.formulas.parse import Formula, parse, plain, recorded_on, spelled
from microgrid.pages import step_through
from microgrid.util.tables import table
from microgrid.util.wording import counted

__all__ = ["main"]

_CHECK_OPTIONS: dict[str, Any] = {"reference": "auto", "order": 1, "tol": 1e-6, "count": 20, "seed": 0}
_BROKEN_PIPE, _INTERRUPTED = 141, 130  # exit statuses in shells of commands ended by SIGPIPE and SIGINT

_DEFAULT = 0.5  # the number of each name, if none is given
_NUMBERS_OPTIONAL = f"a number for each free name ({_DEFAULT} if there are none)"
_NUMBERS_OR_RANGES = "a number for each free name, or a range LOW..HIGH"

_DRAW_HELP = """\
Evaluate a formula, differentiate it with respect to every name in it, print both, and draw the graph.

A formula is one or several definitions, separated by ; and in any order. It may use numbers, names, + - * / **,
comparisons, pi and e, and the operations
{operations}.
"""
_CHECK_HELP = """\
Check the derivatives of a formula with respect to every name in it: by autodiff, against a reference that uses no
derivative of any operation, and node by node. The verdict is right, wrong gradient, kink crossed, reference too noisy,
lost to rounding or non-finite.
"""
_COMPILE_HELP = """\
Compile a formula and its derivatives with respect to every name in it to machine code; print the code, and the value
and the derivatives at the given numbers.
"""
_CERTIFY_HELP = """\
Print the value of a formula and its derivatives with respect to every name in it with proven digits, and how far floats
are off; or, if a name has a range, proven bounds, signs and kinks over the whole region.
"""

_SMALL = "'f = (x*y + sin(x))**2' x=0.5 y=2"
_LOGISTIC = "'L = -(y*log(a) + (1-y)*log(1-a)); a = sigmoid(z); z = w1*x1 + w2*x2 + b'"
_NUMBERS = "\\\n      w1=0.5 w2=-0.25 x1=1 x2=2 b=0.1 y=1"


def _examples(*commands: str) -> str:
    return "\n".join(["examples:", *[f"  microgrid {command}" for command in commands], ""])


def _parser() -> tuple[argparse.ArgumentParser, Mapping[str, argparse.ArgumentParser]]:
    """The parser of the whole line, and that of each command."""
    parser = argparse.ArgumentParser(
        prog="microgrid",
        description="A scalar autodiff engine whose computational graph can be drawn, derived, checked and trained.",
        epilog="Exit status: 0 if all is right; 1 if a derivative is wrong, or could not be checked or proved; 2 for "
        "wrong input, a missing package or a file that can't be written; 130 if interrupted.",
    )
    parser.add_argument("--version", action="version", version=f"microgrid {microgrid.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_commands_on_tables(commands)
    _add_draw(commands)
    _add_step(commands)
    _add_check(commands)
    _add_explain(commands)
    _add_prove(commands)
    _add_certify(commands)
    _add_compile(commands)
    return parser, commands.choices


_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001  # it has no public name
_Run = Callable[[argparse.Namespace], int]


def _add_command(commands: _Commands, run: _Run, summary: str, more: str = ".") -> argparse.ArgumentParser:
    """A subcommand, named as its function; ``more`` is said after its summary."""
    name = run.__name__.removeprefix("_")
    command = commands.add_parser(name, help=summary, description=summary.capitalize() + more)
    command.set_defaults(run=run)
    return command


def _add_commands_on_tables(commands: _Commands) -> None:
    table_help = "a table: .csv with a header, or .parquet"
    summary = "differentiate, compare, draw and fit logistic regression on real data"
    demonstrate = _add_command(commands, _demo, summary, ": every gradient is compared with its closed form.")
    demonstrate.add_argument(
        "--out", type=Path, default=Path("microgrid-demo"), metavar="DIR", help="folder for the pictures (%(default)s)"
    )
    more = ": a summary, the model as JSON, plots and the graph. Exit status 1 if the fit has not converged, or "
    more += "estimates don't exist or are not unique."
    fitting = _add_command(commands, _fit, "fit logistic regression to a table", more)
    fitting.add_argument("data", type=Path, metavar="DATA", help=table_help)
    fitting.add_argument("--target", required=True, metavar="COL", help="the column of labels; all others are features")
    fitting.add_argument(
        "--out", type=Path, default=Path("microgrid-fit"), metavar="DIR", help="folder for the results (%(default)s)"
    )
    fitting.add_argument("--alpha", type=float, default=0.0, help="the L2 penalty (%(default)s)")
    fitting.add_argument("--firth", action="store_true", help="Firth's bias reduction, for separated classes")
    fitting.add_argument(
        "--cov-type", choices=("nonrobust", "HC0", "HC1"), default="nonrobust", help="of standard errors (%(default)s)"
    )
    predicting = _add_command(commands, _predict, "predict the rows of a table by a model that was fitted")
    predicting.add_argument("model", type=Path, metavar="MODEL", help="the model.json of microgrid fit")
    predicting.add_argument("data", type=Path, metavar="DATA", help=table_help)
    predicting.add_argument("--out", type=Path, metavar="FILE", help="CSV file to write (the screen)")


def _add_formula_command(
    commands: _Commands,
    run: _Run,
    summary: str,
    examples: str,
    *,
    description: str = "",
    numbers: str = "a number for each free name",
) -> argparse.ArgumentParser:
    command = _add_command(commands, run, summary, ". Formulas are written as for `microgrid draw`.")
    command.description = description or command.description
    command.epilog, command.formatter_class = examples, argparse.RawDescriptionHelpFormatter
    command.add_argument("formula", metavar="FORMULA", help="definitions such as 'z = w*x + b', quoted")
    command.add_argument("numbers", metavar="NAME=NUMBER", nargs="*", help=numbers)
    command.add_argument("--output", metavar="NAME", help="the definition to differentiate, if there are several")
    return command


def _add_draw(commands: _Commands) -> None:
    operations = textwrap.fill(", ".join(FUNCTIONS), 100, initial_indent="  ", subsequent_indent="  ")
    summary, description = "evaluate, differentiate and draw a formula", _DRAW_HELP.format(operations=operations)
    examples = _examples(f"draw {_SMALL}", f"draw {_LOGISTIC} {_NUMBERS} --out logistic.svg")
    drawing = _add_formula_command(commands, _draw, summary, examples, description=description)
    drawing.add_argument(
        "--out", type=Path, metavar="FILE", help="picture to write: .svg, .png or .dot (the output's name, .svg)"
    )


def _add_step(commands: _Commands) -> None:
    summary = "write a page that steps through a formula, forward and backward"
    examples = _examples(f"step {_SMALL} --open", f"step {_LOGISTIC} {_NUMBERS} --out logistic.html")
    stepping = _add_formula_command(commands, _step, summary, examples, numbers=_NUMBERS_OPTIONAL)
    stepping.add_argument("--out", type=Path, metavar="FILE", help="page to write (the output's name, .html)")
    stepping.add_argument("--open", action="store_true", help="open it in the browser")


def _add_check(commands: _Commands) -> None:
    drawn = "check 'f = log(x)*y' x=0.1..4 y=-3..3 --count 100     points drawn from a region"
    examples = _examples(f"check {_SMALL}", drawn, f"check {_LOGISTIC} {_NUMBERS} --order 2")
    summary = "check the derivatives of a formula"
    checking = _add_formula_command(
        commands, _check, summary, examples, description=_CHECK_HELP, numbers=_NUMBERS_OR_RANGES
    )
    references = ("auto", "complex step", "differences", "mpmath", "ball")
    checking.add_argument("--reference", choices=references, help="the reference (%(default)s)")
    checking.add_argument("--order", type=int, choices=(1, 2), help="2 checks second derivatives too (%(default)s)")
    checking.add_argument("--tol", type=float, metavar="ERROR", help="the relative error allowed (%(default)s)")
    checking.add_argument("--count", type=int, metavar="N", help="number of points drawn from ranges (%(default)s)")
    checking.add_argument("--seed", type=int, metavar="N", help="seed of the drawn points (%(default)s)")
    checking.set_defaults(**_CHECK_OPTIONS)


def _add_wrt(command: argparse.ArgumentParser) -> None:
    command.add_argument("--wrt", metavar="NAME", required=True, help="the name to differentiate with respect to")


def _add_explain(commands: _Commands) -> None:
    summary, latex = "derive a derivative of a formula, step by step along its graph", "--wrt w --format latex"
    examples = _examples(f"explain {_LOGISTIC} --wrt w1 {_NUMBERS}", f"explain 'L = (w*x - y)**2' {latex}")
    explaining = _add_formula_command(commands, _explain, summary, examples, numbers=_NUMBERS_OPTIONAL)
    _add_wrt(explaining)
    explaining.add_argument(
        "--format", choices=("text", "latex", "html"), default="text", help="what is printed (%(default)s)"
    )


def _add_prove(commands: _Commands) -> None:
    summary = "prove or refute that a derivative of a formula equals a closed form"
    examples = _examples(f"prove {_LOGISTIC} \\\n      --wrt w1 --equals '(a - y)*x1'")
    verdicts = "The verdict is proved, refuted (with a point where the two differ) or undecided.\n\n"
    proving = _add_formula_command(commands, _prove, summary, verdicts + examples, numbers=_NUMBERS_OPTIONAL)
    _add_wrt(proving)
    proving.add_argument("--equals", metavar="FORMULA", required=True, help="the closed form, in the formula's names")


def _add_certify(commands: _Commands) -> None:
    summary, over = "prove digits of a formula and its derivatives", "'f = log(1 + exp(x*y)) + y' x=0.5..1 y=-1..2"
    examples = _examples(f"certify {_SMALL} --digits 30", f"certify {over}")
    certifying = _add_formula_command(
        commands, _certify, summary, examples, description=_CERTIFY_HELP, numbers=_NUMBERS_OR_RANGES
    )
    certifying.add_argument("--digits", type=int, default=17, metavar="N", help="at a point: how many (%(default)s)")
    certifying.add_argument(
        "--budget", type=int, default=2_000_000, metavar="N", help="over ranges: the most operations (%(default)s)"
    )


def _add_compile(commands: _Commands) -> None:
    summary = "compile a formula to machine code and time it"
    examples = _examples(f"compile {_SMALL} --bench", f"compile {_LOGISTIC} {_NUMBERS} --show assembly")
    compiling = _add_formula_command(
        commands, _compile, summary, examples, description=_COMPILE_HELP, numbers=_NUMBERS_OPTIONAL
    )
    compiling.add_argument("--precise", action="store_true", help="the bits of the eager engine")
    compiling.add_argument(
        "--show", choices=("listing", "ir", "assembly"), default="listing", help="what is printed (%(default)s)"
    )
    compiling.add_argument("--bench", action="store_true", help="time it and the eager engine")


def _demo(arguments: argparse.Namespace) -> int:
    agrees = demo.run(arguments.out, progress=sys.stderr.isatty())
    if not agrees:
        print("A derivative disagrees with its closed form: see above.", file=sys.stderr)
    return 0 if agrees else 1


def _fit(arguments: argparse.Namespace) -> int:
    options = {name: getattr(arguments, name) for name in ("alpha", "firth", "cov_type")}
    verbose = sys.stderr.isatty()
    exists = fit.fit(arguments.data, arguments.target, arguments.out, print, verbose=verbose, **options)
    return 0 if exists else 1


def _predict(arguments: argparse.Namespace) -> int:
    fit.predict(arguments.model, arguments.data, arguments.out, print)
    return 0


def _draw(arguments: argparse.Namespace) -> int:
    formula = parse(arguments.formula, arguments.output)
    nodes = formula.record(**_numbers(arguments.numbers))
    output = nodes[formula.output]
    output.backward()
    parameters = [node for node in nodes.values() if node.op is None]
    rows = [(name, repr(node.data), repr(node.grad)) for name, node in nodes.items()]
    numbers = table(("name", "value", f"d{formula.output}/d(name)"), rows, "<>>")
    try:
        path = draw(output, parameters=parameters).save(arguments.out or Path(f"{formula.output}.svg"))
    except MissingPackageError:
        print(numbers)  # they need nothing that lays out graphs
        raise
    print(f"{numbers}\ndrawn in {path}")
    return 0


def _step(arguments: argparse.Namespace) -> int:
    formula = parse(arguments.formula, arguments.output)
    numbers = _numbers_or_default(arguments, formula)
    _say_defaults(arguments, numbers)
    nodes = formula.record(**numbers)
    parameters = [node for node in nodes.values() if node.op is None]
    page = step_through(nodes[formula.output], parameters=parameters)
    path = page.save(arguments.out or Path(f"{formula.output}.html"))
    print(f"a page to step through {formula.output} is in {path}")
    if arguments.open and not webbrowser.open(path.resolve().as_uri()):
        print("microgrid: no browser was found to open it", file=sys.stderr)
    return 0


def _check(arguments: argparse.Namespace) -> int:
    formula = parse(arguments.formula, arguments.output)
    at = _numbers(arguments.numbers, _number_or_range)
    formula.check_inputs(at)

    def f(**inputs: Value) -> Value:
        return formula.record_on(inputs)[formula.output]

    f.__name__ = formula.output
    options = {name: getattr(arguments, name) for name in _CHECK_OPTIONS}
    report = check_gradients(f, at, **options)
    print(replace(report, points=tuple(map(_TypedPoint.of, report.points)), repeat=_command(arguments)))
    return 0 if report else 1


def _command(arguments: argparse.Namespace) -> tuple[str, str]:
    """The parts of the command that repeats a check, before and after the point."""
    options = {"output": None, **_CHECK_OPTIONS}
    given = [f"--{name}={getattr(arguments, name)}" for name in options if getattr(arguments, name) != options[name]]
    head = shlex.join(["microgrid", "check", arguments.formula])
    return f"{head} ", "".join([f" {shlex.quote(option)}" for option in given])


class _TypedPoint(Point):
    """A point as typed after the command."""

    @classmethod
    def of(cls, point: Point) -> _TypedPoint:
        return cls(point.names, point.numbers, point.template)

    def repeated(self) -> tuple[str, str]:
        return " ".join([f"{name}={number!r}" for name, number in zip(self.names, self.numbers, strict=True)]), ""


def _number_or_range(text: str) -> float | Interval:
    low, dots, high = text.partition("..")
    return Interval(float(low), float(high)) if dots else float(text)


def _explain(arguments: argparse.Namespace) -> int:
    output, wrt, _ = _recorded(arguments)
    print(getattr(explain(output, wrt=wrt), arguments.format)())
    return 0


def _prove(arguments: argparse.Namespace) -> int:
    output, wrt, nodes = _recorded(arguments, exact=True)
    proof = prove(gradients(output, wrt), recorded_on(arguments.equals, nodes))
    print(f"d{output.name}/d{wrt.name} = {arguments.equals.strip()}")
    print(proof)
    return 0 if proof else 1


def _certify(arguments: argparse.Namespace) -> int:
    formula = parse(arguments.formula, arguments.output)
    at = _numbers(arguments.numbers, _number_or_range)
    formula.check_inputs(at)
    certificate: Certificate | RegionCertificate
    if any([isinstance(number, Interval) for number in at.values()]):

        def f(**inputs: Any) -> Value:
            return formula.record_on({name: as_value(number) for name, number in inputs.items()})[formula.output]

        certificate = certify(f, at, budget=arguments.budget)
    else:
        output = formula.record(**at)[formula.output]
        certificate = certify(output, digits=arguments.digits)
    print(certificate)
    return 0 if certificate else 1


def _compile(arguments: argparse.Namespace) -> int:
    formula = parse(arguments.formula, arguments.output)
    numbers = _numbers_or_default(arguments, formula)
    _say_defaults(arguments, numbers)
    nodes = formula.record(**numbers)
    inputs = {name: nodes[name] for name in formula.inputs}
    compiled = compile(nodes[formula.output], inputs, precise=arguments.precise)
    value, slopes = compiled.value_and_grad(**numbers)
    print(
        f"{counted(compiled.nodes, 'node')} on {compiled.backend}, ready in {1e3 * compiled.compile_seconds:.1f} ms\n"
    )
    print(getattr(compiled, arguments.show)().rstrip())
    rows = [(name, f"{numbers[name]:.6g}", f"{slope:.6g}") for name, slope in slopes.items()]
    print(f"\n{formula.output} = {value:.6g}\n")
    print(table(("name", "value", f"d{formula.output}/d(name)"), rows, "<>>"))
    if arguments.bench:
        print()
        print(table(("value and gradient", "time"), timings(formula, numbers, precise=arguments.precise), "<>"))
    return 0


def _recorded(arguments: argparse.Namespace, exact: bool = False) -> tuple[Value, Value, dict[str, Value]]:
    """The output, the node to differentiate with respect to, and every node by its name."""
    formula = parse(arguments.formula, arguments.output)
    numbers = _numbers_or_default(arguments, formula)
    nodes = formula.record_on({name: Value(numbers[name], name) for name in formula.check_inputs(numbers)}, exact=exact)
    name = spelled(arguments.wrt.strip())
    if name not in nodes:
        raise FormulaError(f"the formula has no name {name!r} to differentiate with respect to: {', '.join(nodes)}")
    if not exact:  # what is proved holds for all numbers
        _say_defaults(arguments, numbers)
    return nodes[formula.output], nodes[name], nodes


def _numbers_or_default(arguments: argparse.Namespace, formula: Formula) -> dict[str, float]:
    """The numbers given; the same one for each name if there are none."""
    return _numbers(arguments.numbers) or dict.fromkeys(formula.inputs, _DEFAULT)


def _say_defaults(arguments: argparse.Namespace, names: Collection[str]) -> None:
    """Say which numbers are used if none are given."""
    if names and not arguments.numbers:
        chosen = " ".join([f"{name}={_DEFAULT}" for name in names])
        print(f"microgrid: no numbers are given, so these are used: {chosen}", file=sys.stderr)


def _numbers(pairs: Sequence[str], read: Callable[[str], Any] = float) -> dict[str, Any]:
    """``name=number`` arguments as a dict."""
    numbers: dict[str, Any] = {}
    for pair in pairs:
        typed, equals, text = pair.partition("=")
        name = spelled(typed.strip())
        if not equals or not name.isidentifier():
            raise FormulaError(f"{pair.strip()!r} is not of the form name=number, such as w1=0.5")
        if name in numbers:
            raise FormulaError(f"{name!r} is given two numbers: drop one of them")
        try:
            numbers[name] = read(plain(text))
        except DataError:
            raise
        except ValueError:
            raise FormulaError(f"{text!r} in {pair!r} is not a number: write it like 0.5, -2 or 1e-3") from None
    return numbers


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """The arguments, with options anywhere among the numbers; argparse alone wants all numbers in one place."""
    parser, commands = _parser()
    command = commands.get(arguments[0]) if arguments else None
    if command is None or "numbers" not in {action.dest for action in command._actions}:  # noqa: SLF001
        return parser.parse_args(arguments)
    # A blank before a formula such as -x**2, which argparse would parse as an option.
    protected = [f" {argument}" if re.match("-(?!-|h$)", argument) else argument for argument in arguments[1:]]
    return command.parse_intermixed_args(protected)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command on the arguments after ``microgrid``, and give its exit status, as its help tells it.

    As in shells, it is 130 if interrupted and 141 if the output pipe is closed.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal of ASCII shows σ as \u03c3
    try:
        try:
            return _run(sys.argv[1:] if arguments is None else arguments)
        finally:
            if sys.stdout is not None:  # as where it was closed before Python started
                sys.stdout.flush()
    except BrokenPipeError:
        _discard_output()
        return _BROKEN_PIPE
    except OSError as error:
        print(f"microgrid: can't write: {error.strerror}", file=sys.stderr)
        _discard_output()
        return 2
    except KeyboardInterrupt:
        print("microgrid: interrupted", file=sys.stderr)
        return _INTERRUPTED


def _discard_output() -> None:
    """Send output that Python flushes at exit to the null device."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(arguments: Sequence[str]) -> int:
    parsed = _parsed(arguments)
    try:
        status: int = parsed.run(parsed)
    except MicrogridError as error:
        print(f"microgrid: {error}", file=sys.stderr)
        return 2
    return status
