"""Derivatives of functions and of recorded graphs, as functions and as graphs, of any order.

``transforms`` has ``grad``, ``jvp``, ``hessian`` and the others; each takes a ``trace`` of one call of the function
and runs ``reverse`` or ``forward`` mode on it.
"""
