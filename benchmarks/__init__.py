"""How fast the engine is, beside its peers in the same run: ``python -m benchmarks``.

``peers`` holds the engines, ``works`` what they are asked to do, ``measure`` the clock and the scales, ``report`` the
table. A new peer or a new work is one decorated function in its file. Compiled graphs and their peers are in the
folder ``compiled``.
"""
