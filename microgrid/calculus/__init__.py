"""Derivatives of functions and of recorded graphs, as functions and as graphs, of any order."""
