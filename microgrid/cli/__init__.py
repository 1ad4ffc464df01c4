"""The ``microgrid`` command."""
