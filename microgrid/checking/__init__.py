"""Gradient checking that tells what is wrong: verdicts with their evidence, the node to blame, a line that repeats it.

``check_gradients`` compares, ``assert_gradients`` raises. How a check is made up, from the bottom: ``points`` says
where, ``recordings`` what a function's graph is and whether it stands for the function, ``differences`` and
``references`` what a derivative should be and how sure that is, ``nodes`` which node is wrong, ``functions`` what each
kind of function can say of a doubtful derivative, and ``judging`` puts the verdicts together into a ``report``.
"""

from __future__ import annotations

from microgrid.checking.check import assert_gradients, check_gradients
from microgrid.checking.nodes import Blame
from microgrid.checking.points import Interval
from microgrid.checking.report import Judgement, Report, Verdict

__all__ = ["Blame", "Interval", "Judgement", "Report", "Verdict", "assert_gradients", "check_gradients"]
