"""Differentiation: the derivative of a graph, by the gradients that its ops declare."""
