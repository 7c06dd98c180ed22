"""Names that newer versions of NumPy and Python removed, supplied again for old scripts."""
