"""Graphs as formulas and source text, and back: typed formulas, SymPy, LaTeX, C, Python and NumPy."""
