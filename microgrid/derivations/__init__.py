"""Derivatives derived step by step, and closed forms proved or refuted."""

from __future__ import annotations

from microgrid.derivations.derivation import Component, Derivation, Path, explain
from microgrid.derivations.proof import Proof, prove

__all__ = ["Component", "Derivation", "Path", "Proof", "explain", "prove"]
