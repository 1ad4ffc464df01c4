"""The version of the package, for the build, the code cache and the face; nothing else is imported for it."""

__version__ = "0.1.0"
