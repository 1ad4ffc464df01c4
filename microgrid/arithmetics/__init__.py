"""Further number systems that the rules run in, one file each; ``core.arithmetic`` has those of the engine.

For derivatives: ``series`` (power series, forward mode to any order) and ``complex`` (the complex step). Many numbers
at once: ``numpy``. What is exact, or says how far it may be from it: ``mpmath``, ``rounded``, ``ball`` and
``ball_series``. Formulas and source text: ``sympy``, ``latex`` and ``javascript``.
"""
