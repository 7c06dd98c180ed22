"""Control flow in the graph, and the reverse-mode differentiation that its gradients use."""
