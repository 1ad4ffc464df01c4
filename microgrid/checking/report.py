"""The results of a gradient check, as data and as text."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Literal

from microgrid._public import public
from microgrid.checking.html import Link, rendered
from microgrid.checking.nodes import Blame
from microgrid.checking.points import Point
from microgrid.util.restoring import restorable
from microgrid.util.tables import table
from microgrid.util.wording import counted

__all__ = ["Judgement", "Report", "Verdict"]

_MOST_ROWS = 10  # judgements in a report's table
_WIDTH = 12  # of the word at the start of a line


@public("microgrid.checking")
class Verdict(StrEnum):
    """The verdict on a derivative, or on a whole check.

    ``RIGHT``: it agrees with its reference. ``WRONG``: it does not, and neither noise nor a kink explains it. ``KINK``:
    the function has different slopes on the two sides of the point, or jumps there, so that it has no derivative.
    ``NOISY``: the reference is not exact enough to decide, because of rounding or because the function is not
    repeatable. ``ROUNDED``: the reference is exact and every node of the graph is right, but the graph loses digits to
    rounding, as 1 - a does where a is nearly 1. ``NON_FINITE``: the derivative, its reference or the function is
    infinite or nan. ``UNCHECKED``: the budget of calls or time was spent before. ``NOTHING``: nothing was compared.
    """

    RIGHT = "right"
    UNCHECKED = "not checked"
    NOISY = "reference too noisy"
    ROUNDED = "lost to rounding"
    KINK = "kink crossed"
    NON_FINITE = "non-finite"
    WRONG = "wrong gradient"
    NOTHING = "nothing checked"


_SEVERITY = {verdict: rank for rank, verdict in enumerate(Verdict)}


@public("microgrid.checking")
@dataclass(frozen=True, slots=True)
class Judgement:
    """One derivative beside its reference.

    Parameters
    ----------
    subject : str
        The gradient that was checked: "autodiff" or "closed form".
    name : str
        The derivative, such as ``df/dw``.
    point : int
        The index of the point, from 0.
    got : float
        The derivative.
    expected : float
        The reference's value.
    bound : float
        The reference's own error bound.
    how : str
        The reference: "complex step", "central differences", "mpmath at 800 and 1200 digits", …; empty if none was
        needed.
    verdict : Verdict
        The verdict.
    note : str, default ""
        The reason for the verdict, if the numbers alone don't show it.
    taylor_order : float or None, default None
        The order at which the remainder f(x + h) - f(x) - h·got shrinks: 2 or more if ``got`` is right, 1 if it is
        wrong. None if it was not computed, or is lost to rounding.
    """

    subject: str
    name: str
    point: int
    got: float
    expected: float
    bound: float
    how: str
    verdict: Verdict
    note: str = ""
    taylor_order: float | None = None

    @property
    def error(self) -> float:
        """The absolute difference of the two."""
        return abs(self.got - self.expected)

    @property
    def relative_error(self) -> float:
        """The difference relative to the larger of the two; 0 if they are equal, nan if one is not finite."""
        if self.got == self.expected:
            return 0.0
        finite = math.isfinite(self.got) and math.isfinite(self.expected)
        return self.error / max(abs(self.got), abs(self.expected)) if finite else math.nan

    @property
    def ulp(self) -> float:
        """The difference in units in the last place of the reference; infinite if one of the two is not finite."""
        distance = 0.0 if self.got == self.expected else self.error / math.ulp(self.expected)
        return distance if math.isfinite(distance) else math.inf

    @property
    def severity(self) -> tuple[int, float]:
        """The key by which a report is sorted."""
        relative = self.relative_error
        return _SEVERITY[self.verdict], math.inf if math.isnan(relative) else relative


@public("microgrid.checking")
@restorable
@dataclass(frozen=True, slots=True, repr=False)
class Report:
    """The results of a gradient check; true if at least one derivative was checked and every verdict is "right".

    Parameters
    ----------
    judgements : tuple of Judgement
        Every derivative that was compared, the worst first.
    blames : tuple of Blame
        The nodes at which a number is wrong or not finite, at most one for each point and graph.
    points : tuple of Point
        The points.
    local : int
        The number of nodes' local derivatives that were compared with a reference.
    unverified : int
        The number of local derivatives that no reference could decide.
    tol : float
        The error that counts as agreement.
    repeat : tuple of str
        The parts of the line that repeats the check at one point: before the point and after it.
    remarks : tuple of str, default ()
        Further remarks, such as why a function could not be recorded.
    unit : {"relative", "ulp"}, default "relative"
        The unit of ``tol``: a relative error, or units in the last place of the reference.
    each : str, default "point"
        The word for a point in the text.
    calls : int, default 0
        The number of calls of f.
    links : dict, default {}
        Where a subject, or an operation by its name, is written.
    """

    judgements: tuple[Judgement, ...]
    blames: tuple[Blame, ...]
    points: tuple[Point, ...]
    local: int
    unverified: int
    tol: float
    repeat: tuple[str, str]
    remarks: tuple[str, ...] = ()
    unit: Literal["relative", "ulp"] = "relative"
    each: str = "point"
    calls: int = 0
    links: dict[str, Link] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """The most severe verdict; ``NOTHING`` if nothing was compared."""
        found = [judgement.verdict for judgement in self.judgements]
        if not found:
            return Verdict.NOTHING
        if any([blame.kind not in ("not finite", "missing path") for blame in self.blames]):
            found.append(Verdict.WRONG)
        return max(found, key=_SEVERITY.__getitem__)

    def __bool__(self) -> bool:
        return self.verdict is Verdict.RIGHT

    @property
    def checked(self) -> int:
        """The number of derivatives that were compared."""
        return sum([one.verdict is not Verdict.UNCHECKED for one in self.judgements])

    @property
    def worst(self) -> Judgement | None:
        """The judgement with the most severe verdict and, among these, the largest relative error."""
        return self.judgements[0] if self.judgements else None

    @property
    def blame(self) -> Blame | None:
        """The first node to blame, or None."""
        return self.blames[0] if self.blames else None

    @property
    def reproduce(self) -> str:
        """One line of Python that repeats the check at the worst judgement's point, exact to the last bit.

        A long point is not written out: a drawn one has its region and its own seed; ``at`` is what the check got.
        """
        if self.worst is None:
            return "[]".join(self.repeat)
        text, drawn = self.points[self.worst.point].repeated()
        before, after = self.repeat
        return before + text + (f"{after.rpartition('seed=')[0]}{drawn})" if drawn else after)

    def __repr__(self) -> str:
        return f"<{self._headline()}>"

    def __str__(self) -> str:
        lines = [self._headline()]
        for word, text in self._paragraphs():
            lines += _paragraph(word, text)
        if not self and self.judgements:
            lines += [table(self._header(), self._rows(), "<><>>>><"), *(["  " + self._rest()] if self._rest() else [])]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        links = {"worst": self.links.get(self.worst.subject) if self.worst and not self else None}
        if self.blame is not None and self.blame.node.op is not None:
            links["blame"] = self.links.get(self.blame.node.op.name)
        paragraphs = [(word, text, links.get(word)) for word, text in self._paragraphs(with_source=False)]
        return rendered(self._headline(), str(self.verdict), paragraphs, self._header(), self._rows(), self._rest())

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002  # as IPython calls it in a terminal
        printer.text(str(self))

    def _paragraphs(self, *, with_source: bool = True) -> list[tuple[str, str]]:
        """The words at the starts of lines, and the text to each."""
        found = [("checked", self._extent())]
        if self.worst is not None:
            found.append(("worst", self._described(self.worst)))
            if (order := self.worst.taylor_order) is not None:
                shrinks = f"the remainder f(x + h) - f(x) - h·(derivative) shrinks as h^{order:.2f}"
                found.append(("evidence", f"{shrinks}: h^2 if it is right, h^1 if wrong"))
        if self.blame is not None:
            found.append(("blame", str(self.blame if with_source else replace(self.blame, source=None))))
        found += [("remark", remark) for remark in self.remarks]
        if not self and self.judgements:
            found.append(("repeat", self.reproduce))
        return found

    def _headline(self) -> str:
        counts = Counter([judgement.verdict for judgement in self.judgements])
        if not self.judgements:
            return f"{Verdict.NOTHING}: no derivative was compared, which is no success"
        if self:
            agree = "agree with their reference" if self.checked != 1 else "agrees with its reference"
            return f"{Verdict.RIGHT}: {counted(self.checked, 'derivative')} {agree}"
        if not counts[self.verdict]:
            return f"{self.verdict}: a node is wrong, though no derivative of the output shows it"
        others = [
            f"{counts[verdict]:,} {verdict}" for verdict in Verdict if counts[verdict] and verdict != self.verdict
        ]
        rest = f" ({', '.join(others)})" if others else ""
        return f"{self.verdict}: {counts[self.verdict]:,} of {counted(len(self.judgements), 'derivative')}{rest}"

    def _extent(self) -> str:
        references = " and ".join(dict.fromkeys([one.how for one in self.judgements if one.how])) or "no reference"
        text = f"{counted(self.checked, 'derivative')} at {counted(len(self.points), self.each)} against {references}, "
        text += f"relative tolerance {self.tol:g}" if self.unit == "relative" else f"tolerance {self.tol:g} ulp"
        if self.local or self.unverified:
            text += f"\n{counted(self.local, 'local derivative')} of nodes"
        return text + (f", and {self.unverified:,} that no reference could decide" if self.unverified else "")

    def _described(self, judgement: Judgement) -> str:
        """A judgement in a few lines."""
        where = f"{self.each} {judgement.point}"
        lines = [f"{judgement.name} at {where}: {judgement.subject} gives {judgement.got!r}"]
        if math.isfinite(judgement.bound):
            verb = "give" if judgement.how.endswith("differences") else "gives"
            bound = f" ± {judgement.bound:.1g}" if judgement.bound else ""
            apart = f": {self._distance(judgement, with_unit=True)}" if math.isfinite(judgement.error) else ""
            lines.append(f"{judgement.how} {verb} {judgement.expected!r}{bound}{apart}")
        elif judgement.how:
            lines.append(f"there is no reference by {judgement.how}")
        return "\n".join([*lines, judgement.note] if judgement.note else lines)

    def _distance(self, judgement: Judgement, *, with_unit: bool = False) -> str:
        if self.unit == "ulp":
            return f"{judgement.ulp:g}{' ulp apart' * with_unit}"
        return "a relative error of " * with_unit + _or_blank(judgement.relative_error, ".2g")

    def _header(self) -> tuple[str, ...]:
        error = "ulp" if self.unit == "ulp" else "rel. error"
        return "derivative", self.each, "subject", "got", "reference", "±", error, "verdict"

    def _rows(self) -> list[tuple[str, ...]]:
        """The worst judgements as rows of a table."""
        return [
            (
                *(one.name, str(one.point), one.subject, repr(one.got)),
                *(_or_blank(one.expected, "r"), _or_blank(one.bound, ".1g"), self._distance(one), str(one.verdict)),
            )
            for one in self.judgements[:_MOST_ROWS]
        ]

    def _rest(self) -> str:
        """How many judgements the table leaves out."""
        more = len(self.judgements) - _MOST_ROWS
        return f"and {counted(more, 'derivative')} that {'is' if more == 1 else 'are'} no worse" if more > 0 else ""


def _paragraph(word: str, text: str) -> list[str]:
    """Lines of text, indented after a word."""
    first, *rest = text.splitlines()
    return [f"  {word:{_WIDTH}}{first}", *[" " * (_WIDTH + 2) + line for line in rest]]


def _or_blank(number: float, spec: str) -> str:
    """A number for a cell of a table; a dash if it is not finite."""
    if not math.isfinite(number):
        return "–"
    return repr(number) if spec == "r" else format(number, spec)
