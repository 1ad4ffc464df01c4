"""The engine, to be read in one sitting, in the order of this page.

What it is: ``rule`` and ``rules`` (what an operation is; the table), ``arithmetic`` and ``ieee`` (what a rule runs
in), ``graph`` (order and the chain rule), ``operands`` and ``value`` (what a node is to its users), ``python_engine``
(how it is stored, recorded and swept).

Beside the table: ``coefficients`` (numbers of special functions), ``c_library`` (functions that Python lacks) and
``composed`` (functions of several rules). Beside the sweep: ``adjoints`` (branches that weren't taken),
``value_arithmetic`` (derivatives that are graphs) and ``changes`` (leaves that changed since).

Then what makes it quick: ``source`` and ``specialize`` (the same nodes, faster), ``native_engine`` with ``engine.c``
and ``c_rules``, ``engine`` (the choice). And what makes it convenient: ``comparison``, ``functions``, ``strictness``,
``pickling`` and ``custom_operations``; texts and types from the table: ``plain_text``, ``worked``, ``help`` and
``stubs``, which writes ``help_texts``.
"""
