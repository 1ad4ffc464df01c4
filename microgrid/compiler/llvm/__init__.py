"""Machine code by LLVM.

``native`` is code for one point, ``row_kernel`` (its loop is ``row_loop``) for rows; ``interpreter`` runs a program at
once, without compiling it; ``instructions`` and ``builder`` write LLVM, ``jit`` compiles and loads it.
"""
