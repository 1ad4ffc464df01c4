"""Gradient checking: verdicts with their evidence, the node to blame, and a line of code that repeats the check.

``check_gradients`` returns a report; ``assert_gradients`` raises unless every verdict is "right". The modules, from
the bottom: ``structures`` finds numbers in arguments and gradients, and ``points`` draws sample points;
``recordings`` records a function's graph and finds kinks and missing paths; ``differences``, ``references`` and
``batches`` compute reference derivatives with error bounds; ``nodes`` finds the node that is wrong; ``verdicts`` and
``subjects`` resolve doubtful derivatives; ``results`` and ``questions`` find out what f is; ``directions`` and
``effort`` save calls of it; ``check`` puts the verdicts together into a ``report``, which ``html`` shows in
notebooks. ``plot`` draws one derivative's error.
"""

from __future__ import annotations

from microgrid.checking.check import assert_gradients, check_gradients
from microgrid.checking.nodes import Blame
from microgrid.checking.plot import plot_steps
from microgrid.checking.points import Interval
from microgrid.checking.points import Point as Point  # by this name a pickle restores it
from microgrid.checking.report import Judgement, Report, Verdict

__all__ = ["Blame", "Interval", "Judgement", "Report", "Verdict", "assert_gradients", "check_gradients", "plot_steps"]
