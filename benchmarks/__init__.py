"""How fast microgrid is, beside its peers in the same run: ``python -m benchmarks``.

Where what lives: ``registry`` says what a work, a peer and an adapter are; ``peers`` names who is compared, and
``engines`` gives the eager ones the same words. ``works`` holds what they are asked to do, a module for each kind.
``measure`` starts the processes and takes the rounds, ``worker`` is the process with the clock. ``figures`` and
``goals`` judge what was found, ``report`` and ``picture`` show it. A new peer is a line in ``peers``, and a decorated
function for each work; a new work is one object.

The checkers of gradients are measured by what they find: ``checkers``, ``gradients`` and ``planted_faults``.
"""
