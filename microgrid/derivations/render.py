"""A derivation: its data, and how they are written as plain text, LaTeX and HTML."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from microgrid._public import public
from microgrid.arithmetics.latex import number as latex_number
from microgrid.arithmetics.latex import symbol
from microgrid.derivations.steps import Component, Path, paths_counted, quotient
from microgrid.formulas.sympy import sympy_package
from microgrid.util.labels import number, one_line

__all__ = ["Derivation", "plain"]


@public()
@dataclass(frozen=True, slots=True)
class Derivation:
    """The derivation of one derivative; a notebook shows it as the last line of a cell.

    Parameters
    ----------
    output, wrt : str
        The names of the two nodes: the derivative is that of ``output`` with respect to ``wrt``.
    value : float
        The derivative.
    node_count : int
        The number of nodes of the graph.
    path_count : int
        The number of paths from the output back to ``wrt``, 10^300 at most.
    through : tuple of str
        The nodes at which the derivation is cut into stages; every path passes them.
    definitions : tuple of tuple
        The named nodes, each with its formula in the others.
    numbers : tuple of tuple
        The symbols that occur, each with its number.
    components : tuple of Component
        The factors and their products, from the output down.
    """

    output: str
    wrt: str
    value: float
    node_count: int
    path_count: int
    through: tuple[str, ...]
    definitions: tuple[tuple[str, Any], ...]
    numbers: tuple[tuple[str, float], ...]
    components: tuple[Component, ...]

    @property
    def name(self) -> str:
        """The derivative, such as ``dL/dw1``."""
        return quotient(self.output, self.wrt)

    @property
    def closed_form(self) -> Any:
        """The simplified formula of the derivative, a SymPy expression; None if it would be too long."""
        if not self.path_count:
            return sympy_package().Integer(0)
        return self.components[-1].closed_form

    @property
    def is_summary(self) -> bool:
        """Whether the graph is too large for formulas, so that the derivation has numbers alone."""
        return bool(self.components) and all([one.formula is None for one in self.components])

    def text(self) -> str:
        """The derivation as plain text.

        Returns
        -------
        str
            Several lines.
        """
        return "\n".join(_lines(self))

    def latex(self) -> str:
        r"""The derivation in LaTeX.

        Returns
        -------
        str
            An ``aligned`` environment for math mode: put it between ``\[`` and ``\]``.
        """
        return _latex(self)

    def html(self) -> str:
        """The derivation as HTML, every name in it escaped.

        Returns
        -------
        str
            One ``<div>`` without styles or scripts.
        """
        return _html(self)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<Derivation of {self.name}: {paths_counted(self.path_count)}, {self.value!r}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:  # noqa: ARG002  # IPython's
        # In text rather than displayed, so that it stands at the left.
        return {"text/latex": f"$\\displaystyle {self.latex()}$", "text/plain": self.text()}


def plain(formula: Any) -> str:
    """A formula in one line of text, with · for products and ^ for powers."""
    return one_line(str(formula).replace("**", "^").replace("*", "·"))


# ---- shared by the three formats ------------------------------------------------------------------------------


def _lead(derivation: Derivation) -> str:
    """How many paths there are, and through which nodes all of them lead."""
    count = derivation.path_count
    through = derivation.through
    names = " and ".join(filter(None, [", ".join(through[:-1]), *through[-1:]]))
    verb = "leads" if count == 1 else "lead"
    where = f", {'all of them ' * (count > 1)}through {names}" if through else ""
    return f"{paths_counted(count)} {verb} from {derivation.output} back to {derivation.wrt}{where}"


def _note(derivation: Derivation) -> str:
    """Why there is no derivation, or why it has no formulas; empty if it has them."""
    if not derivation.path_count:
        return f"{derivation.output} does not depend on {derivation.wrt}: no path leads there, so the derivative is 0."
    if derivation.is_summary:
        nodes = f"{derivation.node_count:,} nodes"
        return f"The graph has {nodes}, and its formulas would be too long to be read: here are the numbers."
    return ""


def _paths_shown(component: Component) -> Sequence[Path]:
    """The paths; none if the only one is a single edge, which the component itself shows."""
    edges = [len(path.partials) for path in component.paths]
    return () if edges == [1] else component.paths


def _path_equalities(path: Path) -> list[str]:
    """The local derivatives in a row, and their product if there are several."""
    row, product = " · ".join([_fenced(plain(one)) for one in path.partials]), plain(path.formula)
    return [product] if len(path.partials) == 1 else [row, product]


def _equalities(component: Component, write: Callable[[Any], str]) -> list[str]:
    """The formula, and the closed form if it is written differently."""
    if component.formula is None:
        return []
    lines = [write(component.formula), write(component.closed_form)]
    return lines[:1] if lines[0] == lines[1] else lines


def _fenced(text: str) -> str:
    """Parentheses around a factor that is a sum or begins with a sign."""
    return text if re.fullmatch(r"[\w.]+|\w+\([^()]*\)", text) else f"({text})"


# ---- text -----------------------------------------------------------------------------------------------------


def _lines(derivation: Derivation) -> Iterable[str]:
    yield f"{derivation.name}, by the chain rule along the graph"
    yield ""
    for name, formula in derivation.definitions:
        yield f"  {name} = {plain(formula)}"
    if derivation.numbers:
        yield f"  at {', '.join([f'{name} = {number(x)}' for name, x in derivation.numbers])}"
    if derivation.definitions or derivation.numbers:
        yield ""
    if note := _note(derivation):
        yield note
    if not derivation.path_count:
        return
    stages = [one.name for one in derivation.components if not one.factors]
    yield f"{_lead(derivation)}{':' if len(stages) > 1 else '.'}"
    if len(stages) > 1:
        yield f"  {derivation.name} = {' · '.join(stages)}"
    for index, component in enumerate(derivation.components, start=1):
        yield ""
        yield from _component_text(index, component)


def _component_text(index: int, component: Component) -> Iterable[str]:
    head = f"{index}. {component.name}"
    factors = " · ".join(component.factors)
    yield head + (f" = {factors}" if factors else f": {paths_counted(component.path_count)}")
    for path in _paths_shown(component):
        yield f"     {' ← '.join(path.nodes)}"
        yield f"       {' = '.join([*_path_equalities(path), number(path.value)])}"
    indent = " " * (len(component.name) + 4)
    lines = [*_equalities(component, plain), repr(component.value)]
    yield f"   {component.name} = {lines[0]}"
    for line in lines[1:]:
        yield f"{indent}= {line}"
    if component.note:
        yield f"   ({component.note})"


# ---- LaTeX ----------------------------------------------------------------------------------------------------


def _latex(derivation: Derivation) -> str:
    rows = [f"{symbol(name)} &= {_sympys_latex(formula)}" for name, formula in derivation.definitions]
    if not derivation.path_count:
        rows.append(f"{_fraction(derivation.output, derivation.wrt)} &= 0")
    for component in derivation.components:
        lines = [*_equalities(component, _sympys_latex), latex_number(component.value)]
        factors = _factors_latex(derivation, component) if component.factors else ""
        first = f"{_fraction(component.of, component.by)} {f'= {factors} ' if factors else ''}&= {lines[0]}"
        rows += [first, *[f"&= {line}" for line in lines[1:]]]
    body = " \\\\\n".join(rows)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"


def _factors_latex(derivation: Derivation, component: Component) -> str:
    ends = {one.name: (one.of, one.by) for one in derivation.components}
    return r" \cdot ".join([_fraction(*ends[name]) for name in component.factors])


def _fraction(of: str, by: str) -> str:
    return rf"\frac{{\partial {symbol(of)}}}{{\partial {symbol(by)}}}"


def _sympys_latex(formula: Any) -> str:
    names = {one: symbol(one.name) for one in formula.free_symbols}
    return str(sympy_package().latex(formula, symbol_names=names))


# ---- HTML -----------------------------------------------------------------------------------------------------


def _html(derivation: Derivation) -> str:
    parts = [f"<p><b>{_html_ratio(derivation.output, derivation.wrt)}</b>, by the chain rule along the graph</p>"]
    if derivation.definitions:
        lines = [f"{_marked_up(name)} = {_marked_up(plain(formula))}" for name, formula in derivation.definitions]
        parts.append(f"<p>{'<br>'.join(lines)}</p>")
    if derivation.numbers:
        point = ", ".join([f"{_marked_up(name)} = {number(x)}" for name, x in derivation.numbers])
        parts.append(f"<p>at {point}</p>")
    if note := _note(derivation):
        parts.append(f"<p>{_escaped(note)}</p>")
    if derivation.path_count:
        parts.append(f"<p>{_escaped(_lead(derivation))}.</p>")
        ends = {one.name: (one.of, one.by) for one in derivation.components}
        rows = [
            row
            for index, component in enumerate(derivation.components, start=1)
            for row in _html_rows(index, component, ends)
        ]
        parts.append(f"<table>{''.join(rows)}</table>")
    return f"<div>{''.join(parts)}</div>"


def _html_rows(index: int, component: Component, ends: Mapping[str, tuple[str, str]]) -> Iterable[str]:
    head = (f"{index}.", f"<b>{_html_ratio(component.of, component.by)}</b>")
    paths = _paths_shown(component)
    if paths:
        label = f"the sum over {paths_counted(len(paths))}:" if len(paths) > 1 else "along the only path:"
        yield _row(*head, label, "")
        head = ("", "")
    for path in paths:
        nodes = _marked_up(" ← ".join(path.nodes))
        yield _row("", nodes, " = ".join([_marked_up(text) for text in _path_equalities(path)]), number(path.value))
    lines = [_marked_up(line) for line in _equalities(component, plain)]
    if component.factors:
        lines.insert(0, " · ".join([_html_ratio(*ends[name]) for name in component.factors]))
    if component.note:
        lines.append(f"<i>{_escaped(component.note)}</i>")
    yield _row(*head, "".join([f"= {line}<br>" for line in lines]).removesuffix("<br>"), repr(component.value))


def _row(*cells: str) -> str:
    aligned = [f'<td align="{side}" valign="top">{cell}</td>' for side, cell in zip(_SIDES, cells, strict=True)]
    return f"<tr>{''.join(aligned)}</tr>"


_SIDES = ("right", "left", "left", "right")


def _html_ratio(of: str, by: str) -> str:
    return _marked_up(quotient(of, by).replace("d", "∂", 1).replace("/d", "/∂", 1))


def _marked_up(text: str) -> str:
    """Text as HTML, with digits at the end of a name as a subscript and powers as superscripts."""
    safe = _escaped(text)
    safe = re.sub(r"\^(\d+)", r"<sup>\1</sup>", safe)
    return re.sub(r"(?<![\w&])([^\W\d_]+)_?(\d+)(?!\w)", r"\1<sub>\2</sub>", safe)


def _escaped(text: str) -> str:
    """Text for HTML. A dollar sign has an element of its own: notebooks take two in one text for a formula's ends."""
    return html.escape(text, quote=False).replace("$", "<span>$</span>")
