"""Passes from graphs to graphs, and the analyses that they use."""
