"""Graphs as formulas and source text, and back.

``parse`` reads what a user types; ``sympy`` goes both ways and writes LaTeX, ``json`` goes both ways by a schema, and
``source_code`` writes C, Python and NumPy. ``names`` chooses what a formula shows; ``high_precision`` computes it
again.
"""
