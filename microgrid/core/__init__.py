"""The engine, to be read in one sitting, in the order of this page.

What it is: ``rule`` and ``rules`` (what an operation is; the table), ``arithmetic`` and ``ieee`` (what a rule runs in),
``graph`` (order and the chain rule), ``value`` (what a node is to its users), ``python_engine`` (how it is stored,
recorded and swept).

Then what makes it quick: ``source`` and ``specialize`` (the same nodes, faster), ``native_engine`` with ``engine.c``
and ``c_rules``, ``engine`` (the choice). And what makes it convenient: ``comparison``, ``functions``, ``strictness``,
``pickling``, ``custom_operations``, ``help`` and ``stubs`` (texts and types from the table).
"""
