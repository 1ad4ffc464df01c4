"""The ``microgrid`` command: ``main`` has its arguments and output.

``demo`` and ``fit`` are the two subcommands with work of their own; ``timing`` is what ``compile --bench`` prints.
"""
