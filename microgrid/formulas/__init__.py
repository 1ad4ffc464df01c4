"""Graphs as text and back: typed formulas, SymPy expressions, LaTeX, and source text in C, Python and NumPy."""
