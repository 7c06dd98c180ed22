"""Inference of shapes and element types over graphs."""
