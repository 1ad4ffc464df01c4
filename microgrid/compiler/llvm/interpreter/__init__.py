"""An interpreter of programs, compiled once and cached: it runs a graph at once, without compiling it.

``opcodes`` has a handler for each rule, ``schedule`` orders a program's nodes for them, ``interpreter`` runs the
result.
"""
