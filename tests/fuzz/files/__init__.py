"""Mutated files: each gives MXNetError or a correct load, and takes no more memory than the file can justify."""
