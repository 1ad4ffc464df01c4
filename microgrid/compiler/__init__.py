"""Compile a function or a recorded graph.

A call goes ``api`` → ``arguments`` → ``trace`` → ``specialization`` → ``tiers``, and from there to ``llvm``.
"""
