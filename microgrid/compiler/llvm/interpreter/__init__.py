"""An interpreter of programs, compiled once and cached: it runs a graph at once, without compiling it."""
