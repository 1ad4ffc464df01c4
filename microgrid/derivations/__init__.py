"""Derivatives derived step by step, closed forms proved or refuted, and numbers certified.

A ``derivation`` consists of ``steps``, whose formulas ``simplify`` shortens and ``render`` writes; ``exponents`` keeps
numbers of many digits from SymPy. A ``proof`` takes a ``claim`` that two graphs are the same function: ``vanishing``
simplifies their difference, over its ``pieces``, ``agreement`` compares numbers, and ``claim_in_balls`` refutes or
bounds with proof. A ``certificate`` encloses values and derivatives (``enclosures``), over ``boxes`` and ``regions``.
"""

from __future__ import annotations

from microgrid.derivations.derivation import explain
from microgrid.derivations.proof import Proof, prove
from microgrid.derivations.render import Derivation
from microgrid.derivations.steps import Component, Path

__all__ = ["Component", "Derivation", "Path", "Proof", "explain", "prove"]
