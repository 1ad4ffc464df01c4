"""Arrays of Values in NumPy: the array type, NumPy's functions on it, and what is said where there is none."""
