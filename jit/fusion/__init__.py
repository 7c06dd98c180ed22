"""Fusion: from a graph to kernels and library calls."""
