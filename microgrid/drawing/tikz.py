r"""A figure and its layout as TikZ, for a LaTeX document: ``\input`` it where ``\usepackage{tikz}`` is."""

from __future__ import annotations

from collections.abc import Iterator

from microgrid.drawing.figure import Figure
from microgrid.drawing.look import BACK, BACKWARD, FORWARD, INK, LINE, ROLES, SOFT, UP
from microgrid.drawing.svg import Moment, text_of
from microgrid.layout import Box, Edge, Label, Layout

__all__ = ["tikz_text"]

_COLOURS = {"INK": INK, "SOFT": SOFT, "LINE": LINE, "FORWARD": FORWARD, "BACKWARD": BACKWARD, "STRESS": "#d6336c"}
_OF_LABELS = {"value": "FORWARD", "gradient": "BACKWARD", "terms": "BACKWARD", "partial": "BACKWARD"}
_ANCHORS = {"start": "west", "middle": "center", "end": "east"}
_POINT = 0.75  # of an SVG pixel

# What LaTeX reads as a command or has no letter for in its common fonts.
_LETTERS = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}", "-": r"$-$", "−": r"$-$", "∂": r"$\partial$", "×": r"$\times$",
    "÷": r"$\div$", "·": r"$\cdot$", "Σ": r"$\Sigma$", "∑": r"$\Sigma$", "√": r"$\surd$", "…": r"\dots{}",
    "→": r"$\to$", BACK: r"$\blacktriangleleft$", UP: r"$\blacktriangle$", "±": r"$\pm$", "∞": r"$\infty$",
    "≤": r"$\le$", "≥": r"$\ge$", "≠": r"$\ne$", "≈": r"$\approx$", "∇": r"$\nabla$", "′": r"$'$", "ℓ": r"$\ell$",
    "←": r"$\leftarrow$", "ϵ": r"$\epsilon$", "Γ": r"$\Gamma$", "Δ": r"$\Delta$", "Θ": r"$\Theta$", "Λ": r"$\Lambda$",
    "Ξ": r"$\Xi$", "Π": r"$\Pi$", "Φ": r"$\Phi$", "Ψ": r"$\Psi$", "Ω": r"$\Omega$",
}  # fmt: skip
_RAISED, _LOWERED = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "₀₁₂₃₄₅₆₇₈₉₊₋ₙ"
_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "η": "eta", "θ": "theta",
    "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma",
    "τ": "tau", "υ": "upsilon", "φ": "phi", "χ": "chi", "ψ": "psi", "ω": "omega",
}  # fmt: skip
_FALLBACK = (
    r"\providecommand{\mgletter}[2]{"
    r"\ifdefined\directlua#2\else\ifdefined\XeTeXversion#2\else\texttt{U+#1}\fi\fi}% what pdfLaTeX has no letter for"
)
_LAST_IN_T1 = "ž"
_LETTERS |= {letter: rf"$\{name}$" for letter, name in _GREEK.items()}
for _sign, _letters in (("^", _RAISED), ("_", _LOWERED)):
    _LETTERS |= {letter: f"${_sign}{plain}$" for letter, plain in zip(_letters, "0123456789+-n", strict=True)}


def tikz_text(figure: Figure, layout: Layout, *, scale: float = 1.0, moment: Moment | None = None) -> str:
    r"""A ``tikzpicture``, ending in a newline; it needs the packages tikz, textcomp and amssymb, and T1 for ``"``."""
    return "\n".join(_lines(figure, layout, scale * _POINT, moment or Moment())) + "\n"


