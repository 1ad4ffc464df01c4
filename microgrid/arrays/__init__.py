"""Arrays of Values in NumPy: the array type, NumPy's functions on it, and what is said where there is none.

Arrays of nodes: ``values`` (the type), ``plain`` (as objects or numbers), ``ufuncs``, ``functions`` and ``linear``
(what NumPy calls on it), ``advice`` (what to write instead), ``calls`` (a user's function called with all this at
hand). Arrays computed as a whole, one node for each operation: ``whole`` (the type), ``operations`` (values and
pullbacks), ``traced`` (the sweeps) and ``second_order``.
"""
