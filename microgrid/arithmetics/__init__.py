"""Number systems that need a further package, one file each; the standard library's are in ``arithmetic``."""
