"""How fast compiled graphs are, beside their peers in the same run: ``python -m benchmarks.compiled``.

``registry`` says what a work, a peer and an adapter are; ``peers`` names who is compared. Each of ``logistic``,
``sample``, ``graphs``, ``moons`` and ``hessian`` holds one kind of work: its data, its closed form, and what every peer
makes of it. ``rounds`` and ``worker`` are the clock, ``goals`` what must be reached, ``report`` the tables.

A new peer at a work is one decorated function in the work's file.
"""
