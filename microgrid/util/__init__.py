"""Small tools that know nothing of graphs.

Data: ``pytree``, ``interval``, ``roles`` (of a graph's leaves) and ``restoring`` (pickles of earlier versions). Text:
``labels``, ``wording`` and ``tables``. Running: ``progress``, ``budget``, ``locks`` and ``atomic_write``.
"""
