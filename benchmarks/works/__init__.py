"""The works, a module for each kind: its data, its reference, and what every peer makes of it.

``every`` imports all of them. A peer's process imports only the one it needs, so that no library that another work
needs is in its memory, or in its collector's way.
"""
