"""Machine code by LLVM.

``instructions`` and ``builder`` write LLVM, ``straight_line`` lowers a program to it, in ``blocks`` of bounded size;
``libm`` has the functions it calls, ``special`` those of the table for one region of their operands, ``jit`` compiles
and loads it, ``disk_cache`` keeps it. ``native`` is code for one point, ``interpreter`` runs a program at once
without compiling it, ``trampoline`` makes a builtin of compiled code.

``row_kernel`` maps a program over rows: ``row_plan`` says what its code depends on, ``row_module`` assembles it from
a loop (``row_loop`` with ``row_gather``, ``row_strips`` for large programs, ``row_linear`` for dot products) and a
``row_reduction``; ``row_call`` runs it on all processors, with a ``row_frame`` of arguments.
"""
