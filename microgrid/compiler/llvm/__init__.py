"""Machine code by LLVM: straight-line code for one point, a kernel for rows, and an interpreter."""