def _lines(figure: Figure, layout: Layout, unit: float, moment: Moment) -> Iterator[str]:
    yield r"% \usepackage{tikz,amssymb,textcomp} \usepackage[T1]{fontenc}"
    yield _FALLBACK
    yield rf"\begin{{tikzpicture}}[x={unit:g}bp,y=-{unit:g}bp,inner sep=0pt]"
    # As large with less in it, so that the pictures of a series stand at one place.
    yield rf"\useasboundingbox (0,0) rectangle ({layout.width:g},{layout.height:g});"
    for name, colour in _COLOURS.items():
        yield rf"\definecolor{{mg{name}}}{{HTML}}{{{colour[1:].upper()}}}"
    for role, look in ROLES.items():
        yield rf"\definecolor{{mgfill{role}}}{{HTML}}{{{look.fill[1:].upper()}}}"
        yield rf"\definecolor{{mgline{role}}}{{HTML}}{{{look.line[1:].upper()}}}"
    for frame in layout.frames:
        corners = f"({frame.x:g},{frame.y:g}) rectangle ++({frame.width:g},{frame.height:g})"
        yield rf"\draw[mgSOFT,rounded corners=4pt] {corners};"
        yield _text(frame.x + 7, frame.y + 11, frame.name, 10 * unit, "SOFT", "start")
    for edge in layout.edges:
        yield _edge(figure, edge, moment)
    for box in layout.boxes:
        yield from _box(box, figure.roles[box.node], stressed=box.node in moment.nodes)
    for label in layout.labels:
        text = text_of(label, moment, layout.direction)
        if text:
            yield _label(figure, label, text, unit)
    yield r"\end{tikzpicture}"


def _edge(figure: Figure, edge: Edge, moment: Moment) -> str:
    stressed = any([(edge.node, each) in moment.edges for each in edge.listed or (edge.edge,)])
    parents = figure.nodes[edge.node].parents
    is_gap = figure.roles[parents[edge.edge]] == "gap"
    curves = "".join(
        [f" .. controls ({a[0]:g},{a[1]:g}) and ({b[0]:g},{b[1]:g}) .. ({c[0]:g},{c[1]:g})" for a, b, c in edge.curves]
    )
    look = "mgSTRESS,line width=1.6pt" if stressed else "mgLINE,line width=0.7pt"
    look += ",dashed" if is_gap else ",-latex"
    return rf"\draw[{look}] ({edge.start[0]:g},{edge.start[1]:g}){curves};"


def _box(box: Box, role: str, *, stressed: bool) -> Iterator[str]:
    if role == "gap":
        return
    look = f"draw=mg{'STRESS' if stressed else f'line{role}'},fill=mgfill{role},line width={ROLES[role].pen * 0.6:g}pt"
    look += ",dashed" if box.again or role == "constant" else ""
    left, top = box.x - box.width / 2, box.y - box.height / 2
    corner = (
        "0.5" if role == "parameter" or box.shape == "row" else "4" if box.shape not in ("circle", "pill") else "10"
    )
    if box.shape == "circle" and box.width == box.height:
        yield rf"\draw[{look}] ({box.x:g},{box.y:g}) circle [radius={box.width / 2:g}];"
        if role == "output":
            yield rf"\draw[mgline{role}] ({box.x:g},{box.y:g}) circle [radius={box.width / 2 + 3:g}];"
        return
    yield rf"\draw[{look},rounded corners={corner}pt] ({left:g},{top:g}) rectangle ++({box.width:g},{box.height:g});"
    if box.shape == "cylinder":
        yield rf"\draw[mgline{role}] ({left:g},{top:g}) .. controls +(4,6) and +(-4,6) .. ++({box.width:g},0);"
    if role == "output":
        yield (
            rf"\draw[mgline{role},rounded corners={corner}pt] ({left - 3:g},{top - 3:g}) "
            rf"rectangle ++({box.width + 6:g},{box.height + 6:g});"
        )


def _label(figure: Figure, label: Label, text: str, unit: float) -> str:
    colour = _OF_LABELS.get(label.kind, "INK")
    if label.kind == "name" and not figure.is_named[label.node]:
        colour = "SOFT"
    # A local derivative lies on its edge, and covers it; in a list it lies on nothing.
    on_edge = label.kind == "partial" and label.anchor == "middle"
    return _text(label.x, label.y, text, label.size * unit, colour, label.anchor, fill=on_edge)


def _text(x: float, y: float, text: str, size: float, colour: str, anchor: str, *, fill: bool = False) -> str:
    look = f"anchor={_ANCHORS[anchor]},text=mg{colour}" + (",fill=white,inner sep=0.5pt" if fill else "")
    letters = "".join([_letter(letter) for letter in text])
    font = rf"\sffamily\fontsize{{{size:.3g}}}{{{size * 1.2:.3g}}}\selectfont"
    return rf"\node[{look},font={font}] at ({x:g},{y:g}) {{{letters}}};"


def _letter(letter: str) -> str:
    known = _LETTERS.get(letter, letter if letter <= _LAST_IN_T1 else "")
    return known or rf"\mgletter{{{ord(letter):X}}}{{{letter}}}"
