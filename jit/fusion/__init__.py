"""Fusion: from a graph to kernels and calls."""
