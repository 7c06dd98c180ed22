"""Code generation: from a kernel to the source of one flat Python function."""
