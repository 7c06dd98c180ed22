"""Primitives: the record of every op (inference, gradient, NumPy meaning, scalar expression, samples)."""
