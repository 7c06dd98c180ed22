"""Primitives: the declaration of every op (inference, gradient, NumPy reference, scalar expression, samples)."""
