"""Derivatives derived step by step, and closed forms proved or refuted."""

from __future__ import annotations

from microgrid.derivations.derivation import Derivation, explain
from microgrid.derivations.proof import Proof, prove
from microgrid.derivations.steps import Component, Path

__all__ = ["Component", "Derivation", "Path", "Proof", "explain", "prove"]
