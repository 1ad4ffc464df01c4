"""Compile a function or a recorded graph.

A call goes ``api`` → ``arguments`` → ``trace`` → ``specialization`` → ``tiers``, and from there to ``llvm``, or to
``python_backend`` without it. Around that way: ``target`` (a function or a graph), ``request`` (the value or which
derivative), ``outside`` (what a function reads beside its arguments), ``paths`` (the branches that it took before)
and ``reroll`` (a recorded loop over samples becomes a kernel over rows).
"""
